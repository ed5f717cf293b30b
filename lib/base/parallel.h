#ifndef MSEG_BASE_PARALLEL_H
#define MSEG_BASE_PARALLEL_H

#include "base/pool.h"

/** task: 0 <= task < tasks; worker: 0 <= worker < mseg_pool_threads(pool), distinct for tasks of one call that run at the same
 * time. */
typedef void (*mseg_pool_fn)(void *context, int task, int worker);

/** Runs fn for every task and returns when all are done. Task i < threads starts on worker i; further tasks go to whichever
 * worker is free first. One call at a time has the threads: one from inside a task, or by another thread meanwhile, runs all its
 * tasks in order on the calling thread as worker 0, as with a NULL pool. */
void mseg_pool_for(mseg_pool *pool, int tasks, mseg_pool_fn fn, void *context);

#endif
