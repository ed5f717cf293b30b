#ifndef MSEG_KERNELS_U8_GEMM_YMM_H
#define MSEG_KERNELS_U8_GEMM_YMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/u8/bytes_ymm.h"

/* What the kernels of 256 bits have in common: the way from a tile's sums to bytes. A tile is rows pixels of vectors times 8
 * channels, both constants; acc[i * vectors + v] are its sums, at most twelve, in registers as the float kernels' are. */

enum { SUMS = 12, VEC = 8 };

/* Four bytes of a pixel for every channel. */
INLINE __m256i four_inputs(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Sums begin with the channel's bias. */
INLINE void start(const mseg_u8_gemm_args *g, const int rows, const int vectors, __m256i acc[SUMS])
{
#pragma GCC unroll 12
    for (int e = 0; e < 12; e++)
        if (e < rows * vectors)
            acc[e] = _mm256_loadu_si256((const __m256i *)(g->bias + e % vectors * VEC));
}

/* What all pixels of a panel have in common. */
typedef struct panel {
    __m256 scale[2];
    range range;
    bool direct; /* all lanes are channels, and no map is added */
} panel;

INLINE panel load_panel(const mseg_u8_gemm_args *g, const int vectors)
{
    return (panel){.scale = {_mm256_loadu_ps(g->scale), vectors > 1 ? _mm256_loadu_ps(g->scale + VEC) : _mm256_setzero_ps()},
                   .range = make_range(g->zero, g->min, g->max),
                   .direct = g->n == vectors * VEC && !g->how};
}

/* The sums of rows pixels as bytes of whole vectors, in c. */
INLINE void finish(const panel *r, const int rows, const int vectors, const __m256i acc[SUMS], uint8_t *c, size_t stride)
{
    __m256i y[SUMS];
#pragma GCC unroll 12
    for (int e = 0; e < 12; e++)
        if (e < rows * vectors)
            y[e] = scaled(acc[e], r->scale[e % vectors]);
    const int last = rows * vectors - 1;
#pragma GCC unroll 3
    for (int e = 0; e < 12; e += 4)
        if (e <= last) {
            const int i = e / vectors;
            const __m256i four = bytes(y[e], y[e + 1 < last ? e + 1 : last], y[e + 2 < last ? e + 2 : last],
                                       y[e + 3 < last ? e + 3 : last], &r->range);
            store_pixels(c + (size_t)i * stride, stride, four, rows - i, vectors);
        }
}

INLINE void copy(uint8_t *to, const uint8_t *from, int n)
{
#pragma GCC unroll 5
    for (int size = 16; size; size /= 2)
        for (; n >= size; n -= size, to += size, from += size)
            memcpy(to, from, (size_t)size);
}

/* x of 8 channels with y. */
INLINE __m128i sum_of_eight(const mseg_u8_add *how, __m128i x, __m128i y)
{
    const __m256i x_part = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(x), _mm256_set1_epi32(how->x_mul));
    const __m256i y_part = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(y), _mm256_set1_epi32(how->y_mul));
    const __m256i whole = _mm256_add_epi32(_mm256_add_epi32(x_part, y_part), _mm256_set1_epi32(how->bias));
    const __m256i shifted = _mm256_sra_epi32(whole, _mm_cvtsi32_si128(how->shift));
    const __m256i sum = _mm256_add_epi32(shifted, _mm256_set1_epi32(how->zero));
    const __m256i in_range = _mm256_min_epi32(_mm256_max_epi32(sum, _mm256_set1_epi32(how->min)), _mm256_set1_epi32(how->max));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(in_range), _mm256_extracti128_si256(in_range, 1));
    return _mm_packus_epi16(words, words);
}

INLINE __m128i load_some(const uint8_t *from, int n)
{
    uint8_t all[VEC] = {0};
    if (n >= VEC)
        return _mm_loadl_epi64((const __m128i *)from);
    copy(all, from, n);
    return _mm_loadl_epi64((const __m128i *)all);
}

INLINE void store_some(uint8_t *to, __m128i value, int n)
{
    uint8_t all[VEC];
    if (n >= VEC) {
        _mm_storel_epi64((__m128i *)to, value);
    } else {
        _mm_storel_epi64((__m128i *)all, value);
        copy(to, all, n);
    }
}

/* Writes m pixels of width bytes at x, and adds a map if there is one to add. */
static inline void write_pixels(const mseg_u8_gemm_args *g, size_t p, int m, const uint8_t *x, int width)
{
    const bool adds = g->how;
    const mseg_u8_add how = adds ? *g->how : (mseg_u8_add){0};
    const int n = g->n;
    const size_t c_stride = g->c_stride, add_stride = g->add_stride;
    const uint8_t *add = adds ? g->add + p * add_stride : x;
    uint8_t *c = g->c + p * c_stride;
    for (int i = 0; i < m; i++, x += width, add += add_stride, c += c_stride)
        for (int j = 0; j < n; j += VEC) {
            __m128i y = _mm_loadl_epi64((const __m128i *)(x + j));
            if (adds)
                y = sum_of_eight(&how, y, load_some(add + j, n - j));
            store_some(c + j, y, n - j);
        }
}

/* What a kernel defines: all terms' products are added to acc. */
INLINE void multiply(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, __m256i acc[SUMS]);

INLINE void tile(const mseg_u8_gemm_args *g, const panel *r, size_t p, const int rows, const int vectors)
{
    __m256i acc[SUMS];
    start(g, rows, vectors, acc);
    multiply(g, p, rows, vectors, acc);
    if (r->direct) {
        finish(r, rows, vectors, acc, g->c + p * g->c_stride, g->c_stride);
    } else {
        uint8_t x[SUMS * VEC];
        finish(r, rows, vectors, acc, x, (size_t)vectors * VEC);
        write_pixels(g, p, rows, x, vectors * VEC);
    }
}

#endif
