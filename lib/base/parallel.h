#ifndef MSEG_BASE_PARALLEL_H
#define MSEG_BASE_PARALLEL_H

#include "base/pool.h"

/** task: 0 <= task < tasks; worker: 0 <= worker < mseg_pool_threads(pool), distinct for tasks that run at the same time. */
typedef void (*mseg_pool_fn)(void *context, int task, int worker);

/** Runs fn for every task and returns when all are done. Task i < threads starts on worker i; further tasks go to whichever
 * worker is free first. Must not be called from inside a task of the same pool, nor by two threads at once. */
void mseg_pool_for(mseg_pool *pool, int tasks, mseg_pool_fn fn, void *context);

#endif
