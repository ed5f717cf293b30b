#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

enum { MR = 14 };

/* rows pixels by vectors * 16 channels; the constants make every loop over them unroll into registers. Pixel i is addressed as
 * one of five bases plus 0, 1 or 2 strides, which x86 addressing does for nothing. */
INLINE void tile(const mseg_gemm_args *g, size_t p, const int rows, const int vectors)
{
    __m512 acc[MR][2];
    const int last = g->n - (vectors - 1) * 16;
    const __mmask16 tail = (__mmask16)((1u << last) - 1);
    const __mmask16 mask[2] = {vectors == 1 ? tail : (__mmask16)0xffff, tail};
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        __m512 start = g->bias ? _mm512_maskz_loadu_ps(mask[v], g->bias + v * 16) : _mm512_setzero_ps();
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++)
            acc[i][v] = start;
    }
    const size_t stride = g->a_stride * sizeof(float);
    for (int t = 0; t < g->taps; t++) {
        const char *base[(MR + 2) / 3];
#pragma GCC unroll 5
        for (int i = 0; i < (rows + 2) / 3; i++)
            base[i] = (const char *)g->a[t] + (p + 3 * (size_t)i) * stride;
        const float *b = g->b[t];
#pragma GCC unroll 4
        for (size_t k = 0; k < (size_t)g->k; k++) {
            __m512 w[2];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                w[v] = _mm512_loadu_ps(b + v * 16);
#pragma GCC unroll 14
            for (int i = 0; i < rows; i++) {
                __m512 x = _mm512_set1_ps(*(const float *)(base[i / 3] + (size_t)(i % 3) * stride));
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    acc[i][v] = _mm512_fmadd_ps(x, w[v], acc[i][v]);
            }
#pragma GCC unroll 5
            for (int i = 0; i < (rows + 2) / 3; i++)
                base[i] += sizeof(float);
            b += vectors * 16;
        }
    }
    const __m512 min = _mm512_set1_ps(g->min), max = _mm512_set1_ps(g->max);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            __m512 y = acc[i][v];
            if (g->add)
                y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask[v], g->add + (p + (size_t)i) * g->add_stride + v * 16));
            y = _mm512_min_ps(_mm512_max_ps(y, min), max);
            _mm512_mask_storeu_ps(g->c + (p + (size_t)i) * g->c_stride + v * 16, mask[v], y);
        }
}

INLINE void tiles(const mseg_gemm_args *g, size_t p, int m, const int vectors)
{
    switch (m) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, p, rows, vectors);                                                                                               \
        break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#undef CASE
    }
}

void mseg_f32_gemm_14x32__avx512(const mseg_gemm_args *g, int p, int m)
{
    if (g->n > 16)
        tiles(g, (size_t)p, m, 2);
    else
        tiles(g, (size_t)p, m, 1);
}
