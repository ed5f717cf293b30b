#ifndef MSEG_APPS_SAY_H
#define MSEG_APPS_SAY_H

#include <stdbool.h>
#include <stddef.h>

/** printf into a new string, control characters (a line break in a file's name) replaced by '?'. NULL when memory runs out;
 * free() it. */
char *mseg_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One line on stderr: "mseg: " and the formatted text. */
void mseg_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text that grows; all zero when empty. */
typedef struct mseg_text {
    char *bytes; /* ends with 0; NULL when empty */
    size_t size, capacity;
    bool lost; /* memory ran out: some of it is missing */
} mseg_text;

/** printf behind the text. */
void mseg_text_add(mseg_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The text, to be freed, NULL when memory ran out; *text is all zero afterwards. */
char *mseg_text_take(mseg_text *text);

#endif
