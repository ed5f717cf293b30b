#include <string.h>

#include "plan/stages/f32.h"

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
static void fill(const mseg_input *input, const mseg_bases *bases, int y, float *row, int width)
{
    const mseg_picture *picture = bases->picture;
    if (picture->normalised) {
        const size_t n = (size_t)width * 3;
        memcpy(row, picture->normalised + (size_t)y * n, n * sizeof *row);
        return;
    }
    const int seen = y >= picture->height ? 0 : picture->width < width ? picture->width : width;
    if (seen)
        bases->kernels->normalise(picture->data + (size_t)y * picture->stride, row, seen, input->scale, input->offset);
    for (int x = seen; x < width; x++)
        memcpy(row + (size_t)x * 3, input->pad, sizeof input->pad);
}

void mseg_stage_f32_normalise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    for (int y = y0; y < y1; y++) {
        float *row = mseg_row(&s->out, bases, y);
        fill(s->work, bases, y, row, s->out.width);
        if (bases->picture->mirrored)
            mirror(row, s->out.width);
        mseg_clear_pads(&s->out, row);
    }
}
