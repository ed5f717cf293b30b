#include "kernels/registry.h"
#include "kernels/u8/dwconv_ymm.h"

INLINE __m256i madd(__m256i sum, __m256i x, __m256i weights)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x, weights));
}

size_t mseg_u8_dwconv3x3_bytes__avx2(int channels)
{
    return pairs_bytes(channels);
}

void mseg_u8_dwconv3x3_pack__avx2(void *to, const int16_t *weights, int channels)
{
    pack_pairs(to, weights, channels);
}

void mseg_u8_dwconv3x3__avx2(const mseg_u8_dwconv_args *g)
{
    convolve(g);
}
