#ifndef MSEG_KERNELS_U8_GEMM_YMM_H
#define MSEG_KERNELS_U8_GEMM_YMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/kernels.h"

/* What the kernels of 256 bits have in common: the way from a tile's sums to bytes. A tile is rows pixels of vectors times 8
 * channels, both constants; acc[i * vectors + v] are its sums, at most twelve, in registers as the float kernels' are. */

#define INLINE static inline __attribute__((always_inline))

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

INLINE __m256i scaled(__m256i sums, const float *scale)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(scale)));
}

typedef struct range {
    __m256i zero, min, max; /* zero: of 16 bits, min and max: of 8 */
} range;

/* Four vectors of whole numbers, the zero point not yet added, as bytes. They saturate to 16 bits before zero is added, which is
 * 0 to 255: what was above 32767 stays at least 32767, for that sum saturates, too, and what was below -32768 becomes no more
 * than -32513. Clamped to a byte both are what they would have been, and min and max lie within bytes. Packing goes by halves of
 * registers: each then has four bytes of every vector. */
INLINE __m256i bytes(const __m256i y[4], const range *r)
{
    const __m256i ab = _mm256_adds_epi16(_mm256_packs_epi32(y[0], y[1]), r->zero);
    const __m256i cd = _mm256_adds_epi16(_mm256_packs_epi32(y[2], y[3]), r->zero);
    const __m256i in_range = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(ab, cd), r->min), r->max);
    return _mm256_permutevar8x32_epi32(in_range, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
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

/* Adds a pixel of the other map to width bytes of x, a multiple of 8 that is no less than n. */
static inline void add_pixel(const mseg_u8_add *how, uint8_t *x, const uint8_t *add, int n)
{
    for (int j = 0; j < n; j += VEC) {
        uint8_t other[VEC] = {0};
        copy(other, add + j, n - j < VEC ? n - j : VEC);
        const __m128i y = _mm_loadl_epi64((const __m128i *)other);
        _mm_storel_epi64((__m128i *)(x + j), sum_of_eight(how, _mm_loadl_epi64((const __m128i *)(x + j)), y));
    }
}

/* The sums of rows pixels as bytes, to where they belong. In x the vectors lie as in acc, that is pixel by pixel. */
INLINE void finish(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, const __m256i acc[SUMS])
{
    _Alignas(32) uint8_t x[SUMS * VEC];
    const range r = {_mm256_set1_epi16((short)g->zero), _mm256_set1_epi8((char)g->min), _mm256_set1_epi8((char)g->max)};
#pragma GCC unroll 3
    for (int e = 0; e < 12; e += 4)
        if (e < rows * vectors) {
            __m256i y[4];
#pragma GCC unroll 4
            for (int f = 0; f < 4; f++)
                if (e + f < rows * vectors)
                    y[f] = scaled(acc[e + f], g->scale + (e + f) % vectors * VEC);
                else
                    y[f] = _mm256_setzero_si256();
            _mm256_store_si256((__m256i *)(x + e * VEC), bytes(y, &r));
        }
    const int n = g->n;
    for (int i = 0; i < rows; i++, p++) {
        uint8_t *pixel = x + i * vectors * VEC;
        if (g->how)
            add_pixel(g->how, pixel, g->add + p * g->add_stride, n);
        if (n == vectors * VEC)
            memcpy(g->c + p * g->c_stride, pixel, (size_t)vectors * VEC);
        else
            copy(g->c + p * g->c_stride, pixel, n);
    }
}

/* What a kernel defines: all terms' products are added to acc. */
INLINE void multiply(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, __m256i acc[SUMS]);

INLINE void tile(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors)
{
    __m256i acc[SUMS];
    start(g, rows, vectors, acc);
    multiply(g, p, rows, vectors, acc);
    finish(g, p, rows, vectors, acc);
}

#endif
