#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

char *mseg_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *line = format_line(format, args);
    va_end(args);
    return line;
}

void mseg_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *line = format_line(format, args);
    va_end(args);
    fprintf(stderr, "mseg: %s\n", line ? line : "out of memory");
    free(line);
}
