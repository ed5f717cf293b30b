#include <immintrin.h>

#include "kernels/registry.h"

void mseg_pixels_blend__avx512(const uint8_t *const *rows, const uint32_t *weights, int n_rows, uint8_t *out, size_t n)
{
    enum { VECTORS = 4, BLOCK = 16 * VECTORS };
    for (size_t at = 0; at < n; at += BLOCK) {
        const uint64_t mask = n - at < BLOCK ? (1ull << (n - at)) - 1 : ~0ull;
        __m512i sums[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            sums[v] = _mm512_set1_epi32(1 << 21);
        for (int r = 0; r < n_rows; r++) {
            const __m512i weight = _mm512_set1_epi32((int)weights[r]);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                const __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)(mask >> 16 * v), rows[r] + at + 16 * v);
                sums[v] = _mm512_add_epi32(sums[v], _mm512_mullo_epi32(_mm512_cvtepu8_epi32(bytes), weight));
            }
        }
        for (int v = 0; v < VECTORS; v++)
            _mm512_mask_cvtusepi32_storeu_epi8(out + at + 16 * v, (__mmask16)(mask >> 16 * v), _mm512_srli_epi32(sums[v], 22));
    }
}
