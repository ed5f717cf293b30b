#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/rows.h"
#include "kernels/train/registry.h"
#include "plan/panels.h"

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
    {MSEG_CPU_AVXVNNI,
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

/* Of the kinds in 8 bits: from which level on a kernel is chosen and what the processor must have, the last one that suits. What
 * has VNNI is not the level's to say, so there are more combinations than sets. */
typedef struct since {
    mseg_cpu_level level;
    unsigned needs;
} since;

static const struct {
    since since;
    mseg_u8_gemm_kernel kernel;
} u8_gemms[] = {
    {{MSEG_CPU_SCALAR, MSEG_ISA_SCALAR}, {"mseg_u8_gemm_1x8__scalar", mseg_u8_gemm_1x8__scalar, 8, 4, 1}},
#if defined(__x86_64__)
    {{MSEG_CPU_AVX2, MSEG_ISA_AVX2}, {"mseg_u8_gemm_6x16__avx2", mseg_u8_gemm_6x16__avx2, 16, 8, 2}},
    {{MSEG_CPU_AVXVNNI, MSEG_ISA_AVXVNNI}, {"mseg_u8_gemm_6x16__avxvnni", mseg_u8_gemm_6x16__avxvnni, 16, 8, 4}},
    {{MSEG_CPU_AVX512, MSEG_ISA_AVX512VNNI}, {"mseg_u8_gemm_14x32__avx512vnni", mseg_u8_gemm_14x32__avx512vnni, 32, 16, 4}},
#endif
};

#define DWCONV(isa, vec)                                                                                                         \
    {                                                                                                                            \
        "mseg_u8_dwconv3x3__" #isa, mseg_u8_dwconv3x3__##isa, vec, mseg_u8_dwconv3x3_bytes__##isa, mseg_u8_dwconv3x3_pack__##isa \
    }
static const struct {
    since since;
    mseg_u8_dwconv_kernel kernel;
} u8_dwconvs[] = {
    {{MSEG_CPU_SCALAR, MSEG_ISA_SCALAR}, DWCONV(scalar, 4)},
#if defined(__x86_64__)
    {{MSEG_CPU_AVX2, MSEG_ISA_AVX2}, DWCONV(avx2, 16)},
    {{MSEG_CPU_AVXVNNI, MSEG_ISA_AVXVNNI}, DWCONV(avxvnni, 16)},
    {{MSEG_CPU_AVX512, MSEG_ISA_AVX512VNNI}, DWCONV(avx512vnni, 16)},
#endif
};

static const struct {
    since since;
    mseg_u8_argmax_fn fn;
} u8_argmaxes[] = {
    {{MSEG_CPU_SCALAR, MSEG_ISA_SCALAR}, mseg_u8_argmax__scalar},
#if defined(__x86_64__)
    {{MSEG_CPU_AVX2, MSEG_ISA_AVX2}, mseg_u8_argmax__avx2},
    {{MSEG_CPU_AVX512, MSEG_ISA_AVX512}, mseg_u8_argmax__avx512},
#endif
};

static const struct {
    since since;
    mseg_peak_fn fn;
    int madds;
} u8_peaks[] = {
    {{MSEG_CPU_SCALAR, MSEG_ISA_SCALAR}, mseg_u8_dot_peak__scalar, 32},
#if defined(__x86_64__)
    {{MSEG_CPU_AVX2, MSEG_ISA_AVX2}, mseg_u8_dot_peak__avx2, 192},
    {{MSEG_CPU_AVXVNNI, MSEG_ISA_AVXVNNI}, mseg_u8_dot_peak__avxvnni, 384},
    {{MSEG_CPU_AVX512, MSEG_ISA_AVX512VNNI}, mseg_u8_dot_peak__avx512vnni, 768},
#endif
};

/* The last row whose since, its first member, suits. */
static size_t last_row(const mseg_cpu *cpu, const void *table, size_t rows, size_t size)
{
    size_t last = 0;
    for (size_t i = 1; i < rows; i++) {
        const since *row = (const void *)((const char *)table + i * size);
        if (row->level <= cpu->level && !(row->needs & ~cpu->features))
            last = i;
    }
    return last;
}
#define LAST(table, cpu) (&(table)[last_row(cpu, table, sizeof(table) / sizeof *(table), sizeof *(table))])

static void check_u8(const mseg_cpu *cpu, const mseg_kernels *set)
{
    const mseg_u8_gemm_kernel *gemm = &LAST(u8_gemms, cpu)->kernel;
    assert_string_equal(set->u8.gemm.name, gemm->name);
    assert_true(set->u8.gemm.fn == gemm->fn && set->u8.gemm.nr == gemm->nr);
    assert_true(set->u8.gemm.vec == gemm->vec && set->u8.gemm.kr == gemm->kr);
    const mseg_u8_dwconv_kernel *dwconv = &LAST(u8_dwconvs, cpu)->kernel;
    assert_string_equal(set->u8.dwconv.name, dwconv->name);
    assert_true(set->u8.dwconv.fn == dwconv->fn && set->u8.dwconv.vec == dwconv->vec);
    assert_true(set->u8.dwconv.bytes == dwconv->bytes && set->u8.dwconv.pack == dwconv->pack);
    assert_true(set->u8.argmax == LAST(u8_argmaxes, cpu)->fn);
    assert_true(set->u8.peak == LAST(u8_peaks, cpu)->fn);
    assert_int_equal(set->u8.peak_madds, LAST(u8_peaks, cpu)->madds);
}

/* On every processor and for every level: the set of the last level that is no later and that the features are enough for. */
static void test_sets(void **state)
{
    (void)state;
    for (unsigned features = 0; features <= 255; features++)
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
            check_u8(&cpu, &set);
        }
}

static const struct {
    since since;
    bool half;
    const mseg_train_kernels *set;
} train_sets[] = {
    {{MSEG_CPU_SCALAR, MSEG_ISA_SCALAR}, false, &mseg_train_f32__scalar},
#if defined(__x86_64__)
    {{MSEG_CPU_AVX2, MSEG_ISA_AVX2}, false, &mseg_train_f32__avx2},
    {{MSEG_CPU_AVX512, MSEG_ISA_AVX512}, false, &mseg_train_f32__avx512},
    {{MSEG_CPU_AVX512, MSEG_ISA_AVX512BF16}, true, &mseg_train_bf16__avx512bf16},
#endif
};

/* Training's set is the last that suits, of bfloat16 there may be none. */
static void test_train_sets(void **state)
{
    (void)state;
    for (unsigned features = 0; features <= 511; features++)
        for (int level = 0; level < MSEG_CPU_LEVELS; level++)
            for (int half = 0; half < 2; half++) {
                const mseg_cpu cpu = {.features = features, .level = (mseg_cpu_level)level};
                const mseg_train_kernels *expected = NULL;
                for (size_t i = 0; i < sizeof train_sets / sizeof *train_sets; i++)
                    if (train_sets[i].half == half && train_sets[i].since.level <= cpu.level &&
                        !(train_sets[i].since.needs & ~features))
                        expected = train_sets[i].set;
                const mseg_train_kernels *set = mseg_train_kernels_for(&cpu, half);
                assert_ptr_equal(set, expected);
                assert_true(!set ||
                            (set->cell == (half ? 2 : sizeof(float)) && set->operand == set->cell && set->paired == half));
            }
}

/* What plans build on: groups of whole panels are whole vectors and whole fours. In 8 bits a whole panel is as wide as its
 * channels are many, biases of a panel fit MSEG_MAX_NR, and pixels between the stages of a block are whole fours, all of which
 * a gemm reads. */
static void test_sizes(void **state)
{
    (void)state;
    for (int level = 0; level < MSEG_CPU_LEVELS; level++) {
        const mseg_cpu cpu = {.features = ~0u, .level = (mseg_cpu_level)level};
        const mseg_kernels set = mseg_kernels_for(&cpu);
        assert_int_equal(set.gemm.nr % set.dwconv_vec, 0);
        assert_int_equal(set.gemm.nr % 4, 0);
        assert_int_equal(!set.gemm.paired, !set.gemm.pair_sums);
        assert_true(set.u8.gemm.kr == 1 || set.u8.gemm.kr == 2 || set.u8.gemm.kr == 4);
        assert_int_equal(set.u8.gemm.nr % set.u8.gemm.vec, 0);
        assert_true(set.u8.gemm.nr <= MSEG_MAX_NR);
        assert_int_equal(set.u8.dwconv.vec % 4, 0);
    }
}

/* Every kernel that burns time has instructions that its needs cover, and ends. */
static void test_peaks(void **state)
{
    (void)state;
#define ROW(name, needs, prefers, madds)                                                                                         \
    if (row_runs(#name, needs))                                                                                                  \
        name(1000);
#include "kernels/f32/fma_peak.def"
#define ROW(name, needs, prefers, madds)                                                                                         \
    if (row_runs(#name, needs))                                                                                                  \
        name(1000);
#include "kernels/u8/dot_peak.def"
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets), cmocka_unit_test(test_train_sets),
                                       cmocka_unit_test(test_sizes), cmocka_unit_test(test_peaks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
