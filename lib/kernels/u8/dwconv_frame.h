/* What the vector kernels of the depthwise 3x3 convolution have in common, for the end of each one's file. A column is 16
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
 * load_block(g, c, i, b), for block i, which begins with channel c.
 *
 * pixels, PIXELS or 1, lines, 1 or 2, and step are constants. step: columns from pixel to pixel, 3: they share none. */

enum { STRETCH = 64, COLUMNS = 2 * PIXELS + 1 };

/* Every so many pixels of a row. */
typedef struct strip {
    const uint8_t *in[4]; /* of the next column to be loaded */
    uint8_t *out[2];
    size_t tap_step, pixel_step, out_stride;
    int pixels;
} strip;

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

/* n pixels from pixel first on, every turns-th at a time: where the taps of a row stand that many pixels apart, these share their
 * columns. */
INLINE void one_block(const mseg_u8_dwconv_args *g, const block *b, int first, int n, int c, int turns, const int lines,
                      const int step)
{
    for (int x = first; x < first + turns && x < first + n; x++) {
        const size_t from = (size_t)x * g->pixel_step + (size_t)c, to = (size_t)x * g->out_stride + (size_t)c;
        strip s = {.in = {g->rows[0] + from, g->rows[1] + from, g->rows[2] + from, lines == 2 ? g->rows[3] + from : NULL},
                   .out = {g->out + to, lines == 2 ? g->second + to : NULL},
                   .tap_step = g->tap_step,
                   .pixel_step = g->pixel_step * (size_t)turns,
                   .out_stride = g->out_stride * (size_t)turns,
                   .pixels = (first + n - x + turns - 1) / turns};
        if (PARTS == 1 || b->parts == 1)
            whole_strip(&s, b, lines, step, 0);
        else
            whole_strip(&s, b, lines, step, 1);
    }
}

/* Stretches of a row whose columns stay in the first-level cache from one block of channels to the next. */
INLINE void all_channels(const mseg_u8_dwconv_args *g, int turns, const int lines, const int step)
{
    for (int first = 0, n; first < g->pixels; first += n) {
        n = g->pixels - first < STRETCH * 3 / 2 ? g->pixels - first : STRETCH;
        for (int c = 0, i = 0; c < g->channels; c += MSEG_U8_DWCONV_VEC, i++) {
            block b;
            load_block(g, c, i, &b);
            one_block(g, &b, first, n, c, turns, lines, step);
        }
    }
}

INLINE void all_lines(const mseg_u8_dwconv_args *g, int turns, const int step)
{
    if (g->second)
        all_channels(g, turns, 2, step);
    else
        all_channels(g, turns, 1, step);
}

INLINE void convolve(const mseg_u8_dwconv_args *g)
{
    if (g->tap_step % g->pixel_step == 0)
        all_lines(g, (int)(g->tap_step / g->pixel_step), 1);
    else if (g->pixel_step == 2 * g->tap_step)
        all_lines(g, 1, 2);
    else
        all_lines(g, 1, 3);
}
