#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

enum { MR = 6 };

INLINE __m256i lanes(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* rows pixels by vectors * 8 channels, as the AVX-512 kernel; bases for pixels 0 and 3. */
INLINE void tile(const mseg_gemm_args *g, size_t p, const int rows, const int vectors)
{
    __m256 acc[MR][2];
    const __m256i mask[2] = {lanes(g->n), lanes(g->n - 8)};
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        __m256 start = g->bias ? _mm256_maskload_ps(g->bias + v * 8, mask[v]) : _mm256_setzero_ps();
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++)
            acc[i][v] = start;
    }
    const size_t stride = g->a_stride * sizeof(float);
    for (int t = 0; t < g->taps; t++) {
        const char *base[2] = {(const char *)g->a[t] + p * stride, (const char *)g->a[t] + (p + 3) * stride};
        const float *b = g->b[t];
#pragma GCC unroll 4
        for (size_t k = 0; k < (size_t)g->k; k++) {
            __m256 w[2];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                w[v] = _mm256_loadu_ps(b + v * 8);
#pragma GCC unroll 6
            for (int i = 0; i < rows; i++) {
                __m256 x = _mm256_broadcast_ss((const float *)(base[i / 3] + (size_t)(i % 3) * stride));
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    acc[i][v] = _mm256_fmadd_ps(x, w[v], acc[i][v]);
            }
            base[0] += sizeof(float);
            base[1] += sizeof(float);
            b += vectors * 8;
        }
    }
    const __m256 min = _mm256_set1_ps(g->min), max = _mm256_set1_ps(g->max);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            __m256 y = acc[i][v];
            if (g->add)
                y = _mm256_add_ps(y, _mm256_maskload_ps(g->add + (p + (size_t)i) * g->add_stride + v * 8, mask[v]));
            y = _mm256_min_ps(_mm256_max_ps(y, min), max);
            _mm256_maskstore_ps(g->c + (p + (size_t)i) * g->c_stride + v * 8, mask[v], y);
        }
}

INLINE void tiles(const mseg_gemm_args *g, size_t p, int m, const int vectors)
{
    switch (m) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, p, rows, vectors);                                                                                               \
        break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#undef CASE
    }
}

void mseg_f32_gemm_6x16__avx2(const mseg_gemm_args *g, int p, int m)
{
    if (g->n > 8)
        tiles(g, (size_t)p, m, 2);
    else
        tiles(g, (size_t)p, m, 1);
}
