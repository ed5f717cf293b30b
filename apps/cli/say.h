#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>

/** printf into a new string, control characters (a line break in a file's name) replaced by '?'. NULL when memory runs out;
 * free() it. */
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same of the name of a file, whose characters stay what they are. */
char *cli_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One line on stderr: "mseg: " and the formatted text. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text that grows; all zero when empty. */
typedef struct cli_text {
    char *bytes; /* ends with 0; NULL when empty */
    size_t size, capacity;
    bool lost; /* memory ran out: some of it is missing */
} cli_text;

/** printf behind the text. */
void cli_text_add(cli_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The text, to be freed, NULL when memory ran out; *text is all zero afterwards. */
char *cli_text_take(cli_text *text);

/** The command line "mseg argv[0] ..." in a form that a shell reads back, to be freed; NULL when memory ran out. */
char *cli_quote_command(int argc, char **argv);

#endif
