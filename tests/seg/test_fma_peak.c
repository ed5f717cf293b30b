#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <time.h>

#include "kernels/levels.h"
#include "seg/model.h"

/* mseg_fma_peak with a clock of our own: so many multiply-adds a second as were done in the quickest of its tries. */

enum { MADDS = 10, SLOW_MS = 8, QUICK_MS = 4 };

static long calls, quick_call; /* of the clock, and the one that is only QUICK_MS after the one before */
static double clock_ms;
static atomic_long rounds, parts;

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    (void)id;
    clock_ms += ++calls == quick_call ? QUICK_MS : SLOW_MS;
    t->tv_sec = (time_t)(clock_ms / 1000);
    t->tv_nsec = (long)((clock_ms - (double)t->tv_sec * 1000) * 1e6);
    return 0;
}

static void count(long n)
{
    atomic_fetch_add(&rounds, n);
    atomic_fetch_add(&parts, 1);
}

static double measure(const mseg_kernels *kernels, int threads, long quick)
{
    const mseg_model model = {.kernels = kernels};
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    calls = 0;
    quick_call = quick;
    rounds = parts = 0;
    double peak = mseg_fma_peak(&model, pool);
    mseg_pool_close(&pool);
    return peak;
}

static void rate_of_the_quickest_try(void **state)
{
    (void)state;
    const mseg_kernels kernels = {.peak = count, .peak_madds = MADDS};
    for (int threads = 1; threads <= 3; threads++) {
        const double slow = measure(&kernels, threads, 0);
        const long tries = calls / 2; /* the clock is read before and after each */
        assert_true(tries >= 3 && parts == tries * threads && rounds > 0);
        const double done = (double)rounds / (double)tries * MADDS; /* in each try, by all threads */
        assert_true(fabs(slow / (done / (SLOW_MS * 1e-3)) - 1) < 1e-6);
        for (long i = 1; i <= tries; i++)
            assert_true(fabs(measure(&kernels, threads, 2 * i) / (done / (QUICK_MS * 1e-3)) - 1) < 1e-6);
    }
}

/* Every kernel set has one that ends and counts what it is said to do. */
static void every_kernel_set(void **state)
{
    (void)state;
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++) {
        mseg_kernels kernels = *level_kernels(level);
        const double peak = measure(&kernels, 1, 0);
        kernels.peak_madds *= 2;
        assert_true(peak > 0 && fabs(measure(&kernels, 1, 0) / peak - 2) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rate_of_the_quickest_try), cmocka_unit_test(every_kernel_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
