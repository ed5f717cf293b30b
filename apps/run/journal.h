#ifndef CLI_JOURNAL_H
#define CLI_JOURNAL_H

#include "cli/inputs.h"
#include "cli/seen.h"
#include "cli/sink.h"

/* The file of --json of a run: a line for each image, written as soon as it is the image's turn, so that a run that is stopped,
 * in whatever way, has lost none, and one that goes on behind it adds what is missing. A line says by "mark" of which run it is.
 * A device, a pipe or standard output only takes lines. */
typedef struct cli_journal {
    cli_sink sink; /* .stream NULL: not wanted */
    FILE *file;    /* NULL: no file of its own */
    char mark[17];
    cli_seen paths; /* of the lines that were there and stay */
    bool lines;     /* those count: it is a file of its own */
    bool lost;      /* a line could not be written */
} cli_journal;

/** Opens path (kept by the caller; NULL: not wanted); *journal is all zero. mark: the same for runs whose lines are the same.
 * resume: lines of this mark stay, if their image is as large as it was; all others go, and so does the beginning of one at the
 * end. Otherwise the file starts anew. What is no such file is not touched, unless overwrite is set. False after a line of error.
 */
bool cli_journal_open(cli_journal *journal, const char *path, uint64_t mark, bool resume, bool overwrite);

/** The same for a run that writes nothing and only asks which lines there are. */
bool cli_journal_look(cli_journal *journal, const char *path, uint64_t mark, bool resume, bool overwrite);

enum { CLI_JOURNAL_MARK = 34 };

/** What the image's line has as "mark": that of the run and, where JSON cannot tell its name from others, a hash of name and
 * size.
 */
void cli_journal_mark(char mark[CLI_JOURNAL_MARK], const cli_journal *journal, const cli_input *input);

/** Whether the image had its line before this run. */
bool cli_journal_has(const cli_journal *journal, const cli_input *input);

/** Writes a line. progress: whose bar must not get into it. MSEG_IO, or MSEG_FULL. */
mseg_status cli_journal_add(cli_journal *journal, cli_progress *progress, const char *line, mseg_error *err);

/** False after a line of error, of which there is none when a line was lost before. Safe on an all-zero *journal. */
bool cli_journal_close(cli_journal *journal);

#endif
