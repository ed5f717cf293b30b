#ifndef MSEG_KERNELS_TRAIN_ROWS_H
#define MSEG_KERNELS_TRAIN_ROWS_H

#include <math.h>

#include "kernels/train/vectors.h"

/* What runs over maps once: making operands and reals of them, sums, additions. */

INLINE vec read_cells(const cell *from, const reading *how)
{
    return clamp(unclamped(how, get_cells(from)), how->lo, how->hi);
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

/* Rows are gone through WIDE vectors of channels or fewer at a time, so that what all rows share stays in registers; that is: */
enum { WIDE = 4 };

typedef enum kind { AS_THEY_ARE, READINGS, GRADIENTS } kind;

typedef struct shared {
    reading reading[WIDE];
    unnorm unnorm[WIDE];
} shared;

typedef struct source {
    const mseg_train_reading *reading;
    const mseg_train_unnorm *unnorm;
    int channels;
} source;

/* From channel c on; here and below vectors and what are constants. */
INLINE shared shared_of(const source *s, int c, const int vectors, const kind what)
{
    shared here = {{{{0}}}, {{{0}}}};
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        if (what == READINGS)
            here.reading[v] = reading_of(s->reading, c + v * LANES);
        else if (what == GRADIENTS)
            here.unnorm[v] = unnorm_of(s->unnorm, c + v * LANES);
    return here;
}

/* cells and, of gradients, y: at vector v. */
INLINE vec number(const shared *here, int v, const cell *cells, const cell *y, const kind what)
{
    return what == READINGS ? read_cells(cells, &here->reading[v]) : unnormed(cells, y, &here->unnorm[v]);
}

/* Calls each with 4, 2 and 1 vectors until all channels are done. */
#define ALL_CHANNELS(each, channels, ...)                                                                                        \
    int c = 0;                                                                                                                   \
    for (; c + 4 * LANES <= (channels); c += 4 * LANES)                                                                          \
        each(__VA_ARGS__, c, 4);                                                                                                 \
    if (c + 2 * LANES <= (channels)) {                                                                                           \
        each(__VA_ARGS__, c, 2);                                                                                                 \
        c += 2 * LANES;                                                                                                          \
    }                                                                                                                            \
    if (c < (channels))                                                                                                          \
        each(__VA_ARGS__, c, 1);

/* Where operands go, and the rows that they are made of, two at a time. */
typedef struct operands {
    cell *x, *t; /* NULL: not wanted */
    size_t stride;
    const void *const *rows; /* cells, or gradients */
    const void *const *y;    /* of gradients */
    int n;
} operands;

/* Rows r and, where two is set, r + 1. */
INLINE void put_two(const operands *o, int r, const cell_vec *first, const cell_vec *second, bool two, int c, const int vectors)
{
    if (o->x) {
        cell *x = o->x + (size_t)r * o->stride + c;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            put_rounded(x + v * LANES, first[v]);
        if (two)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                put_rounded(x + o->stride + v * LANES, second[v]);
    }
#ifdef HALF
    if (o->t)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            put_pairs(o->t + (size_t)r * o->stride + 2 * (c + v * LANES), first[v], second[v]);
#endif
}

INLINE void load_columns(const operands *o, const source *s, const kind what, int c, const int vectors)
{
    const shared here = shared_of(s, c, vectors, what);
    for (int r = 0; r < o->n; r += 2) {
        cell_vec values[2][WIDE];
        const bool two = r + 1 < o->n;
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            const cell *row = i == 0 || two ? o->rows[r + i] : NULL;
            const cell *y = what == GRADIENTS && row ? (const cell *)o->y[r + i] + c : NULL;
            if (row) {
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    const cell *at = row + c + v * LANES;
                    values[i][v] = what == AS_THEY_ARE ? get_rounded(at) : rounded(number(&here, v, at, y + v * LANES, what));
                }
            } else
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++)
                    values[i][v] = rounded(splat(0));
        }
        put_two(o, r, values[0], values[1], two, c, vectors);
    }
}

INLINE void load_operands(const operands o, const source s, const kind what)
{
    ALL_CHANNELS(load_columns, s.channels, &o, &s, what)
}

static void load(void *x, void *t, size_t stride, size_t column, const void *const *rows, int n, int channels,
                 const mseg_train_reading *how)
{
    const operands o = {
        .x = x ? (cell *)x + column : NULL, .t = t ? (cell *)t + 2 * column : NULL, .stride = stride, .rows = rows, .n = n};
    const source s = {.reading = how, .channels = channels};
    if (how->scale || how->lo > -INFINITY || how->hi < INFINITY)
        load_operands(o, s, READINGS);
    else
        load_operands(o, s, AS_THEY_ARE);
}

static void load_gradient(void *x, void *t, size_t stride, size_t column, const void *const *g, const void *const *y, int n,
                          int channels, const mseg_train_unnorm *how)
{
    const operands o = {
        .x = x ? (cell *)x + column : NULL, .t = t ? (cell *)t + 2 * column : NULL, .stride = stride, .rows = g, .y = y, .n = n};
    load_operands(o, (source){.unnorm = how, .channels = channels}, GRADIENTS);
}

static void load_reals(void *x, void *t, size_t stride, const mseg_real *from, size_t from_stride, int n, int channels)
{
    const operands o = {.x = x, .t = t, .stride = stride};
    for (int r = 0; r < n; r += 2, from += 2 * from_stride)
        for (int c = 0; c < channels; c += LANES) {
            const bool two = r + 1 < n;
            const cell_vec first = rounded(get(from + c)), second = rounded(two ? get(from + from_stride + c) : splat(0));
            put_two(&o, r, &first, &second, two, c, 1);
        }
}

INLINE void read_columns(mseg_real *x, const cell *cells, const cell *y, int n, const source *s, const kind what, int c,
                         const int vectors)
{
    const size_t channels = (size_t)s->channels;
    const shared here = shared_of(s, c, vectors, what);
    for (size_t at = (size_t)c; at < (size_t)n * channels; at += channels)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            put(x + at + v * LANES, number(&here, v, cells + at + v * LANES, y + at + v * LANES, what));
}

static void read(mseg_real *x, const void *cells, int n, int channels, const mseg_train_reading *how)
{
    const source s = {.reading = how, .channels = channels};
    ALL_CHANNELS(read_columns, channels, x, cells, cells, n, &s, READINGS)
}

static void read_gradient(mseg_real *d, const void *g, const void *y, int n, int channels, const mseg_train_unnorm *how)
{
    const source s = {.unnorm = how, .channels = channels};
    ALL_CHANNELS(read_columns, channels, d, g, y, n, &s, GRADIENTS)
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
