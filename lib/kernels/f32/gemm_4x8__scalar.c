#include <string.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

enum { NR = 8 };

/* Four channels side by side, in C for any processor: compilers make of it what they have. */
typedef float four __attribute__((vector_size(16)));

INLINE four load(const float *from)
{
    four value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* vectors is a constant, 1 or 2, so that the sums live in registers. */
INLINE void one_pixel(const mseg_gemm_args *g, size_t p, const int vectors)
{
    float sums[NR] = {0};
    for (int j = 0; j < g->n && g->bias; j++)
        sums[j] = g->bias[j];
    four low = load(sums), high = load(sums + 4);
    for (int t = 0; t < g->taps; t++) {
        const float *a = g->a[t] + p * g->a_stride, *b = g->b[t];
        for (int k = 0; k < g->k; k++, b += 4 * vectors) {
            low += a[k] * load(b);
            if (vectors > 1)
                high += a[k] * load(b + 4);
        }
    }
    memcpy(sums, &low, sizeof low);
    memcpy(sums + 4, &high, sizeof high);
    for (int j = 0; j < g->n; j++) {
        float y = sums[j];
        if (g->add)
            y += g->add[p * g->add_stride + (size_t)j];
        y = y > g->min ? y : g->min;
        g->c[p * g->c_stride + (size_t)j] = y < g->max ? y : g->max;
    }
}

void mseg_f32_gemm_4x8__scalar(const mseg_gemm_args *g, int p, int m)
{
    for (int i = 0; i < m; i++)
        if (g->n > 4)
            one_pixel(g, (size_t)(p + i), 2);
        else
            one_pixel(g, (size_t)(p + i), 1);
}
