#include <immintrin.h>

#include "kernels/registry.h"

enum { PIXELS = 4 };

/* Products of the pairs of 16 inputs, every one twice, and their squares. */
static inline void add(__m512 x, __m512 *pairs, __m512 *squares)
{
    *pairs = _mm512_fmadd_ps(x, _mm512_permute_ps(x, 0xb1), *pairs);
    *squares = _mm512_fmadd_ps(x, x, *squares);
}

/* In every quarter of the result, what the first pair of that quarter of each of four vectors has more than the second. */
static inline __m512 differences(const __m512 v[PIXELS])
{
    __m512 low = _mm512_sub_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    __m512 high = _mm512_sub_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    return _mm512_shuffle_ps(low, high, 0x44);
}

static inline __m128 quarters(__m512 v)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

float mseg_f32_pair_sums__zen4(const float *x, size_t stride, int k, int pixels, float *out)
{
    const int whole = k / 16 * 16;
    const __mmask16 rest = (__mmask16)((1u << (k / 4 * 4 - whole)) - 1);
    __m512 bound = _mm512_setzero_ps();
    for (int p = 0; p < pixels; p += PIXELS, x += PIXELS * stride) {
        const int n = pixels - p < PIXELS ? pixels - p : PIXELS;
        __m512 pairs[PIXELS], squares[PIXELS];
        const float *pixel[PIXELS];
        for (int i = 0; i < PIXELS; i++) {
            pairs[i] = squares[i] = _mm512_setzero_ps();
            pixel[i] = x + (size_t)(i < n ? i : 0) * stride;
        }
        for (int j = 0; j < whole; j += 16)
            for (int i = 0; i < PIXELS; i++)
                add(_mm512_loadu_ps(pixel[i] + j), &pairs[i], &squares[i]);
        if (rest)
            for (int i = 0; i < PIXELS; i++)
                add(_mm512_maskz_loadu_ps(rest, pixel[i] + whole), &pairs[i], &squares[i]);
        for (int i = 0; i < PIXELS; i++)
            bound = _mm512_max_ps(bound, squares[i]);
        _mm_mask_storeu_ps(out + p, (__mmask8)((1u << n) - 1), quarters(differences(pairs)));
    }
    return _mm512_reduce_add_ps(bound);
}
