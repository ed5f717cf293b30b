#ifndef MSEG_KERNELS_U8_BYTES_YMM_H
#define MSEG_KERNELS_U8_BYTES_YMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

/* The way from sums to bytes by registers of 256 bits. */

#define INLINE static inline __attribute__((always_inline))

INLINE __m256i scaled(__m256i sums, __m256 scale)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale));
}

typedef struct range {
    __m256i zero, min, max; /* zero: of 16 bits, min and max: of 8 */
    bool whole;             /* 0 to 255, and zero is 0 */
} range;

INLINE range make_range(int zero, int min, int max)
{
    return (range){_mm256_set1_epi16((short)zero), _mm256_set1_epi8((char)min), _mm256_set1_epi8((char)max),
                   zero == 0 && min == 0 && max == 255};
}

/* Four vectors of whole numbers, the zero point not yet added, as bytes. They saturate to 16 bits before zero is added, which is
 * 0 to 255: what was above 32767 stays at least 32767, for that sum saturates, too, and what was below -32768 becomes no more
 * than -32513. Clamped to a byte both are what they would have been, and min and max lie within bytes. Packing goes by halves of
 * registers: each then has four bytes of every vector. */
INLINE __m256i bytes(__m256i a, __m256i b, __m256i c, __m256i d, const range *r)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i ab = _mm256_packs_epi32(a, b), cd = _mm256_packs_epi32(c, d);
    if (r->whole)
        return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
    ab = _mm256_adds_epi16(ab, r->zero);
    cd = _mm256_adds_epi16(cd, r->zero);
    const __m256i in_range = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(ab, cd), r->min), r->max);
    return _mm256_permutevar8x32_epi32(in_range, order);
}

/* Of two pixels of 16 bytes or four of 8 the first ones. */
INLINE void store_pixels(uint8_t *c, size_t stride, __m256i y, const int pixels, const int vectors)
{
    const __m128i low = _mm256_castsi256_si128(y), high = _mm256_extracti128_si256(y, 1);
    if (vectors == 2) {
        _mm_storeu_si128((__m128i *)c, low);
        if (pixels > 1)
            _mm_storeu_si128((__m128i *)(c + stride), high);
        return;
    }
    _mm_storel_epi64((__m128i *)c, low);
    if (pixels > 1)
        _mm_storel_epi64((__m128i *)(c + stride), _mm_unpackhi_epi64(low, low));
    if (pixels > 2)
        _mm_storel_epi64((__m128i *)(c + 2 * stride), high);
    if (pixels > 3)
        _mm_storel_epi64((__m128i *)(c + 3 * stride), _mm_unpackhi_epi64(high, high));
}

#endif
