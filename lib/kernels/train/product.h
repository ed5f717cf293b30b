#ifndef MSEG_KERNELS_TRAIN_PRODUCT_H
#define MSEG_KERNELS_TRAIN_PRODUCT_H

#include <string.h>

#include "kernels/train/vectors.h"

/* Matrix products by tiles of TILE_ROWS times TILE_VECTORS vectors, whose sums stay in registers. A packed matrix is panels of up
 * to TILE_VECTORS vectors of columns; in a panel, rows (of bfloat16s: two interleaved) lie one behind the other. */

#ifdef HALF
enum { STEP = 2 }; /* what one multiplication takes of a row */
typedef __m512i factor;

INLINE factor get_factor(const cell *from)
{
    return _mm512_loadu_si512(from);
}

INLINE factor everywhere(const cell *from)
{
    int32_t pair;
    memcpy(&pair, from, sizeof pair);
    return _mm512_set1_epi32(pair);
}

INLINE vec multiply(vec sum, factor x, factor y)
{
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)y);
}
#else
enum { STEP = 1 };
typedef vec factor;

INLINE factor get_factor(const cell *from)
{
    return get(from);
}

INLINE factor everywhere(const cell *from)
{
    return splat(*from);
}

INLINE vec multiply(vec sum, factor x, factor y)
{
    return sum + x * y;
}
#endif

/* The width of the panel that is next when so many vectors are left: not 3 and then 1, but 2 and 2. */
INLINE int panel_vectors(int left)
{
    return left == TILE_VECTORS + 1 && TILE_VECTORS > 2 ? TILE_VECTORS - 1 : left < TILE_VECTORS ? left : TILE_VECTORS;
}

static size_t packed(int k, int n)
{
    return (size_t)k * (size_t)n * sizeof(cell);
}

/* LANES numbers that are step apart. */
INLINE vec spread(const mseg_real *from, size_t step)
{
    mseg_real values[LANES];
    for (size_t i = 0; i < LANES; i++)
        values[i] = from[i * step];
    return get(values);
}

/* Packs the matrix of blocks times rows rows whose element (t * rows + i, j) is w[t * block_step + i * row_step + j * step]. */
INLINE void pack_matrix(cell *to, const mseg_real *w, int blocks, int rows, int columns, size_t block_step, size_t row_step,
                        size_t step)
{
    for (int c = 0; c < columns;) {
        const int vectors = panel_vectors((columns - c) / LANES);
        for (int t = 0; t < blocks; t++)
            for (int i = 0; i < rows; i += STEP)
                for (int v = 0; v < vectors; v++, to += LANES * STEP) {
                    const mseg_real *from = w + (size_t)t * block_step + (size_t)i * row_step + (size_t)(c + v * LANES) * step;
#ifdef HALF
                    put_pairs(to, rounded(spread(from, step)), rounded(spread(from + row_step, step)));
#else
                    put(to, spread(from, step));
#endif
                }
        c += vectors * LANES;
    }
}

static void pack(void *to, const mseg_real *w, int k, int n)
{
    pack_matrix(to, w, 1, k, n, 0, (size_t)n, 1);
}

static void pack_back(void *to, const mseg_real *w, int taps, int k, int n)
{
    pack_matrix(to, w, taps, n, k, (size_t)k * (size_t)n, 1, (size_t)n);
}

typedef struct tile_sums {
    vec of[TILE_ROWS][TILE_VECTORS];
} tile_sums;

INLINE void clear(tile_sums *s)
{
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < TILE_VECTORS; v++)
            s->of[r][v] = splat(0);
}

/* Adds the product of one step of rows with a row of a panel; vectors is a constant. */
INLINE void add_step(tile_sums *s, const int vectors, const cell *const *rows, int i, const cell *b)
{
    factor y[TILE_VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < TILE_VECTORS; v++)
        if (v < vectors)
            y[v] = get_factor(b + v * LANES * STEP);
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++) {
        const factor x = everywhere(rows[r] + i);
#pragma GCC unroll 8
        for (int v = 0; v < TILE_VECTORS; v++)
            if (v < vectors)
                s->of[r][v] = multiply(s->of[r][v], x, y[v]);
    }
}

/* The product of rows[0 .. TILE_ROWS) with vectors vectors of a panel, whose rows are b_step apart; vectors is a constant. One
 * vector's sums are too few to hide how long a multiplication takes, so there are two of each. */
INLINE void multiply_rows(tile_sums *s, const int vectors, const cell *const *rows, int k, const cell *b, size_t b_step)
{
    tile_sums odd;
    clear(s);
    clear(&odd);
    for (int i = 0; i < k; i += 2 * STEP, b += 2 * b_step) {
        add_step(s, vectors, rows, i, b);
        add_step(vectors == 1 ? &odd : s, vectors, rows, i + STEP, b + b_step);
    }
    if (vectors == 1)
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++)
            s->of[r][0] += odd.of[r][0];
}

/* What is known of a tile: its rows r to r + rows and columns c to c + vectors * LANES. */
typedef struct tile_place {
    int r, rows, c, vectors;
} tile_place;

INLINE void finish_forward(const mseg_train_product *g, const tile_sums *s, const tile_place at)
{
#pragma GCC unroll 8
    for (int v = 0; v < TILE_VECTORS; v++)
        if (v < at.vectors) {
            const int c = at.c + v * LANES;
            const vec bias = g->bias ? get(g->bias + c) : splat(0);
            cell *out = (cell *)g->out + (size_t)at.r * (size_t)g->n + c;
            const size_t step = (size_t)g->n;
            vec sum = splat(0), sum2 = splat(0);
#pragma GCC unroll 8
            for (int r = 0; r < TILE_ROWS; r++)
                if (r < at.rows) {
                    const vec value = s->of[r][v] + bias;
                    put_cells(out + (size_t)r * step, value);
                    sum += value;
                    sum2 += value * value;
                }
            add_to(g->sum + c, sum);
            add_to(g->sum2 + c, sum2);
        }
}

INLINE void finish_masked(const mseg_train_product *g, const tile_sums *s, const tile_place at)
{
#pragma GCC unroll 8
    for (int v = 0; v < TILE_VECTORS; v++)
        if (v < at.vectors) {
            const int c = at.c + v * LANES;
            const reading how = reading_of(&g->how, c);
            const size_t first = (size_t)at.r * (size_t)g->n + (size_t)c, step = (size_t)g->n;
            cell *out = (cell *)g->out + first;
            const cell *raw = (const cell *)g->raw + first;
            vec sum = splat(0), sum2 = splat(0);
#pragma GCC unroll 8
            for (int r = 0; r < TILE_ROWS; r++)
                if (r < at.rows) {
                    const vec stored = get_cells(raw + (size_t)r * step);
                    const vec value = pass(s->of[r][v], unclamped(&how, stored), how.lo, how.hi);
                    put_cells(out + (size_t)r * step, value);
                    sum += value;
                    sum2 += value * stored;
                }
            add_to(g->sum + c, sum);
            add_to(g->sum2 + c, sum2);
        }
}

INLINE void finish_plain(const mseg_train_product *g, const tile_sums *s, const tile_place at)
{
    const size_t first = (size_t)at.r * (size_t)g->n + (size_t)at.c, step = (size_t)g->n;
    cell *out = (cell *)g->out + first;
    const cell *add = g->add ? (const cell *)g->add + first : NULL;
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
        if (r < at.rows) {
#pragma GCC unroll 8
            for (int v = 0; v < TILE_VECTORS; v++)
                if (v < at.vectors) {
                    const size_t here = (size_t)r * step + (size_t)(v * LANES);
                    put_cells(out + here, add ? s->of[r][v] + get_cells(add + here) : s->of[r][v]);
                }
        }
}

INLINE void finish_reals(const mseg_train_product *g, const tile_sums *s, const tile_place at)
{
    const size_t step = (size_t)g->n;
    mseg_real *out = (mseg_real *)g->out + (size_t)at.r * step + (size_t)at.c;
    const mseg_real *bias = g->bias ? g->bias + at.c : NULL;
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
        if (r < at.rows) {
#pragma GCC unroll 8
            for (int v = 0; v < TILE_VECTORS; v++)
                if (v < at.vectors)
                    put(out + (size_t)r * step + v * LANES, bias ? s->of[r][v] + get(bias + v * LANES) : s->of[r][v]);
        }
}

/* at's rows from b on; behind the last of fewer than TILE_ROWS that one is read again. finish is a constant, at.vectors, too. */
INLINE void product_tile(const mseg_train_product *g, const tile_place at, const cell *b, size_t b_step,
                         const mseg_train_finish finish)
{
    const cell *rows[TILE_ROWS];
#pragma GCC unroll 8
    for (int i = 0; i < TILE_ROWS; i++)
        rows[i] = i == 0 ? (const cell *)g->x + (size_t)at.r * g->x_stride : rows[i - 1] + (i < at.rows ? g->x_stride : 0);
    tile_sums s;
    multiply_rows(&s, at.vectors, rows, g->k, b, b_step);
    if (finish == MSEG_FINISH_FORWARD)
        finish_forward(g, &s, at);
    else if (finish == MSEG_FINISH_MASKED)
        finish_masked(g, &s, at);
    else if (finish == MSEG_FINISH_PLAIN)
        finish_plain(g, &s, at);
    else
        finish_reals(g, &s, at);
}

/* All whole tiles of rows with the panel b from column c on; one function for every width and finish, so that each has the
 * registers to itself. What is left of rows is done a vector at a time. */
typedef void panel_fn(const mseg_train_product *args, int c, const cell *b);
typedef void rest_fn(const mseg_train_product *args, int r, int c, const cell *b, size_t b_step);

#define PANEL(vectors, finish, FINISH)                                                                                           \
    static void panel_##vectors##_##finish(const mseg_train_product *args, int c, const cell *b)                                 \
    {                                                                                                                            \
        const mseg_train_product g = *args;                                                                                      \
        for (int r = 0; r + TILE_ROWS <= g.rows; r += TILE_ROWS)                                                                 \
            product_tile(&g, (tile_place){r, TILE_ROWS, c, vectors}, b, vectors *LANES *STEP, FINISH);                           \
    }
#define PANELS(vectors)                                                                                                          \
    PANEL(vectors, forward, MSEG_FINISH_FORWARD)                                                                                 \
    PANEL(vectors, masked, MSEG_FINISH_MASKED)                                                                                   \
    PANEL(vectors, plain, MSEG_FINISH_PLAIN)                                                                                     \
    PANEL(vectors, reals, MSEG_FINISH_REALS)
#define PANEL_NAMES(vectors)                                                                                                     \
    {                                                                                                                            \
        panel_##vectors##_forward, panel_##vectors##_masked, panel_##vectors##_plain, panel_##vectors##_reals                    \
    }
#define REST(finish, FINISH)                                                                                                     \
    static void rest_##finish(const mseg_train_product *args, int r, int c, const cell *b, size_t b_step)                        \
    {                                                                                                                            \
        const mseg_train_product g = *args;                                                                                      \
        product_tile(&g, (tile_place){r, g.rows - r, c, 1}, b, b_step, FINISH);                                                  \
    }
REST(forward, MSEG_FINISH_FORWARD)
REST(masked, MSEG_FINISH_MASKED)
REST(plain, MSEG_FINISH_PLAIN)
REST(reals, MSEG_FINISH_REALS)
#if TILE_VECTORS == 3
PANELS(1)
#endif
PANELS(2)
#if TILE_VECTORS == 3
PANELS(3)
#endif

static void product(const mseg_train_product *g)
{
#if TILE_VECTORS == 3
    static panel_fn *const panels[][4] = {PANEL_NAMES(1), PANEL_NAMES(2), PANEL_NAMES(3)};
    enum { NARROWEST = 1 };
#else
    static panel_fn *const panels[][4] = {PANEL_NAMES(2)};
    enum { NARROWEST = 2 };
#endif
    static rest_fn *const rests[4] = {rest_forward, rest_masked, rest_plain, rest_reals};
    const int whole = g->rows - g->rows % TILE_ROWS;
    const cell *b = g->b;
    for (int c = 0; c < g->n;) {
        const int vectors = panel_vectors((g->n - c) / LANES);
        panels[vectors - NARROWEST][g->finish](g, c, b);
        for (int v = 0; v < vectors && whole < g->rows; v++)
            rests[g->finish](g, whole, c + v * LANES, b + v * LANES * STEP, (size_t)(vectors * LANES * STEP));
        b += (size_t)g->k * (size_t)(vectors * LANES);
        c += vectors * LANES;
    }
}

typedef struct weights_args {
    mseg_real *gradient;
    const cell *t, *d;
    size_t t_step, d_step;
    int k, n, steps;
} weights_args;

/* The tile from row i and column c on of rows rows, at most 2 * TILE_ROWS where it is one vector wide, else TILE_ROWS; rows and
 * vectors are constants. */
INLINE void weights_tile(const weights_args *a, int i, int c, const int rows, const int vectors)
{
    tile_sums s[2];
    clear(&s[0]);
    clear(&s[1]);
    const cell *t = a->t + (size_t)i * STEP, *d = a->d + (size_t)c * STEP;
    for (int step = 0; step < a->steps; step++, t += a->t_step, d += a->d_step) {
        factor y[TILE_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < TILE_VECTORS; v++)
            if (v < vectors)
                y[v] = get_factor(d + v * LANES * STEP);
#pragma GCC unroll 16
        for (int r = 0; r < 2 * TILE_ROWS; r++)
            if (r < rows) {
                const factor x = everywhere(t + r * STEP);
#pragma GCC unroll 8
                for (int v = 0; v < TILE_VECTORS; v++)
                    if (v < vectors)
                        s[r / TILE_ROWS].of[r % TILE_ROWS][v] = multiply(s[r / TILE_ROWS].of[r % TILE_ROWS][v], x, y[v]);
            }
    }
    mseg_real *gradient = a->gradient + (size_t)i * (size_t)a->n + c;
#pragma GCC unroll 16
    for (int r = 0; r < 2 * TILE_ROWS; r++)
        if (r < rows)
#pragma GCC unroll 8
            for (int v = 0; v < TILE_VECTORS; v++)
                if (v < vectors)
                    add_to(gradient + (size_t)r * (size_t)a->n + v * LANES, s[r / TILE_ROWS].of[r % TILE_ROWS][v]);
}

/* k is a multiple of MSEG_TRAIN_VEC: whole tiles, then one of four rows or of two. */
INLINE void weights_columns(const weights_args *a, int c, const int vectors)
{
    int i = 0;
#define TILES(rows)                                                                                                              \
    for (; i + (rows) <= a->k; i += (rows))                                                                                      \
        weights_tile(a, i, c, rows, vectors);
    if (vectors == 1)
        TILES(2 * TILE_ROWS)
    TILES(TILE_ROWS)
#if 16 % TILE_ROWS
    TILES(4)
    TILES(2)
#endif
#undef TILES
}

static void weights(mseg_real *gradient, const void *t, size_t t_stride, int k, const void *d, size_t d_stride, int n, int rows)
{
    const weights_args a = {gradient, t, d, t_stride * STEP, d_stride * STEP, k, n, (rows + STEP - 1) / STEP};
    for (int c = 0; c < n;) {
        const int vectors = panel_vectors((n - c) / LANES);
#if TILE_VECTORS == 3
        if (vectors == 3)
            weights_columns(&a, c, 3);
        else if (vectors == 1)
            weights_columns(&a, c, 1);
        else
#endif
            weights_columns(&a, c, 2);
        c += vectors * LANES;
    }
}

#endif
