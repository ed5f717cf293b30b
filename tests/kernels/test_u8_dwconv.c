#include <math.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The depthwise 3x3 kernels in 8 bits against sums in int64_t, bit for bit, every buffer between guard pages. */

typedef struct row {
    mseg_u8_dwconv_kernel kernel;
    unsigned needs;
} row;

#define ROW(name, needs, prefers, vec, bytes, pack) {{#name, name, vec, bytes, pack}, needs},
static const row rows[] = {
#include "kernels/u8/dwconv3x3.def"
};

/* What weights are: those of one signed byte, of two, of three, and nothing but the ends. */
typedef enum weight_kind { ONE_BYTE, TWO_BYTES, ALL, ENDS, WEIGHT_KINDS } weight_kind;

typedef struct shape {
    int stride, rate, channels, pixels, lines;
    int in_gap, out_gap; /* whole vectors between pixels */
    weight_kind weights;
    guard_side side;
} shape;

typedef struct buffers {
    guard in[4], packed, bias, scale, out[2];
    int16_t weights[9 * 128];
} buffers;

enum { UNTOUCHED = 0x5A };

static void for_buffers(buffers *b, void (*fn)(guard *))
{
    for (int y = 0; y < 4; y++)
        fn(&b->in[y]);
    for (int line = 0; line < 2; line++)
        fn(&b->out[line]);
    fn(&b->packed);
    fn(&b->bias);
    fn(&b->scale);
}

static void check_guard(guard *g)
{
    guard_check(g);
}

static int random_weight(weight_kind kind, uint64_t *state)
{
    switch (kind) {
    case ONE_BYTE:
        return random_int(state, -128, 127);
    case TWO_BYTES:
        return random_int(state, -255, 254);
    case ALL:
        return random_int(state, -255, 255);
    default:
        return random_int(state, 0, 1) * 510 - 255;
    }
}

/* Powers of two give ties, others spread sums over the bytes or saturate them. */
static float random_scale(uint64_t *state)
{
    if (random_int(state, 0, 2) == 0)
        return ldexpf(1, -random_int(state, 1, 12));
    return (float)random_int(state, 1, 1 << 20) * ldexpf(1, -random_int(state, 20, 34));
}

/* A product of two floats is exact in double, so this rounds once, as the kernels do. */
static int expected_byte(const mseg_u8_dwconv_args *g, const buffers *b, int line, int x, int c)
{
    int64_t sum = g->bias[c];
    for (int tap = 0; tap < 9; tap++)
        sum += (int64_t)b->weights[tap * g->channels + c] *
               g->rows[line + tap / 3][(size_t)x * g->pixel_step + (size_t)(tap % 3) * g->tap_step + (size_t)c];
    const volatile float product = (float)((double)(float)sum * (double)g->scale[c]);
    const double y = (double)rintf(product) + g->zero;
    return (int)fmin(fmax(y, g->min), g->max);
}

static void check_outputs(const row *r, const mseg_u8_dwconv_args *g, const buffers *b, const shape *s, int whole, int line)
{
    const uint8_t *out = line ? g->second : g->out;
    const int stride = (int)g->out_stride, count = (s->pixels - 1) * stride + whole;
    for (int at = 0; at < count; at++) {
        const int x = at / stride, c = at % stride;
        if (c >= s->channels && c < whole)
            continue;
        const int expected = c < whole ? expected_byte(g, b, line, x, c) : UNTOUCHED;
        if (out[at] != expected)
            fail_msg("%s stride %d rate %d channels %d pixels %d row %d of %d, weights %d: output %d, %d is %d, not %d",
                     r->kernel.name, s->stride, s->rate, s->channels, s->pixels, line, s->lines, (int)s->weights, x, c, out[at],
                     expected);
    }
}

static void fill(const row *r, buffers *b, const shape *s, mseg_u8_dwconv_args *g, int whole, uint64_t *state)
{
    const int columns = (s->pixels - 1) * s->stride + 2 * s->rate + 1;
    const size_t pixel = g->pixel_step / (size_t)s->stride, bytes = (size_t)(columns - 1) * pixel + (size_t)whole;
    for (int y = 0; y < 2 + s->lines; y++) {
        uint8_t *in = guard_place(&b->in[y], bytes, s->side);
        const int ends = s->weights == ENDS || random_int(state, 0, 3) == 0;
        for (size_t i = 0; i < bytes; i++)
            in[i] = (uint8_t)(ends ? random_int(state, 0, 1) * 255 : random_int(state, 0, 255));
        g->rows[y] = in;
    }
    for (int i = 0; i < 9 * s->channels; i++)
        b->weights[i] = (int16_t)random_weight(s->weights, state);
    int32_t *bias = guard_place(&b->bias, (size_t)whole * sizeof *bias, s->side);
    float *scale = guard_floats(&b->scale, (size_t)whole, s->side);
    const int range = random_int(state, 0, 1) ? 1000 : 1 << 22;
    for (int c = 0; c < whole; c++) {
        bias[c] = random_int(state, -range, range);
        scale[c] = random_scale(state);
    }
    const size_t packed = (r->kernel.bytes(s->channels) + 63) / 64 * 64;
    void *weights = guard_place(&b->packed, packed, s->side);
    r->kernel.pack(weights, b->weights, s->channels);
    g->bias = bias;
    g->scale = scale;
    g->weights = weights;
    for (int line = 0; line < s->lines; line++) {
        const size_t size = (size_t)(s->pixels - 1) * g->out_stride + (size_t)whole;
        uint8_t *out = guard_place(&b->out[line], size, s->side);
        memset(out, UNTOUCHED, size);
        *(line ? &g->second : &g->out) = out;
    }
}

static void check_shape(const row *r, buffers *b, const shape *s, uint64_t *state)
{
    const int vec = r->kernel.vec, whole = (s->channels + vec - 1) / vec * vec, pixel = whole + s->in_gap * vec;
    const int full = random_int(state, 0, 1);
    mseg_u8_dwconv_args g = {.tap_step = (size_t)(s->rate * pixel),
                             .pixel_step = (size_t)(s->stride * pixel),
                             .out_stride = (size_t)(whole + s->out_gap * vec),
                             .pixels = s->pixels,
                             .channels = s->channels,
                             .zero = random_int(state, 0, 255),
                             .min = full ? 0 : random_int(state, 0, 128),
                             .max = full ? 255 : random_int(state, 128, 255)};
    fill(r, b, s, &g, whole, state);
    r->kernel.fn(&g);
    for (int line = 0; line < s->lines; line++)
        check_outputs(r, &g, b, s, whole, line);
    for_buffers(b, check_guard);
}

static void check_random(const row *r, buffers *b, int stride, int rate, int channels, int pixels, uint64_t *state)
{
    const shape s = {.stride = stride,
                     .rate = rate,
                     .channels = channels,
                     .pixels = pixels,
                     .lines = random_int(state, 1, 2),
                     .in_gap = random_int(state, 0, 1),
                     .out_gap = random_int(state, 0, 1),
                     .weights = (weight_kind)random_int(state, 0, WEIGHT_KINDS - 1),
                     .side = random_int(state, 0, 1) ? GUARD_END : GUARD_START};
    check_shape(r, b, &s, state);
}

/* Strides and rates in steps of a pixel, those in use and others; the channels and pixels up to 70 and 20 at random for each. */
static void check_kernel(const row *r)
{
    static const int steps[][2] = {{1, 1},  {1, 2}, {1, 4}, {2, 1}, {2, 2}, {1, 6},
                                   {1, 18}, {2, 3}, {3, 1}, {3, 2}, {4, 4}, {2, 4}};
    static buffers b;
    uint64_t state = 0;
    for_buffers(&b, guard_open);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (int channels = 1; channels <= 70; channels++)
            check_random(r, &b, steps[i][0], steps[i][1], channels, random_int(&state, 1, 20), &state);
        for (int pixels = 1; pixels <= 20; pixels++)
            check_random(r, &b, steps[i][0], steps[i][1], random_int(&state, 1, 70), pixels, &state);
    }
    for_buffers(&b, guard_close);
}

static void test_every_u8_dwconv_kernel(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (row_runs(rows[i].kernel.name, rows[i].needs))
            check_kernel(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_u8_dwconv_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
