#ifndef MSEG_KERNELS_TRAIN_DEPTHWISE_H
#define MSEG_KERNELS_TRAIN_DEPTHWISE_H

#include "kernels/train/vectors.h"

/* Depthwise 3x3 convolutions, forwards and back, LANES channels of a row at a time. */

static void dwconv(const mseg_train_dwconv *g)
{
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

/* The gradient of pixel p from one kernel row; d: that row's at channel c. stride is a constant. */
INLINE vec from_row(const mseg_train_dwconv_back *g, kernel_row *k, const mseg_real *d, int p, vec x, const int stride)
{
    const size_t channels = (size_t)g->channels, tap = g->tap_step;
    if (stride == 1) {
        d += (size_t)p * channels;
        return all_taps(k, x, get(d), get(d - tap), get(d - 2 * tap));
    }
    const int u = p + g->phase;
    d += (size_t)(u / 2) * channels;
    return u % 2 ? inner_tap(k, x, get(d)) : outer_taps(k, x, get(d), get(d - channels));
}

/* which: the kernel rows that something comes from, a bit each; which, stride and sums are constants. */
INLINE void channels_back(const mseg_train_dwconv_back *g, int c, const int which, const int stride, const bool sums)
{
    const size_t channels = (size_t)g->channels;
    const vec lo = splat(g->lo), hi = splat(g->hi);
    const mseg_real *x_at = g->x + c, *w = g->weights + c;
    const cell *raw = sums ? (const cell *)g->raw + c : NULL, *add = g->add ? (const cell *)g->add + c : NULL;
    cell *out = (cell *)g->out + c;
    kernel_row k0 = kernel_row_at(w, channels), k1 = kernel_row_at(w + 3 * channels, channels),
               k2 = kernel_row_at(w + 6 * channels, channels);
    vec sum = splat(0), sum2 = splat(0);
    for (int p = 0; p < g->pixels; p++) {
        const size_t at = (size_t)p * channels;
        const vec x = get(x_at + at);
        vec gradient = add ? get_cells(add + at) : splat(0);
        if (which & 1)
            gradient += from_row(g, &k0, g->d[0] + c, p, x, stride);
        if (which & 2)
            gradient += from_row(g, &k1, g->d[1] + c, p, x, stride);
        if (which & 4)
            gradient += from_row(g, &k2, g->d[2] + c, p, x, stride);
        gradient = pass(gradient, x, lo, hi);
        put_cells(out + at, gradient);
        if (sums) {
            sum += gradient;
            sum2 += gradient * get_cells(raw + at);
        }
    }
    if (sums) {
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

typedef void back_fn(const mseg_train_dwconv_back *g);

#define BACK(which, stride)                                                                                                      \
    static void back_##which##_##stride(const mseg_train_dwconv_back *g)                                                         \
    {                                                                                                                            \
        for (int c = 0; c < g->channels; c += LANES)                                                                             \
            if (g->raw)                                                                                                          \
                channels_back(g, c, which, stride, true);                                                                        \
            else                                                                                                                 \
                channels_back(g, c, which, stride, false);                                                                       \
    }
#define BACKS(stride)                                                                                                            \
    BACK(0, stride)                                                                                                              \
    BACK(1, stride)                                                                                                              \
    BACK(2, stride)                                                                                                              \
    BACK(3, stride)                                                                                                              \
    BACK(4, stride)                                                                                                              \
    BACK(5, stride)                                                                                                              \
    BACK(6, stride)                                                                                                              \
    BACK(7, stride)                                                                                                              \
    static back_fn *const backs_##stride[] = {back_0_##stride, back_1_##stride, back_2_##stride, back_3_##stride,                \
                                              back_4_##stride, back_5_##stride, back_6_##stride, back_7_##stride};
BACKS(1)
BACKS(2)

static void dwconv_back(const mseg_train_dwconv_back *g)
{
    const int which = (g->d[0] ? 1 : 0) | (g->d[1] ? 2 : 0) | (g->d[2] ? 4 : 0);
    (g->stride == 1 ? backs_1 : backs_2)[which](g);
}

#endif
