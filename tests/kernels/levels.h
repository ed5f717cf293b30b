#ifndef TESTS_KERNELS_LEVELS_H
#define TESTS_KERNELS_LEVELS_H

/* A test for every kernel set: LEVELS(DEFINE_LEVEL_TEST) behind a function check_level(void *state, mseg_cpu_level level), and
 * LEVELS(LEVEL_TEST) among the tests. */
#define LEVELS(EACH) EACH(scalar, SCALAR) EACH(avx2, AVX2) EACH(avx512, AVX512) EACH(zen4, ZEN4)
#define DEFINE_LEVEL_TEST(name, LEVEL)                                                                                           \
    static void test_##name(void **state)                                                                                        \
    {                                                                                                                            \
        check_level(*state, MSEG_CPU_##LEVEL);                                                                                   \
    }
#define LEVEL_TEST(name, LEVEL) cmocka_unit_test(test_##name),

#endif
