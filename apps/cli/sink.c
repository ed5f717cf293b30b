#include "cli/sink.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/output.h"
#include "cli/say.h"

/* N of /dev/fd/N and of what Linux calls that; -1: path is none of these. */
static int parse_descriptor(const char *path)
{
    static const char *const streams[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    char own[64];
    snprintf(own, sizeof own, "/proc/%ld/fd/", (long)getpid());
    const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", own};
    for (int i = 0; i < 3; i++)
        if (!strcmp(path, streams[i]))
            return i;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *digits = path + strlen(folders[i]);
        if (!strncmp(path, folders[i], strlen(folders[i])) && *digits && strlen(digits) < 8 &&
            strspn(digits, "0123456789") == strlen(digits))
            return atoi(digits);
    }
    return -1;
}

int cli_sink_descriptor(const char *path)
{
    char name[PATH_MAX], target[PATH_MAX];
    if (!strcmp(path, "-"))
        return STDOUT_FILENO;
    snprintf(name, sizeof name, "%s", path);
    for (int links = 0; links < 8; links++) {
        int fd = parse_descriptor(name);
        ssize_t length = fd < 0 ? readlink(name, target, sizeof target - 1) : -1;
        if (length <= 0)
            return fd;
        target[length] = 0;
        char *slash = strrchr(name, '/');
        char *tail = target[0] == '/' || !slash ? name : slash + 1;
        snprintf(tail, (size_t)(name + sizeof name - tail), "%s", target);
    }
    return -1;
}

bool cli_is_special(const char *path)
{
    struct stat info;
    return !stat(path, &info) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/* Says what stands in the way of a file at path, better than an errno does. */
static mseg_status check_place(const char *path, mseg_error *err)
{
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (!stat(path, &info))
        return S_ISDIR(info.st_mode) ? mseg_fail(err, MSEG_IO, "is a folder") : MSEG_OK;
    if (!slash || slash == path)
        return MSEG_OK;
    char *folder = strndup(path, (size_t)(slash - path));
    mseg_status status = MSEG_OK;
    if (!folder)
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    else if (stat(folder, &info) && errno == ENOENT)
        status = mseg_fail(err, MSEG_NOENT, "no folder %s", folder);
    else if (stat(folder, &info) ? errno == ENOTDIR : !S_ISDIR(info.st_mode))
        status = mseg_fail(err, MSEG_IO, "%s is not a folder", folder);
    free(folder);
    return status;
}

/* The stream of a descriptor that is open already; its place in the file is shared with all who have it. */
static FILE *join(int fd)
{
    if (fd == STDOUT_FILENO || fd == STDERR_FILENO)
        return fd == STDOUT_FILENO ? stdout : stderr;
    int copy = dup(fd);
    FILE *stream = copy < 0 ? NULL : fdopen(copy, "w");
    if (!stream && copy >= 0) {
        int reason = errno;
        close(copy);
        errno = reason;
    }
    return stream;
}

bool cli_sink_open(cli_sink *sink, const char *path)
{
    mseg_error err = {0};
    *sink = (cli_sink){.path = path};
    if (!path)
        return true;
    int fd = cli_sink_descriptor(path);
    if (fd < 0)
        mseg_output_sweep_beside(path);
    if (fd >= 0 && !(sink->stream = join(fd)))
        mseg_fail(&err, MSEG_IO, "%s", errno == EINVAL ? "not open for writing" : strerror(errno));
    else if (fd < 0 && !check_place(path, &err) && !mseg_output_open(&sink->output, path, &err))
        sink->stream = sink->output.file;
    if (!sink->stream)
        cli_say("%s: %s", path, err.text);
    return sink->stream != NULL;
}

bool cli_sink_try(const char *path)
{
    cli_sink sink;
    if (!path || (cli_sink_descriptor(path) < 0 && cli_is_special(path))) /* to open a pipe would wait for its reader */
        return true;
    bool ok = cli_sink_open(&sink, path);
    cli_sink_discard(&sink);
    return ok;
}

void cli_sink_line(cli_sink *sink, cli_progress *progress, const char *line)
{
    const bool shared = progress && (sink->stream == stderr || isatty(fileno(sink->stream)));
    if (shared)
        cli_progress_hide(progress);
    fprintf(sink->stream, "%s\n", line);
    if (shared) {
        fflush(sink->stream);
        cli_progress_show(progress);
    }
}

bool cli_sink_close(cli_sink *sink)
{
    mseg_error err = {0};
    FILE *stream = sink->stream;
    bool own = stream && stream != stdout && stream != stderr;
    sink->stream = NULL;
    if (sink->output.file)
        mseg_output_commit(&sink->output, &err);
    else if (own && ((ferror(stream) | fflush(stream)) || fclose(stream)))
        mseg_fail(&err, MSEG_IO, "cannot write: %s", strerror(errno));
    if (err.status)
        cli_say("%s: %s", sink->path, err.text);
    return !err.status;
}

void cli_sink_discard(cli_sink *sink)
{
    if (sink->stream && !sink->output.file && sink->stream != stdout && sink->stream != stderr)
        fclose(sink->stream);
    mseg_output_discard(&sink->output);
    *sink = (cli_sink){0};
}
