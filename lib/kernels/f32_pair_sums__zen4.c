#include <immintrin.h>

#include "kernels/registry.h"

typedef struct sums {
    __m512 pairs, squares; /* every product of a pair twice */
} sums;

static inline void add(sums *s, __m512 x)
{
    s->pairs = _mm512_fmadd_ps(x, _mm512_permute_ps(x, 0xb1), s->pairs);
    s->squares = _mm512_fmadd_ps(x, x, s->squares);
}

float mseg_f32_pair_sums__zen4(const float *x, size_t stride, int k, int pixels, float *out)
{
    const __m512 half = _mm512_setr_ps(.5f, .5f, -.5f, -.5f, .5f, .5f, -.5f, -.5f, .5f, .5f, -.5f, -.5f, .5f, .5f, -.5f, -.5f);
    float largest = 0;
    k = k / 4 * 4;
    const __mmask16 rest = (__mmask16)((1u << k % 16) - 1);
    for (int p = 0; p < pixels; p++, x += stride) {
        sums even = {_mm512_setzero_ps(), _mm512_setzero_ps()}, odd = even;
        int i = 0;
        for (; i + 32 <= k; i += 32) {
            add(&even, _mm512_loadu_ps(x + i));
            add(&odd, _mm512_loadu_ps(x + i + 16));
        }
        if (i + 16 <= k) {
            add(&even, _mm512_loadu_ps(x + i));
            i += 16;
        }
        add(&odd, _mm512_maskz_loadu_ps(rest, x + i));
        out[p] = _mm512_reduce_add_ps(_mm512_mul_ps(_mm512_add_ps(even.pairs, odd.pairs), half));
        float squares = _mm512_reduce_add_ps(_mm512_add_ps(even.squares, odd.squares));
        largest = squares > largest ? squares : largest;
    }
    return largest;
}
