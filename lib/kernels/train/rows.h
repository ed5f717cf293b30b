#ifndef MSEG_KERNELS_TRAIN_ROWS_H
#define MSEG_KERNELS_TRAIN_ROWS_H

#include "kernels/train/vectors.h"

/* What runs over maps once: making operands and reals of them, sums, additions. */

/* Where operands go: rows x, x + stride, and, of a set in pairs, t; NULL: not wanted. */
typedef struct two_rows {
    cell *x, *t;
    size_t stride;
    bool two; /* else there is the first alone */
} two_rows;

INLINE void put_two(const two_rows *to, int c, vec first, vec second)
{
    if (to->x) {
        put_cells(to->x + c, first);
        if (to->two)
            put_cells(to->x + to->stride + c, second);
    }
#ifdef HALF
    if (to->t)
        put_pairs(to->t + 2 * c, first, second);
#endif
}

/* Rows r and r + 1 of n. */
INLINE two_rows two_rows_at(void *x, void *t, size_t stride, size_t column, int r, int n)
{
    two_rows to = {.stride = stride, .two = r + 1 < n};
    if (x)
        to.x = (cell *)x + (size_t)r * stride + column;
#ifdef HALF
    if (t)
        to.t = (cell *)t + (size_t)r * stride + 2 * column;
#else
    (void)t;
#endif
    return to;
}

INLINE vec read_cells(const cell *from, const reading *how)
{
    return clamp(unclamped(how, get_cells(from)), how->lo, how->hi);
}

static void load(void *x, void *t, size_t stride, size_t column, const void *const *rows, int n, int channels,
                 const mseg_train_reading *how)
{
    for (int r = 0; r < n; r += 2) {
        const two_rows to = two_rows_at(x, t, stride, column, r, n);
        const cell *first = rows[r], *second = to.two ? rows[r + 1] : NULL;
        for (int c = 0; c < channels; c += LANES) {
            const reading here = reading_of(how, c);
            put_two(&to, c, first ? read_cells(first + c, &here) : splat(0), second ? read_cells(second + c, &here) : splat(0));
        }
    }
}

/* mseg_train_unnorm of LANES channels. */
typedef struct unnorm {
    vec a, b, e;
} unnorm;

INLINE unnorm unnorm_of(const mseg_train_unnorm *how, int c)
{
    return (unnorm){get(how->a + c), get(how->b + c), get(how->e + c)};
}

INLINE vec unnormed(const cell *g, const cell *y, const unnorm *how)
{
    return get_cells(g) * how->a + (get_cells(y) * how->b + how->e);
}

static void load_gradient(void *x, void *t, size_t stride, size_t column, const void *const *g, const void *const *y, int n,
                          int channels, const mseg_train_unnorm *how)
{
    for (int r = 0; r < n; r += 2) {
        const two_rows to = two_rows_at(x, t, stride, column, r, n);
        const cell *g0 = g[r], *y0 = y[r], *g1 = to.two ? g[r + 1] : NULL, *y1 = to.two ? y[r + 1] : NULL;
        for (int c = 0; c < channels; c += LANES) {
            const unnorm here = unnorm_of(how, c);
            put_two(&to, c, g0 ? unnormed(g0 + c, y0 + c, &here) : splat(0), g1 ? unnormed(g1 + c, y1 + c, &here) : splat(0));
        }
    }
}

static void load_reals(void *x, void *t, size_t stride, const mseg_real *from, size_t from_stride, int n, int channels)
{
    for (int r = 0; r < n; r += 2, from += 2 * from_stride) {
        const two_rows to = two_rows_at(x, t, stride, 0, r, n);
        for (int c = 0; c < channels; c += LANES)
            put_two(&to, c, get(from + c), to.two ? get(from + from_stride + c) : splat(0));
    }
}

static void read(mseg_real *x, const void *cells, int n, int channels, const mseg_train_reading *how)
{
    for (int c = 0; c < channels; c += LANES) {
        const reading here = reading_of(how, c);
        const cell *from = (const cell *)cells + c;
        mseg_real *to = x + c;
        for (int p = 0; p < n; p++, from += channels, to += channels)
            put(to, read_cells(from, &here));
    }
}

static void read_gradient(mseg_real *d, const void *g, const void *y, int n, int channels, const mseg_train_unnorm *how)
{
    for (int c = 0; c < channels; c += LANES) {
        const unnorm here = unnorm_of(how, c);
        const cell *g_at = (const cell *)g + c, *y_at = (const cell *)y + c;
        mseg_real *to = d + c;
        for (int p = 0; p < n; p++, g_at += channels, y_at += channels, to += channels)
            put(to, unnormed(g_at, y_at, &here));
    }
}

static void sum(mseg_real *to, const void *cells, int n, int channels, const mseg_train_reading *how)
{
    for (int c = 0; c < channels; c += LANES) {
        const reading here = reading_of(how, c);
        const cell *from = (const cell *)cells + c;
        vec total = splat(0);
        for (int p = 0; p < n; p++, from += channels)
            total += read_cells(from, &here);
        add_to(to + c, total);
    }
}

static void add(void *out, const void *y, const void *other, int n, int channels, const mseg_train_reading *how)
{
    for (int c = 0; c < channels; c += LANES) {
        const reading here = reading_of(how, c);
        const cell *from = (const cell *)y + c, *more = other ? (const cell *)other + c : NULL;
        cell *to = (cell *)out + c;
        for (size_t at = 0; at < (size_t)n * (size_t)channels; at += (size_t)channels) {
            vec value = unclamped(&here, get_cells(from + at));
            if (more)
                value += get_cells(more + at);
            put_cells(to + at, clamp(value, here.lo, here.hi));
        }
    }
}

static void gather(const mseg_train_gather *g)
{
    const size_t channels = (size_t)g->channels;
    for (int c = 0; c < g->channels; c += LANES) {
        const reading how = reading_of(&g->how, c);
        const vec everywhere = g->everywhere ? get(g->everywhere + c) : splat(0);
        cell *gradient = (cell *)g->gradient + c;
        const cell *value = (const cell *)g->value + c, *raw = (const cell *)g->raw + c;
        vec sum1 = splat(0), sum2 = splat(0);
        for (size_t at = 0; at < (size_t)g->pixels * channels; at += channels) {
            const vec passed =
                pass(get_cells(gradient + at) + everywhere, unclamped(&how, get_cells(value + at)), how.lo, how.hi);
            put_cells(gradient + at, passed);
            sum1 += passed;
            sum2 += passed * get_cells(raw + at);
        }
        add_to(g->sum + c, sum1);
        add_to(g->sum2 + c, sum2);
    }
}

#endif
