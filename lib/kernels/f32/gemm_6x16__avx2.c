#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

enum { MR = 6 };

/* Masked moves are slow on some processors: only the last, incomplete vector of a row is moved by them. */
INLINE __m256 load(const float *from, int n)
{
    if (n >= 8)
        return _mm256_loadu_ps(from);
    return _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
}

INLINE void store(float *to, __m256 value, int n)
{
    if (n >= 8)
        _mm256_storeu_ps(to, value);
    else
        _mm256_maskstore_ps(to, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), value);
}

/* rows pixels by vectors * 8 channels, constants and loops as in the AVX-512 kernel; bases for pixels 0 and 3. */
INLINE void multiply(const mseg_gemm_args *g, size_t p, const int rows, const int vectors, __m256 acc[MR][2])
{
    const size_t stride = g->a_stride * sizeof(float);
    for (int t = 0; t < g->taps; t++) {
        const char *base[2] = {(const char *)g->a[t] + p * stride, NULL};
        if (rows > 3)
            base[1] = base[0] + 3 * stride;
        const float *b = g->b[t];
#pragma GCC unroll 2
        for (size_t k = 0; k < (size_t)g->k; k++) {
            __m256 w[2];
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors)
                    w[v] = _mm256_loadu_ps(b + v * 8);
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++)
                if (i < rows) {
                    __m256 x = _mm256_broadcast_ss((const float *)(base[i / 3] + (size_t)(i % 3) * stride));
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++)
                        if (v < vectors)
                            acc[i][v] = _mm256_fmadd_ps(x, w[v], acc[i][v]);
                }
            base[0] += sizeof(float);
            if (rows > 3)
                base[1] += sizeof(float);
            b += vectors * 8;
        }
    }
}

INLINE void tile(const mseg_gemm_args *g, size_t p, const int rows, const int vectors, const int n)
{
    __m256 acc[MR][2];
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
        if (v < vectors) {
            __m256 start = g->bias ? load(g->bias + v * 8, n - v * 8) : _mm256_setzero_ps();
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++)
                if (i < rows)
                    acc[i][v] = start;
        }
    multiply(g, p, rows, vectors, acc);
    const __m256 min = _mm256_set1_ps(g->min), max = _mm256_set1_ps(g->max); /* read now: g may alias what is stored below */
    const size_t c_stride = g->c_stride, add_stride = g->add_stride;
    const float *add = g->add ? g->add + p * add_stride : NULL;
    float *c = g->c + p * c_stride;
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++, c += c_stride)
        if (i < rows)
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors) {
                    __m256 y = acc[i][v];
                    if (add)
                        y = _mm256_add_ps(y, load(add + (size_t)i * add_stride + v * 8, n - v * 8));
                    store(c + v * 8, _mm256_min_ps(_mm256_max_ps(y, min), max), n - v * 8);
                }
}

INLINE void tiles(const mseg_gemm_args *g, size_t p, int m, const int vectors, const int n)
{
    switch (m) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, p, rows, vectors, n);                                                                                            \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
#undef CASE
    }
}

void mseg_f32_gemm_6x16__avx2(const mseg_gemm_args *g, int p, int m)
{
    if (g->n == 16)
        tiles(g, (size_t)p, m, 2, 16);
    else if (g->n > 8)
        tiles(g, (size_t)p, m, 2, g->n);
    else if (g->n == 8)
        tiles(g, (size_t)p, m, 1, 8);
    else
        tiles(g, (size_t)p, m, 1, g->n);
}
