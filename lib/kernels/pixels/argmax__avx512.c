#include <immintrin.h>

#include "kernels/registry.h"

void mseg_pixels_argmax__avx512(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                                uint8_t *labels)
{
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += 16) {
            const int n = runs[r].x1 - x;
            const __mmask16 lanes = n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
            const __m512 f = _mm512_maskz_loadu_ps(lanes, fraction + x);
            __m512 best = _mm512_set1_ps(-__builtin_inff());
            __m512i id = _mm512_setzero_si512(), label = id;
            for (int c = 0; c < classes; c++) {
                __m512 y = _mm512_fmadd_ps(_mm512_set1_ps(right[c] - left[c]), f, _mm512_set1_ps(left[c]));
                __mmask16 larger = _mm512_cmp_ps_mask(y, best, _CMP_GT_OQ);
                best = _mm512_mask_mov_ps(best, larger, y);
                id = _mm512_mask_mov_epi32(id, larger, label);
                label = _mm512_add_epi32(label, _mm512_set1_epi32(1));
            }
            _mm512_mask_cvtepi32_storeu_epi8(labels + x, lanes, id);
        }
    }
}
