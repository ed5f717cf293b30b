#include "graph/stage.h"

void mseg_stage_depthwise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_rows *in = &s->in[0];
    mseg_dwconv_args g = {
        .tap_step = (size_t)s->rate_x * in->pixel,
        .pixel_step = (size_t)s->stride * in->pixel,
        .weights = s->depthwise + (size_t)s->n0 * 9,
        .bias = s->bias + s->n0,
        .out_stride = s->out.pixel,
        .pixels = s->out.width,
        .channels = s->n,
        .min = s->min,
        .max = s->max,
    };
    const size_t left = (size_t)s->pad_x * in->pixel;
    for (int y = y0; y < y1; y++) {
        for (int ky = 0; ky < 3; ky++) {
            int iy = y * s->stride - s->pad_y + ky * s->rate_y;
            g.rows[ky] = iy < 0 || iy >= in->height ? bases->zeros : mseg_row(in, bases, iy) - left;
        }
        g.out = mseg_row(&s->out, bases, y);
        bases->kernels->dwconv(&g);
    }
}
