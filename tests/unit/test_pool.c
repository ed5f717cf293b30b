/* The thread pool: every task once, workers distinct, fewer threads than wanted, reuse, two calls at once. */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/parallel.h"

enum { MOST_TASKS = 300, MOST_THREADS = 8 };

typedef struct record {
    atomic_int runs[MOST_TASKS];
    int worker_of[MOST_TASKS];
    atomic_int busy[MOST_THREADS];
    atomic_bool clash; /* two tasks at a time on one worker, or a worker out of range */
    int threads;
} record;

/* cmocka may not fail on another thread, so that tasks only write down what they see. */
static void task_fn(void *context, int task, int worker)
{
    record *r = context;
    if (worker < 0 || worker >= r->threads || atomic_exchange(&r->busy[worker], 1)) {
        atomic_store(&r->clash, true);
        return;
    }
    for (volatile int i = 0; i < 2000; i++)
        continue;
    r->worker_of[task] = worker;
    atomic_fetch_add(&r->runs[task], 1);
    atomic_store(&r->busy[worker], 0);
}

static void run_and_check(mseg_pool *pool, int tasks)
{
    static record r;
    memset(&r, 0, sizeof r);
    r.threads = mseg_pool_threads(pool);
    mseg_pool_for(pool, tasks, task_fn, &r);
    assert_false(r.clash);
    for (int i = 0; i < MOST_TASKS; i++)
        assert_int_equal(r.runs[i], i < tasks);
    if (tasks > 1)
        for (int i = 0; i < tasks && i < r.threads; i++)
            assert_int_equal(r.worker_of[i], i);
}

static void every_task_once(void **state)
{
    (void)state;
    static const int tasks[] = {0, 1, 2, 3, 7, 8, 9, MOST_TASKS};
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        mseg_pool *pool;
        assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
        assert_int_equal(mseg_pool_threads(pool), threads);
        for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
            run_and_check(pool, tasks[i]);
        mseg_pool_close(&pool);
        assert_null(pool);
        mseg_pool_close(&pool);
    }
}

/* A system that starts only so many threads more. */
static int startable = 1000;
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument)
{
    return startable-- > 0 ? __real_pthread_create(thread, attributes, function, argument) : EAGAIN;
}

static void fewer_threads_than_wanted(void **state)
{
    (void)state;
    for (int more = 0; more < MOST_THREADS; more++) {
        mseg_pool *pool;
        startable = more;
        assert_int_equal(mseg_pool_open(&pool, 1000), MSEG_OK);
        assert_int_equal(mseg_pool_threads(pool), more + 1);
        run_and_check(pool, MOST_TASKS);
        run_and_check(pool, more + 1);
        mseg_pool_close(&pool);
    }
    startable = 1000;
}

static void reuse(void **state)
{
    (void)state;
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, 3), MSEG_OK);
    for (int i = 0; i < 2000; i++)
        run_and_check(pool, i % 7);
    mseg_pool_close(&pool);
}

static void open_and_close(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        mseg_pool *pool;
        assert_int_equal(mseg_pool_open(&pool, 1 + i % 5), MSEG_OK);
        if (i % 2)
            run_and_check(pool, i % 11);
        mseg_pool_close(&pool);
    }
}

static void no_pool(void **state)
{
    (void)state;
    mseg_pool *pool = NULL;
    assert_int_equal(mseg_pool_threads(NULL), 1);
    run_and_check(NULL, 20);
    mseg_pool_close(&pool);
    assert_int_equal(mseg_pool_open(&pool, 0), MSEG_INVAL);
    assert_null(pool);
}

/* What tasks write is there when the call returns: sums of a split array, again and again. */
static void sum_fn(void *context, int task, int worker)
{
    uint64_t *parts = context;
    (void)worker;
    parts[task]++;
}

static void results_are_seen(void **state)
{
    (void)state;
    mseg_pool *pool;
    uint64_t parts[16] = {0};
    assert_int_equal(mseg_pool_open(&pool, 4), MSEG_OK);
    for (uint64_t i = 1; i <= 3000; i++) {
        mseg_pool_for(pool, 16, sum_fn, parts);
        for (int t = 0; t < 16; t++)
            assert_int_equal(parts[t], i);
    }
    mseg_pool_close(&pool);
}

/* Whether a call did every task once, wherever; for other threads. */
static bool runs_all(mseg_pool *pool, int tasks)
{
    record *r = calloc(1, sizeof *r);
    bool right = r != NULL;
    if (r) {
        r->threads = mseg_pool_threads(pool);
        mseg_pool_for(pool, tasks, task_fn, r);
        right = !r->clash;
        for (int i = 0; i < MOST_TASKS; i++)
            right = right && r->runs[i] == (i < tasks);
    }
    free(r);
    return right;
}

typedef struct caller {
    mseg_pool *pool;
    bool right;
} caller;

static void *call_often(void *context)
{
    caller *c = context;
    c->right = true;
    for (int i = 0; i < 500; i++)
        c->right = c->right && runs_all(c->pool, i % 23);
    return NULL;
}

/* As many threads as that call the same pool at once. */
static void several_callers(void **state)
{
    (void)state;
    enum { CALLERS = 4 };
    caller callers[CALLERS];
    pthread_t threads[CALLERS];
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, 3), MSEG_OK);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){pool, false};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(callers[i].right);
    }
    run_and_check(pool, 20);
    mseg_pool_close(&pool);
}

typedef struct nest {
    mseg_pool *pool;
    atomic_int right;
} nest;

static void nest_fn(void *context, int task, int worker)
{
    nest *n = context;
    (void)worker;
    if (runs_all(n->pool, task))
        atomic_fetch_add(&n->right, 1);
}

static void inside_of_a_task(void **state)
{
    (void)state;
    nest n = {.right = 0};
    assert_int_equal(mseg_pool_open(&n.pool, 4), MSEG_OK);
    mseg_pool_for(n.pool, 40, nest_fn, &n);
    assert_int_equal(n.right, 40);
    run_and_check(n.pool, 20);
    mseg_pool_close(&n.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once), cmocka_unit_test(fewer_threads_than_wanted),
        cmocka_unit_test(reuse),           cmocka_unit_test(open_and_close),
        cmocka_unit_test(no_pool),         cmocka_unit_test(results_are_seen),
        cmocka_unit_test(several_callers), cmocka_unit_test(inside_of_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
