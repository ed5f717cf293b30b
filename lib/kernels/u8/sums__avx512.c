#include "kernels/registry.h"
#include "kernels/u8/sums.h"

#define INLINE static inline __attribute__((always_inline))

/* The sum of k bytes as two numbers. */
INLINE __m128i two_sums(const uint8_t *x, int k)
{
    __m512i sums = _mm512_setzero_si512();
    const __m512i zero = _mm512_setzero_si512();
    for (; k > 64; k -= 64, x += 64)
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(_mm512_loadu_si512(x), zero));
    const __mmask64 mask = ~UINT64_C(0) >> (64 - k);
    sums = _mm512_add_epi64(sums, _mm512_sad_epu8(_mm512_maskz_loadu_epi8(mask, x), zero));
    const __m256i half = _mm256_add_epi64(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
    return _mm_add_epi64(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

INLINE __m128i two_sums_of_few(const uint8_t *x, __mmask16 mask)
{
    return _mm_sad_epu8(_mm_maskz_loadu_epi8(mask, x), _mm_setzero_si128());
}

void mseg_u8_sums__avx512(const uint8_t *x, size_t stride, int k, int pixels, int32_t *out)
{
    const __mmask16 mask = (__mmask16)((1u << (k < 16 ? k : 16)) - 1);
    for (; pixels > 0; pixels -= 4, x += 4 * stride, out += 4) {
        /* of fewer than four, the first stands for those that are not there */
        const size_t b = pixels > 1 ? stride : 0, c = pixels > 2 ? 2 * stride : 0, d = pixels > 3 ? 3 * stride : 0;
        const __mmask8 there = (__mmask8)(pixels > 3 ? 15 : (1 << pixels) - 1);
        __m128i sums;
        if (k <= 16)
            sums = four_sums(two_sums_of_few(x, mask), two_sums_of_few(x + b, mask), two_sums_of_few(x + c, mask),
                             two_sums_of_few(x + d, mask));
        else
            sums = four_sums(two_sums(x, k), two_sums(x + b, k), two_sums(x + c, k), two_sums(x + d, k));
        _mm_mask_storeu_epi32(out, there, sums);
    }
}
