#include <float.h>
#include <math.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The depthwise 3x3 kernels against sums in double, every buffer between guard pages and with NaN in its gaps. */

typedef struct row {
    const char *name;
    mseg_dwconv_fn fn;
    int vec;
    unsigned needs;
} row;

#define ROW(name, needs, prefers, vec) {#name, name, vec, needs},
static const row rows[] = {
#include "kernels/f32/dwconv3x3.def"
};

typedef struct shape {
    int stride, rate, channels, pixels, lines;
    int in_gap, out_gap; /* whole vectors between pixels */
    float min, max;
    guard_side side;
} shape;

typedef struct buffers {
    guard in[4], weights, bias, out[2];
} buffers;

static void for_buffers(buffers *b, void (*fn)(guard *))
{
    for (int y = 0; y < 4; y++)
        fn(&b->in[y]);
    for (int line = 0; line < 2; line++)
        fn(&b->out[line]);
    fn(&b->weights);
    fn(&b->bias);
}

static void check_guard(guard *g)
{
    guard_check(g);
}

static void fill(float *data, int count, uint64_t seed)
{
    for (int i = 0; i < count; i++)
        data[i] = 4 * random_value(seed, (uint64_t)i);
}

/* Output row line of the one or two. */
static void check_outputs(const row *kernel, const mseg_dwconv_args *g, const shape *s, int whole, int line)
{
    const float *out = line ? g->second : g->out;
    const int stride = (int)g->out_stride, count = (s->pixels - 1) * stride + whole;
    for (int at = 0; at < count; at++) {
        int x = at / stride, c = at % stride;
        if (c >= whole) {
            assert_true(isnan(out[at])); /* nothing was to be written here */
            continue;
        }
        if (c >= s->channels)
            continue;
        double sum = (double)g->bias[c], size = fabs(sum);
        for (int tap = 0; tap < 9; tap++) {
            double w = (double)g->weights[c / kernel->vec * 9 * kernel->vec + tap * kernel->vec + c % kernel->vec];
            size_t from = (size_t)x * g->pixel_step + (size_t)(tap % 3) * g->tap_step + (size_t)c;
            double product = w * (double)g->rows[line + tap / 3][from];
            sum += product;
            size += fabs(product);
        }
        double expected = fmin(fmax(sum, (double)s->min), (double)s->max);
        if (!(fabs((double)out[at] - expected) <= 10 * (double)FLT_EPSILON * size))
            fail_msg("%s stride %d rate %d channels %d pixels %d row %d of %d: output %d, %d is %g, not %g", kernel->name,
                     s->stride, s->rate, s->channels, s->pixels, line, s->lines, x, c, (double)out[at], expected);
    }
}

static void check_shape(const row *kernel, buffers *b, const shape *s)
{
    const int vec = kernel->vec, whole = (s->channels + vec - 1) / vec * vec;
    const int pixel = whole + s->in_gap * vec, columns = (s->pixels - 1) * s->stride + 2 * s->rate + 1;
    mseg_dwconv_args g = {.tap_step = (size_t)(s->rate * pixel),
                          .pixel_step = (size_t)(s->stride * pixel),
                          .out_stride = (size_t)(whole + s->out_gap * vec),
                          .pixels = s->pixels,
                          .channels = s->channels,
                          .min = s->min,
                          .max = s->max};
    for (int y = 0; y < 2 + s->lines; y++) {
        float *in = guard_floats(&b->in[y], (size_t)((columns - 1) * pixel + whole), s->side);
        for (int x = 0; x < columns; x++)
            fill(in + x * pixel, whole, (uint64_t)(1000 * y + x));
        g.rows[y] = in;
    }
    float *weights = guard_floats(&b->weights, (size_t)(9 * whole), s->side),
          *bias = guard_floats(&b->bias, (size_t)whole, s->side);
    fill(weights, 9 * whole, 5);
    fill(bias, whole, 6);
    g.weights = weights;
    g.bias = bias;
    for (int line = 0; line < s->lines; line++)
        *(line ? &g.second : &g.out) =
            guard_floats(&b->out[line], (size_t)(s->pixels - 1) * g.out_stride + (size_t)whole, s->side);
    kernel->fn(&g);
    for (int line = 0; line < s->lines; line++)
        check_outputs(kernel, &g, s, whole, line);
    for_buffers(b, check_guard);
}

/* Strides and rates in steps of a pixel; where they are equal, neighbours share their columns. */
static void check_steps(const row *kernel, buffers *b, int stride, int rate, int lines, uint64_t *state)
{
    static const float clamps[][2] = {{0, 6}, {0, INFINITY}, {-INFINITY, INFINITY}};
    for (int vectors = 1; vectors <= 5; vectors++)
        for (int pixels = 1; pixels <= 40; pixels++) {
            const float *clamp = clamps[random_int(state, 0, 2)];
            int spare = random_int(state, 0, 1) * random_int(state, 0, kernel->vec - 1);
            shape s = {.stride = stride,
                       .rate = rate,
                       .channels = vectors * kernel->vec - spare,
                       .pixels = pixels,
                       .lines = lines,
                       .in_gap = random_int(state, 0, 1),
                       .out_gap = random_int(state, 0, 1),
                       .min = clamp[0],
                       .max = clamp[1],
                       .side = random_int(state, 0, 1) ? GUARD_END : GUARD_START};
            check_shape(kernel, b, &s);
        }
}

static void check_kernel(const row *kernel)
{
    static const int rates[] = {1, 2, 4};
    static buffers b;
    uint64_t state = 0;
    for_buffers(&b, guard_open);
    for (int stride = 1; stride <= 2; stride++)
        for (int r = 0; r < 3; r++)
            for (int lines = 1; lines <= 2; lines++)
                check_steps(kernel, &b, stride, rates[r], lines, &state);
    check_steps(kernel, &b, 4, 4, 2, &state);
    for_buffers(&b, guard_close);
}

static void test_every_dwconv_kernel(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (row_runs(rows[i].name, rows[i].needs))
            check_kernel(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_dwconv_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
