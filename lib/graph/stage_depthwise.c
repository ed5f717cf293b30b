#include "graph/stage.h"

/* One or two rows. With an atrous rate r at stride 1, pixels x, x + r, x + 2r ... share their taps' columns: they are made
 * together, as an ordinary convolution of every r-th column. */
static void make_rows(const mseg_stage *s, const mseg_bases *bases, const mseg_dwconv_args *rows)
{
    const int classes = s->stride == 1 && s->rate_x < s->out.width ? s->rate_x : 1;
    for (int x = 0; x < classes; x++) {
        mseg_dwconv_args g = *rows;
        for (int ky = 0; ky < 4; ky++)
            g.rows[ky] += (size_t)x * s->in[0].pixel;
        g.out += (size_t)x * s->out.pixel;
        if (g.second)
            g.second += (size_t)x * s->out.pixel;
        g.pixels = (s->out.width - x + classes - 1) / classes;
        g.pixel_step = (size_t)(classes * s->stride) * s->in[0].pixel;
        g.out_stride = (size_t)classes * s->out.pixel;
        bases->kernels->dwconv(&g);
    }
}

void mseg_stage_depthwise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_rows *in = &s->in[0];
    const size_t left = (size_t)s->pad_x * in->pixel;
    const bool pairs = s->stride == 1 && s->rate_y == 1; /* two rows at a time share the input rows between them */
    mseg_dwconv_args g = {
        .tap_step = (size_t)s->rate_x * in->pixel,
        .weights = s->depthwise + (size_t)s->n0 * 9,
        .bias = s->bias + s->n0,
        .channels = s->n,
        .min = s->min,
        .max = s->max,
    };
    for (int y = y0, lines; y < y1; y += lines) {
        lines = pairs && y + 1 < y1 ? 2 : 1;
        for (int ky = 0; ky < 4; ky++) {
            int iy = y * s->stride - s->pad_y + ky * s->rate_y;
            bool inside = ky < 2 + lines && iy >= 0 && iy < in->height;
            g.rows[ky] = inside ? mseg_row(in, bases, iy) - left : bases->zeros;
        }
        g.out = mseg_row(&s->out, bases, y);
        g.second = lines == 2 ? mseg_row(&s->out, bases, y + 1) : NULL;
        make_rows(s, bases, &g);
    }
}
