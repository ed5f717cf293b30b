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
    const char *folders[2]; /* of the files that lines tell of: scores, probabilities; NULL: none */
    cli_seen paths; /* of the lines that were there and stay */
    bool lost;      /* a line could not be written */
} cli_journal;

/** Opens path (kept by the caller; NULL: not wanted); *journal is all zero but for folders. mark: the same for runs whose lines are the same. resume: lines of this
 * mark stay, if their image is as large as it was; all others go, and so does the beginning of one at the end. Otherwise the file
 * starts anew. What is no such file is not touched, unless overwrite is set. False after a line of error. */
bool cli_journal_open(cli_journal *journal, const char *path, uint64_t mark, bool resume, bool overwrite);

/** Whether the image had its line before this run. */
bool cli_journal_has(const cli_journal *journal, const cli_input *input);

/** Writes a line. progress: whose bar must not get into it. MSEG_IO, or MSEG_FULL. */
mseg_status cli_journal_add(cli_journal *journal, cli_progress *progress, const char *line, mseg_error *err);

/** False after a line of error, of which there is none when a line was lost before. Safe on an all-zero *journal. */
bool cli_journal_close(cli_journal *journal);

#endif
