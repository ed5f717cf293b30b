#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"
#include "kernels/u8_place.h"

/* The gemm kernels of 8 bits against sums in int64_t: every bit, every buffer between guard pages. */

typedef struct row {
    mseg_u8_gemm_kernel kernel;
    unsigned needs;
} row;

#define ROW(name, needs, prefers, nr, vec, kr) {{#name, name, nr, vec, kr}, needs},
static const row rows[] = {
#include "kernels/u8/gemm.def"
};
enum { ROWS = sizeof rows / sizeof *rows };

enum { MAX_TERMS = 12, MAX_K = 960, MAX_NR = 64, PIXELS = 60 };
/* What inputs and weights are: the extremes make the largest and the smallest sums. */
enum { ANY, LARGEST, SMALLEST, INPUTS_0, CONTENTS };
/* SCALE_TIE makes products that end in .5, SCALE_ONE those that are far beyond a byte and beyond 16 bits. */
enum { SCALE_ANY, SCALE_TIE, SCALE_ONE, SCALES };

typedef struct shape {
    int pixels, n, terms, k[MAX_TERMS];
    int a_stride, c_gap, add_gap;
    int content, scale;
    int zero, min, max;
    bool add;
    mseg_u8_add how;
    guard_side side;
} shape;

typedef struct buffers {
    guard a[MAX_TERMS], b[MAX_TERMS], k, bias, scale, add, c;
} buffers;

/* What a shape's kernel is called with, and weights as they were before they were packed: of term t [k][n]. */
typedef struct call {
    mseg_u8_gemm_args args;
    const uint8_t *a[MAX_TERMS];
    const void *b[MAX_TERMS];
    int16_t weights[MAX_TERMS][MAX_K * MAX_NR];
} gemm_call;

static void each_buffer(buffers *s, void (*act)(guard *))
{
    for (int t = 0; t < MAX_TERMS; t++) {
        act(&s->a[t]);
        act(&s->b[t]);
    }
    act(&s->k);
    act(&s->bias);
    act(&s->scale);
    act(&s->add);
    act(&s->c);
}

static int rounded_up(int value, int to)
{
    return (value + to - 1) / to * to;
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
            const int at = u8_place(kernel->kr, width, i, j);
            if (kernel->kr == 4)
                ((int8_t *)panel)[at] = (int8_t)weights[i * n + j];
            else
                ((int16_t *)panel)[at] = weights[i * n + j];
        }
    return panel;
}

/* Bytes of pixels as content says, up to whole fours; pixels may share some. What no output depends on is 0xFF. */
static const uint8_t *inputs(guard *g, const shape *s, int term)
{
    const int k = s->k[term];
    uint8_t *data = guard_place(g, (size_t)((s->pixels - 1) * s->a_stride + rounded_up(k, 4)), s->side);
    for (int i = 0; i < s->pixels; i++)
        for (int j = 0; j < k; j++) {
            const uint8_t any = (uint8_t)random_bits(100 + (uint64_t)term, (uint64_t)(i * s->a_stride + j));
            data[i * s->a_stride + j] = s->content == ANY ? any : s->content == INPUTS_0 ? 0 : 255;
        }
    return data;
}

/* All that a kernel's packing holds. */
static void fill_weights(int16_t *weights, const mseg_u8_gemm_kernel *kernel, const shape *s, int term)
{
    const int low = kernel->kr == 4 ? -128 : -255, high = kernel->kr == 4 ? 127 : 255;
    uint64_t state = (uint64_t)(s->k[term] * 1000 + term);
    for (int i = 0; i < s->k[term] * s->n; i++)
        weights[i] = (int16_t)(s->content == LARGEST ? high : s->content == SMALLEST ? low : random_int(&state, low, high));
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
    uint64_t state = (uint64_t)(s->n * 77 + s->pixels);
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
    *g = (mseg_u8_gemm_args){
        .a = call->a, .b = call->b, .terms = s->terms, .n = s->n, .zero = s->zero, .min = s->min, .max = s->max};
    g->a_stride = (size_t)s->a_stride;
    g->c_stride = (size_t)(s->n + s->c_gap);
    g->add_stride = (size_t)(s->n + s->add_gap);
    int *k = guard_place(&b->k, (size_t)s->terms * sizeof *k, s->side);
    for (int t = 0; t < s->terms; t++) {
        k[t] = s->k[t];
        fill_weights(call->weights[t], kernel, s, t);
        call->a[t] = inputs(&b->a[t], s, t);
        call->b[t] = packed(&b->b[t], s->side, kernel, call->weights[t], s->k[t], s->n);
    }
    g->k = k;
    fill_channels(b, kernel, s, g);
    const size_t before = (size_t)(s->pixels - 1);
    g->c = guard_place(&b->c, before * g->c_stride + (size_t)s->n, s->side);
    uint8_t *add = guard_place(&b->add, before * g->add_stride + (size_t)s->n, s->side);
    for (size_t i = 0; i < before * g->add_stride + (size_t)s->n; i++)
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

static uint8_t expected(const gemm_call *call, const shape *s, int p, int j)
{
    const mseg_u8_gemm_args *g = &call->args;
    int64_t sum = g->bias[j];
    for (int t = 0; t < s->terms; t++)
        for (int k = 0; k < s->k[t]; k++)
            sum += g->a[t][p * s->a_stride + k] * call->weights[t][k * s->n + j];
    assert_true(sum >= INT32_MIN && sum <= INT32_MAX);
    volatile float product = (float)sum;
    product = product * g->scale[j];
    assert_true(fabsf(product) < 0x1p31f);
    const int64_t y = clamped((int64_t)rintf(product) + s->zero, s->min, s->max);
    if (!s->add)
        return (uint8_t)y;
    const int64_t both = y * s->how.x_mul + (int64_t)g->add[(size_t)p * g->add_stride + (size_t)j] * s->how.y_mul + s->how.bias;
    return (uint8_t)clamped(shifted(both, s->how.shift) + s->how.zero, s->how.min, s->how.max);
}

static void check_shape(const mseg_u8_gemm_kernel *kernel, buffers *b, const shape *s)
{
    static gemm_call call;
    make_call(&call, b, kernel, s);
    const mseg_u8_gemm_args *g = &call.args;
    kernel->fn(g, s->pixels);
    const size_t stride = g->c_stride, count = (size_t)(s->pixels - 1) * stride + (size_t)s->n;
    for (size_t at = 0; at < count; at++) {
        const int p = (int)(at / stride), j = (int)(at % stride);
        const uint8_t value = j < s->n ? expected(&call, s, p, j) : 0xFF;
        if (g->c[at] != value)
            fail_msg("%s pixels %d n %d terms %d k %d a_stride %d add %d content %d: output %d, %d is %d, not %d", kernel->name,
                     s->pixels, s->n, s->terms, s->terms ? s->k[0] : 0, s->a_stride, s->add, s->content, p, j, g->c[at], value);
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

/* Terms of k inputs, some of which are single fours as the plan makes them of what signed bytes cannot hold. */
static shape random_shape(uint64_t *state, int pixels, int n, int k, int terms)
{
    shape s = {.pixels = pixels, .n = n, .terms = terms};
    int most = 0;
    for (int t = 0; t < terms; t++) {
        s.k[t] = t == 0 ? k : random_int(state, 0, 1) ? random_int(state, 1, k) : random_int(state, 1, 4);
        most = s.k[t] > most ? s.k[t] : most;
    }
    s.a_stride = random_int(state, 0, 3) ? rounded_up(most, 4) + random_gap(state) : 1 + most / 2;
    s.c_gap = random_gap(state);
    s.add_gap = random_gap(state);
    s.content = random_int(state, 0, 1) ? ANY : random_int(state, 0, CONTENTS - 1);
    s.scale = random_int(state, 0, SCALES - 1);
    s.zero = random_int(state, 0, 1) * random_int(state, 0, 255);
    s.min = random_int(state, 0, 1) * random_int(state, 0, 255);
    s.max = random_int(state, 0, 1) ? 255 : random_int(state, s.min, 255);
    s.add = random_int(state, 0, 1);
    s.how = random_sum(state);
    s.side = random_int(state, 0, 1) ? GUARD_END : GUARD_START;
    return s;
}

/* All numbers of pixels and channels, then all of terms with every depth up to 70, and 960. */
static void check_kernel(const mseg_u8_gemm_kernel *kernel)
{
    static buffers b;
    uint64_t state = 0;
    assert_true(kernel->nr <= MAX_NR);
    each_buffer(&b, guard_open);
    for (int pixels = 1; pixels <= PIXELS; pixels++)
        for (int n = 1; n <= kernel->nr; n++) {
            const int k = random_int(&state, 1, 40), terms = random_int(&state, 0, 1) ? 1 : random_int(&state, 0, 4);
            const shape s = random_shape(&state, pixels, n, k, terms);
            check_shape(kernel, &b, &s);
        }
    for (int k = 1; k <= 71; k++)
        for (int terms = 0; terms <= MAX_TERMS; terms++) {
            const int pixels = random_int(&state, 1, k > 70 ? 20 : PIXELS), n = random_int(&state, 1, kernel->nr);
            const shape s = random_shape(&state, pixels, n, k > 70 ? MAX_K : k, terms);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_gemm_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
