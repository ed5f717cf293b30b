#include <string.h>

#include "kernels/registry.h"
#include "kernels/u8/sums.h"

#define INLINE static inline __attribute__((always_inline))

/* n < 8 bytes at x as the lowest of a number. */
INLINE uint64_t few_bytes(const uint8_t *x, int n)
{
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, x, sizeof first);
        memcpy(&last, x + n - 4, sizeof last);
        return first | (uint64_t)last << 8 * (n - 4);
    }
    return n > 0 ? x[0] | (uint64_t)x[n / 2] << 8 * (n / 2) | (uint64_t)x[n - 1] << 8 * (n - 1) : 0;
}

/* n < 16 bytes at x, others 0. */
INLINE __m128i some_bytes(const uint8_t *x, int n)
{
    if (n < 8)
        return _mm_cvtsi64_si128((long long)few_bytes(x, n));
    return _mm_insert_epi64(_mm_loadl_epi64((const __m128i *)x), (long long)few_bytes(x + 8, n - 8), 1);
}

/* The sum of k bytes as two numbers. */
INLINE __m128i two_sums(const uint8_t *x, int k)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i sums = zero;
    for (; k >= 32; k -= 32, x += 32)
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(_mm256_loadu_si256((const __m256i *)x), zero));
    __m128i two = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    if (k >= 16) {
        two = _mm_add_epi64(two, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)x), _mm256_castsi256_si128(zero)));
        k -= 16;
        x += 16;
    }
    if (k)
        two = _mm_add_epi64(two, _mm_sad_epu8(some_bytes(x, k), _mm256_castsi256_si128(zero)));
    return two;
}

void mseg_u8_sums__avx2(const uint8_t *x, size_t stride, int k, int pixels, int32_t *out)
{
    for (; pixels >= 4; pixels -= 4, x += 4 * stride, out += 4) {
        const __m128i sums =
            four_sums(two_sums(x, k), two_sums(x + stride, k), two_sums(x + 2 * stride, k), two_sums(x + 3 * stride, k));
        _mm_storeu_si128((__m128i *)out, sums);
    }
    for (; pixels > 0; pixels--, x += stride, out++) {
        const __m128i two = two_sums(x, k);
        *out = _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 2);
    }
}
