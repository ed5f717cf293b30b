#include <immintrin.h>

#include "kernels/registry.h"

/* 32 bytes from at on. */
static void blend_block(const uint8_t *const *rows, const uint32_t *weights, int n_rows, uint8_t *out, size_t at)
{
    __m256i sums[4];
    for (int v = 0; v < 4; v++)
        sums[v] = _mm256_set1_epi32(1 << 21);
    for (int r = 0; r < n_rows; r++) {
        const __m256i weight = _mm256_set1_epi32((int)weights[r]);
        const uint8_t *row = rows[r] + at;
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            const __m256i eight = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(row + 8 * v)));
            sums[v] = _mm256_add_epi32(sums[v], _mm256_mullo_epi32(eight, weight));
        }
    }
    for (int v = 0; v < 4; v++)
        sums[v] = _mm256_srli_epi32(sums[v], 22);
    /* Packing goes half by half of every vector: fours 0 4 8 12 1 5 9 13 of sums. */
    const __m256i words = _mm256_packus_epi32(sums[0], sums[1]), more = _mm256_packus_epi32(sums[2], sums[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((__m256i *)(out + at), _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words, more), order));
}

void mseg_pixels_blend__avx2(const uint8_t *const *rows, const uint32_t *weights, int n_rows, uint8_t *out, size_t n)
{
    size_t at = 0;
    for (; n - at >= 32; at += 32)
        blend_block(rows, weights, n_rows, out, at);
    for (; at < n; at++) {
        uint32_t sum = 1u << 21;
        for (int r = 0; r < n_rows; r++)
            sum += rows[r][at] * weights[r];
        out[at] = (uint8_t)(sum >> 22 < 255 ? sum >> 22 : 255);
    }
}
