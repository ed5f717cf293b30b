#include "kernels/train_sets.h"

/* Training's loops over rows of pixels against the same in double: operands, reals, sums, additions, gathered gradients. */

enum { MAX_PIXELS = 17, MAX_CHANNELS = 112 };

/* Places of the buffers among the guards. */
enum { X, T, CELLS, Y, OUT, SUM, SUM2, HOW, HOW2, HOW3 };

/* Where rows are loaded to, and whether there is something in each of them. */
typedef struct place {
    void *x, *t;
    size_t stride, column;
    int n, channels;
    bool there[MAX_PIXELS];
} place;

static place open_place(memory *m, int n, int channels, size_t column)
{
    place to = {.stride = column + (size_t)(channels + 2 * choose(m, 0, 9) * choose(m, 0, 1)), .column = column};
    to.n = n;
    to.channels = channels;
    const size_t width = column + (size_t)channels, last = (size_t)(n - 1);
    const int wanted = choose(m, 1, 3);
    if (wanted & 1 || !m->k->paired)
        to.x = blank_cells(m, X, last * to.stride + width);
    if (wanted & 2)
        to.t = blank_cells(m, T, m->k->paired ? last / 2 * 2 * to.stride + 2 * width : 1);
    for (int r = 0; r < n; r++)
        to.there[r] = choose(m, 0, 4) > 0;
    return to;
}

/* Gives the rows of a map that are there, each by itself. */
static void give_rows(memory *m, const place *to, const void *map, const void **rows)
{
    for (int r = 0; r < to->n; r++)
        rows[r] = to->there[r] ? (const char *)map + (size_t)r * (size_t)to->channels * m->k->cell : NULL;
}

/* expected: [n][channels]; the second of the last pair, where there is none, is 0. */
static void check_place(const memory *m, const place *to, const close_to *expected)
{
    const size_t width = to->column + (size_t)to->channels, n = (size_t)to->n;
    for (size_t r = 0; to->x && r < n; r++)
        for (size_t c = 0; c < (r + 1 < n ? to->stride : width); c++)
            if (c >= to->column && c < width)
                check_cell(m, "operand", r * to->stride + c, to->x, expected[r * (size_t)to->channels + c - to->column]);
            else
                check_blank(m, "operand", r * to->stride + c, to->x);
    for (size_t r = 0; m->k->paired && to->t && r < n + n % 2; r++)
        for (size_t c = 0; c < (r + 2 < n ? to->stride : width); c++) {
            const size_t at = r / 2 * 2 * to->stride + 2 * c + r % 2;
            if (c < to->column || c >= width)
                check_blank(m, "operand of a pair", at, to->t);
            else
                check_cell(m, "operand of a pair", at, to->t,
                           r < n ? expected[r * (size_t)to->channels + c - to->column] : (close_to){0, 0});
        }
    if (!m->k->paired && to->t)
        check_blank(m, "operand of no pair", 0, to->t);
    check_guards(m);
}

static close_to number(const memory *m, const mseg_train_reading *how, const void *cells, size_t at, size_t channels)
{
    return clamped_number(how, unclamped_number(how, cell_at(m, cells, at), at % channels));
}

static void check_load(memory *m, int n, int channels, size_t column)
{
    close_to expected[MAX_PIXELS * MAX_CHANNELS] = {{0}};
    const void *rows[MAX_PIXELS];
    const place to = open_place(m, n, channels, column);
    const size_t width = (size_t)channels, count = (size_t)n * width;
    const void *cells = random_cells(m, CELLS, count);
    const mseg_train_reading how = random_reading(m, HOW, channels);
    give_rows(m, &to, cells, rows);
    for (size_t at = 0; at < count; at++)
        if (to.there[at / width])
            expected[at] = number(m, &how, cells, at, width);
    m->k->load(to.x, to.t, to.stride, to.column, rows, n, channels, &how);
    check_place(m, &to, expected);
}

static mseg_train_unnorm random_unnorm(memory *m, int channels)
{
    const size_t n = (size_t)channels;
    return (mseg_train_unnorm){random_reals(m, HOW, n), random_reals(m, HOW2, n), random_reals(m, HOW3, n)};
}

static close_to unnormed(const memory *m, const mseg_train_unnorm *how, const void *g, const void *y, size_t at, size_t channels)
{
    const size_t c = at % channels;
    const double a = cell_at(m, g, at) * (double)how->a[c], b = cell_at(m, y, at) * (double)how->b[c], e = (double)how->e[c];
    return (close_to){a + (b + e), 4 * REAL_EPSILON * (fabs(a) + fabs(b) + fabs(e))};
}

static void check_load_gradient(memory *m, int n, int channels, size_t column)
{
    close_to expected[MAX_PIXELS * MAX_CHANNELS] = {{0}};
    const void *g_rows[MAX_PIXELS], *y_rows[MAX_PIXELS];
    const place to = open_place(m, n, channels, column);
    const size_t width = (size_t)channels, count = (size_t)n * width;
    const void *g = random_cells(m, CELLS, count), *y = random_cells(m, Y, count);
    const mseg_train_unnorm how = random_unnorm(m, channels);
    give_rows(m, &to, g, g_rows);
    give_rows(m, &to, y, y_rows);
    for (size_t at = 0; at < count; at++)
        if (to.there[at / width])
            expected[at] = unnormed(m, &how, g, y, at, width);
    m->k->load_gradient(to.x, to.t, to.stride, to.column, g_rows, y_rows, n, channels, &how);
    check_place(m, &to, expected);
}

static void check_load_reals(memory *m, int n, int channels)
{
    close_to expected[MAX_PIXELS * MAX_CHANNELS] = {{0}};
    const place to = open_place(m, n, channels, 0);
    const size_t width = (size_t)channels, stride = width + (size_t)choose(m, 0, 5);
    const mseg_real *from = random_reals(m, CELLS, (size_t)(n - 1) * stride + width);
    for (size_t at = 0; at < (size_t)n * width; at++)
        expected[at] = (close_to){as_cell(m, (double)from[at / width * stride + at % width]), 0};
    m->k->load_reals(to.x, to.t, to.stride, from, stride, n, channels);
    check_place(m, &to, expected);
}

static void check_read(memory *m, int n, int channels)
{
    const size_t width = (size_t)channels, count = (size_t)n * width;
    const void *cells = random_cells(m, CELLS, count), *y = random_cells(m, Y, count);
    const mseg_train_reading how = random_reading(m, HOW, channels);
    mseg_real *x = blank(m, OUT, count * sizeof *x);
    m->k->read(x, cells, n, channels, &how);
    for (size_t at = 0; at < count; at++)
        check_real(m, "number", at, (double)x[at], number(m, &how, cells, at, width));
    const mseg_train_unnorm back = random_unnorm(m, channels);
    x = blank(m, OUT, count * sizeof *x);
    m->k->read_gradient(x, cells, y, n, channels, &back);
    for (size_t at = 0; at < count; at++)
        check_real(m, "gradient", at, (double)x[at], unnormed(m, &back, cells, y, at, width));
    check_guards(m);
}

static void check_sum(memory *m, int n, int channels)
{
    two_sums sums[MAX_CHANNELS] = {{{0}}};
    const size_t width = (size_t)channels, count = (size_t)n * width;
    const void *cells = random_cells(m, CELLS, count);
    const mseg_train_reading how = random_reading(m, HOW, channels);
    mseg_real *sum = random_reals(m, SUM, width), *before = copy_of(sum, width * sizeof *sum);
    mseg_real *none = random_reals(m, SUM2, width);
    for (size_t at = 0; at < count; at++)
        add_to_sums(&sums[at % width], number(m, &how, cells, at, width), (close_to){0, 0});
    m->k->sum(sum, cells, n, channels, &how);
    check_sums(m, sums, width, sum, before, none, none);
    check_guards(m);
    free(before);
}

static void check_add(memory *m, int n, int channels)
{
    const size_t width = (size_t)channels, count = (size_t)n * width;
    const void *y = random_cells(m, CELLS, count), *add = maybe(m) ? random_cells(m, Y, count) : NULL;
    const mseg_train_reading how = random_reading(m, HOW, channels);
    void *out = blank_cells(m, OUT, count);
    m->k->add(out, y, add, n, channels, &how);
    for (size_t at = 0; at < count; at++) {
        close_to x = unclamped_number(&how, cell_at(m, y, at), at % width);
        const double more = add ? cell_at(m, add, at) : 0;
        x.error += REAL_EPSILON * (fabs(x.value) + fabs(more));
        x.value += more;
        check_cell(m, "cell", at, out, clamped_number(&how, x));
    }
    check_guards(m);
}

static void check_gather(memory *m, int n, int channels)
{
    two_sums sums[MAX_CHANNELS] = {{{0}}};
    const size_t width = (size_t)channels, count = (size_t)n * width;
    mseg_train_gather g = {.gradient = random_cells(m, OUT, count),
                           .everywhere = maybe(m) ? random_reals(m, X, width) : NULL,
                           .value = random_cells(m, CELLS, count),
                           .how = random_reading(m, HOW, channels),
                           .raw = random_cells(m, Y, count),
                           .pixels = n,
                           .channels = channels,
                           .sum = random_reals(m, SUM, width),
                           .sum2 = random_reals(m, SUM2, width)};
    for (size_t at = 0; !g.how.scale && at < count; at += 3) /* at the very limits nothing passes */
        set_cell(m, (void *)(uintptr_t)g.value, at, at % 2 ? 1 : 0);
    void *before = copy_of(g.gradient, count * m->k->cell);
    mseg_real *sum = copy_of(g.sum, width * sizeof *sum), *sum2 = copy_of(g.sum2, width * sizeof *sum2);
    m->k->gather(&g);
    for (size_t at = 0; at < count; at++) {
        const double gradient = cell_at(m, before, at), more = g.everywhere ? (double)g.everywhere[at % width] : 0;
        const close_to whole = {gradient + more, REAL_EPSILON * (fabs(gradient) + fabs(more))};
        const close_to value = unclamped_number(&g.how, cell_at(m, g.value, at), at % width);
        const close_to expected = passed(&g.how, value, whole);
        add_to_sums(&sums[at % width], expected, (close_to){cell_at(m, g.raw, at), 0});
        check_cell(m, "gradient", at, g.gradient, expected);
    }
    check_sums(m, sums, width, g.sum, sum, g.sum2, sum2);
    check_guards(m);
    free(before);
    free(sum);
    free(sum2);
}

static void check_all(memory *m)
{
    for (int n = 1; n <= MAX_PIXELS; n++)
        for (int channels = 16; channels <= MAX_CHANNELS; channels += 16)
            for (int repeat = 0; repeat < 4; repeat++) {
                m->side = repeat % 2 ? GUARD_END : GUARD_START;
                check_load(m, n, channels, (size_t)(16 * choose(m, 0, 2)));
                check_load_gradient(m, n, channels, (size_t)(16 * choose(m, 0, 2)));
                check_load_reals(m, n, channels);
                check_read(m, n, channels);
                check_sum(m, n, channels);
                check_add(m, n, channels);
                check_gather(m, n, channels);
            }
}

static void test_rows(void **state)
{
    (void)state;
    each_set(check_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
