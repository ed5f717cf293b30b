#include "kernels/train_sets.h"

/* Products of training's kernels against sums in double. */

enum { MAX_N = 144, MAX_ROWS = 17 };

/* Places of the buffers among the guards. */
enum { X, W, B, OUT, BIAS, SUM, SUM2, RAW, ADD, HOW, HOW2 };

typedef struct shape {
    int rows, k, n, taps;
    size_t stride;
    bool back; /* packed by pack_back */
} shape;

/* The matrix [k][n] that packed is of, element i, j. */
static double weight(const memory *m, const mseg_real *w, const shape *s, int i, int j)
{
    size_t at = (size_t)i * (size_t)s->n + (size_t)j;
    if (s->back) {
        const int inner = s->k / s->taps;
        at = ((size_t)(i / inner) * (size_t)s->n + (size_t)j) * (size_t)inner + (size_t)(i % inner);
    }
    return as_cell(m, (double)w[at]);
}

static close_to product_at(const memory *m, const mseg_train_product *g, const mseg_real *w, const shape *s, int r, int j)
{
    double sum = 0, size = 0;
    for (int i = 0; i < s->k; i++) {
        const double product = cell_at(m, g->x, (size_t)r * s->stride + (size_t)i) * weight(m, w, s, i, j);
        sum += product;
        size += fabs(product);
    }
    return (close_to){sum, s->k * REAL_EPSILON * size};
}

static close_to plus(close_to a, double b)
{
    return (close_to){a.value + b, a.error + REAL_EPSILON * (fabs(a.value) + fabs(b))};
}

/* Returns the matrix that is packed. */
static const mseg_real *open_product(memory *m, mseg_train_product *g, const shape *s, mseg_train_finish finish)
{
    const size_t rows = (size_t)s->rows, n = (size_t)s->n, outputs = rows * n;
    mseg_real *w = random_reals(m, W, (size_t)s->k * n);
    void *packed = blank(m, B, m->k->packed(s->k, s->n));
    if (s->back)
        m->k->pack_back(packed, w, s->taps, s->n, s->k / s->taps);
    else
        m->k->pack(packed, w, s->k, s->n);
    *g = (mseg_train_product){.x_stride = s->stride, .b = packed, .rows = s->rows, .k = s->k, .n = s->n, .finish = finish};
    void *x = blank_cells(m, X, (rows - 1) * s->stride + (size_t)s->k);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < (size_t)s->k; i++)
            set_cell(m, x, r * s->stride + i, next_value(m));
    g->x = x;
    if (finish == MSEG_FINISH_REALS)
        g->out = blank(m, OUT, outputs * sizeof(mseg_real));
    else
        g->out = blank_cells(m, OUT, outputs);
    if (maybe(m))
        g->bias = random_reals(m, BIAS, n);
    g->sum = random_reals(m, SUM, n);
    g->sum2 = random_reals(m, SUM2, n);
    g->raw = random_cells(m, RAW, outputs);
    g->how = random_reading(m, HOW, s->n);
    if (finish == MSEG_FINISH_PLAIN && maybe(m))
        g->add = maybe(m) ? random_cells(m, ADD, outputs) : (g->out = random_cells(m, OUT, outputs));
    return w;
}

/* What finish makes of sum, and what is added up. */
static close_to finished(const memory *m, const mseg_train_product *g, close_to sum, const void *add, size_t at, two_sums *sums)
{
    const size_t c = at % (size_t)g->n;
    const double bias = g->bias ? (double)g->bias[c] : 0, stored = cell_at(m, g->raw, at);
    switch (g->finish) {
    case MSEG_FINISH_FORWARD:
        sum = plus(sum, bias);
        add_to_sums(&sums[c], sum, sum);
        return sum;
    case MSEG_FINISH_MASKED:
        sum = passed(&g->how, unclamped_number(&g->how, stored, c), sum);
        add_to_sums(&sums[c], sum, (close_to){stored, 0});
        return sum;
    case MSEG_FINISH_PLAIN:
        return plus(sum, add ? cell_at(m, add, at) : 0);
    case MSEG_FINISH_REALS:
        break;
    }
    return plus(sum, bias);
}

static void check_product(memory *m, const shape *s, mseg_train_finish finish)
{
    static two_sums sums[MAX_N];
    memset(sums, 0, sizeof sums);
    m->side = maybe(m) ? GUARD_END : GUARD_START;
    mseg_train_product g;
    const mseg_real *w = open_product(m, &g, s, finish);
    const size_t n = (size_t)s->n, outputs = (size_t)s->rows * n;
    void *add = g.add ? copy_of(g.add, outputs * m->k->cell) : NULL;
    mseg_real *sum = copy_of(g.sum, n * sizeof(mseg_real)), *sum2 = copy_of(g.sum2, n * sizeof(mseg_real));
    m->k->product(&g);
    for (size_t at = 0; at < outputs; at++) {
        const close_to value = product_at(m, &g, w, s, (int)(at / n), (int)(at % n));
        const close_to expected = finished(m, &g, value, add, at, sums);
        if (finish == MSEG_FINISH_REALS)
            check_real(m, "real", at, (double)((const mseg_real *)g.out)[at], expected);
        else
            check_cell(m, "cell", at, g.out, expected);
    }
    check_sums(m, sums, n, g.sum, sum, g.sum2, sum2);
    check_guards(m);
    free(add);
    free(sum);
    free(sum2);
}

/* Every number of rows and width with every finish. */
static void check_products(memory *m)
{
    for (int rows = 1; rows <= MAX_ROWS; rows++)
        for (int n = 16; n <= MAX_N; n += 16)
            for (int finish = MSEG_FINISH_FORWARD; finish <= MSEG_FINISH_REALS; finish++) {
                const bool back = maybe(m);
                const int taps = back ? choose(m, 1, 3) : 1, k = 16 * taps * choose(m, 1, 3);
                const size_t gap = (size_t)(2 * choose(m, 0, 9) * choose(m, 0, 1));
                const shape s = {.rows = rows, .k = k, .n = n, .taps = taps, .stride = (size_t)k + gap, .back = back};
                check_product(m, &s, (mseg_train_finish)finish);
            }
}

static void test_products(void **state)
{
    (void)state;
    each_set(check_products);
}

/* Rows of operands as weights takes them: in pairs or not. */
typedef struct loaded {
    void *data;
    size_t stride;
    int rows, columns;
} loaded;

static size_t place_of(const memory *m, const loaded *l, int r, int c)
{
    if (m->k->paired)
        return (size_t)(r / 2) * 2 * l->stride + 2 * (size_t)c + (size_t)(r % 2);
    return (size_t)r * l->stride + (size_t)c;
}

static loaded random_rows(memory *m, int g, int rows, int columns)
{
    loaded l = {.stride = (size_t)(columns + choose(m, 0, 1) * choose(m, 1, 20)), .rows = rows, .columns = columns};
    const int whole = m->k->paired ? rows + rows % 2 : rows;
    l.data = blank_cells(m, g, place_of(m, &l, whole - 1, columns - 1) + 1);
    for (int r = 0; r < whole; r++)
        for (int c = 0; c < columns; c++)
            set_cell(m, l.data, place_of(m, &l, r, c), r < rows ? next_value(m) : 0);
    return l;
}

static void check_gradient(memory *m, int rows, int k, int n)
{
    m->side = maybe(m) ? GUARD_END : GUARD_START;
    const loaded t = random_rows(m, X, rows, k), d = random_rows(m, B, rows, n);
    const size_t count = (size_t)k * (size_t)n;
    mseg_real *gradient = random_reals(m, OUT, count), *before = copy_of(gradient, count * sizeof(mseg_real));
    m->k->weights(gradient, t.data, t.stride, k, d.data, d.stride, n, rows);
    for (size_t at = 0; at < count; at++) {
        double sum = (double)before[at], size = fabs(sum);
        for (int r = 0; r < rows; r++) {
            const double product = cell_at(m, t.data, place_of(m, &t, r, (int)(at / (size_t)n))) *
                                   cell_at(m, d.data, place_of(m, &d, r, (int)(at % (size_t)n)));
            sum += product;
            size += fabs(product);
        }
        check_real(m, "gradient", at, (double)gradient[at], (close_to){sum, (rows + 2) * REAL_EPSILON * size});
    }
    check_guards(m);
    free(before);
}

static void check_gradients(memory *m)
{
    for (int rows = 1; rows <= MAX_ROWS; rows++)
        for (int n = 16; n <= MAX_N; n += 16)
            check_gradient(m, rows, 16 * choose(m, 1, 6), n);
}

static void test_gradients(void **state)
{
    (void)state;
    each_set(check_gradients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
