#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <time.h>

#include "kernels/levels.h"
#include "seg/model.h"

/* mseg_peak with a clock of our own: so many multiply-adds a second as were done in the quickest of its tries, of floats or of
 * bytes as the model's precision is. */

enum { MADDS = 10, BYTE_MADDS = 70, SLOW_MS = 8, QUICK_MS = 4 };

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

static double measure(const mseg_kernels *kernels, mseg_precision precision, int threads, long quick)
{
    const mseg_model model = {.kernels = kernels, .info.precision = precision};
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    calls = 0;
    quick_call = quick;
    rounds = parts = 0;
    double peak = mseg_peak(&model, pool);
    mseg_pool_close(&pool);
    return peak;
}

static void none(long n)
{
    (void)n;
}

static void check_rate(const mseg_kernels *kernels, mseg_precision precision, int madds)
{
    for (int threads = 1; threads <= 3; threads++) {
        const double slow = measure(kernels, precision, threads, 0);
        const long tries = calls / 2; /* the clock is read before and after each */
        assert_true(tries >= 3 && parts == tries * threads && rounds > 0);
        const double done = (double)rounds / (double)tries * madds; /* in each try, by all threads */
        assert_true(fabs(slow / (done / (SLOW_MS * 1e-3)) - 1) < 1e-6);
        for (long i = 1; i <= tries; i++)
            assert_true(fabs(measure(kernels, precision, threads, 2 * i) / (done / (QUICK_MS * 1e-3)) - 1) < 1e-6);
    }
}

static void rate_of_the_quickest_try(void **state)
{
    (void)state;
    const mseg_kernels floats = {.peak = count, .peak_madds = MADDS, .u8 = {.peak = none, .peak_madds = BYTE_MADDS}};
    const mseg_kernels bytes = {.peak = none, .peak_madds = MADDS, .u8 = {.peak = count, .peak_madds = BYTE_MADDS}};
    check_rate(&floats, MSEG_PRECISION_FLOAT, MADDS);
    check_rate(&bytes, MSEG_PRECISION_INT8, BYTE_MADDS);
}

/* Every kernel set has one of floats and one of bytes that ends and counts what it is said to do. */
static void every_kernel_set(void **state)
{
    (void)state;
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (mseg_precision precision = MSEG_PRECISION_FLOAT; precision <= MSEG_PRECISION_INT8; precision++) {
            mseg_kernels kernels = *level_kernels(level);
            const double peak = measure(&kernels, precision, 1, 0);
            kernels.peak_madds *= 2;
            kernels.u8.peak_madds *= 2;
            assert_true(peak > 0 && fabs(measure(&kernels, precision, 1, 0) / peak - 2) < 1e-6);
        }
}

/* What they are called goes with how the kernel set has weights packed. */
static void names(void **state)
{
    (void)state;
    static const struct {
        mseg_precision precision;
        int kr;
        const char *name;
    } cases[] = {{MSEG_PRECISION_FLOAT, 1, "FMA"},
                 {MSEG_PRECISION_FLOAT, 4, "FMA"},
                 {MSEG_PRECISION_INT8, 1, "8-bit"},
                 {MSEG_PRECISION_INT8, 2, "vpmaddwd"},
                 {MSEG_PRECISION_INT8, 4, "VNNI"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mseg_kernels kernels = {.u8.gemm.kr = cases[i].kr};
        const mseg_model model = {.kernels = &kernels, .info.precision = cases[i].precision};
        assert_string_equal(mseg_arithmetic(&model), cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rate_of_the_quickest_try), cmocka_unit_test(every_kernel_set),
                                       cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
