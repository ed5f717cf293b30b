#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The gemm kernels against sums in double, every buffer between guard pages and with NaN in its gaps. */

typedef struct row {
    mseg_gemm_kernel kernel;
    unsigned needs;
} row;

#define PLAIN                                        NULL, NULL
#define PAIRS(paired, pair_sums)                     paired, pair_sums
#define ROW(name, needs, prefers, mr, nr, vec, pack) {{#name, name, mr, nr, vec, pack}, needs},
static const row rows[] = {
#include "kernels/f32/gemm.def"
};
enum { ROWS = sizeof rows / sizeof *rows };

enum { MAX_TAPS = 9, MAX_K = 70, MAX_MR = 32, MAX_NR = 64 };
enum { ADD_NONE, ADD_SEPARATE, ADD_IN_PLACE, ADD_MODES };

typedef struct shape {
    int m, n, k, taps, p;
    int a_gap, c_gap, add_gap; /* floats between a pixel's end and the next one's start */
    int add;
    bool bias;
    int paired; /* columns whose weights are packed for pairs */
    bool by_pairs;
    float min, max;
    guard_side side;
} shape;

typedef struct buffers {
    guard a[MAX_TAPS], b[MAX_TAPS], a_pairs[MAX_TAPS], b_pairs[MAX_TAPS], bias, scale, add, c;
} buffers;

static void open_buffers(buffers *s)
{
    for (int t = 0; t < MAX_TAPS; t++) {
        guard_open(&s->a[t]);
        guard_open(&s->b[t]);
        guard_open(&s->a_pairs[t]);
        guard_open(&s->b_pairs[t]);
    }
    guard_open(&s->bias);
    guard_open(&s->scale);
    guard_open(&s->add);
    guard_open(&s->c);
}

static void close_buffers(buffers *s)
{
    for (int t = 0; t < MAX_TAPS; t++) {
        guard_close(&s->a[t]);
        guard_close(&s->b[t]);
        guard_close(&s->a_pairs[t]);
        guard_close(&s->b_pairs[t]);
    }
    guard_close(&s->bias);
    guard_close(&s->scale);
    guard_close(&s->add);
    guard_close(&s->c);
}

/* pixels x channels random floats at a stride; NaN between them and in the pixels before first. */
static float *map(guard *g, guard_side side, uint64_t seed, int first, int pixels, int channels, int stride)
{
    float *data = guard_floats(g, (size_t)(pixels - 1) * (size_t)stride + (size_t)channels, side);
    for (int p = first; p < pixels; p++)
        for (int i = 0; i < channels; i++)
            data[p * stride + i] = 4 * random_value(seed, (uint64_t)(p * stride + i));
    return data;
}

typedef struct expectation {
    double value[MAX_MR][MAX_NR], tolerance[MAX_MR][MAX_NR];
} expectation;

static int whole_fours(int k)
{
    return k / 4 * 4;
}

/* Minus the sum of the products of a column's pairs; the fourth of every four has the other sign already. */
static float pairs_of_column(const float *b, int k, int width)
{
    double sum = 0;
    for (int i = 0; i < whole_fours(k); i += 2)
        sum += (double)b[i * width] * (double)b[(i + 1) * width];
    return (float)-sum;
}

/* What weights packed for pairs come with. */
static void give_pairs(const mseg_gemm_kernel *kernel, buffers *b, const shape *s, int width, mseg_gemm_args *g,
                       const float **a_pairs, const float **b_pairs)
{
    float *scale = guard_floats(&b->scale, (size_t)s->paired, s->side);
    for (int j = 0; j < s->paired; j++)
        scale[j] = ldexpf(1, j % 7 - 4);
    g->scale = scale;
    const int stride = 1 + s->k % 3;
    for (int t = 0; t < s->taps && s->by_pairs; t++) {
        float sums[MAX_MR];
        float *inputs = guard_floats(&b->a_pairs[t], (size_t)((s->p + s->m - 1) * stride + 1), s->side);
        float *weights = guard_floats(&b->b_pairs[t], (size_t)s->paired, s->side);
        kernel->pair_sums(g->a[t] + (size_t)s->p * g->a_stride, g->a_stride, s->k, s->m, sums);
        for (int i = 0; i < s->m; i++)
            inputs[(s->p + i) * stride] = sums[i];
        for (int j = 0; j < s->paired; j++)
            weights[j] = pairs_of_column(g->b[t] + j, s->k, width);
        a_pairs[t] = inputs;
        b_pairs[t] = weights;
    }
    g->a_pairs = s->by_pairs ? a_pairs : NULL;
    g->b_pairs = b_pairs;
    g->a_pairs_stride = (size_t)stride;
}

static void expect(expectation *e, const mseg_gemm_args *g, const shape *s, int width)
{
    for (int i = 0; i < s->m; i++)
        for (int j = 0; j < s->n; j++) {
            const size_t p = (size_t)(s->p + i);
            double sum = s->bias ? (double)g->bias[j] : 0, size = fabs(sum);
            const double scale = j < s->paired ? (double)g->scale[j] : 1;
            for (int t = 0; t < s->taps; t++)
                for (int k = 0; k < s->k; k++) {
                    const float *x = &g->a[t][p * g->a_stride + (size_t)k], *y = &g->b[t][k * width + j];
                    double product = (double)*x * (double)*y * scale;
                    bool in_pair = j < s->paired && k < whole_fours(s->k);
                    sum += in_pair && k % 4 == 3 ? -product : product;
                    size += fabs(product);
                    if (in_pair && s->by_pairs && k % 2 == 1) /* the products of inputs and of weights come and go again */
                        size += (fabs((double)x[-1] * (double)x[0]) + fabs((double)y[-width] * (double)y[0])) * scale;
                }
            if (g->add) {
                sum += (double)g->add[p * g->add_stride + (size_t)j];
                size += fabs((double)g->add[p * g->add_stride + (size_t)j]);
            }
            e->value[i][j] = fmin(fmax(sum, (double)s->min), (double)s->max);
            e->tolerance[i][j] = (s->taps * s->k + 2) * (double)FLT_EPSILON * size;
        }
}

/* The output holds what was expected, and NaN (or what was to be added) where nothing was to be written. */
static void check_output(const mseg_gemm_args *g, const shape *s, const expectation *e, const float *before)
{
    const size_t stride = g->c_stride;
    const size_t count = (size_t)(s->p + s->m - 1) * stride + (size_t)s->n;
    for (size_t at = 0; at < count; at++) {
        int i = (int)(at / stride) - s->p, j = (int)(at % stride);
        if (i < 0 || j >= s->n) {
            assert_memory_equal(&g->c[at], &before[at], sizeof(float));
            continue;
        }
        double error = fabs((double)g->c[at] - e->value[i][j]);
        if (!(error <= e->tolerance[i][j]))
            fail_msg("m %d n %d k %d taps %d p %d add %d by pairs %d: output %d, %d is %g, not %g", s->m, s->n, s->k, s->taps,
                     s->p, s->add, s->by_pairs, i, j, (double)g->c[at], e->value[i][j]);
    }
}

static void check_buffers(const buffers *b, const shape *s)
{
    for (int t = 0; t < s->taps; t++) {
        guard_check(&b->a[t]);
        guard_check(&b->b[t]);
        if (s->by_pairs) {
            guard_check(&b->a_pairs[t]);
            guard_check(&b->b_pairs[t]);
        }
    }
    guard_check(&b->c);
}

static void check_shape(const mseg_gemm_kernel *kernel, buffers *b, const shape *s)
{
    static float before[GUARD_CAPACITY / sizeof(float)];
    static expectation e;
    const int pixels = s->p + s->m;
    const int width = (s->n + kernel->vec - 1) / kernel->vec * kernel->vec;
    const int c_stride = s->n + s->c_gap, add_stride = s->add == ADD_IN_PLACE ? c_stride : s->n + s->add_gap;
    const float *a[MAX_TAPS], *weights[MAX_TAPS], *a_pairs[MAX_TAPS], *b_pairs[MAX_TAPS];
    for (int t = 0; t < s->taps; t++) {
        a[t] = map(&b->a[t], s->side, 100 + (uint64_t)t, s->p, pixels, s->k, s->k + s->a_gap);
        float *w = guard_floats(&b->b[t], (size_t)(s->k * width), s->side);
        for (int i = 0; i < s->k * width; i++)
            if (i % width < s->n)
                w[i] = random_value(200 + (uint64_t)t, (uint64_t)i);
        weights[t] = w;
    }
    mseg_gemm_args g = {.a = a,
                        .b = weights,
                        .taps = s->taps,
                        .k = s->k,
                        .n = s->n,
                        .a_stride = (size_t)(s->k + s->a_gap),
                        .add_stride = (size_t)add_stride,
                        .c_stride = (size_t)c_stride,
                        .min = s->min,
                        .max = s->max};
    if (s->bias)
        g.bias = map(&b->bias, s->side, 300, 0, 1, s->n, s->n);
    const size_t outputs = (size_t)(pixels - 1) * (size_t)c_stride + (size_t)s->n;
    if (s->add == ADD_IN_PLACE)
        g.add = g.c = map(&b->c, s->side, 400, s->p, pixels, s->n, c_stride);
    else
        g.c = guard_floats(&b->c, outputs, s->side);
    if (s->add == ADD_SEPARATE)
        g.add = map(&b->add, s->side, 500, s->p, pixels, s->n, add_stride);
    if (kernel->paired)
        give_pairs(kernel, b, s, width, &g, a_pairs, b_pairs);
    memcpy(before, g.c, outputs * sizeof *before);
    expect(&e, &g, s, width);
    kernel->fn(&g, s->p, s->m);
    check_output(&g, s, &e, before);
    check_buffers(b, s);
}

static shape random_shape(const mseg_gemm_kernel *kernel, uint64_t *state, int m, int n, int k, int taps)
{
    const int paired = kernel->paired ? kernel->paired(n) : 0;
    static const float clamps[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {0, 6}, {-0.5f, 0.25f}};
    const float *clamp = clamps[random_int(state, 0, 3)];
    return (shape){.m = m,
                   .n = n,
                   .k = k,
                   .taps = taps,
                   .p = random_int(state, 0, 3) * random_int(state, 0, 1),
                   .a_gap = random_int(state, 0, 20) * random_int(state, 0, 1),
                   .c_gap = random_int(state, 0, 20) * random_int(state, 0, 1),
                   .add_gap = random_int(state, 0, 20) * random_int(state, 0, 1),
                   .add = random_int(state, 0, ADD_MODES - 1),
                   .bias = random_int(state, 0, 1),
                   .paired = paired,
                   .by_pairs = kernel->paired && random_int(state, 0, 2),
                   .min = clamp[0],
                   .max = clamp[1],
                   .side = random_int(state, 0, 1) ? GUARD_END : GUARD_START};
}

/* Every m and n with several depths, then every depth and number of taps with some m and n. */
static void check_kernel(const mseg_gemm_kernel *kernel)
{
    static buffers b;
    uint64_t state = 0;
    assert_true(kernel->mr <= MAX_MR && kernel->nr <= MAX_NR);
    open_buffers(&b);
    for (int m = 1; m <= kernel->mr; m++)
        for (int n = 1; n <= kernel->nr; n++)
            for (int repeat = 0; repeat < 6; repeat++) {
                int k = random_int(&state, 1, MAX_K), taps = repeat % 2 ? 1 : random_int(&state, 1, MAX_TAPS);
                shape s = random_shape(kernel, &state, m, n, k, taps);
                check_shape(kernel, &b, &s);
            }
    for (int k = 1; k <= MAX_K; k++)
        for (int taps = 1; taps <= MAX_TAPS; taps++) {
            int m = random_int(&state, 1, kernel->mr), n = random_int(&state, 1, kernel->nr);
            shape s = random_shape(kernel, &state, m, n, k, taps);
            check_shape(kernel, &b, &s);
        }
    close_buffers(&b);
}

static void test_every_gemm_kernel(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        if (row_runs(rows[i].kernel.name, rows[i].needs))
            check_kernel(&rows[i].kernel);
}

/* Without taps inside the map a convolution is its bias. */
static void test_no_taps(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        float bias[MAX_NR], c[MAX_MR * MAX_NR];
        const mseg_gemm_kernel *kernel = &rows[i].kernel;
        for (int j = 0; j < kernel->nr; j++)
            bias[j] = (float)j - 2;
        mseg_gemm_args g = {.n = kernel->nr, .k = 5, .bias = bias, .scale = bias, .c = c, .c_stride = MAX_NR, .min = 0, .max = 6};
        if (!row_runs(kernel->name, rows[i].needs))
            continue;
        kernel->fn(&g, 0, kernel->mr);
        for (int p = 0; p < kernel->mr; p++)
            for (int j = 0; j < kernel->nr; j++)
                assert_float_equal(c[p * MAX_NR + j], fminf(fmaxf(bias[j], 0), 6), 0);
    }
}

/* Sums by definition, of inputs between NaN. */
static void test_pair_sums(void **state)
{
    (void)state;
    guard in;
    guard_open(&in);
    for (int i = 0; i < ROWS; i++) {
        const mseg_gemm_kernel *kernel = &rows[i].kernel;
        if (!kernel->paired || !row_runs(kernel->name, rows[i].needs))
            continue;
        for (int k = 1; k <= 200; k++) {
            enum { PIXELS = 5 };
            const int stride = k + k % 3;
            float out[PIXELS + 1];
            const float *x = map(&in, k % 2 ? GUARD_END : GUARD_START, (uint64_t)k, 0, PIXELS, k, stride);
            out[PIXELS] = 7;
            double largest = 0;
            float bound = kernel->pair_sums(x, (size_t)stride, k, PIXELS, out);
            for (int p = 0; p < PIXELS; p++) {
                double sum = 0, size = 0, square = 0;
                for (int j = 0; j < whole_fours(k); j += 2) {
                    double product = (double)x[p * stride + j] * (double)x[p * stride + j + 1];
                    sum += j % 4 ? -product : product;
                    size += fabs(product);
                    square += pow((double)x[p * stride + j], 2) + pow((double)x[p * stride + j + 1], 2);
                }
                largest = fmax(largest, square);
                assert_true(fabs((double)out[p] - sum) <= k * (double)FLT_EPSILON * size);
            }
            assert_true(out[PIXELS] == 7);
            assert_true((double)bound >= largest * (1 - k * (double)FLT_EPSILON) && (double)bound <= 16.01 * largest);
            guard_check(&in);
        }
    }
    guard_close(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_gemm_kernel),
        cmocka_unit_test(test_pair_sums),
        cmocka_unit_test(test_no_taps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
