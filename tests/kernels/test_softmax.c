#include <float.h>
#include <math.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The softmax kernels against exp() in double, every buffer between guard pages. */

typedef struct row {
    const char *name;
    mseg_softmax_fn fn;
    unsigned needs;
} row;

#define ROW(name, needs, prefers) {#name, name, needs},
static const row rows[] = {
#include "kernels/pixels/softmax_add.def"
};

enum { COLUMNS = 4, RUNS = 3 };
static const int between[RUNS][2] = {{0, 1}, {1, 2}, {3, 3}};

typedef struct buffers {
    guard logits, runs, fraction, sums;
} buffers;

static void for_buffers(buffers *b, void (*fn)(guard *))
{
    fn(&b->logits);
    fn(&b->runs);
    fn(&b->fraction);
    fn(&b->sums);
}

static void check_guard(guard *g)
{
    guard_check(g);
}

/* One pixel: sums before plus its softmax. A probability's error: rounding of logits of that size, of exp and of the sum. */
static void check_pixel(const row *kernel, const float *left, const float *right, int classes, float fraction, const float *sums,
                        float before, size_t stride)
{
    double y[256], most = -INFINITY, sum = 0, size = 0;
    for (int c = 0; c < classes; c++) {
        y[c] = (double)left[c] + ((double)right[c] - (double)left[c]) * (double)fraction;
        most = fmax(most, y[c]);
        size = fmax(size, fabs((double)left[c]) + fabs((double)right[c]));
    }
    for (int c = 0; c < classes; c++)
        sum += exp(y[c] - most);
    for (int c = 0; c < classes; c++) {
        double p = exp(y[c] - most) / sum, ours = (double)sums[(size_t)c * stride];
        double tolerance = (double)FLT_EPSILON * (p * (6 * size + classes + 8) + fabs((double)before) + 1e-30) + 1e-37;
        if (!(fabs(ours - ((double)before + p)) <= tolerance))
            fail_msg("%s, %d classes: class %d is %.9g, not %.9g", kernel->name, classes, c, ours, (double)before + p);
    }
}

static void check_shape(const row *kernel, buffers *b, int classes, int length, float range, guard_side side)
{
    const int x0 = length % 3, n = x0 + RUNS * length;
    const size_t stride = (size_t)(n + length % 2 * 7);
    const float before = length % 4 ? 0.75f : 0;
    float *logits = guard_floats(&b->logits, (size_t)(COLUMNS * classes), side);
    mseg_column_run *runs = guard_place(&b->runs, RUNS * sizeof *runs, side);
    float *fraction = guard_floats(&b->fraction, (size_t)n, side);
    const size_t count = (size_t)(classes - 1) * stride + (size_t)n;
    float *sums = guard_floats(&b->sums, count, side);
    for (int i = 0; i < COLUMNS * classes; i++)
        logits[i] = range * random_value((uint64_t)(classes * 100 + length), (uint64_t)i);
    for (int r = 0; r < RUNS; r++)
        runs[r] = (mseg_column_run){x0 + r * length, x0 + (r + 1) * length, between[r][0], between[r][1]};
    for (int x = x0; x < n; x++) {
        fraction[x] = random_value(3, (uint64_t)x) + 0.5f;
        for (int c = 0; c < classes; c++)
            sums[(size_t)c * stride + (size_t)x] = before;
    }
    kernel->fn(logits, classes, runs, RUNS, fraction, sums, stride);
    for (size_t i = 0; i < count; i++)
        if (i % stride < (size_t)x0 || i % stride >= (size_t)n)
            assert_true(isnan(sums[i])); /* not a pixel of a run */
    for (int r = 0; r < RUNS; r++)
        for (int x = runs[r].x0; x < runs[r].x1; x++)
            check_pixel(kernel, logits + between[r][0] * classes, logits + between[r][1] * classes, classes, fraction[x],
                        sums + x, before, stride);
    for_buffers(b, check_guard);
}

static void test_every_softmax_kernel(void **state)
{
    (void)state;
    static const int classes[] = {1, 2, 21, 150, 256};
    static const float ranges[] = {2, 30, 400}; /* the last one underflows */
    static buffers b;
    for_buffers(&b, guard_open);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int c = 0; c < 5 && row_runs(rows[i].name, rows[i].needs); c++)
            for (int length = 1; length <= 40; length++)
                check_shape(&rows[i], &b, classes[c], length, ranges[(length + c) % 3], length % 2 ? GUARD_END : GUARD_START);
    for_buffers(&b, guard_close);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_softmax_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
