#include "run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

/* A number of the image that a line is of; 0: its mark is another journal's, or the image is not as large as it was. In JSON,
 * names of bytes that are not UTF-8 may be the same, and so are those of all images on standard input: their mark tells. */
static uint64_t image_of(const cli_journal *journal, const mseg_json *line, const char *path, const char *mark)
{
    const size_t length = strlen(journal->mark);
    const bool ours = !strncmp(mark, journal->mark, length) && (!mark[length] || mark[length] == '-');
    if (ours && mark[length])
        return strtoull(mark + length + 1, NULL, 16);
    return ours && same_size(line, path) ? cli_seen_hash(path, strlen(path)) : 0;
}

/* Whether what is no JSON is what a crash may have left of a line: its beginning, or zeros in its place. */
static bool is_damaged(const char *text, size_t length)
{
    static const char begin[] = "{\"path\":";
    size_t zeros = 0;
    while (zeros < length && !text[zeros])
        zeros++;
    const size_t left = length - zeros, n = sizeof begin - 1;
    return length && !memcmp(text + zeros, begin, left < n ? left : n);
}

/* Judges a line, and remembers the path of one that stays: none without its end does. */
static mseg_status judge(cli_journal *journal, const char *text, size_t length, kind *what)
{
    const bool whole = text[length - 1] == '\n';
    mseg_json *line = NULL;
    mseg_status status = MSEG_OK;
    bool added;
    uint32_t earlier;
    *what = FOREIGN;
    length -= whole;
    if (memchr(text, 0, length) || (status = mseg_json_parse(&line, text, length, NULL))) {
        *what = is_damaged(text, length) ? GOES : FOREIGN;
        return status == MSEG_NOMEM ? status : MSEG_OK;
    }
    const char *path = mseg_json_text(mseg_json_get(line, "path"));
    const char *mark = mseg_json_text(mseg_json_get(line, "mark"));
    if (path && mark) {
        const uint64_t image = image_of(journal, line, path, mark);
        *what = whole && image ? STAYS : GOES;
        if (*what == STAYS && !cli_seen_add(&journal->paths, image, 0, &added, &earlier))
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
        kind what;
        status = judge(journal, line, (size_t)length, &what);
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
    if (length > 0)
        status = judge(journal, line, (size_t)length, &what);
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

/* Opens the file to append to, for this run alone: lines of two would be lost when one of them rewrites it. */
static mseg_status open_alone(int *fd, const char *path, mseg_error *err)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (*fd < 0)
        return mseg_fail_errno(err, NULL, errno);
    if (flock(*fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) /* where there are no locks, it is up to the user */
        return mseg_fail(err, MSEG_INVAL, "another run is writing it; give each its own file");
    return MSEG_OK;
}

static mseg_status open_file(cli_journal *journal, const char *path, bool resume, bool overwrite, mseg_error *err)
{
    int fd;
    struct stat now, then;
    mseg_status status = open_alone(&fd, path, err);
    if (!status)
        status = resume ? keep_lines(journal, path, err) : overwrite ? MSEG_OK : check_old(journal, path, err);
    if (!status && !resume && ftruncate(fd, 0))
        status = mseg_fail_errno(err, NULL, errno);
    if (!status && !stat(path, &now) && !fstat(fd, &then) && now.st_ino != then.st_ino) { /* it was rewritten */
        close(fd);
        status = open_alone(&fd, path, err);
    }
    if (!status && !(journal->file = fdopen(fd, "a")))
        status = mseg_fail_errno(err, NULL, errno);
    if (status && fd >= 0)
        close(fd);
    return status;
}

static void begin(cli_journal *journal, const char *path, uint64_t mark)
{
    snprintf(journal->mark, sizeof journal->mark, "%016" PRIx64, mark);
    journal->lines = path && cli_sink_descriptor(path) < 0 && !cli_is_special(path);
}

bool cli_journal_look(cli_journal *journal, const char *path, uint64_t mark, bool resume, bool overwrite)
{
    bool all;
    off_t head;
    mseg_error err = {0};
    begin(journal, path, mark);
    FILE *in = journal->lines ? fopen(path, "re") : NULL;
    mseg_status status = !in || overwrite ? MSEG_OK
                         : resume         ? sift(journal, in, NULL, &head, &all, &err)
                                          : check_old(journal, path, &err);
    if (status)
        cli_say("%s: %s", path, err.text);
    if (in)
        fclose(in);
    return !status;
}

bool cli_journal_open(cli_journal *journal, const char *path, uint64_t mark, bool resume, bool overwrite)
{
    mseg_error err = {0};
    begin(journal, path, mark);
    if (!journal->lines)
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

/* Whether the path and size in its line tell it from all others. */
static bool is_told(const cli_input *input)
{
    return !input->bytes && mseg_is_utf8(input->path);
}

/* As image_of its line. */
static uint64_t hash_of(const cli_input *input)
{
    struct stat info;
    const uint64_t hash = cli_seen_hash(input->path, strlen(input->path));
    if (is_told(input))
        return hash;
    const uint64_t bytes = input->bytes ? input->size : stat(input->path, &info) ? 0 : (uint64_t)info.st_size;
    const uint64_t both = hash ^ cli_seen_hash((const char *)&bytes, sizeof bytes);
    return both ? both : 1;
}

void cli_journal_mark(char mark[CLI_JOURNAL_MARK], const cli_journal *journal, const cli_input *input)
{
    if (is_told(input))
        snprintf(mark, CLI_JOURNAL_MARK, "%s", journal->mark);
    else
        snprintf(mark, CLI_JOURNAL_MARK, "%s-%016" PRIx64, journal->mark, hash_of(input));
}

bool cli_journal_has(const cli_journal *journal, const cli_input *input)
{
    return journal->paths.count && cli_seen_has(&journal->paths, hash_of(input));
}

mseg_status cli_journal_add(cli_journal *journal, cli_progress *progress, const char *line, mseg_error *err)
{
    FILE *stream = journal->sink.stream;
    if (journal->lost) /* what comes behind the beginning of a line would be no line */
        return mseg_fail(err, MSEG_FULL, NULL);
    errno = 0;
    cli_sink_line(&journal->sink, progress, line);
    if (!fflush(stream) && !ferror(stream))
        return MSEG_OK;
    journal->lost = true;
    return mseg_fail_errno(err, "cannot write the file", errno);
}

bool cli_journal_close(cli_journal *journal)
{
    const char *path = journal->sink.path;
    bool ok = true;
    if (!journal->file && journal->lost && journal->sink.stream != stdout) {
        cli_sink_discard(&journal->sink);
        ok = false;
    } else if (!journal->file) {
        ok = cli_sink_close(&journal->sink);
    } else if (fclose(journal->file) && !journal->lost) {
        cli_say("%s: cannot write: %s", path, strerror(errno));
        ok = false;
    }
    cli_seen_free(&journal->paths);
    *journal = (cli_journal){0};
    return ok;
}
