#include <immintrin.h>

#include "kernels/registry.h"

/* vpmaddwd adds up the products of neighbours, 16 bits each: hence the weights in two halves. */
void mseg_pixels_stretch__avx2(const uint8_t *in, const mseg_stretch_group *groups, int n_groups, uint8_t *out)
{
    const __m256i half = _mm256_set1_epi32(1 << 21);
    for (int g = 0; g < n_groups; g++, out += 8) {
        const mseg_stretch_group *group = &groups[g];
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(in + group->at));
        const __m256i pairs = _mm256_cvtepu8_epi16(_mm_shuffle_epi8(bytes, _mm_loadu_si128((const __m128i *)group->pick)));
        const __m256i high = _mm256_madd_epi16(pairs, _mm256_loadu_si256((const __m256i *)group->high));
        const __m256i low = _mm256_madd_epi16(pairs, _mm256_loadu_si256((const __m256i *)group->low));
        const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, 11), low), half);
        const __m256i eight = _mm256_srli_epi32(sum, 22);
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
        _mm_storel_epi64((__m128i *)out, _mm_packus_epi16(words, words));
    }
}
