#include <math.h>

#include "plan/stages/u8.h"

enum { BLOCK = 64 }; /* channels at a time */

/* MEAN: from the sum of differences by one scale, as a convolution of ones. */
static int mean_of(const mseg_u8_average *work, int64_t sum, int64_t pixels)
{
    const float scale = work->in.scale / ((float)pixels * work->out.scale);
    const float value = rintf((float)(sum - work->in.zero * pixels) * scale) + (float)work->out.zero;
    return (int)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* AVERAGE_POOL_2D: halves away from zero, which lies at 128 for signed bytes. */
static int average_of(const mseg_u8_average *work, int64_t sum, int64_t pixels)
{
    const int middle = work->in.is_signed ? 128 : 0;
    const int64_t from = sum - middle * pixels;
    return (int)((from < 0 ? from - pixels / 2 : from + pixels / 2) / pixels) + middle;
}

/* Adds n channels of a row up; so many pixels at a time fit 32 bits. */
static void add_row(const uint8_t *row, const mseg_rows *in, int n, int64_t *sum)
{
    enum { STRIP = 1 << 20 };
    for (int x = 0, end; x < in->width; x = end) {
        uint32_t strip[BLOCK] = {0};
        end = in->width - x < STRIP ? in->width : x + STRIP;
        for (int i = x; i < end; i++, row += in->pixel)
            for (int c = 0; c < n; c++)
                strip[c] += row[c];
        for (int c = 0; c < n; c++)
            sum[c] += strip[c];
    }
}

void mseg_step_u8_average(const mseg_step *step, const mseg_bases *bases, int u0, int u1)
{
    const mseg_u8_average *work = step->work;
    const int64_t pixels = (int64_t)step->in.height * step->in.width;
    uint8_t *out = mseg_row(&step->out, bases, 0);
    for (int c0 = u0; c0 < u1; c0 += BLOCK) {
        const int n = u1 - c0 < BLOCK ? u1 - c0 : BLOCK;
        int64_t sum[BLOCK] = {0};
        for (int y = 0; y < step->in.height; y++)
            add_row((const uint8_t *)mseg_row(&step->in, bases, y) + c0, &step->in, n, sum);
        for (int c = 0; c < n; c++)
            out[c0 + c] = (uint8_t)(work->mean ? mean_of(work, sum[c], pixels) : average_of(work, sum[c], pixels));
    }
}
