#ifndef MSEG_TESTS_SHARED_H
#define MSEG_TESTS_SHARED_H

/* Include behind cmocka.h. Test data that is not part of the project: in the folder $MSEG_SHARED, else in ../shared beside the
 * checkout when that is the one meant (it has models/SOURCES.md). */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** The path of a file there (printf-like); it may not exist. The last eight stay good. */
static inline const char *shared_path(const char *format, ...)
{
    static char paths[8][1024];
    static int next;
    char name[256], *path = paths[next++ % 8];
    const char *variable = getenv("MSEG_SHARED"), *beside = MSEG_TESTS_DIR "/../../shared";
    const bool ours = !access(MSEG_TESTS_DIR "/../../shared/models/SOURCES.md", R_OK);
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    snprintf(path, sizeof paths[0], "%s/%s", variable && *variable ? variable : ours ? beside : "/no-shared", name);
    return path;
}

/** Skips the test with a line that says what is not checked when the file is not there. */
static inline void need_shared(const char *path, const char *what)
{
    if (!access(path, R_OK))
        return;
    print_message("SKIP: %s is not there: %s NOT checked (set MSEG_SHARED)\n", path, what);
    skip();
}

#endif
