#include <string.h>

#include "graph/stage.h"

static void mirror(float *row, int width)
{
    for (int x = 0; x < width / 2; x++)
        for (int c = 0; c < 3; c++) {
            float *a = &row[x * 3 + c], *b = &row[(width - 1 - x) * 3 + c], value = *a;
            *a = *b;
            *b = value;
        }
}

/* One row of the canvas, width pixels. */
static void fill(const mseg_bases *bases, int y, float *row, int width)
{
    static const float scale[3] = {2.0f / 255, 2.0f / 255, 2.0f / 255}, offset[3] = {-1, -1, -1};
    const mseg_picture *picture = bases->picture;
    const size_t n = (size_t)width * 3;
    if (picture->normalised) {
        memcpy(row, picture->normalised + (size_t)y * n, n * sizeof *row);
        return;
    }
    const int seen = picture->width < width ? picture->width : width;
    const int filled = y < picture->height ? seen : 0;
    if (filled)
        bases->kernels->normalise(picture->data + (size_t)y * picture->stride, row, filled, scale, offset);
    memset(row + (size_t)filled * 3, 0, (size_t)(width - filled) * 3 * sizeof *row);
}

void mseg_stage_normalise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    for (int y = y0; y < y1; y++) {
        float *row = mseg_row(&s->out, bases, y);
        fill(bases, y, row, s->out.width);
        if (bases->picture->mirrored)
            mirror(row, s->out.width);
        mseg_clear_pads(&s->out, row);
    }
}
