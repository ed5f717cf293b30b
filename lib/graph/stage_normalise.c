#include <string.h>

#include "graph/stage.h"

void mseg_stage_normalise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_picture *picture = bases->picture;
    const size_t pad = (size_t)s->out.pad * 3, width = (size_t)s->out.width * 3;
    const int seen = picture->width < s->out.width ? picture->width : s->out.width;
    for (int y = y0; y < y1; y++) {
        float *row = mseg_row(&s->out, bases, y);
        size_t filled = y < picture->height ? (size_t)seen * 3 : 0;
        memset(row - pad, 0, pad * sizeof *row);
        if (filled)
            bases->kernels->normalise(picture->data + (size_t)y * picture->stride, row, (int)filled);
        memset(row + filled, 0, (width - filled + pad) * sizeof *row);
    }
}
