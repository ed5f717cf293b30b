#ifndef MSEG_BASE_HTML_H
#define MSEG_BASE_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Pages that stand alone. Whether a file took what was written, ferror tells. Thread safe on different files. */

/** Text with & < > and quotes escaped. */
void mseg_html_text(FILE *file, const char *text);

/** The start of a page up to <main>; css: what the page has besides the common style sheet. */
void mseg_html_head(FILE *file, const char *title, const char *css);

/** A command line as it was typed; NULL: nothing. */
void mseg_html_command(FILE *file, const char *command);

/** JSON inside a script element: "<" occurs in its strings only and must not end the element. */
void mseg_html_data(FILE *file, const char *json);

/** Bytes in base 64, for data URIs. */
void mseg_html_base64(FILE *file, const uint8_t *bytes, size_t size);

#endif
