#include "plan/stages/f32.h"

/* One or two rows. With an atrous rate r at stride 1, pixels x, x + r, x + 2r ... share their taps' columns: they are made
 * together, as an ordinary convolution of every r-th column. */
static void make_rows(const mseg_stage *s, const mseg_bases *bases, const mseg_dwconv_args *rows)
{
    const mseg_window *w = &s->window;
    const size_t in_pixel = s->in[0].pixel / sizeof(float), out_pixel = s->out.pixel / sizeof(float);
    const int classes = w->stride == 1 && w->rate_x < s->out.width ? w->rate_x : 1;
    for (int x = 0; x < classes; x++) {
        mseg_dwconv_args g = *rows;
        for (int ky = 0; ky < 4; ky++)
            g.rows[ky] += (size_t)x * in_pixel;
        g.out += (size_t)x * out_pixel;
        if (g.second)
            g.second += (size_t)x * out_pixel;
        g.pixels = (s->out.width - x + classes - 1) / classes;
        g.pixel_step = (size_t)(classes * w->stride) * in_pixel;
        g.out_stride = (size_t)classes * out_pixel;
        bases->kernels->dwconv(&g);
    }
}

void mseg_stage_f32_depthwise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_rows *in = &s->in[0];
    const mseg_window *w = &s->window;
    const mseg_f32_depthwise *work = s->work;
    const size_t pixel = in->pixel / sizeof(float), left = (size_t)w->pad_x * pixel;
    const bool two = w->stride == 1 && w->rate_y == 1; /* two rows at a time share the input rows between them */
    mseg_dwconv_args g = {
        .tap_step = (size_t)w->rate_x * pixel,
        .weights = work->weights + (size_t)work->first * 9,
        .bias = work->bias + work->first,
        .channels = work->channels,
        .min = work->min,
        .max = work->max,
    };
    for (int y = y0, lines; y < y1; y += lines) {
        lines = two && y + 1 < y1 ? 2 : 1;
        for (int ky = 0; ky < 4; ky++) {
            int iy = y * w->stride - w->pad_y + ky * w->rate_y;
            bool inside = ky < 2 + lines && iy >= 0 && iy < in->height;
            g.rows[ky] = inside ? (const float *)mseg_row(in, bases, iy) - left : bases->zeros;
        }
        g.out = mseg_row(&s->out, bases, y);
        g.second = lines == 2 ? mseg_row(&s->out, bases, y + 1) : NULL;
        make_rows(s, bases, &g);
    }
    for (int y = y0; y < y1; y++)
        mseg_clear_pads(&s->out, mseg_row(&s->out, bases, y));
}
