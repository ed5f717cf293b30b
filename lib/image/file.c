#include "image/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

mseg_status mseg_file_check_size(uint64_t bytes, uint64_t max_bytes, mseg_error *err)
{
    if (!bytes)
        return mseg_fail(err, MSEG_FORMAT, "zero bytes");
    if (bytes > max_bytes)
        return mseg_fail(err, MSEG_LIMIT, "%" PRIu64 " bytes, over the limit of %" PRIu64, bytes, max_bytes);
    return MSEG_OK;
}

static mseg_status check(int fd, uint64_t max_bytes, mseg_error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return mseg_fail_errno(err, "cannot read", errno);
    if (S_ISDIR(st.st_mode))
        return mseg_fail(err, MSEG_IO, "a folder, not a file");
    if (!S_ISREG(st.st_mode))
        return mseg_fail(err, MSEG_IO, "a pipe or device, not a file");
    return mseg_file_check_size((uint64_t)st.st_size, max_bytes, err);
}

mseg_status mseg_file_open(FILE **in, const char *path, uint64_t max_bytes, mseg_error *err)
{
    *in = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return mseg_fail_errno(err, "cannot open", errno);
    mseg_status status = check(fd, max_bytes, err);
    if (!status) {
        *in = fdopen(fd, "rb");
        if (*in)
            return MSEG_OK;
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    }
    close(fd);
    return status;
}
