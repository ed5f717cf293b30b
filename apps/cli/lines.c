#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 1 << 16, MOST_EMPTY = 1 << 16 };

/* Moves what is left to the front and reads until the buffer is full or the file ends. */
static mseg_status fill(cli_lines *lines, mseg_error *err)
{
    lines->used -= lines->start;
    memmove(lines->buffer, lines->buffer + lines->start, lines->used);
    lines->start = 0;
    while (!lines->end && lines->used < ROOM) {
        ssize_t got = read(lines->fd, lines->buffer + lines->used, ROOM - lines->used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mseg_fail(err, errno == ENOMEM ? MSEG_NOMEM : MSEG_IO, "cannot read: %s", strerror(errno));
        lines->used += (size_t)got;
        lines->end = !got;
    }
    return MSEG_OK;
}

static bool starts_with(const cli_lines *lines, const char *bytes, size_t length)
{
    return lines->used >= length && !memcmp(lines->buffer, bytes, length);
}

/* What the first bytes tell. */
static mseg_status look(cli_lines *lines, mseg_error *err)
{
    struct stat info;
    const bool device = !fstat(lines->fd, &info) && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) && !isatty(lines->fd);
    mseg_status status = fill(lines, err);
    if (status)
        return status;
    if (device && lines->used)
        return mseg_fail(err, MSEG_INVAL, "a device, not a text");
    if (starts_with(lines, "\xff\xfe", 2) || starts_with(lines, "\xfe\xff", 2))
        return mseg_fail(err, MSEG_INVAL, "text in UTF-16; save it as UTF-8");
    if (starts_with(lines, "\xef\xbb\xbf", 3))
        lines->start = 3;
    lines->null = lines->null || memchr(lines->buffer, 0, lines->used);
    return MSEG_OK;
}

mseg_status cli_lines_open(cli_lines *lines, const char *path, bool null, mseg_error *err)
{
    *lines = (cli_lines){.null = null, .opened = strcmp(path, "-") != 0};
    lines->fd = lines->opened ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (lines->fd < 0)
        return mseg_fail(err, errno == ENOENT ? MSEG_NOENT : errno == ENOMEM ? MSEG_NOMEM : MSEG_IO, "%s", strerror(errno));
    lines->buffer = malloc(ROOM + 1);
    return lines->buffer ? look(lines, err) : mseg_fail(err, MSEG_NOMEM, NULL);
}

/* Where the next line ends; NULL when its end is not in the buffer. */
static char *find_end(const cli_lines *lines)
{
    return memchr(lines->buffer + lines->start, lines->null ? 0 : '\n', lines->used - lines->start);
}

mseg_status cli_lines_next(cli_lines *lines, char **line, size_t *length, mseg_error *err)
{
    *line = NULL;
    char *end = find_end(lines);
    mseg_status status = end ? MSEG_OK : fill(lines, err);
    if (status)
        return status;
    if (!end)
        end = find_end(lines);
    if (!end && lines->start == lines->used)
        return MSEG_OK;
    unsigned long long number = ++lines->number;
    if (!end && !lines->end)
        return mseg_fail(err, MSEG_INVAL, "line %llu is longer than %d bytes", number, ROOM - 1);
    char *start = lines->buffer + lines->start;
    *length = end ? (size_t)(end - start) : lines->used - lines->start;
    lines->start += *length + (end != NULL);
    lines->empty = *length ? 0 : lines->empty + 1;
    if (lines->empty >= MOST_EMPTY)
        return mseg_fail(err, MSEG_INVAL, "%d empty lines in a row", MOST_EMPTY);
    if (!lines->null && memchr(start, 0, *length))
        return mseg_fail(err, MSEG_INVAL, "line %llu holds a zero byte; -0 is for lists separated by them", number);
    start[*length] = 0;
    *line = start;
    return MSEG_OK;
}

void cli_lines_close(cli_lines *lines)
{
    if (lines->opened && lines->fd >= 0)
        close(lines->fd);
    free(lines->buffer);
    *lines = (cli_lines){0};
}
