enum { LANES = 8 };
#include "kernels/train/vectors.h"

typedef int32_t ivec __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINE vec totals(const vec v[LANES])
{
    __m256 x[4], fours[2];
    for (int i = 0; i < 4; i++)
        x[i] = _mm256_hadd_ps((__m256)v[2 * i], (__m256)v[2 * i + 1]);
    for (int i = 0; i < 2; i++)
        fours[i] = _mm256_hadd_ps(x[2 * i], x[2 * i + 1]);
    return (vec)_mm256_add_ps(_mm256_permute2f128_ps(fours[0], fours[1], 0x20), _mm256_permute2f128_ps(fours[0], fours[1], 0x31));
}

INLINE vec get_first(const float *x, int n)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (vec)_mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), order));
}

INLINE ivec get_labels(const uint8_t *x, int n)
{
    uint64_t bytes = 0;
    if (n == LANES)
        __builtin_memcpy(&bytes, x, sizeof bytes);
    else
        for (int i = 0; i < n; i++)
            bytes |= (uint64_t)x[i] << 8 * i;
    return (ivec)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)bytes));
}

INLINE vec look_up(const float *x, ivec at)
{
    return (vec)_mm256_i32gather_ps(x, (__m256i)at, sizeof *x);
}

#include "kernels/train/cross_entropy_lanes.h"

void mseg_train_cross_entropy__avx2(mseg_cross_entropy_args *args)
{
    cross_entropy(args);
}
