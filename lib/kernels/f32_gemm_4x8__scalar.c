#include "kernels/registry.h"

enum { NR = 8 };

static void one_pixel(const mseg_gemm_args *g, size_t p, int width)
{
    float acc[NR] = {0};
    for (int j = 0; j < g->n && g->bias; j++)
        acc[j] = g->bias[j];
    for (int t = 0; t < g->taps; t++) {
        const float *a = g->a[t] + p * g->a_stride, *b = g->b[t];
        for (int k = 0; k < g->k; k++, b += width)
            for (int j = 0; j < width; j++)
                acc[j] += a[k] * b[j];
    }
    for (int j = 0; j < g->n; j++) {
        float y = acc[j];
        if (g->add)
            y += g->add[p * g->add_stride + (size_t)j];
        y = y > g->min ? y : g->min;
        g->c[p * g->c_stride + (size_t)j] = y < g->max ? y : g->max;
    }
}

void mseg_f32_gemm_4x8__scalar(const mseg_gemm_args *g, int p, int m)
{
    for (int i = 0; i < m; i++)
        one_pixel(g, (size_t)(p + i), g->n > 4 ? 8 : 4);
}
