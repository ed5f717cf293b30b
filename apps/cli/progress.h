#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* How far a batch is, on stderr: a bar on a terminal, else a line after 10 s, 20 s, 40 s, 80 s and every minute from then on. All
 * functions but start and stop are thread safe. */
typedef struct cli_progress {
    pthread_mutex_t lock;
    size_t done, total;             /* total 0: not known */
    size_t worked;                  /* of those done: what took time */
    double part;                    /* of the image in hand that is done, 0 to 1 */
    double started, drawn, wait_ms; /* by the clock, ms; wait_ms: from line to line */
    bool bar, lines;                /* which of the two */
} cli_progress;

/** Starts the clock; quiet: shows nothing. total 0: not known. */
void cli_progress_start(cli_progress *progress, size_t total, bool quiet);

/** One more is done; worked: it took time, by which that of the others is told. */
void cli_progress_step(cli_progress *progress, bool worked);

/** So much of the one in hand is done, 0 to 1, where they are done one by one. */
void cli_progress_part(cli_progress *progress, double part);

/** There are about so many. */
void cli_progress_expect(cli_progress *progress, size_t total);

/** Wipes the bar, so that something else can be written to the terminal, and keeps it away until it may be shown again: with the
 * next image. Between the two no other function here may be called. */
void cli_progress_hide(cli_progress *progress);
void cli_progress_show(cli_progress *progress);

/** Writes the line and a line break to stderr, in the bar's place. */
void cli_progress_print(cli_progress *progress, const char *line);

/** Wipes the bar. Returns the seconds since the start. */
double cli_progress_stop(cli_progress *progress);

#endif
