#ifndef MSEG_BASE_POOL_H
#define MSEG_BASE_POOL_H

#include "base/status.h"

/* A pool of threads that the caller owns. A NULL pool runs everything inline on the calling thread. */
typedef struct mseg_pool mseg_pool;

/** task: 0 <= task < tasks; worker: 0 <= worker < mseg_pool_threads(pool), distinct for tasks that run at the same time. */
typedef void (*mseg_pool_fn)(void *context, int task, int worker);

/** Starts threads - 1 threads (the caller of mseg_pool_for is the last one). threads >= 1. */
mseg_status mseg_pool_open(mseg_pool **pool, int threads);

/** Joins the threads; NULL-safe; sets *pool to NULL. */
void mseg_pool_close(mseg_pool **pool);

/** Threads that work at once, the caller included; 1 for NULL. */
int mseg_pool_threads(const mseg_pool *pool);

/** Runs fn for every task and returns when all are done. Task i < threads starts on worker i; further tasks go to whichever
 * worker is free first. Must not be called from inside a task of the same pool, nor by two threads at once. */
void mseg_pool_for(mseg_pool *pool, int tasks, mseg_pool_fn fn, void *context);

#endif
