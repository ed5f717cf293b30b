#include "run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/say.h"

/* What a line turned out to be. */
typedef enum kind { STAYS, GOES, FOREIGN } kind;

static mseg_status fail_foreign(mseg_error *err)
{
    return mseg_fail(err, MSEG_INVAL, "it exists and is no --json of mseg run; --overwrite replaces it");
}

/* Whether the image that a line is of is as large as it was; where there is none any more, its line stays. */
static bool same_size(const mseg_json *line, const char *path)
{
    struct stat info;
    uint64_t bytes;
    return stat(path, &info) || (mseg_json_count(mseg_json_get(line, "bytes"), &bytes) && (uint64_t)info.st_size == bytes);
}

/* Whether the files that a line tells of lie where they are wanted now. */
static bool same_folders(const cli_journal *journal, const mseg_json *line)
{
    static const char *const keys[] = {"scores", "probabilities"};
    for (int i = 0; i < 2; i++) {
        const char *folder = journal->folders[i], *path = mseg_json_text(mseg_json_get(line, keys[i]));
        if (!folder != !path || (folder && strncmp(path, folder, strlen(folder)) != 0))
            return false;
    }
    return true;
}

/* Judges a line without its end, and remembers the path of one that stays. */
static mseg_status judge(cli_journal *journal, const char *text, size_t length, kind *what)
{
    mseg_json *line = NULL;
    mseg_status status = MSEG_OK;
    bool added;
    uint32_t earlier;
    *what = FOREIGN;
    if (mseg_json_parse(&line, text, length, NULL))
        return MSEG_OK;
    const char *path = mseg_json_text(mseg_json_get(line, "path"));
    const char *mark = mseg_json_text(mseg_json_get(line, "mark"));
    if (path && mark) {
        *what = !strcmp(mark, journal->mark) && same_size(line, path) && same_folders(journal, line) ? STAYS : GOES;
        if (*what == STAYS && !cli_seen_add(&journal->paths, cli_seen_hash(path, strlen(path)), 0, &added, &earlier))
            status = MSEG_NOMEM;
        else if (*what == STAYS && !added)
            *what = GOES;
    }
    mseg_json_free(&line);
    return status;
}

/* Copies the lines of in that stay to out (NULL: nowhere). *head: the bytes of those that stand before all that go. *all: that
 * are all that stay. */
static mseg_status sift(cli_journal *journal, FILE *in, FILE *out, off_t *head, bool *all, mseg_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool gone = false;
    mseg_status status = MSEG_OK;
    *head = 0;
    *all = true;
    while (!status && (length = getline(&line, &room, in)) > 0) {
        kind what = GOES; /* what has no end */
        if (line[length - 1] == '\n')
            status = judge(journal, line, (size_t)length - 1, &what);
        if (what == FOREIGN)
            status = fail_foreign(err);
        else if (status)
            mseg_fail(err, status, NULL);
        if (!status && what == STAYS && out)
            fwrite(line, 1, (size_t)length, out);
        gone = gone || what != STAYS;
        *all = *all && !(gone && what == STAYS);
        *head += gone ? 0 : length;
    }
    if (!status && ferror(in))
        status = mseg_fail(err, MSEG_IO, "cannot read: %s", strerror(errno));
    free(line);
    return status;
}

/* Writes the file again without the lines that go. */
static mseg_status rewrite(cli_journal *journal, const char *path, FILE *in, mseg_error *err)
{
    off_t head;
    bool all;
    mseg_output out = {0};
    rewind(in);
    cli_seen_free(&journal->paths);
    mseg_status status = mseg_output_open(&out, path, err);
    if (!status)
        status = sift(journal, in, out.file, &head, &all, err);
    if (!status)
        status = mseg_output_commit(&out, err);
    mseg_output_discard(&out);
    return status;
}

/* Leaves in the file what is to stay: mostly that is all but the beginning of a line at its end. */
static mseg_status keep_lines(cli_journal *journal, const char *path, mseg_error *err)
{
    bool all;
    off_t head;
    FILE *in = fopen(path, "re");
    if (!in)
        return errno == ENOENT ? MSEG_OK : mseg_fail_errno(err, NULL, errno);
    mseg_status status = sift(journal, in, NULL, &head, &all, err);
    if (!status && !all)
        status = rewrite(journal, path, in, err);
    else if (!status && truncate(path, head))
        status = mseg_fail_errno(err, NULL, errno);
    fclose(in);
    return status;
}

/* Whether the file may start anew: it is not there, empty, or begins as one of ours does. */
static mseg_status check_old(cli_journal *journal, const char *path, mseg_error *err)
{
    char *line = NULL;
    size_t room = 0;
    kind what = GOES;
    mseg_status status = MSEG_OK;
    FILE *in = fopen(path, "re");
    ssize_t length = in ? getline(&line, &room, in) : 0;
    if (length > 0 && line[length - 1] == '\n')
        status = judge(journal, line, (size_t)length - 1, &what);
    else if (length > 0 && memcmp(line, "{\"path\":", length < 8 ? (size_t)length : 8) != 0)
        what = FOREIGN;
    if (!status && what == FOREIGN)
        status = fail_foreign(err);
    else if (status)
        mseg_fail(err, status, NULL);
    free(line);
    if (in)
        fclose(in);
    cli_seen_free(&journal->paths);
    return status;
}

static mseg_status open_file(cli_journal *journal, const char *path, bool resume, bool overwrite, mseg_error *err)
{
    mseg_status status = resume ? keep_lines(journal, path, err) : overwrite ? MSEG_OK : check_old(journal, path, err);
    if (status)
        return status;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0666);
    journal->file = fd < 0 ? NULL : fdopen(fd, "a");
    if (journal->file)
        return MSEG_OK;
    status = mseg_fail_errno(err, NULL, errno);
    if (fd >= 0)
        close(fd);
    return status;
}

bool cli_journal_open(cli_journal *journal, const char *path, uint64_t mark, bool resume, bool overwrite)
{
    mseg_error err = {0};
    snprintf(journal->mark, sizeof journal->mark, "%016" PRIx64, mark);
    if (!path || cli_sink_descriptor(path) >= 0 || cli_is_special(path))
        return cli_sink_open(&journal->sink, path);
    if (!cli_sink_try(path))
        return false;
    if (open_file(journal, path, resume, overwrite, &err)) {
        cli_say("%s: %s", path, err.text);
        return false;
    }
    journal->sink = (cli_sink){.stream = journal->file, .path = path};
    return true;
}

/* As cli_seen_hash of a path in a line, where bytes that are not UTF-8 are others than in the path itself. */
static uint64_t hash_of(const char *path)
{
    mseg_json *there = mseg_json_object(), *back = NULL;
    mseg_json_add_string(there, "path", path);
    char *text = mseg_json_print(there, false);
    if (text)
        mseg_json_parse(&back, text, strlen(text), NULL);
    const char *read = mseg_json_text(mseg_json_get(back, "path"));
    const uint64_t hash = cli_seen_hash(read ? read : path, strlen(read ? read : path));
    mseg_json_free(&back);
    mseg_json_free(&there);
    free(text);
    return hash;
}

bool cli_journal_has(const cli_journal *journal, const cli_input *input)
{
    return journal->paths.count && cli_seen_has(&journal->paths, hash_of(input->path));
}

mseg_status cli_journal_add(cli_journal *journal, cli_progress *progress, const char *line, mseg_error *err)
{
    errno = 0;
    cli_sink_line(&journal->sink, progress, line);
    if (!journal->file || (!fflush(journal->file) && !ferror(journal->file)))
        return MSEG_OK;
    journal->lost = true;
    return mseg_fail_errno(err, NULL, errno);
}

bool cli_journal_close(cli_journal *journal)
{
    const char *path = journal->sink.path;
    bool ok = true;
    if (!journal->file)
        ok = cli_sink_close(&journal->sink);
    else if (fclose(journal->file) && !journal->lost) {
        cli_say("%s: cannot write: %s", path, strerror(errno));
        ok = false;
    }
    cli_seen_free(&journal->paths);
    *journal = (cli_journal){0};
    return ok;
}
