/* What the depthwise 3x3 kernels that multiply four bytes at once have in common, for the end of each one's file. A column is 16
 * channels of three or four rows of the picture, ready to be multiplied; neighbouring pixels share columns. The file defines
 *
 * PIXELS and PARTS, enum: how many pixels are made at once, and how many parts weights may have;
 * column, block, sums: types; a block is 16 channels' weights (in parts, a member), scale and so on; sums are those of PIXELS
 *   pixels in two rows;
 * load_column(in, at, b, lines), a column, at bytes from in[0] .. in[lines + 1];
 * start(b, s), which sets sums to the bias;
 * multiply(b, columns, s, part, pixels, lines, step), which adds three columns' products with one part of the weights for every
 *   pixel;
 * store(b, s, line, out, out_stride, pixels), which rounds a row's sums;
 * load_block, as dwconv_strips.h says.
 *
 * pixels, PIXELS or 1, lines, 1 or 2, and step are constants. step: columns from pixel to pixel, 3: they share none. */

#include "kernels/u8/dwconv_strips.h"

enum { COLUMNS = 2 * PIXELS + 1 };

/* Columns from to to of a span are the strip's next ones. */
INLINE void next_columns(strip *s, const block *b, column *columns, const int from, const int to, const int lines)
{
#pragma GCC unroll 9
    for (int x = 0; x < COLUMNS; x++)
        if (from + x < to)
            columns[from + x] = load_column(s->in, (size_t)x * s->tap_step, b, lines);
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++)
        if (y < 2 + lines)
            s->in[y] += (size_t)(to - from) * s->tap_step;
}

/* Pixels whose columns are there. Those of more pixels are loaded before the sums are rounded, which keeps multipliers busy. */
INLINE void span(strip *s, const block *b, column *columns, const int pixels, const int lines, const int step, const int wide,
                 const int more)
{
    sums sum;
    start(b, &sum);
    multiply(b, columns, &sum, 0, pixels, lines, step);
    for (int part = 1; wide && part < b->parts; part++)
        multiply(b, columns, &sum, part, pixels, lines, step);
    const int shared = 3 - step;
#pragma GCC unroll 2
    for (int x = 0; x < 2; x++)
        if (x < shared)
            columns[x] = columns[pixels * step + x];
    if (more)
        next_columns(s, b, columns, shared, shared + more * step, lines);
#pragma GCC unroll 2
    for (int l = 0; l < 2; l++)
        if (l < lines) {
            store(b, &sum, l, s->out[l], s->out_stride, pixels);
            s->out[l] += (size_t)pixels * s->out_stride;
        }
}

INLINE void whole_strip(strip *s, const block *b, const int lines, const int step, const int wide)
{
    column columns[COLUMNS];
    const int shared = 3 - step;
    int left = s->pixels;
    next_columns(s, b, columns, 0, shared, lines);
    if (step < 3 && left >= PIXELS) {
        next_columns(s, b, columns, shared, shared + PIXELS * step, lines);
        for (; left >= 2 * PIXELS; left -= PIXELS)
            span(s, b, columns, PIXELS, lines, step, wide, PIXELS);
        span(s, b, columns, PIXELS, lines, step, wide, 0);
        left -= PIXELS;
    }
    for (; left > 0; left--) {
        next_columns(s, b, columns, shared, 3, lines);
        span(s, b, columns, 1, lines, step, wide, 0);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
            if (y < 2 + lines && step == 3)
                s->in[y] += (ptrdiff_t)(s->pixel_step - 3 * s->tap_step);
    }
}
