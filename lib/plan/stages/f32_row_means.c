#include <string.h>

#include "plan/stages/f32.h"

void mseg_stage_f32_row_means(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_rows *in = &s->in[0];
    const size_t pixel = in->pixel / sizeof(float);
    const int *channels = s->work;
    for (int y = y0; y < y1; y++) {
        const float *row = mseg_row(in, bases, y);
        float *out = mseg_row(&s->out, bases, y);
        memset(out, 0, (size_t)*channels * sizeof *out);
        for (int x = 0; x < in->width; x++, row += pixel)
            for (int c = 0; c < *channels; c++)
                out[c] += row[c];
        for (int c = 0; c < *channels; c++)
            out[c] /= (float)in->width;
    }
}
