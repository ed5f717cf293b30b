#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/alloc.h"

/* How often a thread looks for its next job (or its last helper) before it sleeps: about 50 microseconds, the gap between two
 * operators of one image. Idle pools sleep. */
enum { SPINS = 2000 };

typedef struct pool_thread {
    mseg_pool *pool;
    int worker;
    pthread_t thread;
} pool_thread;

struct mseg_pool {
    int threads;
    atomic_bool taken; /* by a call of mseg_pool_for; not in the line that waiting helpers look at */
    pool_thread *helpers;
    int started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t finished;
    atomic_uint generation; /* grows by one with each job */
    atomic_int busy;        /* helpers that have not finished the current job */
    atomic_int next_task;
    atomic_bool quit;
    mseg_pool_fn fn;
    void *context;
    int tasks;
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void work(mseg_pool *pool, int worker)
{
    for (int task = worker; task < pool->tasks; task = atomic_fetch_add(&pool->next_task, 1))
        pool->fn(pool->context, task, worker);
}

/* Returns false when the pool closes. */
static bool wait_for_job(mseg_pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS && atomic_load(&pool->generation) == seen; i++)
        pause_briefly();
    if (atomic_load(&pool->generation) == seen) {
        pthread_mutex_lock(&pool->lock);
        while (atomic_load(&pool->generation) == seen)
            pthread_cond_wait(&pool->wake, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    return !atomic_load(&pool->quit);
}

static void *helper_main(void *argument)
{
    pool_thread *self = argument;
    mseg_pool *pool = self->pool;
    unsigned seen = 0;
    while (wait_for_job(pool, seen)) {
        seen++;
        work(pool, self->worker);
        if (atomic_fetch_sub(&pool->busy, 1) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->finished);
            pthread_mutex_unlock(&pool->lock);
        }
    }
    return NULL;
}

static void announce(mseg_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

mseg_status mseg_pool_open(mseg_pool **out, int threads)
{
    *out = NULL;
    if (threads < 1)
        return MSEG_INVAL;
    mseg_pool *pool = mseg_alloc(sizeof *pool);
    if (!pool)
        return MSEG_NOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->helpers = mseg_alloc_array((size_t)threads, sizeof *pool->helpers);
    if (!pool->helpers) {
        mseg_pool_close(&pool);
        return MSEG_NOMEM;
    }
    for (int i = 0; i < threads - 1; i++) {
        pool_thread *helper = &pool->helpers[i];
        helper->pool = pool;
        helper->worker = i + 1;
        if (pthread_create(&helper->thread, NULL, helper_main, helper))
            break; /* as many as the system starts */
        pool->started++;
    }
    pool->threads = pool->started + 1;
    *out = pool;
    return MSEG_OK;
}

void mseg_pool_close(mseg_pool **pointer)
{
    mseg_pool *pool = *pointer;
    if (!pool)
        return;
    atomic_store(&pool->quit, true);
    announce(pool);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->helpers[i].thread, NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    mseg_free(&pool->helpers);
    mseg_free(pointer);
}

int mseg_pool_threads(const mseg_pool *pool)
{
    return pool ? pool->threads : 1;
}

void mseg_pool_for(mseg_pool *pool, int tasks, mseg_pool_fn fn, void *context)
{
    /* Taken, by another thread or by the task that calls this: a call on its own thread is always right, since its tasks run in
     * any order and on any worker anyway, and worker 0 is then alone in this call. Waiting for the threads would be for ever in a
     * task. */
    if (!pool || pool->threads == 1 || tasks == 1 || atomic_exchange(&pool->taken, true)) {
        for (int task = 0; task < tasks; task++)
            fn(context, task, 0);
        return;
    }
    pool->fn = fn;
    pool->context = context;
    pool->tasks = tasks;
    atomic_store(&pool->next_task, pool->threads);
    atomic_store(&pool->busy, pool->threads - 1);
    announce(pool);
    work(pool, 0);
    for (int i = 0; i < SPINS && atomic_load(&pool->busy); i++)
        pause_briefly();
    if (atomic_load(&pool->busy)) {
        pthread_mutex_lock(&pool->lock);
        while (atomic_load(&pool->busy))
            pthread_cond_wait(&pool->finished, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    atomic_store(&pool->taken, false);
}
