#include <immintrin.h>

#include "kernels/registry.h"

enum { CLASSES = 256 };

/* As in the AVX-512 kernel; x is kept above -87 so that 2^n is a normal number. */
static inline __m256 exponential(__m256 x)
{
    x = _mm256_max_ps(x, _mm256_set1_ps(-87.0f));
    const __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x));
    __m256 p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
    const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

void mseg_pixels_softmax_add__avx2(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                                   float *sums, size_t stride)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 y[CLASSES];
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += 8) {
            const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32(runs[r].x1 - x), order);
            const __m256 f = _mm256_maskload_ps(fraction + x, lanes);
            __m256 most = _mm256_set1_ps(-__builtin_inff()), sum = _mm256_setzero_ps();
            for (int c = 0; c < classes; c++) {
                y[c] = _mm256_fmadd_ps(_mm256_set1_ps(right[c] - left[c]), f, _mm256_set1_ps(left[c]));
                most = _mm256_max_ps(most, y[c]);
            }
            for (int c = 0; c < classes; c++) {
                y[c] = exponential(_mm256_sub_ps(y[c], most));
                sum = _mm256_add_ps(sum, y[c]);
            }
            const __m256 scale = _mm256_div_ps(_mm256_set1_ps(1.0f), sum);
            for (int c = 0; c < classes; c++) {
                float *at = sums + (size_t)c * stride + (size_t)x;
                _mm256_maskstore_ps(at, lanes, _mm256_fmadd_ps(y[c], scale, _mm256_maskload_ps(at, lanes)));
            }
        }
    }
}
