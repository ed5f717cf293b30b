#ifndef MSEG_APPS_PROGRESS_H
#define MSEG_APPS_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* A one-line progress bar on stderr, drawn only on a terminal. All functions but start and stop are thread safe. */
typedef struct mseg_progress {
    pthread_mutex_t lock;
    size_t done, total;
    double started, drawn; /* seconds */
    bool bar;              /* whether to draw at all */
} mseg_progress;

/** Seconds of a clock that only goes forward. */
double mseg_now(void);

/** Starts the clock; quiet: never draws. */
void mseg_progress_start(mseg_progress *progress, size_t total, bool quiet);

/** One more is done. */
void mseg_progress_step(mseg_progress *progress);

/** Wipes the bar, so that something else can be written to the terminal, and keeps it away until it may be shown again: with the
 * next image. Between the two no other function here may be called. */
void mseg_progress_hide(mseg_progress *progress);
void mseg_progress_show(mseg_progress *progress);

/** Writes the line and a line break to stderr, in the bar's place. */
void mseg_progress_print(mseg_progress *progress, const char *line);

/** Wipes the bar. Returns the seconds since the start. */
double mseg_progress_stop(mseg_progress *progress);

#endif
