#include "plan/stages/span.h"

bool mseg_column_inside(const mseg_stage *s, int x, int kx)
{
    const mseg_window *w = &s->window;
    int ix = x * w->stride - w->pad_x + kx * w->rate_x;
    return ix >= 0 && ix < s->in[0].width;
}

int mseg_span_end(const mseg_stage *s, int x0, int columns)
{
    const mseg_window *w = &s->window;
    int end = s->out.width;
    for (int kx = 0; kx < columns; kx++) {
        int shift = w->pad_x - kx * w->rate_x;
        int first = shift > 0 ? (shift + w->stride - 1) / w->stride : 0; /* ix >= 0 from here on */
        int past = (s->in[0].width + shift + w->stride - 1) / w->stride; /* ix >= width from here on */
        if (first > x0 && first < end)
            end = first;
        if (past > x0 && past < end)
            end = past;
    }
    return end;
}
