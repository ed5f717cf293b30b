#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/rows.h"

/* Which kernels the sets are made of, on this machine and on others: what MSEG_CPU's names mean. */

static const mseg_kernels sets[] = {
    {MSEG_CPU_SCALAR,
     {"mseg_f32_gemm_4x8__scalar", mseg_f32_gemm_4x8__scalar, 4, 8, 4, NULL, NULL},
     mseg_f32_dwconv3x3__scalar,
     4,
     mseg_pixels_normalise__scalar,
     mseg_pixels_argmax__scalar,
     mseg_pixels_softmax_add__scalar,
     mseg_f32_fma_peak__scalar,
     32,
     .stretch = mseg_pixels_stretch__scalar,
     .blend = mseg_pixels_blend__scalar},
#if defined(__x86_64__)
    {MSEG_CPU_AVX2,
     {"mseg_f32_gemm_6x16__avx2", mseg_f32_gemm_6x16__avx2, 6, 16, 8, NULL, NULL},
     mseg_f32_dwconv3x3__avx2,
     8,
     mseg_pixels_normalise__avx2,
     mseg_pixels_argmax__avx2,
     mseg_pixels_softmax_add__avx2,
     mseg_f32_fma_peak__avx2,
     96,
     .stretch = mseg_pixels_stretch__avx2,
     .blend = mseg_pixels_blend__avx2},
    {MSEG_CPU_AVX512,
     {"mseg_f32_gemm_14x32__avx512", mseg_f32_gemm_14x32__avx512, 14, 32, 8, NULL, NULL},
     mseg_f32_dwconv3x3__avx512,
     16,
     mseg_pixels_normalise__avx512,
     mseg_pixels_argmax__avx512,
     mseg_pixels_softmax_add__avx512,
     mseg_f32_fma_peak__avx512,
     192,
     .stretch = mseg_pixels_stretch__avx2,
     .blend = mseg_pixels_blend__avx512},
    {MSEG_CPU_ZEN4,
     {"mseg_f32_gemm_8x48__zen4", mseg_f32_gemm_8x48__zen4, 8, 48, 8, mseg_f32_paired__zen4, mseg_f32_pair_sums__zen4},
     mseg_f32_dwconv3x3__avx512,
     16,
     mseg_pixels_normalise__avx512,
     mseg_pixels_argmax__avx512,
     mseg_pixels_softmax_add__avx512,
     mseg_f32_fma_peak__avx512,
     192,
     .stretch = mseg_pixels_stretch__avx2,
     .blend = mseg_pixels_blend__avx512},
#endif
};
enum { SETS = sizeof sets / sizeof *sets };

static bool same_kernels(const mseg_kernels *a, const mseg_kernels *b)
{
    return !strcmp(a->gemm.name, b->gemm.name) && a->gemm.fn == b->gemm.fn && a->gemm.mr == b->gemm.mr &&
           a->gemm.nr == b->gemm.nr && a->gemm.vec == b->gemm.vec && a->gemm.paired == b->gemm.paired &&
           a->gemm.pair_sums == b->gemm.pair_sums && a->dwconv == b->dwconv && a->dwconv_vec == b->dwconv_vec &&
           a->normalise == b->normalise && a->argmax == b->argmax && a->softmax == b->softmax && a->peak == b->peak &&
           a->peak_madds == b->peak_madds && a->stretch == b->stretch && a->blend == b->blend;
}

/* On every processor and for every level: the set of the last level that is no later and that the features are enough for. */
static void test_sets(void **state)
{
    (void)state;
    for (unsigned features = 0; features <= MSEG_ISA_AVX512; features++)
        for (int level = 0; level < MSEG_CPU_LEVELS; level++) {
            const mseg_cpu cpu = {.features = features, .level = (mseg_cpu_level)level};
            const mseg_kernels set = mseg_kernels_for(&cpu);
            const mseg_kernels *expected = sets;
            for (int i = 0; i < SETS && sets[i].level <= cpu.level; i++)
                if (mseg_cpu_can_run(&cpu, sets[i].level))
                    expected = &sets[i];
            assert_int_equal(set.level, level);
            if (!same_kernels(&set, expected))
                fail_msg("features %#x, %s: not the set of %s", features, mseg_cpu_level_name(cpu.level),
                         mseg_cpu_level_name(expected->level));
        }
}

/* What plans build on: groups of whole panels are whole vectors and whole fours. */
static void test_sizes(void **state)
{
    (void)state;
    for (int level = 0; level < MSEG_CPU_LEVELS; level++) {
        const mseg_cpu cpu = {.features = ~0u, .level = (mseg_cpu_level)level};
        const mseg_kernels set = mseg_kernels_for(&cpu);
        assert_int_equal(set.gemm.nr % set.dwconv_vec, 0);
        assert_int_equal(set.gemm.nr % 4, 0);
        assert_int_equal(!set.gemm.paired, !set.gemm.pair_sums);
    }
}

/* Every kernel that burns time has instructions that its needs cover, and ends. */
static void test_fma_peak(void **state)
{
    (void)state;
#define ROW(name, needs, prefers, madds)                                                                                         \
    if (row_runs(#name, needs))                                                                                                  \
        name(1000);
#include "kernels/f32/fma_peak.def"
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets), cmocka_unit_test(test_sizes),
                                       cmocka_unit_test(test_fma_peak)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
