#ifndef MSEG_APPS_SAY_H
#define MSEG_APPS_SAY_H

/** printf into a new string, control characters (a line break in a file's name) replaced by '?'. NULL when memory runs out;
 * free() it. */
char *mseg_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One line on stderr: "mseg: " and the formatted text. */
void mseg_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
