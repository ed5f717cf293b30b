#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *format_line(const char *format, va_list args)
{
    char *line = NULL;
    if (vasprintf(&line, format, args) < 0)
        return NULL;
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return line;
}

char *cli_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *line = format_line(format, args);
    va_end(args);
    return line;
}

char *cli_path(const char *format, ...)
{
    char *path = NULL;
    va_list args;
    va_start(args, format);
    const int length = vasprintf(&path, format, args);
    va_end(args);
    return length < 0 ? NULL : path;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *line = format_line(format, args);
    va_end(args);
    fprintf(stderr, "mseg: %s\n", line ? line : "out of memory");
    free(line);
}

/* Makes room for that many more bytes and the 0 at the end. */
static bool reserve(cli_text *text, size_t more)
{
    if (text->size + more < text->capacity)
        return true;
    const size_t capacity = 2 * (text->size + more) + 64;
    char *grown = realloc(text->bytes, capacity);
    if (!grown)
        return false;
    text->bytes = grown;
    text->capacity = capacity;
    return true;
}

void cli_text_add(cli_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length < 0 || !reserve(text, (size_t)length)) {
        text->lost = true;
    } else {
        vsnprintf(text->bytes + text->size, (size_t)length + 1, format, again);
        text->size += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

char *cli_text_take(cli_text *text)
{
    char *bytes = text->lost ? NULL : text->bytes ? text->bytes : strdup("");
    if (text->lost)
        free(text->bytes);
    *text = (cli_text){0};
    return bytes;
}

char *cli_quote_command(int argc, char **argv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
    cli_text out = {0};
    cli_text_add(&out, "mseg");
    for (int i = 0; i < argc; i++) {
        bool quoted = strspn(argv[i], plain) != strlen(argv[i]) || !*argv[i];
        cli_text_add(&out, quoted ? " '" : " ");
        for (const char *c = argv[i]; *c; c++)
            cli_text_add(&out, *c == '\'' ? "'\\''" : "%c", *c);
        cli_text_add(&out, quoted ? "'" : "");
    }
    return cli_text_take(&out);
}
