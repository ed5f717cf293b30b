#include <float.h>
#include <math.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The kernels between pixels and the network: normalise and argmax. */

typedef struct normalise_row {
    const char *name;
    mseg_normalise_fn fn;
    unsigned needs;
} normalise_row;

typedef struct argmax_row {
    const char *name;
    mseg_argmax_fn fn;
    unsigned needs;
} argmax_row;

#define ROW(name, needs, prefers) {#name, name, needs},
static const normalise_row normalise_rows[] = {
#include "kernels/pixels/normalise.def"
};
#define ROW(name, needs, prefers) {#name, name, needs},
static const argmax_row argmax_rows[] = {
#include "kernels/pixels/argmax.def"
};

typedef struct rule {
    float scale[3], offset[3];
} rule;

static void check_normalise(const normalise_row *kernel, const rule *by, guard *in_guard, guard *out_guard, int pixels,
                            guard_side side)
{
    const int n = 3 * pixels;
    uint8_t *in = guard_place(in_guard, (size_t)n, side);
    float *out = guard_floats(out_guard, (size_t)n, side);
    for (int i = 0; i < n; i++)
        in[i] = (uint8_t)(i * 37 + pixels);
    kernel->fn(in, out, pixels, by->scale, by->offset);
    for (int i = 0; i < n; i++) {
        const double product = in[i] * (double)by->scale[i % 3], expected = product + (double)by->offset[i % 3];
        if (!(fabs((double)out[i] - expected) <= (double)FLT_EPSILON / 2 * (fabs(product) + fabs(expected))))
            fail_msg("%s, %d pixels: value %d, %d, becomes %.9g, not %.9g", kernel->name, pixels, i, in[i], (double)out[i],
                     expected);
    }
    guard_check(in_guard);
    guard_check(out_guard);
}

/* One rule for all channels, and one in which no two numbers are alike. */
static void test_normalise(void **state)
{
    (void)state;
    static const rule rules[] = {
        {{2.0f / 255, 2.0f / 255, 2.0f / 255}, {-1, -1, -1}},
        {{1 / 58.4f, 1 / 57.1f, 1 / 57.4f}, {-2.12f, -2.04f, -1.8f}},
        {{1, -3, 0}, {0, 7, 0.1f}},
    };
    guard in, out;
    guard_open(&in);
    guard_open(&out);
    for (size_t i = 0; i < sizeof normalise_rows / sizeof *normalise_rows; i++)
        for (int pixels = 0; pixels <= 270 && row_runs(normalise_rows[i].name, normalise_rows[i].needs); pixels++)
            for (int r = 0; r < 3; r++) /* from 256 pixels on every channel has seen every byte */
                check_normalise(&normalise_rows[i], &rules[r], &in, &out, pixels, pixels % 2 ? GUARD_END : GUARD_START);
    guard_close(&in);
    guard_close(&out);
}

typedef struct argmax_buffers {
    guard logits, runs, fraction, labels;
} argmax_buffers;

/* Pixel x of a run: exact logits (quarters) must give the first maximum, others any class within rounding of the maximum. */
static void check_label(const argmax_row *kernel, const float *left, const float *right, int classes, float fraction, int exact,
                        int label)
{
    int best = 0;
    double max = -INFINITY, chosen = 0, size = 0;
    for (int c = 0; c < classes; c++) {
        double l = (double)left[c], y = l + ((double)right[c] - l) * (double)fraction;
        size = fmax(size, fabs(l) + fabs((double)right[c]));
        if (y > max) {
            max = y;
            best = c;
        }
        if (c == label)
            chosen = y;
    }
    if (label >= classes || (exact && label != best) || !(max - chosen <= 4 * (double)FLT_EPSILON * size))
        fail_msg("%s, %d classes: label %d, not %d", kernel->name, classes, label, best);
}

static void fill_logits(float *logits, int count, int exact, uint64_t seed)
{
    for (int i = 0; i < count; i++)
        logits[i] = exact ? (float)(random_bits(seed, (uint64_t)i) % 7) * 0.25f : 16 * random_value(seed, (uint64_t)i);
}

static void check_argmax(const argmax_row *kernel, argmax_buffers *b, int classes, int length, int exact, guard_side side)
{
    enum { COLUMNS = 4 };
    static const int between[][2] = {{0, 1}, {1, 2}, {3, 3}};
    const int n = 3 * length, x0 = length % 3; /* pixels before the first run stay as they are */
    float *logits = guard_floats(&b->logits, (size_t)(COLUMNS * classes), side);
    mseg_column_run *runs = guard_place(&b->runs, 3 * sizeof *runs, side);
    float *fraction = guard_floats(&b->fraction, (size_t)(x0 + n), side);
    uint8_t *labels = guard_place(&b->labels, (size_t)(x0 + n), side);
    fill_logits(logits, COLUMNS * classes, exact, (uint64_t)(classes * 100 + length));
    for (int r = 0; r < 3; r++)
        runs[r] = (mseg_column_run){x0 + r * length, x0 + (r + 1) * length, between[r][0], between[r][1]};
    for (int x = 0; x < n; x++)
        fraction[x0 + x] = exact ? (float)(x % 5) * 0.25f : random_value(3, (uint64_t)x) + 0.5f;
    kernel->fn(logits, classes, runs, 3, fraction, labels);
    for (int x = 0; x < x0; x++)
        assert_int_equal(labels[x], 0xFF);
    for (int r = 0; r < 3; r++)
        for (int x = runs[r].x0; x < runs[r].x1; x++)
            check_label(kernel, logits + between[r][0] * classes, logits + between[r][1] * classes, classes, fraction[x], exact,
                        labels[x]);
    guard_check(&b->logits);
    guard_check(&b->runs);
    guard_check(&b->fraction);
    guard_check(&b->labels);
}

static void for_buffers(argmax_buffers *b, void (*fn)(guard *))
{
    fn(&b->logits);
    fn(&b->runs);
    fn(&b->fraction);
    fn(&b->labels);
}

static void test_argmax(void **state)
{
    (void)state;
    static const int classes[] = {1, 2, 21, 150, 256};
    argmax_buffers b;
    for_buffers(&b, guard_open);
    for (size_t i = 0; i < sizeof argmax_rows / sizeof *argmax_rows; i++)
        for (size_t c = 0; c < sizeof classes / sizeof *classes && row_runs(argmax_rows[i].name, argmax_rows[i].needs); c++)
            for (int length = 1; length <= 40; length++) {
                check_argmax(&argmax_rows[i], &b, classes[c], length, 0, length % 2 ? GUARD_END : GUARD_START);
                check_argmax(&argmax_rows[i], &b, classes[c], length, 1, length % 2 ? GUARD_START : GUARD_END);
            }
    for_buffers(&b, guard_close);
}

/* All classes alike, with values and fractions that round: the first one must win, so all classes round alike. */
static void test_argmax_rounded_ties(void **state)
{
    (void)state;
    enum { CLASSES = 21, PIXELS = 200 };
    float logits[2 * CLASSES], fraction[PIXELS];
    uint8_t labels[PIXELS];
    const mseg_column_run run = {0, PIXELS, 0, 1};
    for (int c = 0; c < CLASSES; c++) {
        logits[c] = 7.3f;
        logits[CLASSES + c] = -1.7f;
    }
    for (int x = 0; x < PIXELS; x++)
        fraction[x] = random_value(9, (uint64_t)x) + 0.5f;
    for (size_t i = 0; i < sizeof argmax_rows / sizeof *argmax_rows; i++) {
        if (!row_runs(argmax_rows[i].name, argmax_rows[i].needs))
            continue;
        memset(labels, 0xFF, sizeof labels);
        argmax_rows[i].fn(logits, CLASSES, &run, 1, fraction, labels);
        for (int x = 0; x < PIXELS; x++)
            assert_int_equal(labels[x], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_argmax),
        cmocka_unit_test(test_argmax_rounded_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
