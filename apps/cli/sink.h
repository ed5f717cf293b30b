#ifndef CLI_SINK_H
#define CLI_SINK_H

#include <stdio.h>

#include "base/output.h"
#include "cli/progress.h"
#include "mseg.h"

/* Where the text of an output option (--json FILE ...) goes: a file that appears whole when closed, a device or named pipe, or a
 * descriptor that is open already ("-", /dev/stdout, /dev/fd/N), which others may write to as well. */
typedef struct cli_sink {
    FILE *stream;       /* write here; NULL: not wanted */
    mseg_output output; /* of a file or device */
    const char *path;   /* as given */
} cli_sink;

/** The descriptor that path stands for, -1 when it is a file of its own. */
int cli_sink_descriptor(const char *path);

/** Whether path is a device or a named pipe. */
bool cli_is_special(const char *path);

/** Whether path (may be NULL) could be opened; false after a line of error. Nothing is left of the attempt. */
bool cli_sink_try(const char *path);

/** Opens path (kept by the caller); NULL: nothing is wanted. False after a line of error. */
bool cli_sink_open(cli_sink *sink, const char *path);

/** Writes a line. progress: of the run, whose bar must not get into it; may be NULL. */
void cli_sink_line(cli_sink *sink, cli_progress *progress, const char *line);

/** Puts the file in place; false after a line of error. Standard output is flushed and checked by main. */
bool cli_sink_close(cli_sink *sink);

/** Throws the file away; safe on an all-zero *sink. */
void cli_sink_discard(cli_sink *sink);

#endif
