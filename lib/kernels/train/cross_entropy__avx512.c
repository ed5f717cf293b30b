enum { LANES = 16 };
#include "kernels/train/vectors.h"

typedef int32_t ivec __attribute__((vector_size(LANES * sizeof(int32_t))));

/* Neighbours' sums, of a and of b, in every quarter: two of a, two of b. */
INLINE __m512 add_two(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}

/* Neighbouring quarters' sums: two of a, two of b. */
INLINE __m512 add_quarters(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

INLINE vec totals(const vec v[LANES])
{
    __m512 twos[8], fours[4];
    for (int i = 0; i < 8; i++)
        twos[i] = add_two((__m512)v[2 * i], (__m512)v[2 * i + 1]);
    for (int i = 0; i < 4; i++)
        fours[i] = add_two(twos[2 * i], twos[2 * i + 1]);
    return (vec)add_quarters(add_quarters(fours[0], fours[1]), add_quarters(fours[2], fours[3]));
}

INLINE __mmask16 first_lanes(int n)
{
    return (__mmask16)((1u << n) - 1);
}

INLINE vec get_first(const float *x, int n)
{
    return (vec)_mm512_maskz_loadu_ps(first_lanes(n), x);
}

INLINE ivec get_labels(const uint8_t *x, int n)
{
    return (ivec)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first_lanes(n), x));
}

INLINE vec look_up(const float *x, ivec at)
{
    return (vec)_mm512_i32gather_ps((__m512i)at, x, sizeof *x);
}

#include "kernels/train/cross_entropy_lanes.h"

void mseg_train_cross_entropy__avx512(mseg_cross_entropy_args *args)
{
    cross_entropy(args);
}
