#include <string.h>

#include "plan/stages/u8.h"

/* One or two rows. With an atrous rate r at stride 1, pixels x, x + r, x + 2r ... share their taps' columns: they are made
 * together, as an ordinary convolution of every r-th column. */
static void make_rows(const mseg_stage *s, const mseg_bases *bases, const mseg_u8_dwconv_args *rows)
{
    const mseg_window *w = &s->window;
    const size_t in_pixel = s->in[0].pixel, out_pixel = s->out.pixel;
    const int classes = w->stride == 1 && w->rate_x < s->out.width ? w->rate_x : 1;
    for (int x = 0; x < classes; x++) {
        mseg_u8_dwconv_args g = *rows;
        for (int ky = 0; ky < 4; ky++)
            g.rows[ky] += (size_t)x * in_pixel;
        g.out += (size_t)x * out_pixel;
        if (g.second)
            g.second += (size_t)x * out_pixel;
        g.pixels = (s->out.width - x + classes - 1) / classes;
        g.pixel_step = (size_t)(classes * w->stride) * in_pixel;
        g.out_stride = (size_t)classes * out_pixel;
        bases->kernels->u8.dwconv.fn(&g);
    }
}

/* The four rows that output rows y and y + 1 read, those outside of the map being zero points. */
static void find_rows(const mseg_stage *s, const mseg_bases *bases, int y, int lines, const uint8_t *rows[4])
{
    const mseg_rows *in = &s->in[0];
    const mseg_window *w = &s->window;
    const mseg_u8_depthwise *work = s->work;
    uint8_t *outside = bases->scratch + work->outside;
    bool filled = false;
    for (int ky = 0; ky < 4; ky++) {
        const int iy = y * w->stride - w->pad_y + ky * w->rate_y;
        if (ky < 2 + lines && iy >= 0 && iy < in->height) {
            rows[ky] = (const uint8_t *)mseg_row(in, bases, iy) - (size_t)w->pad_x * in->pixel;
            continue;
        }
        if (ky < 2 + lines && !filled) {
            memset(outside, in->fill, work->outside_bytes);
            filled = true;
        }
        rows[ky] = outside;
    }
}

void mseg_stage_u8_depthwise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_window *w = &s->window;
    const mseg_u8_depthwise *work = s->work;
    const mseg_packed_u8 *p = work->packed;
    const bool two = w->stride == 1 && w->rate_y == 1; /* two rows at a time share the input rows between them */
    mseg_u8_dwconv_args g = {
        .tap_step = (size_t)w->rate_x * s->in[0].pixel,
        .weights = p->depthwise,
        .bias = p->bias,
        .scale = p->scale,
        .channels = work->channels,
        .zero = p->zero,
        .min = p->min,
        .max = p->max,
    };
    for (int y = y0, lines; y < y1; y += lines) {
        lines = two && y + 1 < y1 ? 2 : 1;
        find_rows(s, bases, y, lines, g.rows);
        g.out = mseg_row(&s->out, bases, y);
        g.second = lines == 2 ? mseg_row(&s->out, bases, y + 1) : NULL;
        make_rows(s, bases, &g);
    }
    for (int y = y0; y < y1; y++)
        mseg_clear_pads(&s->out, mseg_row(&s->out, bases, y));
}
