#include <immintrin.h>

#include "kernels/registry.h"

enum { CLASSES = 256 };

/* e^x for x <= 0: 2^n * e^r with |r| <= ln 2 / 2, e^r by the polynomial of Cephes' expf (error below 2 units in the last place).
 */
static inline __m512 exponential(__m512 x)
{
    const __m512 n =
        _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x));
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_scalef_ps(p, n);
}

void mseg_f32_softmax_add__avx512(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                                  float *sums, size_t stride)
{
    __m512 y[CLASSES];
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += 16) {
            const int n = runs[r].x1 - x;
            const __mmask16 lanes = n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
            const __m512 f = _mm512_maskz_loadu_ps(lanes, fraction + x);
            __m512 most = _mm512_set1_ps(-__builtin_inff()), sum = _mm512_setzero_ps();
            for (int c = 0; c < classes; c++) {
                y[c] = _mm512_fmadd_ps(_mm512_set1_ps(right[c] - left[c]), f, _mm512_set1_ps(left[c]));
                most = _mm512_max_ps(most, y[c]);
            }
            for (int c = 0; c < classes; c++) {
                y[c] = exponential(_mm512_sub_ps(y[c], most));
                sum = _mm512_add_ps(sum, y[c]);
            }
            const __m512 scale = _mm512_div_ps(_mm512_set1_ps(1.0f), sum);
            for (int c = 0; c < classes; c++) {
                float *at = sums + (size_t)c * stride + (size_t)x;
                _mm512_mask_storeu_ps(at, lanes, _mm512_fmadd_ps(y[c], scale, _mm512_maskz_loadu_ps(lanes, at)));
            }
        }
    }
}
