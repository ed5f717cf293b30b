#include <immintrin.h>

#include "kernels/registry.h"

void mseg_pixels_argmax__avx2(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                              uint8_t *labels)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += 8) {
            const int n = runs[r].x1 - x < 8 ? runs[r].x1 - x : 8;
            const __m256 f = _mm256_maskload_ps(fraction + x, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), order));
            __m256 best = _mm256_set1_ps(-__builtin_inff());
            __m256i id = _mm256_setzero_si256(), label = id;
            for (int c = 0; c < classes; c++) {
                __m256 y = _mm256_fmadd_ps(_mm256_set1_ps(right[c] - left[c]), f, _mm256_set1_ps(left[c]));
                __m256 larger = _mm256_cmp_ps(y, best, _CMP_GT_OQ);
                best = _mm256_blendv_ps(best, y, larger);
                id = _mm256_blendv_epi8(id, label, _mm256_castps_si256(larger));
                label = _mm256_add_epi32(label, _mm256_set1_epi32(1));
            }
            uint32_t ids[8];
            _mm256_storeu_si256((__m256i *)ids, id);
            for (int i = 0; i < n; i++)
                labels[x + i] = (uint8_t)ids[i];
        }
    }
}
