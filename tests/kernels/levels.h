#ifndef TESTS_KERNELS_LEVELS_H
#define TESTS_KERNELS_LEVELS_H

#include <stdbool.h>

#include "base/cpu.h"

/* Include behind cmocka.h. A test for every kernel set: LEVELS(DEFINE_LEVEL_TEST) behind a function check_level(void *state,
 * mseg_cpu_level level), and LEVELS(LEVEL_TEST) among the tests. */
#define LEVELS(EACH) EACH(scalar, SCALAR) EACH(avx2, AVX2) EACH(avx512, AVX512) EACH(zen4, ZEN4)
#define DEFINE_LEVEL_TEST(name, LEVEL)                                                                                           \
    static void test_##name(void **state)                                                                                        \
    {                                                                                                                            \
        check_level(*state, MSEG_CPU_##LEVEL);                                                                                   \
    }
#define LEVEL_TEST(name, LEVEL) cmocka_unit_test(test_##name),

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOW = true };
#else
enum { SLOW = false };
#endif

/* For tests of whole networks: skips what this machine cannot run. With sanitizers, which make them slow, the best kernels are
 * enough: tests/kernels and test_networks have them all. */
static inline void need_level(mseg_cpu_level level)
{
    const mseg_cpu_level best = mseg_cpu_detect().can_run;
    if (level > best)
        print_message("SKIP: this machine has no %s\n", mseg_cpu_level_name(level));
    else if (SLOW && level < best)
        print_message("SKIP: whole networks with %s, too slow with sanitizers\n", mseg_cpu_level_name(level));
    else
        return;
    skip();
}

#endif
