#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct block {
    __m512 weights[9], bias, min, max;
} block;

/* pixels outputs of 16 channels; pixels is a constant, so the accumulators live in registers. */
INLINE void span(const mseg_dwconv_args *g, const block *w, const float *const in[3], float *out, const int pixels)
{
    __m512 acc[8];
#pragma GCC unroll 8
    for (int i = 0; i < pixels; i++)
        acc[i] = w->bias;
#pragma GCC unroll 3
    for (int y = 0; y < 3; y++)
#pragma GCC unroll 3
        for (size_t x = 0; x < 3; x++)
#pragma GCC unroll 8
            for (size_t i = 0; i < (size_t)pixels; i++)
                acc[i] = _mm512_fmadd_ps(w->weights[y * 3 + (int)x], _mm512_loadu_ps(in[y] + x * g->tap_step + i * g->pixel_step),
                                         acc[i]);
#pragma GCC unroll 8
    for (size_t i = 0; i < (size_t)pixels; i++)
        _mm512_storeu_ps(out + i * g->out_stride, _mm512_min_ps(_mm512_max_ps(acc[i], w->min), w->max));
}

INLINE void channel_block(const mseg_dwconv_args *g, int c)
{
    block w = {.bias = _mm512_loadu_ps(g->bias + c), .min = _mm512_set1_ps(g->min), .max = _mm512_set1_ps(g->max)};
#pragma GCC unroll 9
    for (int i = 0; i < 9; i++)
        w.weights[i] = _mm512_loadu_ps(g->weights + (size_t)c * 9 + (size_t)i * 16);
    const float *in[3] = {g->rows[0] + c, g->rows[1] + c, g->rows[2] + c};
    float *out = g->out + c;
    int x = 0;
    for (; x + 8 <= g->pixels; x += 8) {
        span(g, &w, in, out, 8);
        for (int y = 0; y < 3; y++)
            in[y] += 8 * g->pixel_step;
        out += 8 * g->out_stride;
    }
    switch (g->pixels - x) {
#define CASE(n)                                                                                                                  \
    case n:                                                                                                                      \
        span(g, &w, in, out, n);                                                                                                 \
        break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
#undef CASE
    }
}

void mseg_f32_dwconv3x3__avx512(const mseg_dwconv_args *g)
{
    for (int c = 0; c < g->channels; c += 16)
        channel_block(g, c);
}
