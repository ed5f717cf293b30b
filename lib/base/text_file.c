#include "base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mseg_status check(int fd, size_t max_bytes, mseg_error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return mseg_fail_errno(err, NULL, errno);
    if (S_ISDIR(st.st_mode))
        return mseg_fail(err, MSEG_IO, "a folder, not a file");
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        return mseg_fail(err, MSEG_IO, "a device, not a file");
    if (S_ISREG(st.st_mode) && st.st_size > (off_t)max_bytes)
        return mseg_fail(err, MSEG_LIMIT, "over the limit of %zu bytes", max_bytes);
    return MSEG_OK;
}

/* Grows *text by doubling; a file's end is known when read() gives nothing. */
static mseg_status read_all(char **text, size_t *size, int fd, size_t max_bytes, mseg_error *err)
{
    size_t capacity = 0;
    for (;;) {
        if (*size + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : 4096;
            char *grown = realloc(*text, capacity);
            if (!grown)
                return mseg_fail(err, MSEG_NOMEM, NULL);
            *text = grown;
        }
        const ssize_t got = read(fd, *text + *size, capacity - 1 - *size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mseg_fail_errno(err, NULL, errno);
        *size += (size_t)got;
        if (*size > max_bytes)
            return mseg_fail(err, MSEG_LIMIT, "over the limit of %zu bytes", max_bytes);
        (*text)[*size] = 0;
        if (!got)
            return MSEG_OK;
    }
}

static void drop_mark(char *text, size_t *size)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) != 0)
        return;
    *size -= 3;
    memmove(text, text + 3, *size + 1);
}

mseg_status mseg_text_file_read(char **text, size_t *size, const char *path, size_t max_bytes, mseg_error *err)
{
    *text = NULL;
    *size = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return mseg_fail_errno(err, NULL, errno);
    mseg_status status = check(fd, max_bytes, err);
    if (!status)
        status = read_all(text, size, fd, max_bytes, err);
    close(fd);
    if (!status)
        drop_mark(*text, size);
    if (status) {
        free(*text);
        *text = NULL;
    }
    return status;
}
