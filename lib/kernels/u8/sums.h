#ifndef MSEG_KERNELS_U8_SUMS_H
#define MSEG_KERNELS_U8_SUMS_H

#include <immintrin.h>

/* Four pixels' sums out of two numbers of 64 bits each, as vpsadbw makes them, whose upper halves are 0. */
static inline __m128i four_sums(__m128i a, __m128i b, __m128i c, __m128i d)
{
    const __m128 ab = _mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0x88);
    const __m128 cd = _mm_shuffle_ps(_mm_castsi128_ps(c), _mm_castsi128_ps(d), 0x88);
    return _mm_hadd_epi32(_mm_castps_si128(ab), _mm_castps_si128(cd));
}

#endif
