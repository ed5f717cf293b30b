#ifndef TESTS_KERNELS_LEVELS_H
#define TESTS_KERNELS_LEVELS_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* Include behind cmocka.h. A test for every kernel set: LEVELS(DEFINE_LEVEL_TEST) behind a function check_level(void *state,
 * mseg_cpu_level level), and LEVELS(LEVEL_TEST) among the tests. */
#define LEVELS(EACH) EACH(scalar, SCALAR) EACH(avx2, AVX2) EACH(avxvnni, AVXVNNI) EACH(avx512, AVX512) EACH(zen4, ZEN4)
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

/* The last level that this machine can run. */
static inline mseg_cpu_level best_level(void)
{
    const mseg_cpu cpu = mseg_cpu_detect();
    mseg_cpu_level level = MSEG_CPU_LEVELS - 1;
    while (!mseg_cpu_can_run(&cpu, level))
        level--;
    return level;
}

/* This machine's kernel set of that level. */
static inline const mseg_kernels *level_kernels(mseg_cpu_level level)
{
    static mseg_kernels sets[MSEG_CPU_LEVELS];
    mseg_cpu cpu = mseg_cpu_detect();
    cpu.level = level;
    sets[level] = mseg_kernels_for(&cpu);
    return &sets[level];
}

/* For tests of whole networks: skips what this machine cannot run. With sanitizers, which make them slow, the best kernels are
 * enough: tests/kernels and test_networks have them all. */
static inline void need_level(mseg_cpu_level level)
{
    const mseg_cpu cpu = mseg_cpu_detect();
    if (!mseg_cpu_can_run(&cpu, level))
        print_message("SKIP: this machine has no %s\n", mseg_cpu_level_name(level));
    else if (SLOW && level < best_level())
        print_message("SKIP: whole networks with %s, too slow with sanitizers\n", mseg_cpu_level_name(level));
    else
        return;
    skip();
}

#endif
