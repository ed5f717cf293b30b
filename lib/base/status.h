#ifndef MSEG_BASE_STATUS_H
#define MSEG_BASE_STATUS_H

#include "base/api.h"

/* Status codes and their texts come from this one list. */
#define MSEG_STATUS(X)                                                                                                           \
    X(OK, "success")                                                                                                             \
    X(NOMEM, "out of memory")                                                                                                    \
    X(INVAL, "invalid argument")                                                                                                 \
    X(NOENT, "no such file or directory")                                                                                        \
    X(IO, "input/output error")                                                                                                  \
    X(FORMAT, "damaged file or unknown format")                                                                                  \
    X(UNSUPPORTED, "valid, but not supported")                                                                                   \
    X(LIMIT, "over a safety limit")                                                                                              \
    X(MISMATCH, "inputs that do not belong together")                                                                            \
    X(CANCELLED, "stopped by the caller")                                                                                        \
    X(FULL, "no space left on the device")

typedef enum mseg_status {
#define MSEG_STATUS_ENUM(name, text) MSEG_##name,
    MSEG_STATUS(MSEG_STATUS_ENUM)
#undef MSEG_STATUS_ENUM
} mseg_status;

/** What went wrong, in one line without the file's name (callers know it) and without a newline. */
typedef struct mseg_error {
    mseg_status status;
    char text[256];
} mseg_error;

/** The code's general text, never NULL. Thread safe. */
MSEG_API const char *mseg_status_text(mseg_status status);

/** Fills *err (may be NULL) with status and a printf-formatted text and returns status, so that callers can write
 * `return mseg_fail(err, MSEG_FORMAT, "...")`. A NULL format stands for the code's general text. */
MSEG_API mseg_status mseg_fail(mseg_error *err, mseg_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Fills *err (may be NULL) with "what: " (nothing when NULL) and the text of an errno: MSEG_NOENT for what is not there,
 * MSEG_NOMEM (then without what), MSEG_FULL where a disk or a quota is, MSEG_IO for all others. Returns that status. */
MSEG_API mseg_status mseg_fail_errno(mseg_error *err, const char *what, int code);

#endif
