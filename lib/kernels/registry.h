#ifndef MSEG_KERNELS_REGISTRY_H
#define MSEG_KERNELS_REGISTRY_H

#include "kernels/kernels.h"

/* One row per kernel; prototypes, the sets and the tests all come from here.
 * GEMM(isa, LEVEL, mr, nr, vec): mseg_f32_gemm_MRxNR__isa. DWCONV(isa, LEVEL, vec). NORMALISE(isa, LEVEL). ARGMAX(isa, LEVEL).
 * SOFTMAX(isa, LEVEL). PEAK(isa, LEVEL, multiply-adds a round). PAIRS(isa, LEVEL), for a GEMM that works by pairs:
 * mseg_f32_paired__isa and mseg_f32_pair_sums__isa. A level may use another one's kernels. */
#if defined(__x86_64__)
#define MSEG_REGISTRY(GEMM, DWCONV, NORMALISE, ARGMAX, SOFTMAX, PEAK, PAIRS)                                                     \
    MSEG_REGISTRY_SCALAR(GEMM, DWCONV, NORMALISE, ARGMAX, SOFTMAX, PEAK, PAIRS)                                                  \
    GEMM(avx2, AVX2, 6, 16, 8)                                                                                                   \
    DWCONV(avx2, AVX2, 8)                                                                                                        \
    NORMALISE(avx2, AVX2)                                                                                                        \
    ARGMAX(avx2, AVX2)                                                                                                           \
    SOFTMAX(avx2, AVX2)                                                                                                          \
    PEAK(avx2, AVX2, 96)                                                                                                         \
    GEMM(avx512, AVX512, 14, 32, 8)                                                                                              \
    DWCONV(avx512, AVX512, 16)                                                                                                   \
    NORMALISE(avx512, AVX512)                                                                                                    \
    ARGMAX(avx512, AVX512)                                                                                                       \
    SOFTMAX(avx512, AVX512)                                                                                                      \
    PEAK(avx512, AVX512, 192)                                                                                                    \
    GEMM(zen4, ZEN4, 8, 48, 8)                                                                                                   \
    DWCONV(avx512, ZEN4, 16)                                                                                                     \
    NORMALISE(avx512, ZEN4)                                                                                                      \
    ARGMAX(avx512, ZEN4)                                                                                                         \
    SOFTMAX(avx512, ZEN4)                                                                                                        \
    PEAK(avx512, ZEN4, 192)                                                                                                      \
    PAIRS(zen4, ZEN4)
#else
#define MSEG_REGISTRY MSEG_REGISTRY_SCALAR
#endif
#define MSEG_REGISTRY_SCALAR(GEMM, DWCONV, NORMALISE, ARGMAX, SOFTMAX, PEAK, PAIRS)                                              \
    GEMM(scalar, SCALAR, 4, 8, 4)                                                                                                \
    DWCONV(scalar, SCALAR, 4)                                                                                                    \
    NORMALISE(scalar, SCALAR)                                                                                                    \
    ARGMAX(scalar, SCALAR)                                                                                                       \
    SOFTMAX(scalar, SCALAR)                                                                                                      \
    PEAK(scalar, SCALAR, 32)

#define MSEG_GEMM_PROTOTYPE(isa, level, mr, nr, vec) void mseg_f32_gemm_##mr##x##nr##__##isa(const mseg_gemm_args *, int, int);
#define MSEG_DWCONV_PROTOTYPE(isa, level, vec)       void mseg_f32_dwconv3x3__##isa(const mseg_dwconv_args *);
#define MSEG_NORMALISE_PROTOTYPE(isa, level)         void mseg_u8_f32_normalise__##isa(const uint8_t *, float *, int);
#define MSEG_ARGMAX_PROTOTYPE(isa, level)                                                                                        \
    void mseg_f32_argmax__##isa(const float *, int, const mseg_column_run *, int, const float *, uint8_t *);
#define MSEG_SOFTMAX_PROTOTYPE(isa, level)                                                                                       \
    void mseg_f32_softmax_add__##isa(const float *, int, const mseg_column_run *, int, const float *, float *, size_t);
#define MSEG_PEAK_PROTOTYPE(isa, level, madds) void mseg_fma_peak__##isa(long);
#define MSEG_PAIRS_PROTOTYPE(isa, level)                                                                                         \
    int mseg_f32_paired__##isa(int);                                                                                             \
    float mseg_f32_pair_sums__##isa(const float *, size_t, int, int, float *);
MSEG_REGISTRY(MSEG_GEMM_PROTOTYPE, MSEG_DWCONV_PROTOTYPE, MSEG_NORMALISE_PROTOTYPE, MSEG_ARGMAX_PROTOTYPE, MSEG_SOFTMAX_PROTOTYPE,
              MSEG_PEAK_PROTOTYPE, MSEG_PAIRS_PROTOTYPE)

#endif
