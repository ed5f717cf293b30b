#include "kernels/registry.h"
#include "kernels/u8/round.h"

enum { NR = 8, VEC = 4 };

static void one_pixel(const mseg_u8_gemm_args *g, size_t p)
{
    const size_t width = (size_t)(g->n + VEC - 1) / VEC * VEC;
    int32_t sums[NR] = {0};
    for (int t = 0; t < g->terms; t++) {
        const uint8_t *a = g->a[t] + p * g->a_stride;
        const int16_t *b = g->b[t];
        for (int k = 0; k < g->k[t]; k++, b += width)
            for (size_t j = 0; j < width; j++)
                sums[j] += a[k] * b[j];
    }
    for (int j = 0; j < g->n; j++) {
        const int32_t sum = g->bias[j] + sums[j];
        int y = mseg_u8_requantise(sum, g->scale[j], g->zero, g->min, g->max);
        if (g->how)
            y = mseg_u8_sum(g->how, y, g->add[p * g->add_stride + (size_t)j]);
        g->c[p * g->c_stride + (size_t)j] = (uint8_t)y;
    }
}

void mseg_u8_gemm_1x8__scalar(const mseg_u8_gemm_args *g, int pixels)
{
    for (int i = 0; i < pixels; i++)
        one_pixel(g, (size_t)i);
}
