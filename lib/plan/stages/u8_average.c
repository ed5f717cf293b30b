#include <math.h>

#include "plan/stages/u8.h"

/* MEAN: from the sum of differences by one scale, as a convolution of ones. */
static int mean_of(const mseg_u8_average *work, int32_t sum, int pixels)
{
    const float scale = work->in.scale / ((float)pixels * work->out.scale);
    const float value = rintf((float)(sum - work->in.zero * pixels) * scale) + (float)work->out.zero;
    return (int)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* AVERAGE_POOL_2D: halves away from zero, which lies at 128 for signed bytes. */
static int average_of(const mseg_u8_average *work, int32_t sum, int pixels)
{
    const int middle = work->in.is_signed ? 128 : 0;
    const int32_t from = sum - middle * pixels;
    return (from < 0 ? from - pixels / 2 : from + pixels / 2) / pixels + middle;
}

void mseg_step_u8_average(const mseg_step *step, const mseg_bases *bases, int u0, int u1)
{
    enum { BLOCK = 64 };
    const mseg_u8_average *work = step->work;
    const int pixels = step->in.height * step->in.width;
    uint8_t *out = mseg_row(&step->out, bases, 0);
    for (int c0 = u0; c0 < u1; c0 += BLOCK) {
        const int n = u1 - c0 < BLOCK ? u1 - c0 : BLOCK;
        int32_t sum[BLOCK] = {0};
        for (int y = 0; y < step->in.height; y++) {
            const uint8_t *row = (const uint8_t *)mseg_row(&step->in, bases, y) + c0;
            for (int x = 0; x < step->in.width; x++, row += step->in.pixel)
                for (int c = 0; c < n; c++)
                    sum[c] += row[c];
        }
        for (int c = 0; c < n; c++)
            out[c0 + c] = (uint8_t)(work->mean ? mean_of(work, sum[c], pixels) : average_of(work, sum[c], pixels));
    }
}
