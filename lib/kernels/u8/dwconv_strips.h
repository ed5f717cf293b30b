/* The loops of the vector kernels of the depthwise 3x3 convolution, by blocks of 16 channels. The file defines PARTS, an enum,
 * how many parts weights may have, and block, a type, 16 channels' weights (in parts, a member) and so on. */

enum { STRETCH = 64 };

/* Every so many pixels of a row. */
typedef struct strip {
    const uint8_t *in[4]; /* of the next column to be loaded */
    uint8_t *out[2];
    size_t tap_step, pixel_step, out_stride;
    int pixels;
} strip;

/* For block i, which begins with channel c. The file defines it. */
INLINE void load_block(const mseg_u8_dwconv_args *g, int c, int i, block *b);

/* All pixels of a strip. step: columns from pixel to pixel, 3: they share none; wide: there is more than one part. lines, step
 * and wide are constants. The file defines it. */
INLINE void whole_strip(strip *s, const block *b, const int lines, const int step, const int wide);

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
