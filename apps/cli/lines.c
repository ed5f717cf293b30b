#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/stop.h"

enum { ROOM = 1 << 16, MOST_EMPTY = 1 << 16 };

/* Waits until there is something to read; false when a signal came instead (stop.h). */
static bool wait(int fd)
{
    struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = cli_stop_descriptor(), .events = POLLIN}};
    while (poll(both, 2, -1) < 0 && (errno == EINTR || errno == EAGAIN))
        ;
    return !both[1].revents;
}

mseg_status cli_lines_more(cli_lines *lines, mseg_error *err)
{
    lines->used -= lines->start;
    memmove(lines->buffer, lines->buffer + lines->start, lines->used);
    lines->start = 0;
    if (!wait(lines->fd))
        return mseg_fail(err, MSEG_CANCELLED, NULL);
    ssize_t got;
    do
        got = read(lines->fd, lines->buffer + lines->used, ROOM - lines->used);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return mseg_fail(err, errno == ENOMEM ? MSEG_NOMEM : MSEG_IO, "cannot read: %s", strerror(errno));
    lines->used += (size_t)got;
    lines->taken += (uint64_t)got;
    lines->end = !got;
    return MSEG_OK;
}

static bool starts_with(const cli_lines *lines, const char *bytes, size_t length)
{
    return lines->used >= length && !memcmp(lines->buffer, bytes, length);
}

/* Whether this may be the beginning of a picture or of a byte order mark, of which there is not all yet. */
static bool may_be_more(const cli_lines *lines)
{
    enum { MAGIC = 16 };
    static const struct {
        size_t length;
        char bytes[8];
    } begins[] = {{8, "\x89PNG\r\n\x1a\n"}, {2, "\xff\xd8"}, {4, "RIFF"},    {3, "II*"}, {3, "II+"}, {3, "MM"},
                  {3, "\xef\xbb\xbf"},      {2, "\xff\xfe"}, {2, "\xfe\xff"}};
    bool may = false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins && lines->used < MAGIC; i++)
        may = may || !memcmp(lines->buffer, begins[i].bytes, lines->used < begins[i].length ? lines->used : begins[i].length);
    return may;
}

/* Whether what has been read so far says what this is: a line has ended, and no picture may have begun. */
static bool tells(const cli_lines *lines)
{
    const bool line = memchr(lines->buffer, '\n', lines->used) || memchr(lines->buffer, 0, lines->used);
    return line && !may_be_more(lines);
}

/* Whether a HEIC or AVIF picture begins, which no reader takes, but which is named then. */
static bool is_box(const cli_lines *lines)
{
    return lines->used >= 12 && !memcmp(lines->buffer + 4, "ftyp", 4);
}

/* What the first bytes tell. */
static mseg_status look(cli_lines *lines, mseg_error *err)
{
    struct stat info;
    const bool device = !fstat(lines->fd, &info) && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) && !isatty(lines->fd);
    mseg_status status = MSEG_OK;
    while (!status && !lines->end && lines->used < ROOM && !tells(lines))
        status = cli_lines_more(lines, err);
    if (status)
        return status;
    if (!fstat(lines->fd, &info) && S_ISREG(info.st_mode))
        lines->size = (uint64_t)info.st_size;
    lines->picture = mseg_image_kind(lines->buffer, lines->used) || is_box(lines);
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

bool cli_lines_ready(const cli_lines *lines)
{
    struct pollfd one = {.fd = lines->fd, .events = POLLIN};
    return lines->end || (lines->buffer && find_end(lines)) || poll(&one, 1, 0) > 0;
}

mseg_status cli_lines_next(cli_lines *lines, char **line, size_t *length, mseg_error *err)
{
    *line = NULL;
    if (lines->picture)
        return mseg_fail(err, MSEG_INVAL, "a picture, not a text");
    char *end = find_end(lines);
    mseg_status status = MSEG_OK;
    while (!status && !end && !lines->end && lines->used - lines->start < ROOM) {
        status = cli_lines_more(lines, err);
        end = find_end(lines);
    }
    if (status)
        return status;
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
