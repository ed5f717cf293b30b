#include "base/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREFIX_SIZE = 96, MAX_NAMES = 100000 };

/* The start of this machine's temporary names, ".mseg-HOST-": on a file system shared by several machines a process number alone
 * would not tell whose file it is. */
static void temporary_prefix(char prefix[PREFIX_SIZE])
{
    char host[64] = "";
    if (gethostname(host, sizeof host - 1))
        host[0] = 0;
    for (char *c = host; *c; c++)
        if (*c == '/')
            *c = '_';
    snprintf(prefix, PREFIX_SIZE, ".mseg-%s-", host);
}

/* The folder part of path with its slash, "" when there is none; NULL when memory runs out. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
}

/* Candidate number n for a temporary name beside path, to be freed; NULL when memory runs out. */
static char *temporary_name(const char *path, int n)
{
    char prefix[PREFIX_SIZE];
    temporary_prefix(prefix);
    char *folder = folder_of(path), *name = NULL;
    if (folder && asprintf(&name, "%s%s%ld-%d.tmp", folder, prefix, (long)getpid(), n) < 0)
        name = NULL;
    free(folder);
    return name;
}

/* An unnamed file in path's folder, or -1 with errno; EOPNOTSUPP when such files cannot be had here. */
static int open_unnamed(const char *path)
{
    char *folder = folder_of(path);
    if (!folder)
        return -1;
    int fd = -1;
    if (access("/proc/self/fd", X_OK)) /* linkat goes through it */
        errno = EOPNOTSUPP;
    else
        fd = open(*folder ? folder : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    free(folder);
    if (fd < 0 && (errno == EISDIR || errno == EINVAL))
        errno = EOPNOTSUPP;
    return fd;
}

/* Creates a temporary name beside path and stores it in *name; -1 with errno. */
static int open_named(const char *path, char **name)
{
    for (int n = 0; n < MAX_NAMES; n++) {
        *name = temporary_name(path, n);
        if (!*name)
            return -1;
        int fd = open(*name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        free(*name);
        *name = NULL;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* Where the bytes finally go: the file that a symbolic link names, and nowhere (*final = NULL) when path is a device, a pipe or
 * anything else that must be written to and not replaced. 0 or an errno. */
static int find_target(const char *path, char **final)
{
    struct stat st;
    *final = NULL;
    if (!*path)
        return ENOENT;
    if (!strcmp(path, MSEG_STDOUT))
        return 0;
    bool exists = !stat(path, &st);
    if (exists && S_ISDIR(st.st_mode))
        return EISDIR;
    if (exists && !S_ISREG(st.st_mode))
        return 0;
    *final = exists ? realpath(path, NULL) : strdup(path);
    return *final || exists ? 0 : ENOMEM;
}

mseg_status mseg_output_open(mseg_output *out, const char *path, mseg_error *err)
{
    memset(out, 0, sizeof *out);
    int fd = -1, code = find_target(path, &out->path);
    if (code)
        goto failed;
    if (!out->path) {
        fd = strcmp(path, MSEG_STDOUT) ? open(path, O_WRONLY | O_CLOEXEC) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    } else {
        fd = open_unnamed(out->path);
        if (fd < 0 && errno == EOPNOTSUPP)
            fd = open_named(out->path, &out->temporary);
    }
    if (fd >= 0)
        out->file = fdopen(fd, "wb");
    if (out->file)
        return MSEG_OK;
    code = errno;
    if (fd >= 0)
        close(fd);
failed:
    mseg_output_discard(out);
    return mseg_fail_errno(err, "cannot create the file", code);
}

/* Links the open file source to a new temporary name and renames that to path. */
static int replace_by_link(const char *source, const char *path)
{
    int code = EEXIST;
    for (int n = 0; n < MAX_NAMES && code == EEXIST; n++) {
        char *name = temporary_name(path, n);
        if (!name)
            return ENOMEM;
        code = linkat(AT_FDCWD, source, AT_FDCWD, name, AT_SYMLINK_FOLLOW) ? errno : 0;
        bool linked = !code;
        if (linked && rename(name, path)) {
            code = errno == EEXIST ? EISDIR : errno;
            unlink(name);
        }
        free(name);
    }
    return code;
}

/* Gives the unnamed file fd the name path; 0 or an errno. linkat never replaces, hence the detour when path exists. */
static int link_unnamed(int fd, const char *path, bool replace)
{
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    if (!linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
        return 0;
    return errno == EEXIST && replace ? replace_by_link(source, path) : errno;
}

/* Renames, but not over what is there; 0 or an errno. The kernel can do it on most file systems, on others links may be had;
 * where there are neither, as on FAT, what is there is looked for just before. */
static int rename_new(const char *from, const char *to)
{
    struct stat st;
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (!link(from, to)) {
        unlink(from);
        return 0;
    }
    if (errno == EEXIST || !lstat(to, &st))
        return EEXIST;
    return rename(from, to) ? errno : 0;
}

/* Puts the written file in place; fd is the unnamed file, unused when it has a temporary name. 0 or an errno. */
static int put_in_place(mseg_output *out, int fd, bool replace)
{
    if (!out->temporary)
        return link_unnamed(fd, out->path, replace);
    int code = replace ? rename(out->temporary, out->path) ? errno : 0 : rename_new(out->temporary, out->path);
    if (code)
        return code;
    free(out->temporary);
    out->temporary = NULL;
    return 0;
}

static mseg_status commit(mseg_output *out, bool replace, mseg_error *err)
{
    /* A second descriptor keeps the unnamed file alive while fclose reports what it has to report. */
    bool unnamed = out->path && !out->temporary;
    int fd = unnamed ? dup(fileno(out->file)) : -1;
    int code = unnamed && fd < 0 ? errno : 0;
    bool failed_before = ferror(out->file);
    errno = 0;
    if ((fclose(out->file) || failed_before) && !code)
        code = out->code ? out->code : errno ? errno : EIO;
    out->file = NULL;
    if (!code && out->path)
        code = put_in_place(out, fd, replace);
    if (fd >= 0)
        close(fd);
    mseg_output_discard(out);
    return code ? mseg_fail_errno(err, "cannot write the file", code) : MSEG_OK;
}

void mseg_output_sync(mseg_output *out)
{
    errno = 0;
    if (fflush(out->file))
        out->code = errno;
    else
        fsync(fileno(out->file)); /* of pipes and the like there is nothing to write */
}

mseg_status mseg_output_commit(mseg_output *out, mseg_error *err)
{
    return commit(out, true, err);
}

mseg_status mseg_output_commit_new(mseg_output *out, mseg_error *err)
{
    return commit(out, false, err);
}

void mseg_output_discard(mseg_output *out)
{
    if (out->file)
        fclose(out->file);
    if (out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    free(out->path);
    memset(out, 0, sizeof *out);
}

mseg_status mseg_output_write(const char *path, const void *bytes, size_t size, mseg_error *err)
{
    mseg_output out;
    mseg_status status = mseg_output_open(&out, path, err);
    if (status)
        return status;
    if (fwrite(bytes, 1, size, out.file) != size) {
        int code = errno;
        mseg_output_discard(&out);
        return mseg_fail_errno(err, "cannot write the file", code);
    }
    mseg_output_sync(&out);
    return mseg_output_commit(&out, err);
}

/* 0 or an errno. */
static int make_one_folder(const char *path)
{
    struct stat st;
    if (!mkdir(path, 0777))
        return 0;
    int code = errno;
    if (stat(path, &st))
        return code;
    return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

mseg_status mseg_make_folder(const char *path, mseg_error *err)
{
    char *copy = strdup(path);
    if (!copy)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    int code = *copy ? 0 : ENOENT;
    mseg_status status = MSEG_OK;
    for (char *c = copy; *c && !code; c++) {
        bool last = !c[1];
        if (!last && (c[1] != '/' || *c == '/'))
            continue;
        char kept = c[1];
        c[1] = 0;
        code = make_one_folder(copy);
        if (code) {
            mseg_error why;
            status = mseg_fail_errno(&why, NULL, code);
            status = mseg_fail(err, status == MSEG_NOENT ? MSEG_IO : status, "cannot make folder %s: %s", copy, why.text);
        }
        c[1] = kept;
    }
    if (!*copy)
        status = mseg_fail(err, MSEG_IO, "cannot make a folder without a name");
    free(copy);
    return status;
}

/* Whether name is one of ours and its process has ended. */
static bool is_leftover(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    int end = 0;
    long pid;
    if (strncmp(name, prefix, n) || name[n] < '0' || name[n] > '9')
        return false;
    if (sscanf(name + n, "%9ld-%*9[0-9].tmp%n", &pid, &end) != 1 || !end || name[n + (size_t)end])
        return false;
    return pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH;
}

int mseg_output_sweep(const char *folder)
{
    char prefix[PREFIX_SIZE];
    temporary_prefix(prefix);
    DIR *dir = opendir(folder);
    if (!dir)
        return 0;
    int removed = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (is_leftover(entry->d_name, prefix) && !unlinkat(dirfd(dir), entry->d_name, 0))
            removed++;
    closedir(dir);
    return removed;
}

int mseg_output_sweep_beside(const char *path)
{
    char *final = NULL;
    if (find_target(path, &final) || !final)
        return 0;
    char *folder = folder_of(final);
    int removed = folder ? mseg_output_sweep(*folder ? folder : ".") : 0;
    free(folder);
    free(final);
    return removed;
}
