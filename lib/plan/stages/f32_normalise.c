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

void mseg_stage_f32_normalise(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    for (int y = y0; y < y1; y++) {
        float *row = mseg_row(&s->out, bases, y);
        mseg_picture_row(bases->picture, s->work, bases->kernels, y, s->out.width, row);
        if (bases->picture->mirrored)
            mirror(row, s->out.width);
        mseg_clear_pads(&s->out, row);
    }
}
