#ifndef MSEG_KERNELS_TRAIN_DEPTHWISE_H
#define MSEG_KERNELS_TRAIN_DEPTHWISE_H

#include "kernels/train/vectors.h"

/* Depthwise 3x3 convolutions, forwards and back, LANES channels of a row at a time. */

static void dwconv(const mseg_train_dwconv *args)
{
    const mseg_train_dwconv local = *args, *const g = &local;
    const size_t channels = (size_t)g->channels, tap = g->tap_step, step = g->pixel_step;
    for (int c = 0; c < g->channels; c += LANES) {
        const mseg_real *w = g->weights + c, *top = g->rows[0] + c, *middle = g->rows[1] + c, *bottom = g->rows[2] + c;
        const vec w0 = get(w), w1 = get(w + channels), w2 = get(w + 2 * channels), w3 = get(w + 3 * channels),
                  w4 = get(w + 4 * channels), w5 = get(w + 5 * channels), w6 = get(w + 6 * channels), w7 = get(w + 7 * channels),
                  w8 = get(w + 8 * channels);
        cell *out = (cell *)g->out + c;
        vec sum = splat(0), sum2 = splat(0);
        for (int p = 0; p < g->pixels; p++, out += channels, top += step, middle += step, bottom += step) {
            vec x = get(top) * w0, y = get(middle) * w3, z = get(bottom) * w6;
            x += get(top + tap) * w1, y += get(middle + tap) * w4, z += get(bottom + tap) * w7;
            x += get(top + 2 * tap) * w2, y += get(middle + 2 * tap) * w5, z += get(bottom + 2 * tap) * w8;
            x += y + z;
            put_cells(out, x);
            sum += x;
            sum2 += x * x;
        }
        add_to(g->sum + c, sum);
        add_to(g->sum2 + c, sum2);
    }
}

/* One kernel row of the way back: its three weights and the growth of their gradients. */
typedef struct kernel_row {
    vec w0, w1, w2, g0, g1, g2;
} kernel_row;

INLINE kernel_row kernel_row_at(const mseg_real *w, size_t channels)
{
    return (kernel_row){get(w), get(w + channels), get(w + 2 * channels), splat(0), splat(0), splat(0)};
}

INLINE void add_gradients(mseg_real *to, size_t channels, const kernel_row *k)
{
    add_to(to, k->g0);
    add_to(to + channels, k->g1);
    add_to(to + 2 * channels, k->g2);
}

/* What pixel x gets from d0, d1, d2, the gradients that taps 0, 1, 2 of the row meet. */
INLINE vec all_taps(kernel_row *k, vec x, vec d0, vec d1, vec d2)
{
    vec g = d0 * k->w0;
    k->g0 += d0 * x;
    g += d1 * k->w1;
    k->g1 += d1 * x;
    g += d2 * k->w2;
    k->g2 += d2 * x;
    return g;
}

INLINE vec outer_taps(kernel_row *k, vec x, vec d0, vec d2)
{
    vec g = d0 * k->w0;
    k->g0 += d0 * x;
    g += d2 * k->w2;
    k->g2 += d2 * x;
    return g;
}

INLINE vec inner_tap(kernel_row *k, vec x, vec d1)
{
    k->g1 += d1 * x;
    return d1 * k->w1;
}

/* The gradient of pixel u - phase from one kernel row; d: that row's at the pixel. stride is a constant. */
INLINE vec from_row(kernel_row *k, const mseg_real *d, int u, vec x, size_t tap, const int stride)
{
    if (stride == 1)
        return all_taps(k, x, held(get(d)), held(get(d - tap)), held(get(d - 2 * tap)));
    return u % 2 ? inner_tap(k, x, held(get(d))) : outer_taps(k, x, held(get(d)), held(get(d - tap)));
}

/* which: the kernel rows that something comes from, a bit each; stride is a constant, which mostly. */
INLINE void channels_back(const mseg_train_dwconv_back *g, int c, const int which, const int stride)
{
    const size_t channels = (size_t)g->channels, tap = stride == 1 ? g->tap_step : channels;
    const vec lo = splat(g->lo), hi = splat(g->hi);
    const mseg_real *w = g->weights + c, *x = g->x + c;
    const mseg_real *d0 = which & 1 ? g->d[0] + c : NULL, *d1 = which & 2 ? g->d[1] + c : NULL,
                    *d2 = which & 4 ? g->d[2] + c : NULL;
    cell *out = (cell *)g->out + c;
    const cell *raw = g->raw ? (const cell *)g->raw + c : out; /* without raw sums are made and not kept: a branch costs more */
    const cell *add = g->add ? (const cell *)g->add + c : NULL;
    kernel_row k0 = kernel_row_at(w, channels), k1 = kernel_row_at(w + 3 * channels, channels),
               k2 = kernel_row_at(w + 6 * channels, channels);
    vec sum = splat(0), sum2 = splat(0);
    const int first = stride == 1 ? 0 : g->phase, end = first + g->pixels;
    for (int u = first; u < end; u++, x += channels, out += channels) {
        const vec value = get(x);
        const size_t step = stride == 1 || u % 2 ? channels : 0;
        vec gradient = splat(0);
        if (add) {
            gradient = get_cells(add);
            add += channels;
        }
        if (which & 1) {
            gradient += from_row(&k0, d0, u, value, tap, stride);
            d0 += step;
        }
        if (which & 2) {
            gradient += from_row(&k1, d1, u, value, tap, stride);
            d1 += step;
        }
        if (which & 4) {
            gradient += from_row(&k2, d2, u, value, tap, stride);
            d2 += step;
        }
        gradient = pass(gradient, value, lo, hi);
        put_cells(out, gradient);
        sum += gradient;
        sum2 += gradient * get_cells(raw);
        raw += channels;
    }
    if (g->raw) {
        add_to(g->sum + c, sum);
        add_to(g->sum2 + c, sum2);
    }
    mseg_real *to = g->weight_gradient ? g->weight_gradient + c : NULL;
    if (to && which & 1)
        add_gradients(to, channels, &k0);
    if (to && which & 2)
        add_gradients(to + 3 * channels, channels, &k1);
    if (to && which & 4)
        add_gradients(to + 6 * channels, channels, &k2);
}

/* A function for each of those kernel rows that occur together where a map is larger than the kernel, so that each has the
 * registers to itself, and one for all others. */
typedef void back_fn(const mseg_train_dwconv_back *args, int which);

#define BACK(stride, name, which_rows)                                                                                           \
    static void back_##stride##_##name(const mseg_train_dwconv_back *args, int which)                                            \
    {                                                                                                                            \
        const mseg_train_dwconv_back g = *args;                                                                                  \
        (void)which;                                                                                                             \
        for (int c = 0; c < g.channels; c += LANES)                                                                              \
            channels_back(&g, c, which_rows, stride);                                                                            \
    }
BACK(1, any, which)
BACK(1, inner, 2)
BACK(1, upper, 3)
BACK(1, lower, 6)
BACK(1, all, 7)
BACK(2, any, which)
BACK(2, first, 1)
BACK(2, inner, 2)
BACK(2, last, 4)
BACK(2, outer, 5)

static void dwconv_back(const mseg_train_dwconv_back *g)
{
    static back_fn *const functions[2][8] = {
        {back_1_any, back_1_any, back_1_inner, back_1_upper, back_1_any, back_1_any, back_1_lower, back_1_all},
        {back_2_any, back_2_first, back_2_inner, back_2_any, back_2_last, back_2_outer, back_2_any, back_2_any}};
    const int which = (g->d[0] ? 1 : 0) | (g->d[1] ? 2 : 0) | (g->d[2] ? 4 : 0);
    functions[g->stride - 1][which](g, which);
}

#endif
