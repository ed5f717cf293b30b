#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mseg_status_text(mseg_status status)
{
    switch (status) {
#define MSEG_STATUS_CASE(name, text)                                                                                             \
    case MSEG_##name:                                                                                                            \
        return text;
        MSEG_STATUS(MSEG_STATUS_CASE)
#undef MSEG_STATUS_CASE
    }
    return "unknown status";
}

mseg_status mseg_fail(mseg_error *err, mseg_status status, const char *format, ...)
{
    if (!err)
        return status;
    err->status = status;
    va_list args;
    va_start(args, format);
    if (format)
        vsnprintf(err->text, sizeof err->text, format, args);
    else
        snprintf(err->text, sizeof err->text, "%s", mseg_status_text(status));
    va_end(args);
    return status;
}

mseg_status mseg_fail_errno(mseg_error *err, const char *what, int code)
{
    if (code == ENOMEM)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    const int full = code == ENOSPC || code == EDQUOT;
    const mseg_status status = code == ENOENT || code == ENOTDIR ? MSEG_NOENT : full ? MSEG_FULL : MSEG_IO;
    return mseg_fail(err, status, "%s%s%s", what ? what : "", what ? ": " : "", strerror(code));
}
