#include <immintrin.h>

enum { LANES = 16 };
typedef __m512 vec;
typedef int ivec __attribute__((vector_size(64)));

static inline vec larger(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline float largest(vec a)
{
    return _mm512_reduce_max_ps(a);
}

static inline float total(vec a)
{
    return _mm512_reduce_add_ps(a);
}

static inline unsigned same(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

#include "kernels/train/cross_entropy_lanes.h"

void mseg_train_cross_entropy__avx512(mseg_cross_entropy_args *args)
{
    cross_entropy(args);
}
