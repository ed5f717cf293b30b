#include <string.h>

#include "kernels/registry.h"
#include "kernels/u8/round.h"

enum { VEC = 4 };

size_t mseg_u8_dwconv3x3_bytes__scalar(int channels)
{
    return (size_t)(channels + VEC - 1) / VEC * VEC * 9 * sizeof(int16_t);
}

/* [9][channels], rounded up. */
void mseg_u8_dwconv3x3_pack__scalar(void *to, const int16_t *weights, int channels)
{
    const size_t whole = (size_t)(channels + VEC - 1) / VEC * VEC;
    memset(to, 0, mseg_u8_dwconv3x3_bytes__scalar(channels));
    for (size_t tap = 0; tap < 9; tap++)
        memcpy((int16_t *)to + tap * whole, weights + tap * (size_t)channels, (size_t)channels * sizeof(int16_t));
}

static void one_row(const mseg_u8_dwconv_args *g, const uint8_t *const *rows, uint8_t *out)
{
    const size_t whole = (size_t)(g->channels + VEC - 1) / VEC * VEC;
    for (size_t x = 0; x < (size_t)g->pixels; x++)
        for (size_t c = 0; c < whole; c++) {
            const int16_t *w = (const int16_t *)g->weights + c;
            int32_t sum = g->bias[c];
            for (size_t tap = 0; tap < 9; tap++, w += whole)
                sum += *w * rows[tap / 3][x * g->pixel_step + tap % 3 * g->tap_step + c];
            out[x * g->out_stride + c] = (uint8_t)mseg_u8_requantise(sum, g->scale[c], g->zero, g->min, g->max);
        }
}

void mseg_u8_dwconv3x3__scalar(const mseg_u8_dwconv_args *g)
{
    one_row(g, g->rows, g->out);
    if (g->second)
        one_row(g, g->rows + 1, g->second);
}
