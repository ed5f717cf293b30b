#include "kernels/registry.h"

enum { VEC = 4 };

static void one_output(const mseg_dwconv_args *g, const float *const *rows, float *out, size_t x, size_t c)
{
    const float *w = g->weights + c * 9;
    for (size_t lane = 0; lane < VEC; lane++) {
        float y = g->bias[c + lane];
        for (size_t tap = 0; tap < 9; tap++)
            y += w[tap * VEC + lane] * rows[tap / 3][x * g->pixel_step + (tap % 3) * g->tap_step + c + lane];
        y = y > g->min ? y : g->min;
        out[x * g->out_stride + c + lane] = y < g->max ? y : g->max;
    }
}

void mseg_f32_dwconv3x3__scalar(const mseg_dwconv_args *g)
{
    for (int x = 0; x < g->pixels; x++)
        for (int c = 0; c < g->channels; c += VEC) {
            one_output(g, g->rows, g->out, (size_t)x, (size_t)c);
            if (g->second)
                one_output(g, g->rows + 1, g->second, (size_t)x, (size_t)c);
        }
}
