#include <immintrin.h>

#include "kernels/registry.h"

#define LOG2E 1.44269504f /* softmax by powers of two */

/* Runs are often shorter than a vector: their logits are first collected, and the exponentials taken of whole vectors. A window's
 * rows have room for a vector that begins in its last column, so that only loads and stores of the caller's memory are masked
 * (masked stores do not forward to loads). */
enum { CLASSES = 256, WINDOW = 64, ROOM = WINDOW + 16 };

/* 2^x for x <= 0: 2^floor(x) times a polynomial for 2^r, 0 <= r < 1 (least squares of the relative error at Chebyshev's points:
 * within 8.3e-8 in float). */
static inline __m512 power_of_two(__m512 x)
{
    const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 p = _mm512_set1_ps(2.169060899e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.244308194e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.678472765e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.548352376e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.402298003e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931470037e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, x);
}

static inline __mmask16 first_lanes(int n)
{
    return n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
}

/* The interpolated logits, times log2(e), of pixels x0 <= x < x1 of one run, from column at of the window on. */
static inline void interpolate(const float *row, int classes, const mseg_column_run *run, const float *fraction, int x0, int x1,
                               float (*y)[ROOM], int at)
{
    const float *left = row + (size_t)run->left * (size_t)classes, *right = row + (size_t)run->right * (size_t)classes;
    for (int x = x0; x < x1; x += 16, at += 16) {
        const __mmask16 lanes = first_lanes(x1 - x);
        const __m512 f = _mm512_maskz_loadu_ps(lanes, fraction + x);
        for (int c = 0; c < classes; c++)
            _mm512_storeu_ps(y[c] + at,
                             _mm512_fmadd_ps(_mm512_set1_ps((right[c] - left[c]) * LOG2E), f, _mm512_set1_ps(left[c] * LOG2E)));
    }
}

/* Adds the softmax of the window's first n columns to sums. */
static inline void add_window(float (*y)[ROOM], int classes, int n, float *sums, size_t stride)
{
    for (int x = 0; x < n; x += 16) {
        const __mmask16 lanes = first_lanes(n - x);
        __m512 most = _mm512_set1_ps(-__builtin_inff()), sum = _mm512_setzero_ps();
        for (int c = 0; c < classes; c++)
            most = _mm512_max_ps(most, _mm512_loadu_ps(y[c] + x));
        for (int c = 0; c < classes; c++) {
            const __m512 e = power_of_two(_mm512_sub_ps(_mm512_loadu_ps(y[c] + x), most));
            _mm512_storeu_ps(y[c] + x, e);
            sum = _mm512_add_ps(sum, e);
        }
        const __m512 scale = _mm512_div_ps(_mm512_set1_ps(1.0f), sum);
        for (int c = 0; c < classes; c++) {
            float *at = sums + (size_t)c * stride + (size_t)x;
            const __m512 e = _mm512_loadu_ps(y[c] + x);
            _mm512_mask_storeu_ps(at, lanes, _mm512_fmadd_ps(e, scale, _mm512_maskz_loadu_ps(lanes, at)));
        }
    }
}

void mseg_pixels_softmax_add__avx512(const float *row, int classes, const mseg_column_run *runs, int n_runs,
                                     const float *fraction, float *sums, size_t stride)
{
    float y[CLASSES][ROOM] __attribute__((aligned(64)));
    int start = 0, filled = 0; /* the window holds pixels start to start + filled */
    for (int r = 0; r < n_runs; r++)
        for (int x = runs[r].x0, end; x < runs[r].x1; x = end) {
            if (filled == WINDOW || x != start + filled) {
                add_window(y, classes, filled, sums + start, stride);
                start = x;
                filled = 0;
            }
            end = runs[r].x1 < start + WINDOW ? runs[r].x1 : start + WINDOW;
            interpolate(row, classes, &runs[r], fraction, x, end, y, filled);
            filled = end - start;
        }
    add_window(y, classes, filled, sums + start, stride);
}
