#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The gemm kernels of 8 bits against sums in int64_t, and the sums of inputs: every bit, every buffer between guard pages. */

typedef struct row {
    mseg_u8_gemm_kernel kernel;
    unsigned needs;
} row;

#define ROW(name, needs, prefers, mr, nr, vec, kr) {{#name, name, mr, nr, vec, kr}, needs},
static const row rows[] = {
#include "kernels/u8/gemm.def"
};
enum { ROWS = sizeof rows / sizeof *rows };

enum { MAX_TAPS = 9, MAX_K = 960, MAX_MR = 32, MAX_NR = 64 };
/* What inputs and weights are: the extremes make the largest and the smallest sums. */
enum { ANY, LARGEST, SMALLEST, INPUTS_0, CONTENTS };
/* SCALE_TIE makes products that end in .5, SCALE_ONE those that are far beyond a byte and beyond 16 bits. */
enum { SCALE_ANY, SCALE_TIE, SCALE_ONE, SCALES };

typedef struct shape {
    int m, n, k, taps, p;
    int a_gap, c_gap, add_gap, sums_stride;
    int content, scale, shift;
    int zero, min, max;
    bool add;
    mseg_u8_add how;
    guard_side side;
} shape;

typedef struct buffers {
    guard a[MAX_TAPS], b[MAX_TAPS], sums[MAX_TAPS], bias, scale, add, c;
} buffers;

/* What a shape's kernel is called with, and weights as they were before they were packed: [taps][k][n]. */
typedef struct call {
    mseg_u8_gemm_args args;
    const uint8_t *a[MAX_TAPS];
    const void *b[MAX_TAPS];
    const int32_t *sums[MAX_TAPS];
    int16_t weights[MAX_TAPS * MAX_K * MAX_NR];
} gemm_call;

static void each_buffer(buffers *s, void (*act)(guard *))
{
    for (int t = 0; t < MAX_TAPS; t++) {
        act(&s->a[t]);
        act(&s->b[t]);
        act(&s->sums[t]);
    }
    act(&s->bias);
    act(&s->scale);
    act(&s->add);
    act(&s->c);
}

static int rounded_up(int value, int to)
{
    return (value + to - 1) / to * to;
}

/* The place of weight (i, j) in a panel, as kernels.h has it. */
static int place(int kr, int width, int i, int j)
{
    if (kr == 1)
        return i * width + j;
    if (kr == 2)
        return ((i / 4 * 2 + i % 2) * width + j) * 2 + i % 4 / 2;
    return (i / 4 * width + j) * 4 + i % 4;
}

/* [k][n] weights, packed. */
static const void *packed(guard *g, guard_side side, const mseg_u8_gemm_kernel *kernel, const int16_t *weights, int k, int n)
{
    const int width = rounded_up(n, kernel->vec), depth = kernel->kr == 1 ? k : rounded_up(k, 4);
    const size_t size = kernel->kr == 4 ? sizeof(int8_t) : sizeof(int16_t), bytes = (size_t)(depth * width) * size;
    void *panel = guard_place(g, bytes, side);
    memset(panel, 0, bytes);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < n; j++) {
            const int at = place(kernel->kr, width, i, j);
            if (kernel->kr == 4)
                ((int8_t *)panel)[at] = (int8_t)weights[i * n + j];
            else
                ((int16_t *)panel)[at] = weights[i * n + j];
        }
    return panel;
}

/* Pixels from p on have bytes as content says, up to whole fours. What no output depends on is 0xFF. */
static const uint8_t *inputs(guard *g, const shape *s, uint64_t seed)
{
    const int stride = rounded_up(s->k, 4) + s->a_gap;
    uint8_t *data = guard_place(g, (size_t)((s->p + s->m - 1) * stride + rounded_up(s->k, 4)), s->side);
    for (int i = s->p; i < s->p + s->m; i++)
        for (int j = 0; j < s->k; j++) {
            const uint8_t any = (uint8_t)random_bits(seed, (uint64_t)(i * MAX_K + j));
            data[i * stride + j] = s->content == ANY ? any : s->content == INPUTS_0 ? 0 : 255;
        }
    return data;
}

static void fill_weights(int16_t *weights, const mseg_u8_gemm_kernel *kernel, const shape *s)
{
    const int low = kernel->kr == 4 ? -128 : -255, high = kernel->kr == 4 ? 127 : 255;
    uint64_t state = (uint64_t)s->k * 1000;
    for (int i = 0; i < s->taps * s->k * s->n; i++)
        weights[i] = (int16_t)(s->content == LARGEST ? high : s->content == SMALLEST ? low : random_int(&state, low, high));
}

static const int32_t *input_sums(guard *g, const shape *s, const uint8_t *a, size_t a_stride)
{
    int32_t *sums = guard_place(g, (size_t)((s->p + s->m - 1) * s->sums_stride + 1) * sizeof *sums, s->side);
    for (int i = s->p; i < s->p + s->m; i++) {
        int32_t sum = 0;
        for (int j = 0; j < s->k; j++)
            sum += a[(size_t)i * a_stride + (size_t)j];
        sums[i * s->sums_stride] = sum;
    }
    return sums;
}

/* 2^-20 to 1 */
static float any_scale(uint64_t *state)
{
    return ldexpf(1 + random_value(5, (*state)++), -random_int(state, 1, 20));
}

static void fill_channels(buffers *b, const mseg_u8_gemm_kernel *kernel, const shape *s, mseg_u8_gemm_args *g)
{
    const size_t width = (size_t)rounded_up(s->n, kernel->vec);
    int32_t *bias = guard_place(&b->bias, width * sizeof *bias, s->side);
    float *scale = guard_place(&b->scale, width * sizeof *scale, s->side);
    uint64_t state = (uint64_t)(s->n * 77 + s->k);
    for (int j = 0; j < s->n; j++) {
        bias[j] = random_int(&state, -(1 << 15), 1 << 15) * random_int(&state, 1, 256);
        scale[j] = s->scale == SCALE_ONE ? 1 : s->scale == SCALE_TIE ? ldexpf(1, -random_int(&state, 1, 12)) : any_scale(&state);
    }
    g->bias = bias;
    g->scale = scale;
}

static void make_call(gemm_call *call, buffers *b, const mseg_u8_gemm_kernel *kernel, const shape *s)
{
    mseg_u8_gemm_args *g = &call->args;
    *g = (mseg_u8_gemm_args){.a = call->a,
                             .b = call->b,
                             .taps = s->taps,
                             .k = s->k,
                             .n = s->n,
                             .shift = s->shift,
                             .zero = s->zero,
                             .min = s->min,
                             .max = s->max};
    g->a_stride = (size_t)(rounded_up(s->k, 4) + s->a_gap);
    g->c_stride = (size_t)(s->n + s->c_gap);
    g->add_stride = (size_t)(s->n + s->add_gap);
    g->sums_stride = (size_t)s->sums_stride;
    g->sums = s->shift ? call->sums : NULL;
    fill_weights(call->weights, kernel, s);
    for (int t = 0; t < s->taps; t++) {
        call->a[t] = inputs(&b->a[t], s, 100 + (uint64_t)t);
        call->b[t] = packed(&b->b[t], s->side, kernel, call->weights + t * s->k * s->n, s->k, s->n);
        call->sums[t] = input_sums(&b->sums[t], s, call->a[t], g->a_stride);
    }
    fill_channels(b, kernel, s, g);
    const size_t pixels = (size_t)(s->p + s->m - 1);
    g->c = guard_place(&b->c, pixels * g->c_stride + (size_t)s->n, s->side);
    uint8_t *add = guard_place(&b->add, pixels * g->add_stride + (size_t)s->n, s->side);
    for (size_t i = 0; i < pixels * g->add_stride + (size_t)s->n; i++)
        add[i] = (uint8_t)random_bits(9, i);
    if (s->add) {
        g->how = &s->how;
        g->add = add;
    }
}

static int64_t clamped(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

/* Rounded down; >> of a negative number is the compiler's affair. */
static int64_t shifted(int64_t value, int by)
{
    const int64_t unit = INT64_C(1) << by;
    return value >= 0 ? value / unit : -((-value + unit - 1) / unit);
}

static uint8_t expected(const gemm_call *call, const shape *s, int i, int j)
{
    const mseg_u8_gemm_args *g = &call->args;
    const size_t p = (size_t)(s->p + i);
    int64_t sum = g->bias[j];
    for (int t = 0; t < s->taps; t++)
        for (int k = 0; k < s->k; k++)
            sum += g->a[t][p * g->a_stride + (size_t)k] * (int64_t)(call->weights[(t * s->k + k) * s->n + j] + s->shift);
    assert_true(sum >= INT32_MIN && sum <= INT32_MAX);
    volatile float product = (float)sum;
    product = product * g->scale[j];
    assert_true(fabsf(product) < 0x1p31f);
    const int64_t y = clamped((int64_t)rintf(product) + s->zero, s->min, s->max);
    if (!s->add)
        return (uint8_t)y;
    const int64_t both = y * s->how.x_mul + (int64_t)g->add[p * g->add_stride + (size_t)j] * s->how.y_mul + s->how.bias;
    return (uint8_t)clamped(shifted(both, s->how.shift) + s->how.zero, s->how.min, s->how.max);
}

static void check_shape(const mseg_u8_gemm_kernel *kernel, buffers *b, const shape *s)
{
    static gemm_call call;
    make_call(&call, b, kernel, s);
    const mseg_u8_gemm_args *g = &call.args;
    kernel->fn(g, s->p, s->m);
    const size_t stride = g->c_stride, count = (size_t)(s->p + s->m - 1) * stride + (size_t)s->n;
    for (size_t at = 0; at < count; at++) {
        const int i = (int)(at / stride) - s->p, j = (int)(at % stride);
        const bool output = i >= 0 && j < s->n;
        const uint8_t value = output ? expected(&call, s, i, j) : 0xFF;
        if (g->c[at] != value)
            fail_msg("%s m %d n %d k %d taps %d p %d shift %d add %d content %d: output %d, %d is %d, not %d", kernel->name, s->m,
                     s->n, s->k, s->taps, s->p, s->shift, s->add, s->content, i, j, g->c[at], value);
    }
    guard_check(&b->c);
}

static int random_gap(uint64_t *state)
{
    return random_int(state, 0, 20) * random_int(state, 0, 1);
}

/* As TensorFlow Lite's: weights up to 2^21, the rounding and the zero points in bias. */
static mseg_u8_add random_sum(uint64_t *state)
{
    mseg_u8_add how = {.x_mul = random_int(state, 1, 1 << 21),
                       .y_mul = random_int(state, 1, 1 << 21),
                       .shift = random_int(state, 12, 24),
                       .zero = random_int(state, 0, 255)};
    how.bias = (1 << (how.shift - 1)) - random_int(state, 0, 255) * how.x_mul - random_int(state, 0, 255) * how.y_mul;
    how.min = random_int(state, 0, 1) * random_int(state, 0, 255);
    how.max = random_int(state, 0, 1) ? 255 : random_int(state, how.min, 255);
    return how;
}

static shape random_shape(const mseg_u8_gemm_kernel *kernel, uint64_t *state, int m, int n, int k, int taps)
{
    shape s = {.m = m, .n = n, .k = k, .taps = taps, .sums_stride = random_int(state, 1, 2)};
    s.p = random_int(state, 0, 3) * random_int(state, 0, 1);
    s.a_gap = random_gap(state);
    s.c_gap = random_gap(state);
    s.add_gap = random_gap(state);
    s.content = random_int(state, 0, 1) ? ANY : random_int(state, 0, CONTENTS - 1);
    s.scale = random_int(state, 0, SCALES - 1);
    s.shift = random_int(state, 0, 1) * (kernel->kr == 4 ? random_int(state, -127, 128) : random_int(state, -3, 3));
    s.zero = random_int(state, 0, 1) * random_int(state, 0, 255);
    s.min = random_int(state, 0, 1) * random_int(state, 0, 255);
    s.max = random_int(state, 0, 1) ? 255 : random_int(state, s.min, 255);
    s.add = random_int(state, 0, 1);
    s.how = random_sum(state);
    s.side = random_int(state, 0, 1) ? GUARD_END : GUARD_START;
    return s;
}

/* Every m and n with several depths, then every depth up to 70, and 960, with some m and n. */
static void check_kernel(const mseg_u8_gemm_kernel *kernel)
{
    static buffers b;
    uint64_t state = 0;
    assert_true(kernel->mr <= MAX_MR && kernel->nr <= MAX_NR);
    each_buffer(&b, guard_open);
    for (int m = 1; m <= kernel->mr; m++)
        for (int n = 1; n <= kernel->nr; n++)
            for (int repeat = 0; repeat < 6; repeat++) {
                int k = random_int(&state, 1, 70), taps = repeat % 2 ? 1 : random_int(&state, 1, MAX_TAPS);
                shape s = random_shape(kernel, &state, m, n, k, taps);
                check_shape(kernel, &b, &s);
            }
    for (int k = 1; k <= 71; k++)
        for (int taps = 1; taps <= MAX_TAPS; taps++) {
            int m = random_int(&state, 1, kernel->mr), n = random_int(&state, 1, kernel->nr);
            shape s = random_shape(kernel, &state, m, n, k > 70 ? MAX_K : k, taps);
            check_shape(kernel, &b, &s);
        }
    each_buffer(&b, guard_close);
}

static void test_every_gemm_kernel(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        if (row_runs(rows[i].kernel.name, rows[i].needs))
            check_kernel(&rows[i].kernel);
}

static void check_sums(mseg_u8_sums_fn fn, guard *in, guard *out, int k)
{
    for (int pixels = 1; pixels <= 9; pixels++) {
        const int stride = pixels % 3 == 0 ? 1 + k / 2 : k + pixels % 3 * 5; /* pixels may share bytes, too */
        const guard_side side = (k + pixels) % 2 ? GUARD_END : GUARD_START;
        const size_t count = (size_t)((pixels - 1) * stride + k);
        uint8_t *x = guard_place(in, count, side);
        for (size_t i = 0; i < count && pixels != 4; i++)
            x[i] = (uint8_t)random_bits((uint64_t)k, i);
        int32_t *sums = guard_place(out, (size_t)pixels * sizeof *sums, side);
        fn(x, (size_t)stride, k, pixels, sums);
        for (int p = 0; p < pixels; p++) {
            int sum = 0;
            for (int i = 0; i < k; i++)
                sum += x[p * stride + i];
            assert_int_equal(sums[p], sum);
        }
        guard_check(out);
    }
}

static void test_sums(void **state)
{
    (void)state;
    guard in, out;
    guard_open(&in);
    guard_open(&out);
#define ROW(name, needs, prefers)                                                                                                \
    if (row_runs(#name, needs)) {                                                                                                \
        for (int k = 1; k <= 200; k++)                                                                                           \
            check_sums(name, &in, &out, k);                                                                                      \
        check_sums(name, &in, &out, MAX_K);                                                                                      \
    }
#include "kernels/u8/sums.def"
    guard_close(&in);
    guard_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_gemm_kernel), cmocka_unit_test(test_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
