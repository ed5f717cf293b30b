#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* A one-line progress bar on stderr, drawn only on a terminal. All functions but start and stop are thread safe. */
typedef struct cli_progress {
    pthread_mutex_t lock;
    size_t done, total;
    double started, drawn; /* by the clock, ms */
    bool bar;              /* whether to draw at all */
} cli_progress;

/** Starts the clock; quiet: never draws. */
void cli_progress_start(cli_progress *progress, size_t total, bool quiet);

/** One more is done. */
void cli_progress_step(cli_progress *progress);

/** Wipes the bar, so that something else can be written to the terminal, and keeps it away until it may be shown again: with the
 * next image. Between the two no other function here may be called. */
void cli_progress_hide(cli_progress *progress);
void cli_progress_show(cli_progress *progress);

/** Writes the line and a line break to stderr, in the bar's place. */
void cli_progress_print(cli_progress *progress, const char *line);

/** Wipes the bar. Returns the seconds since the start. */
double cli_progress_stop(cli_progress *progress);

#endif
