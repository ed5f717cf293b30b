#include <float.h>
#include <math.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"
#include "kernels/train/cross_entropy.h"

/* The cross-entropy kernels against exp() and log() in double, every buffer between guard pages. */

typedef struct row {
    const char *name;
    mseg_cross_entropy_fn fn;
    unsigned needs;
    mseg_cpu_level prefers;
} row;

#define ROW(name, needs, prefers) {#name, name, needs, prefers},
static const row rows[] = {
#include "kernels/train/cross_entropy.def"
};

enum { ROWS = sizeof rows / sizeof *rows, COLUMNS = 4, RUNS = 3, MOST_CLASSES = 256 };
static const int between[RUNS][2] = {{0, 1}, {1, 2}, {3, 3}};

typedef struct buffers {
    guard logits, gradient, runs, fraction, labels, weights;
} buffers;

static void for_buffers(buffers *b, void (*fn)(guard *))
{
    fn(&b->logits);
    fn(&b->gradient);
    fn(&b->runs);
    fn(&b->fraction);
    fn(&b->labels);
    fn(&b->weights);
}

static void check_guard(guard *g)
{
    guard_check(g);
}

/* What is to be: in double, and how far off a kernel may be. */
typedef struct expected {
    double gradient[COLUMNS * MOST_CLASSES], tolerance[COLUMNS * MOST_CLASSES];
    double loss, loss_tolerance;
    int64_t hits;
} expected;

static size_t lanes_of(int classes)
{
    return ((size_t)classes + MSEG_TRAIN_VEC - 1) / MSEG_TRAIN_VEC * MSEG_TRAIN_VEC;
}

/* One pixel. A probability's error: rounding of logits of that size, of exp and of the sum; then that of adding pixels. */
static void expect_pixel(const mseg_cross_entropy_args *a, const mseg_column_run *run, int x, expected *e)
{
    const size_t lanes = lanes_of(a->classes);
    const float *left = a->logits + (size_t)run->left * lanes, *right = a->logits + (size_t)run->right * lanes;
    const int label = a->labels[x], pixels = run->x1 - run->x0;
    const double weight = (double)a->weights[label], f = (double)a->fraction[x];
    double y[MOST_CLASSES], most = -INFINITY, sum = 0, size = 0;
    int first = 0;
    for (int c = 0; c < a->classes; c++) {
        y[c] = (double)left[c] + ((double)right[c] - (double)left[c]) * f;
        first = y[c] > most ? c : first;
        most = fmax(most, y[c]);
        size = fmax(size, fabs((double)left[c]) + fabs((double)right[c]));
    }
    for (int c = 0; c < a->classes; c++)
        sum += exp(y[c] - most);
    for (int c = 0; c < a->classes; c++) {
        const double p = exp(y[c] - most) / sum, factor = weight * (double)a->scale, g = factor * (p - (c == label));
        const double off = factor * (p * (6 * size + a->classes + 8) + (c == label) + pixels * (p + (c == label)) + 1e-30);
        const size_t l = (size_t)run->left * MOST_CLASSES + (size_t)c, r = (size_t)run->right * MOST_CLASSES + (size_t)c;
        e->gradient[l] += g * (1 - f);
        e->gradient[r] += g * f;
        e->tolerance[l] += (double)FLT_EPSILON * off;
        e->tolerance[r] += (double)FLT_EPSILON * off;
    }
    e->loss += weight * (log(sum) + most - y[label]);
    e->loss_tolerance += weight * (double)FLT_EPSILON * (6 * size + a->classes + 8);
    e->hits += first == label;
}

static void expect(const mseg_cross_entropy_args *a, expected *e)
{
    *e = (expected){0};
    for (int r = 0; r < a->n_runs; r++)
        for (int x = a->runs[r].x0; x < a->runs[r].x1; x++)
            if (a->weights[a->labels[x]] > 0)
                expect_pixel(a, &a->runs[r], x, e);
}

/* Runs of that length from pixel length % 3 on; every fourth label does not count. What is behind the last class stays NaN.
 * range: of logits; 0: they are quarters, half way or none, so that many are equal. */
static mseg_cross_entropy_args place(buffers *b, int classes, int length, float range, guard_side side)
{
    const size_t lanes = lanes_of(classes);
    const int x0 = length % 3, n = x0 + RUNS * length;
    float *logits = guard_floats(&b->logits, COLUMNS * lanes, side),
          *gradient = guard_floats(&b->gradient, COLUMNS * lanes, side);
    float *fraction = guard_floats(&b->fraction, (size_t)n, side), *weights = guard_floats(&b->weights, 256, side);
    uint8_t *labels = guard_place(&b->labels, (size_t)n, side);
    mseg_column_run *runs = guard_place(&b->runs, RUNS * sizeof *runs, side);
    for (size_t i = 0; i < COLUMNS * lanes; i++) {
        gradient[i] = 0;
        if (i % lanes < (size_t)classes)
            logits[i] =
                range > 0 ? range * random_value((uint64_t)(classes * 100 + length), i) : (float)(random_bits(9, i) % 4) / 4;
    }
    for (int i = 0; i < 256; i++)
        weights[i] = i < classes && i % 4 != 3 ? 1 + random_value(5, (uint64_t)i) : 0;
    for (int r = 0; r < RUNS; r++)
        runs[r] = (mseg_column_run){x0 + r * length, x0 + (r + 1) * length, between[r][0], between[r][1]};
    for (int x = 0; x < n; x++) {
        fraction[x] = range > 0 ? random_value(3, (uint64_t)x) + 0.5f : (float)(random_bits(10, (uint64_t)x) % 2) / 2;
        labels[x] = (uint8_t)(random_bits(4, (uint64_t)x) % 4 == 3 ? 255 : random_bits(4, (uint64_t)x) % (uint64_t)classes);
    }
    return (mseg_cross_entropy_args){.logits = logits,
                                     .gradient = gradient,
                                     .classes = classes,
                                     .runs = runs,
                                     .n_runs = RUNS,
                                     .fraction = fraction,
                                     .labels = labels,
                                     .weights = weights,
                                     .scale = 0.25f};
}

static void check_result(const char *name, const mseg_cross_entropy_args *a, const expected *e)
{
    const size_t lanes = lanes_of(a->classes);
    for (size_t i = 0; i < COLUMNS * lanes; i++) {
        const size_t c = i % lanes, at = i / lanes * MOST_CLASSES + c;
        const double ours = (double)a->gradient[i], wanted = c < (size_t)a->classes ? e->gradient[at] : 0;
        if (!(fabs(ours - wanted) <= (c < (size_t)a->classes ? e->tolerance[at] : 0)))
            fail_msg("%s, %d classes: gradient of column %zu, class %zu is %.9g, not %.9g", name, a->classes, i / lanes, c, ours,
                     wanted);
    }
    if (!(fabs(a->loss - e->loss) <= e->loss_tolerance))
        fail_msg("%s, %d classes: loss is %.9g, not %.9g", name, a->classes, a->loss, e->loss);
}

static void check_shape(const row *kernel, buffers *b, int classes, int length, float range, guard_side side)
{
    static expected e;
    mseg_cross_entropy_args args = place(b, classes, length, range, side);
    kernel->fn(&args);
    expect(&args, &e);
    check_result(kernel->name, &args, &e);
    for_buffers(b, check_guard);
}

static void test_every_kernel(void **state)
{
    (void)state;
    static const int classes[] = {1, 2, 8, 16, 17, 21, 33, 150, 256};
    static const float ranges[] = {2, 30, 400}; /* the last one underflows */
    static buffers b;
    for_buffers(&b, guard_open);
    for (size_t i = 0; i < ROWS; i++)
        for (int c = 0; c < 9 && row_runs(rows[i].name, rows[i].needs); c++)
            for (int length = 1; length <= 20; length++)
                check_shape(&rows[i], &b, classes[c], length, ranges[(length + c) % 3], length % 2 ? GUARD_END : GUARD_START);
    for_buffers(&b, guard_close);
}

/* Where several logits are the largest the first one counts. */
static void test_hits(void **state)
{
    (void)state;
    static const int classes[] = {2, 21, 40, 150};
    static buffers b;
    static expected e;
    for_buffers(&b, guard_open);
    for (size_t i = 0; i < ROWS; i++)
        for (int n = 0; n < 4 && row_runs(rows[i].name, rows[i].needs); n++) {
            mseg_cross_entropy_args args = place(&b, classes[n], 120, 0, GUARD_START);
            rows[i].fn(&args);
            expect(&args, &e);
            assert_true(e.hits > 0);
            assert_int_equal(args.hits, e.hits);
        }
    for_buffers(&b, guard_close);
}

static mseg_cross_entropy_args one_pixel(const float *logits, float *gradient, int classes, const mseg_column_run *run,
                                         const float *fraction, const uint8_t *label, const float *weights)
{
    return (mseg_cross_entropy_args){.logits = logits,
                                     .gradient = gradient,
                                     .classes = classes,
                                     .runs = run,
                                     .n_runs = 1,
                                     .fraction = fraction,
                                     .labels = label,
                                     .weights = weights,
                                     .scale = 1};
}

/* Two logits, 0 and x: the gradient of the second is e^x / (1 + e^x). */
static void test_exponential(void **state)
{
    (void)state;
    static const uint8_t label = 0;
    static const float fraction = 0;
    static const mseg_column_run run = {0, 1, 0, 0};
    static const float weights[256] = {1};
    for (size_t i = 0; i < ROWS; i++)
        for (int k = 0; k <= 20000 && row_runs(rows[i].name, rows[i].needs); k++) {
            const float x = k < 20000 ? -(float)k * 0.005f : -FLT_MAX;
            const float logits[MSEG_TRAIN_VEC] = {0, x};
            float gradient[MSEG_TRAIN_VEC] = {0};
            mseg_cross_entropy_args args = one_pixel(logits, gradient, 2, &run, &fraction, &label, weights);
            rows[i].fn(&args);
            const double wanted = exp((double)x) / (1 + exp((double)x));
            if (!(fabs((double)gradient[1] - wanted) <= 4e-7 * wanted + 2e-38))
                fail_msg("%s: e^%g / (1 + e^%g) is %.9g, not %.9g", rows[i].name, (double)x, (double)x, (double)gradient[1],
                         wanted);
        }
}

/* n logits that are equal: the loss is log(n). */
static void test_logarithm(void **state)
{
    (void)state;
    static const uint8_t label = 0;
    static const float fraction = 0, logits[MOST_CLASSES] = {0}, weights[256] = {1};
    static const mseg_column_run run = {0, 1, 0, 0};
    for (size_t i = 0; i < ROWS; i++)
        for (int n = 1; n <= MOST_CLASSES && row_runs(rows[i].name, rows[i].needs); n++) {
            float gradient[MOST_CLASSES] = {0};
            mseg_cross_entropy_args args = one_pixel(logits, gradient, n, &run, &fraction, &label, weights);
            rows[i].fn(&args);
            if (!(fabs(args.loss - log(n)) <= 1.2e-7 * log(n)))
                fail_msg("%s: log(%d) is %.9g, not %.9g", rows[i].name, n, args.loss, log(n));
        }
}

/* A logit that is no number makes the loss none, where the pixel counts. */
static void test_not_a_number(void **state)
{
    (void)state;
    static const float fraction = 0.5f;
    static const mseg_column_run run = {0, 1, 0, 1};
    static const float weights[256] = {1};
    for (size_t i = 0; i < ROWS; i++)
        for (int c = 0; c < 21 && row_runs(rows[i].name, rows[i].needs); c++)
            for (uint8_t label = 0; label < 2; label++) {
                float logits[64] = {0}, gradient[64] = {0};
                logits[32 + c] = NAN;
                mseg_cross_entropy_args args = one_pixel(logits, gradient, 21, &run, &fraction, &label, weights);
                rows[i].fn(&args);
                assert_int_equal(!!isnan(args.loss), !label);
            }
}

static void test_registry(void **state)
{
    (void)state;
    for (unsigned features = 0; features <= 255; features++)
        for (int level = 0; level < MSEG_CPU_LEVELS; level++) {
            const mseg_cpu cpu = {.features = features, .level = (mseg_cpu_level)level};
            const row *last = rows;
            for (const row *r = rows; r < rows + ROWS; r++)
                if (!(r->needs & ~features) && r->prefers <= cpu.level)
                    last = r;
            assert_true(mseg_cross_entropy_for(&cpu) == last->fn);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kernel), cmocka_unit_test(test_hits),
                                       cmocka_unit_test(test_exponential),  cmocka_unit_test(test_logarithm),
                                       cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_registry)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
