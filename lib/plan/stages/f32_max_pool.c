#include "plan/stages/f32.h"

/* One output row: channels outside, positions inside the map only. */
void mseg_stage_f32_max_pool(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_rows *in = &s->in[0];
    const mseg_window *w = &s->window;
    const int channels = *(const int *)s->work;
    for (int y = y0; y < y1; y++) {
        float *out = mseg_row(&s->out, bases, y);
        mseg_clear_pads(&s->out, out);
        for (int x = 0; x < s->out.width; x++, out += s->out.pixel / sizeof *out) {
            for (int c = 0; c < channels; c++)
                out[c] = -__builtin_inff();
            for (int k = 0; k < w->kernel * w->kernel; k++) {
                int iy = y * w->stride - w->pad_y + k / w->kernel, ix = x * w->stride - w->pad_x + k % w->kernel;
                if (iy < 0 || iy >= in->height || ix < 0 || ix >= in->width)
                    continue;
                const float *value = (const float *)mseg_row(in, bases, iy) + (size_t)ix * (in->pixel / sizeof *out);
                for (int c = 0; c < channels; c++)
                    out[c] = value[c] > out[c] ? value[c] : out[c];
            }
        }
    }
}
