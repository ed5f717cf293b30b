#include <string.h>

#include "plan/stages/u8.h"

static void copy_bytes(const mseg_u8_picture *work, const mseg_picture *picture, int y, int width, uint8_t *row)
{
    const int seen = y >= picture->height ? 0 : picture->width < width ? picture->width : width;
    const uint8_t *from = picture->data + (size_t)y * picture->stride;
    if (work->as_it_is && seen)
        memcpy(row, from, (size_t)seen * 3);
    for (int x = 0; x < seen && !work->as_it_is; x++)
        for (int c = 0; c < 3; c++)
            row[x * 3 + c] = work->table[c][from[x * 3 + c]];
    for (int x = seen; x < width; x++)
        memcpy(row + (size_t)x * 3, work->pad, sizeof work->pad);
}

static void mirror(uint8_t *row, int width)
{
    for (int x = 0; x < width / 2; x++)
        for (int c = 0; c < 3; c++) {
            uint8_t *a = &row[x * 3 + c], *b = &row[(width - 1 - x) * 3 + c], value = *a;
            *a = *b;
            *b = value;
        }
}

void mseg_stage_u8_picture(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_u8_picture *work = s->work;
    const mseg_picture *picture = bases->picture;
    const int width = s->out.width;
    for (int y = y0; y < y1; y++) {
        uint8_t *row = mseg_row(&s->out, bases, y);
        if (picture->normalised)
            for (int i = 0; i < width * 3; i++)
                row[i] = mseg_u8_byte(work->quant, picture->normalised[(size_t)y * (size_t)width * 3 + (size_t)i]);
        else
            copy_bytes(work, picture, y, width, row);
        if (picture->mirrored)
            mirror(row, width);
        mseg_clear_pads(&s->out, row);
    }
}
