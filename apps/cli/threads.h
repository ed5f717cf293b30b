#ifndef CLI_THREADS_H
#define CLI_THREADS_H

#include "mseg.h"

/* The help of -j. */
#define CLI_JOBS_HELP "threads (default: all processors, or the container's quota)"

/** A pool of as many threads as -j asks for; 0: one for each processor that this process may use. Where the system does not start
 * them all, says so in a line and goes on with those that there are: mseg_pool_threads. */
mseg_status cli_threads_open(mseg_pool **pool, int64_t jobs, mseg_error *err);

#endif
