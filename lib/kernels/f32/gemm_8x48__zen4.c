#include <immintrin.h>

#include "kernels/registry.h"

/* Winograd's inner product (IEEE Trans. Comp. C-17, 1968): x0 y0 + x1 y1 = (x0 + y1)(x1 + y0) - x0 x1 - y0 y1. The last two terms
 * are sums over a pixel and over an output channel alone, so two multiply-adds become one and two additions. Zen 4 has units
 * that only add beside those that multiply and add: two vectors of three computed this way keep both busy, 1.5 multiply-adds
 * for every one that the multipliers could do. Every other pair is (x2 - y3)(y2 - x3), whose terms come with the other sign, so
 * that the sums do not grow with positive inputs. Operands broadcast from memory must be those of the arithmetic itself: a
 * broadcast into a register takes an adder's turn. Compilers prefer the register, hence the assembly. */

#define INLINE static inline __attribute__((always_inline))

enum { MR = 8, VECTORS = 3 };

/* sum + (x[0] + y1) * right */
#define PAIR(right)                                                                                                              \
    __asm__("vaddps %3%{1to16%}, %6, %1\n\t" right "\n\tvfmadd231ps %1, %2, %0"                                                  \
            : "+v"(sum), "=&v"(left), "=&v"(other)                                                                               \
            : "m"(x[0]), "m"(x[1]), "v"(y0), "v"(y1))

INLINE __m512 plus_pair(const float *x, __m512 y0, __m512 y1, __m512 sum)
{
    __m512 left, other;
    PAIR("vaddps %4%{1to16%}, %5, %2");
    return sum;
}

INLINE __m512 minus_pair(const float *x, __m512 y0, __m512 y1, __m512 sum)
{
    __m512 left, other;
    PAIR("vsubps %4%{1to16%}, %5, %2");
    return sum;
}

INLINE __m512 plus_product(const float *x, __m512 y, __m512 sum)
{
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(y), "m"(*x));
    return sum;
}

INLINE __m512 minus_product(const float *x, __m512 y, __m512 sum)
{
    __asm__("vfnmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(y), "m"(*x));
    return sum;
}

INLINE __m512 difference(__m512 y, const float *x)
{
    __asm__("vsubps %1%{1to16%}, %0, %0" : "+v"(y) : "m"(*x));
    return y;
}

/* The accumulators of one tile: rows pixels of full vectors of 16 channels and perhaps a half one of 8. */
typedef struct sums {
    __m512 full[MR][VECTORS];
    __m256 half[MR];
} sums;

/* What is known when the code is made, so that every loop over it unrolls and sums lives in registers. */
typedef struct shape {
    int rows, full, half;
    int pairs;
} shape;

INLINE int width(const shape s)
{
    return s.full * 16 + s.half * 8;
}

/* Full vectors whose weights are packed for pairs: all, but of three only two. */
INLINE int paired(const shape s)
{
    return s.full == VECTORS ? VECTORS - 1 : s.full;
}

/* Whether pixel i of vector v is by pairs: about two thirds of all, for that suits the units. */
INLINE int by_pairs(const shape s, int i, int v)
{
    const int last = v == s.full - 1 && !s.half;
    return s.pairs && v < paired(s) && (!last || i < (s.full == 1 ? 2 : 1) * s.rows / 3);
}

/* Input k of pixel i: one of three bases plus 0, 1 or 2 strides, which x86 addressing does for nothing. */
INLINE const float *pixel(const char *const *base, size_t stride, int i, int k)
{
    return (const float *)(base[i / 3] + (size_t)(i % 3) * stride) + k;
}

/* Inputs k and k + 1 of all pixels, by pairs; their weights are two rows at b. */
INLINE void two_inputs(const char *const *base, size_t stride, int k, const float *b, const shape s, const int minus, sums *acc)
{
    __m512 w[2][VECTORS];
    __asm__ volatile("" ::: "memory"); /* weights are loaded no earlier: there is no register to spare */
#pragma GCC unroll 3
    for (int v = 0; v < 3; v++)
        if (v < s.full) {
            w[0][v] = _mm512_loadu_ps(b + v * 16);
            w[1][v] = _mm512_loadu_ps(b + width(s) + v * 16);
        }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        if (i < s.rows) {
            const float *x = pixel(base, stride, i, k);
#pragma GCC unroll 3
            for (int v = 0; v < 3; v++)
                if (v < s.full) {
                    __m512 *sum = &acc->full[i][v];
                    if (by_pairs(s, i, v)) {
                        *sum = minus ? minus_pair(x, w[0][v], w[1][v], *sum) : plus_pair(x, w[0][v], w[1][v], *sum);
                    } else {
                        *sum = plus_product(x, w[0][v], *sum);
                        *sum = minus && v < paired(s) ? minus_product(x + 1, w[1][v], *sum) : plus_product(x + 1, w[1][v], *sum);
                    }
                }
            if (s.half) {
                acc->half[i] = _mm256_fmadd_ps(_mm256_set1_ps(x[0]), _mm256_loadu_ps(b + s.full * 16), acc->half[i]);
                acc->half[i] = _mm256_fmadd_ps(_mm256_set1_ps(x[1]), _mm256_loadu_ps(b + width(s) + s.full * 16), acc->half[i]);
            }
        }
}

/* Input k of all pixels by itself; minus: weights packed for pairs have the other sign. */
INLINE void one_input(const char *const *base, size_t stride, int k, const float *b, const shape s, const int minus, sums *acc)
{
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        if (i < s.rows) {
            const float *x = pixel(base, stride, i, k);
#pragma GCC unroll 3
            for (int v = 0; v < 3; v++)
                if (v < s.full) {
                    __m512 w = _mm512_loadu_ps(b + v * 16), *sum = &acc->full[i][v];
                    *sum = minus && v < paired(s) ? minus_product(x, w, *sum) : plus_product(x, w, *sum);
                }
            if (s.half)
                acc->half[i] = _mm256_fmadd_ps(_mm256_set1_ps(*x), _mm256_loadu_ps(b + s.full * 16), acc->half[i]);
        }
}

/* The channels of vector v. */
INLINE __mmask16 mask(const mseg_gemm_args *g, const shape s, int v)
{
    return v < s.full + s.half - 1 ? (__mmask16)0xffff : (__mmask16)((1u << (g->n - v * 16)) - 1);
}

/* A tap's sums by pairs start with the terms of one factor. */
INLINE void add_pairs(const mseg_gemm_args *g, int t, size_t p, const shape s, sums *acc)
{
    const float *x = g->a_pairs[t] + p * g->a_pairs_stride;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++, x += g->a_pairs_stride)
        if (i < s.rows)
#pragma GCC unroll 3
            for (int v = 0; v < 3; v++)
                if (v < s.full)
                    if (by_pairs(s, i, v)) {
                        __m512 start = difference(_mm512_maskz_loadu_ps(mask(g, s, v), g->b_pairs[t] + v * 16), x);
                        acc->full[i][v] = t > 0 ? _mm512_add_ps(acc->full[i][v], start) : start;
                    }
}

INLINE void multiply(const mseg_gemm_args *g, size_t p, const shape s, sums *acc)
{
    const size_t stride = g->a_stride * sizeof(float);
    for (int t = 0; t < g->taps; t++) {
        const char *base[(MR + 2) / 3];
#pragma GCC unroll 3
        for (int i = 0; i < 3; i++)
            if (i < (s.rows + 2) / 3)
                base[i] = (const char *)g->a[t] + (p + 3 * (size_t)i) * stride;
        const float *b = g->b[t];
        if (s.pairs)
            add_pairs(g, t, p, s, acc);
        int k = g->k;
        for (; k >= 4; k -= 4) {
            if (s.pairs) {
                two_inputs(base, stride, 0, b, s, 0, acc);
                two_inputs(base, stride, 2, b + 2 * width(s), s, 1, acc);
            } else {
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++)
                    one_input(base, stride, j, b + j * width(s), s, j == 3, acc);
            }
#pragma GCC unroll 3
            for (int i = 0; i < 3; i++)
                if (i < (s.rows + 2) / 3)
                    base[i] += 4 * sizeof(float);
            b += 4 * width(s);
        }
        for (int j = 0; j < k; j++, b += width(s))
            one_input(base, stride, j, b, s, 0, acc);
    }
}

INLINE void tile(const mseg_gemm_args *g, size_t p, const shape s)
{
    const int vectors = s.full + s.half;
    sums acc;
    const __m512 last =
        g->bias ? _mm512_maskz_loadu_ps(mask(g, s, vectors - 1), g->bias + (vectors - 1) * 16) : _mm512_setzero_ps();
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        if (i < s.rows) {
#pragma GCC unroll 3
            for (int v = 0; v < 3; v++)
                if (v < s.full)
                    acc.full[i][v] = v < paired(s) ? _mm512_setzero_ps() : last;
            acc.half[i] = _mm512_castps512_ps256(last);
        }
    multiply(g, p, s, &acc);
    const __m512 min = _mm512_set1_ps(g->min), max = _mm512_set1_ps(g->max); /* read now: g may alias what is stored below */
    const size_t c_stride = g->c_stride, add_stride = g->add_stride;
    const float *const add = g->add ? g->add + p * add_stride : NULL;
#pragma GCC unroll 3
    for (int v = 0; v < 3; v++)
        if (v < vectors) {
            const __mmask16 channels = mask(g, s, v);
            const __m512 bias =
                v < paired(s) && g->bias ? _mm512_maskz_loadu_ps(channels, g->bias + v * 16) : _mm512_setzero_ps();
            const __m512 scale = v < paired(s) ? _mm512_maskz_loadu_ps(channels, g->scale + v * 16) : _mm512_setzero_ps();
            float *c = g->c + p * c_stride + v * 16;
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++, c += c_stride)
                if (i < s.rows) {
                    __m512 y = v < s.full ? acc.full[i][v] : _mm512_zextps256_ps512(acc.half[i]);
                    if (v < paired(s))
                        y = _mm512_fmadd_ps(y, scale, bias);
                    if (add)
                        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(channels, add + (size_t)i * add_stride + v * 16));
                    _mm512_mask_storeu_ps(c, channels, _mm512_min_ps(_mm512_max_ps(y, min), max));
                }
        }
}

/* One function for every number of pixels and eighths of channels, so that each has the registers to itself. */
typedef void (*tile_fn)(const mseg_gemm_args *g, size_t p);

#define NAME(rows, eighths, pairs) tile_##rows##_##eighths##_##pairs
#define TILE(rows, eighths, pairs)                                                                                               \
    static void NAME(rows, eighths, pairs)(const mseg_gemm_args *g, size_t p)                                                    \
    {                                                                                                                            \
        tile(g, p, (shape){rows, (eighths) / 2, (eighths) % 2, pairs});                                                          \
    }
#define TILES(eighths, pairs)                                                                                                    \
    TILE(1, eighths, pairs)                                                                                                      \
    TILE(2, eighths, pairs)                                                                                                      \
    TILE(3, eighths, pairs)                                                                                                      \
    TILE(4, eighths, pairs)                                                                                                      \
    TILE(5, eighths, pairs)                                                                                                      \
    TILE(6, eighths, pairs)                                                                                                      \
    TILE(7, eighths, pairs)                                                                                                      \
    TILE(8, eighths, pairs)                                                                                                      \
    static const tile_fn tiles_##eighths##_##pairs[MR] = {                                                                       \
        NAME(1, eighths, pairs), NAME(2, eighths, pairs), NAME(3, eighths, pairs), NAME(4, eighths, pairs),                      \
        NAME(5, eighths, pairs), NAME(6, eighths, pairs), NAME(7, eighths, pairs), NAME(8, eighths, pairs)};
TILES(1, 0)
TILES(2, 0)
TILES(2, 1)
TILES(3, 0)
TILES(3, 1)
TILES(4, 0)
TILES(4, 1)
TILES(5, 0)
TILES(5, 1)
TILES(6, 0)
TILES(6, 1)

void mseg_f32_gemm_8x48__zen4(const mseg_gemm_args *g, int p, int m)
{
    static const tile_fn *const tiles[2][7] = {{NULL, tiles_1_0, tiles_2_0, tiles_3_0, tiles_4_0, tiles_5_0, tiles_6_0},
                                               {NULL, tiles_1_0, tiles_2_1, tiles_3_1, tiles_4_1, tiles_5_1, tiles_6_1}};
    tiles[g->a_pairs != NULL][(g->n + 7) / 8][m - 1](g, (size_t)p);
}

int mseg_f32_paired__zen4(int n)
{
    const int eighths = (n + 7) / 8;
    const int channels = 16 * paired((shape){.full = eighths / 2, .half = eighths % 2});
    return channels < n ? channels : n;
}
