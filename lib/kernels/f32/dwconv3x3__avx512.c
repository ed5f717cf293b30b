#include <immintrin.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

/* Outputs made at once: 4 pixels in each of two rows, or 8 in one, so that enough sums are on their way to hide the latency. */
enum { PIXELS = 8 };

typedef struct block {
    __m512 weights[9], bias, min, max;
} block;

typedef struct place {
    const float *in[4];
    float *out[2];
} place;

INLINE __m512 column(const mseg_dwconv_args *g, const float *row, int pixel, int tap)
{
    return _mm512_loadu_ps(row + (size_t)tap * g->tap_step + (size_t)pixel * g->pixel_step);
}

/* 16 channels of pixels outputs in each of lines rows, all constants. dense: neighbouring pixels' taps are the same columns
 * (stride 1, rate 1), so each is loaded once. */
INLINE void span(const mseg_dwconv_args *g, const block *b, const place *at, const int pixels, const int lines, const int dense)
{
    __m512 acc[2][PIXELS];
#pragma GCC unroll 2
    for (int l = 0; l < 2; l++)
        if (l < lines)
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++)
                if (i < pixels)
                    acc[l][i] = b->bias;
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++)
        if (y < 2 + lines) {
            __m512 columns[PIXELS + 2];
#pragma GCC unroll 10
            for (int x = 0; x < 10; x++)
                if (x < pixels + 2)
                    columns[x] = dense ? column(g, at->in[y], x, 0) : _mm512_setzero_ps();
#pragma GCC unroll 3
            for (int tap = 0; tap < 3; tap++)
#pragma GCC unroll 8
                for (int i = 0; i < 8; i++)
                    if (i < pixels) {
                        __m512 value = dense ? columns[i + tap] : column(g, at->in[y], i, tap);
                        if (y < 3)
                            acc[0][i] = _mm512_fmadd_ps(b->weights[y * 3 + tap], value, acc[0][i]);
                        if (y > 0 && lines == 2)
                            acc[1][i] = _mm512_fmadd_ps(b->weights[(y - 1) * 3 + tap], value, acc[1][i]);
                    }
        }
#pragma GCC unroll 2
    for (int l = 0; l < 2; l++)
        if (l < lines)
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++)
                if (i < pixels)
                    _mm512_storeu_ps(at->out[l] + (size_t)i * g->out_stride,
                                     _mm512_min_ps(_mm512_max_ps(acc[l][i], b->min), b->max));
}

INLINE void channel_block(const mseg_dwconv_args *g, int c, const int lines, const int dense)
{
    block b = {.bias = _mm512_loadu_ps(g->bias + c), .min = _mm512_set1_ps(g->min), .max = _mm512_set1_ps(g->max)};
#pragma GCC unroll 9
    for (int i = 0; i < 9; i++)
        b.weights[i] = _mm512_loadu_ps(g->weights + (size_t)c * 9 + (size_t)i * 16);
    place at = {{g->rows[0] + c, g->rows[1] + c, g->rows[2] + c, lines == 2 ? g->rows[3] + c : NULL},
                {g->out + c, lines == 2 ? g->second + c : NULL}};
    const int step = PIXELS / lines;
    int x = 0;
    for (; x + step <= g->pixels; x += step) {
        span(g, &b, &at, step, lines, dense);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
            if (y < 2 + lines)
                at.in[y] += (size_t)step * g->pixel_step;
#pragma GCC unroll 2
        for (int l = 0; l < 2; l++)
            if (l < lines)
                at.out[l] += (size_t)step * g->out_stride;
    }
    switch (g->pixels - x) {
#define CASE(n)                                                                                                                  \
    case n:                                                                                                                      \
        span(g, &b, &at, (n) < step ? (n) : 1, lines, dense);                                                                    \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
#undef CASE
    }
}

void mseg_f32_dwconv3x3__avx512(const mseg_dwconv_args *g)
{
    const int dense = g->tap_step == g->pixel_step;
    for (int c = 0; c < g->channels; c += 16) {
        if (g->second && dense)
            channel_block(g, c, 2, 1);
        else if (g->second)
            channel_block(g, c, 2, 0);
        else if (dense)
            channel_block(g, c, 1, 1);
        else
            channel_block(g, c, 1, 0);
    }
}
