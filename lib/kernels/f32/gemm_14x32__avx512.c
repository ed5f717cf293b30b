#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

enum { MR = 14 };

/* The accumulators of one tile: rows pixels of full vectors of 16 channels and perhaps a half one of 8. */
typedef struct sums {
    __m512 full[MR][2];
    __m256 half[MR];
} sums;

/* rows, full and half are constants, and the loops over them have fixed trip counts and a condition inside: so gcc and clang both
 * unroll them, and sums lives in registers (a trip count below the pragma's number is a partial unrolling to clang, one of 1 is
 * no loop). Pixel i is addressed as one of five bases plus 0, 1 or 2 strides, which x86 addressing does for nothing. */
INLINE void multiply(const mseg_gemm_args *g, size_t p, const int rows, const int full, const int half, sums *acc)
{
    const size_t stride = g->a_stride * sizeof(float);
    for (int t = 0; t < g->taps; t++) {
        const char *base[(MR + 2) / 3];
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++)
            if (i < (rows + 2) / 3)
                base[i] = (const char *)g->a[t] + (p + 3 * (size_t)i) * stride;
        const float *b = g->b[t];
#pragma GCC unroll 2
        for (size_t k = 0; k < (size_t)g->k; k++) {
            __m512 w[2];
            __m256 last = _mm256_setzero_ps();
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < full)
                    w[v] = _mm512_loadu_ps(b + v * 16);
            if (half)
                last = _mm256_loadu_ps(b + full * 16);
#pragma GCC unroll 14
            for (int i = 0; i < 14; i++)
                if (i < rows) {
                    __m512 x = _mm512_set1_ps(*(const float *)(base[i / 3] + (size_t)(i % 3) * stride));
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++)
                        if (v < full && half) /* clang would need more registers than there are to move sums about */
                            __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc->full[i][v]) : "v"(w[v]), "v"(x));
                        else if (v < full)
                            acc->full[i][v] = _mm512_fmadd_ps(x, w[v], acc->full[i][v]);
                    if (half)
                        acc->half[i] = _mm256_fmadd_ps(_mm512_castps512_ps256(x), last, acc->half[i]);
                }
#pragma GCC unroll 5
            for (int i = 0; i < 5; i++)
                if (i < (rows + 2) / 3)
                    base[i] += sizeof(float);
            b += full * 16 + half * 8;
        }
    }
}

INLINE void tile(const mseg_gemm_args *g, size_t p, const int rows, const int full, const int half)
{
    sums acc;
    const int vectors = full + half;
    const __mmask16 tail = (__mmask16)((1u << (g->n - (vectors - 1) * 16)) - 1);
    const __mmask16 mask[2] = {vectors == 1 ? tail : (__mmask16)0xffff, tail};
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
        if (v < vectors) {
            __m512 start = g->bias ? _mm512_maskz_loadu_ps(mask[v], g->bias + v * 16) : _mm512_setzero_ps();
#pragma GCC unroll 14
            for (int i = 0; i < 14; i++)
                if (i < rows && v < full)
                    acc.full[i][v] = start;
                else if (i < rows)
                    acc.half[i] = _mm512_castps512_ps256(start);
        }
    multiply(g, p, rows, full, half, &acc);
    const __m512 min = _mm512_set1_ps(g->min), max = _mm512_set1_ps(g->max); /* read now: g may alias what is stored below */
    const size_t c_stride = g->c_stride, add_stride = g->add_stride;
    const float *add = g->add ? g->add + p * add_stride : NULL;
    float *c = g->c + p * c_stride;
#pragma GCC unroll 14
    for (int i = 0; i < 14; i++, c += c_stride)
        if (i < rows)
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors) {
                    __m512 y = v < full ? acc.full[i][v] : _mm512_zextps256_ps512(acc.half[i]);
                    if (add)
                        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask[v], add + (size_t)i * add_stride + v * 16));
                    _mm512_mask_storeu_ps(c + v * 16, mask[v], _mm512_min_ps(_mm512_max_ps(y, min), max));
                }
}

INLINE void tiles(const mseg_gemm_args *g, size_t p, int m, const int full, const int half)
{
    switch (m) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, p, rows, full, half);                                                                                            \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
#undef CASE
    }
}

void mseg_f32_gemm_14x32__avx512(const mseg_gemm_args *g, int p, int m)
{
    switch ((g->n + 7) / 8) {
    case 1:
        tiles(g, (size_t)p, m, 0, 1);
        break;
    case 2:
        tiles(g, (size_t)p, m, 1, 0);
        break;
    case 3:
        tiles(g, (size_t)p, m, 1, 1);
        break;
    default:
        tiles(g, (size_t)p, m, 2, 0);
    }
}
