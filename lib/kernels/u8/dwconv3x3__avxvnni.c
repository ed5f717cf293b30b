#include "kernels/registry.h"
#include "kernels/u8/dwconv_ymm.h"

/* Four bytes at once would be faster only where two rows are made and all weights are signed bytes. */
INLINE __m256i madd(__m256i sum, __m256i x, __m256i weights)
{
    return _mm256_dpwssd_avx_epi32(sum, x, weights);
}

size_t mseg_u8_dwconv3x3_bytes__avxvnni(int channels)
{
    return pairs_bytes(channels);
}

void mseg_u8_dwconv3x3_pack__avxvnni(void *to, const int16_t *weights, int channels)
{
    pack_pairs(to, weights, channels);
}

void mseg_u8_dwconv3x3__avxvnni(const mseg_u8_dwconv_args *g)
{
    convolve(g);
}
