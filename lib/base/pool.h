#ifndef MSEG_BASE_POOL_H
#define MSEG_BASE_POOL_H

#include "base/api.h"
#include "base/status.h"

/* A pool of threads that the caller owns. A NULL pool runs everything inline on the calling thread. The threads work for one call
 * at a time: another one that comes meanwhile runs on its own thread alone, to the same result. */
typedef struct mseg_pool mseg_pool;

/** Starts threads - 1 threads (the caller of mseg_pool_for is the last one). threads >= 1. Where the system starts fewer, as with
 * limits on a user's or a container's processes, the pool has those: mseg_pool_threads tells how many. Results are the same.
 * Errors: MSEG_INVAL, MSEG_NOMEM. */
MSEG_API mseg_status mseg_pool_open(mseg_pool **pool, int threads);

/** Joins the threads, which must be idle; NULL-safe; sets *pool to NULL. */
MSEG_API void mseg_pool_close(mseg_pool **pool);

/** Threads that work at once, the caller included; 1 for NULL. */
MSEG_API int mseg_pool_threads(const mseg_pool *pool);

#endif
