#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

/* pixels outputs of 8 channels; sixteen registers hold the accumulators, the weights come from memory. */
INLINE void span(const mseg_dwconv_args *g, const float *w, __m256 bias, const float *const in[3], float *out, const int pixels)
{
    __m256 acc[8];
#pragma GCC unroll 8
    for (int i = 0; i < pixels; i++)
        acc[i] = bias;
#pragma GCC unroll 3
    for (int y = 0; y < 3; y++)
#pragma GCC unroll 3
        for (size_t x = 0; x < 3; x++) {
            __m256 weight = _mm256_loadu_ps(w + (size_t)(y * 3) * 8 + x * 8);
#pragma GCC unroll 8
            for (size_t i = 0; i < (size_t)pixels; i++)
                acc[i] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(in[y] + x * g->tap_step + i * g->pixel_step), acc[i]);
        }
    const __m256 min = _mm256_set1_ps(g->min), max = _mm256_set1_ps(g->max);
#pragma GCC unroll 8
    for (size_t i = 0; i < (size_t)pixels; i++)
        _mm256_storeu_ps(out + i * g->out_stride, _mm256_min_ps(_mm256_max_ps(acc[i], min), max));
}

INLINE void channel_block(const mseg_dwconv_args *g, int c)
{
    const float *w = g->weights + (size_t)c * 9;
    const __m256 bias = _mm256_loadu_ps(g->bias + c);
    const float *in[3] = {g->rows[0] + c, g->rows[1] + c, g->rows[2] + c};
    float *out = g->out + c;
    int x = 0;
    for (; x + 8 <= g->pixels; x += 8) {
        span(g, w, bias, in, out, 8);
        for (int y = 0; y < 3; y++)
            in[y] += 8 * g->pixel_step;
        out += 8 * g->out_stride;
    }
    switch (g->pixels - x) {
#define CASE(n)                                                                                                                  \
    case n:                                                                                                                      \
        span(g, w, bias, in, out, n);                                                                                            \
        break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
#undef CASE
    }
}

void mseg_f32_dwconv3x3__avx2(const mseg_dwconv_args *g)
{
    for (int c = 0; c < g->channels; c += 8)
        channel_block(g, c);
}
