#include "kernels/train_sets.h"

/* Training's depthwise convolutions, forwards and back, against their sums in double. */

enum { MAX_PIXELS = 17, MAX_CHANNELS = 80 };

/* Places of the buffers among the guards; ROWS and the two behind it are three rows. */
enum { ROWS, ROWS_END = ROWS + 3, W, OUT, SUM, SUM2, GRADIENT, X, RAW, ADD };

/* A sum of products on its way. */
typedef struct running {
    double sum, size;
    int n;
} running;

static void add_product(running *s, double x, double y)
{
    s->sum += x * y;
    s->size += fabs(x * y);
    s->n++;
}

static close_to ended(const running *s)
{
    return (close_to){s->sum, (s->n + 2) * REAL_EPSILON * s->size};
}

static void check_forward(memory *m, int pixels, int channels, int stride, int rate)
{
    two_sums sums[MAX_CHANNELS] = {{{0}}};
    const size_t width = (size_t)channels;
    m->side = maybe(m) ? GUARD_END : GUARD_START;
    mseg_train_dwconv g = {.tap_step = (size_t)rate * width,
                           .pixel_step = (size_t)stride * width,
                           .weights = random_reals(m, W, 9 * width),
                           .out = blank_cells(m, OUT, (size_t)pixels * width),
                           .pixels = pixels,
                           .channels = channels,
                           .sum = random_reals(m, SUM, width),
                           .sum2 = random_reals(m, SUM2, width)};
    for (int i = 0; i < 3; i++)
        g.rows[i] = random_reals(m, ROWS + i, (size_t)(pixels - 1) * g.pixel_step + 2 * g.tap_step + width);
    mseg_real *sum = copy_of(g.sum, width * sizeof *sum), *sum2 = copy_of(g.sum2, width * sizeof *sum2);
    m->k->dwconv(&g);
    for (size_t p = 0; p < (size_t)pixels; p++)
        for (size_t c = 0; c < width; c++) {
            running total = {0};
            for (size_t tap = 0; tap < 9; tap++)
                add_product(&total, (double)g.weights[tap * width + c],
                            (double)g.rows[tap / 3][p * g.pixel_step + tap % 3 * g.tap_step + c]);
            const close_to expected = ended(&total);
            check_cell(m, "cell", p * width + c, g.out, expected);
            add_to_sums(&sums[c], expected, expected);
        }
    check_sums(m, sums, width, g.sum, sum, g.sum2, sum2);
    check_guards(m);
    free(sum);
    free(sum2);
}

static void check_forwards(memory *m)
{
    for (int pixels = 1; pixels <= MAX_PIXELS; pixels++)
        for (int channels = 16; channels <= MAX_CHANNELS; channels += 16)
            for (int stride = 1; stride <= 2; stride++)
                for (int rate = 1; rate <= 2; rate++)
                    check_forward(m, pixels, channels, stride, rate);
}

static void test_forwards(void **state)
{
    (void)state;
    each_set(check_forwards);
}

/* The tap that input column p meets at the offset from d where its gradient is, -1 when none. */
static int tap_of(const mseg_train_dwconv_back *g, int p, int j, ptrdiff_t *offset)
{
    const ptrdiff_t channels = g->channels;
    if (g->stride == 1) {
        *offset = p * channels - j * (ptrdiff_t)g->tap_step;
        return j;
    }
    const int twice = p + g->phase - j; /* the output column is half of it */
    *offset = twice / 2 * channels;
    if (twice < 0)
        *offset = -channels;
    return twice % 2 ? -1 : j;
}

/* The rows of gradients, exactly what is read of them. */
static void give_gradients(memory *m, mseg_train_dwconv_back *g, int which)
{
    const size_t channels = (size_t)g->channels;
    size_t before = 2 * g->tap_step, behind = (size_t)g->pixels * channels;
    if (g->stride == 2) {
        const int last = g->phase + g->pixels - 1;
        before = g->phase == 0 ? channels : 0;
        behind = (size_t)(last / 2 + 1) * channels;
    }
    for (int i = 0; i < 3; i++)
        if (which >> i & 1)
            g->d[i] = random_reals(m, ROWS + i, before + behind) + before;
}

static mseg_train_dwconv_back open_back(memory *m, int pixels, int channels, int stride, int which)
{
    const size_t width = (size_t)channels, count = (size_t)pixels * width;
    mseg_train_dwconv_back g = {.tap_step = (size_t)choose(m, 1, 2) * width,
                                .stride = stride,
                                .phase = stride == 2 ? choose(m, 0, 1) : 0,
                                .weights = random_reals(m, W, 9 * width),
                                .weight_gradient = choose(m, 0, 3) ? random_reals(m, GRADIENT, 9 * width) : NULL,
                                .pixels = pixels,
                                .channels = channels,
                                .lo = maybe(m) ? -INFINITY : 0,
                                .hi = maybe(m) ? INFINITY : 1,
                                .raw = choose(m, 0, 3) ? random_cells(m, RAW, count) : NULL,
                                .out = blank_cells(m, OUT, count),
                                .sum = random_reals(m, SUM, width),
                                .sum2 = random_reals(m, SUM2, width)};
    mseg_real *x = random_reals(m, X, count);
    for (size_t i = 0; i < count; i++) /* as it is read: limits are among it, and do not pass */
        x[i] = x[i] < g.lo ? g.lo : x[i] > g.hi ? g.hi : x[i];
    g.x = x;
    if (maybe(m))
        g.add = maybe(m) ? random_cells(m, ADD, count) : (g.out = random_cells(m, OUT, count));
    give_gradients(m, &g, which);
    return g;
}

/* The gradient of input at; what the weights' gradients grow by is added to weights [9][channels]. */
static close_to gradient_of(const memory *m, const mseg_train_dwconv_back *g, size_t at, const void *add, running *weights)
{
    const size_t channels = (size_t)g->channels, c = at % channels;
    running total = {0};
    if (add)
        add_product(&total, cell_at(m, add, at), 1);
    for (int tap = 0; tap < 9; tap++) {
        ptrdiff_t offset;
        if (!g->d[tap / 3] || tap_of(g, (int)(at / channels), tap % 3, &offset) < 0)
            continue;
        const double d = (double)g->d[tap / 3][offset + (ptrdiff_t)c];
        add_product(&total, (double)g->weights[(size_t)tap * channels + c], d);
        add_product(&weights[(size_t)tap * channels + c], d, (double)g->x[at]);
    }
    return g->x[at] > g->lo && g->x[at] < g->hi ? ended(&total) : (close_to){0, 0};
}

static void check_back(memory *m, int pixels, int channels, int stride, int which)
{
    two_sums sums[MAX_CHANNELS] = {{{0}}};
    running weights[9 * MAX_CHANNELS] = {{0}};
    m->side = maybe(m) ? GUARD_END : GUARD_START;
    const mseg_train_dwconv_back g = open_back(m, pixels, channels, stride, which);
    const size_t width = (size_t)channels, count = (size_t)pixels * width, row = width * sizeof(mseg_real);
    void *add = g.add ? copy_of(g.add, count * m->k->cell) : NULL;
    mseg_real *sum = copy_of(g.sum, row), *sum2 = copy_of(g.sum2, row);
    mseg_real *old = g.weight_gradient ? copy_of(g.weight_gradient, 9 * row) : NULL;
    m->k->dwconv_back(&g);
    for (size_t at = 0; at < count; at++) {
        const close_to expected = gradient_of(m, &g, at, add, weights);
        check_cell(m, "cell", at, g.out, expected);
        if (g.raw)
            add_to_sums(&sums[at % width], expected, (close_to){cell_at(m, g.raw, at), 0});
    }
    check_sums(m, sums, width, g.sum, sum, g.sum2, sum2);
    for (size_t i = 0; old && i < 9 * width; i++) {
        add_product(&weights[i], (double)old[i], 1);
        check_real(m, "weight's gradient", i, (double)g.weight_gradient[i], ended(&weights[i]));
    }
    check_guards(m);
    free(add);
    free(sum);
    free(sum2);
    free(old);
}

static void check_backs(memory *m)
{
    for (int pixels = 1; pixels <= MAX_PIXELS; pixels++)
        for (int channels = 16; channels <= MAX_CHANNELS; channels += 16)
            for (int stride = 1; stride <= 2; stride++)
                for (int which = 0; which < 8; which++)
                    check_back(m, pixels, channels, stride, which);
}

static void test_backs(void **state)
{
    (void)state;
    each_set(check_backs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forwards), cmocka_unit_test(test_backs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
