#include <immintrin.h>

enum { LANES = 8 };
typedef __m256 vec;
typedef int ivec __attribute__((vector_size(32)));

static inline vec larger(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline float largest(vec a)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

static inline float total(vec a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline unsigned same(vec a, vec b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}

#include "kernels/train/cross_entropy_lanes.h"

void mseg_train_cross_entropy__avx2(mseg_cross_entropy_args *args)
{
    cross_entropy(args);
}
