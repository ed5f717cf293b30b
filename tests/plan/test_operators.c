#include <float.h>
#include <math.h>

#include "plan/cases.h"
#include "plan/stage.h"

#include "kernels/levels.h"

/* Small networks by every kernel set against sums in double, or against themselves layer by layer. */

enum { MAX_THREADS = 3 };

typedef struct direct {
    int side, kernel, stride, pad, out;
    const float *picture, *weights;
} direct;

/* Channel j at (y, x) of a convolution of a picture; *size: the sum of its terms' magnitudes. */
static double direct_sum(const direct *d, int y, int x, int j, double *size)
{
    double sum = *size = 0;
    for (int ky = 0; ky < d->kernel; ky++)
        for (int kx = 0; kx < d->kernel; kx++)
            for (int c = 0; c < 3; c++) {
                const int iy = y * d->stride - d->pad + ky, ix = x * d->stride - d->pad + kx;
                if (iy < 0 || ix < 0 || iy >= d->side || ix >= d->side)
                    continue;
                double term = (double)d->picture[(iy * d->side + ix) * 3 + c] *
                              (double)d->weights[((j * d->kernel + ky) * d->kernel + kx) * 3 + c];
                sum += term;
                *size += fabs(term);
            }
    return sum;
}

static void fill(float *values, int count, uint64_t seed, float magnitude)
{
    for (int i = 0; i < count; i++)
        values[i] = magnitude * random_value(seed, (uint64_t)i);
}

static mseg_packed_net *packed(test_net *t, mseg_value output, mseg_cpu_level level, bool unfused)
{
    assert_int_equal(mseg_net_output(&t->net, output), MSEG_OK);
    return test_net_pack(t, level_kernels(level), unfused);
}

/* First convolutions of every kernel size at the picture's borders, after another picture has been in the same memory. */
static void test_stems(void **state)
{
    (void)state;
    enum { SIDE = 13, OUT = 33 };
    float pictures[2][SIDE * SIDE * 3], weights[OUT * 7 * 7 * 3];
    fill(pictures[0], SIDE * SIDE * 3, 1, 50);
    fill(pictures[1], SIDE * SIDE * 3, 2, 1);
    fill(weights, OUT * 7 * 7 * 3, 3, 1);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int kernel = 1; kernel <= 7; kernel += 2)
            for (int stride = 1; stride <= 2; stride++) {
                mseg_value value;
                test_net t;
                test_net_open(&t, MSEG_SYMMETRIC, &value);
                const mseg_net_layer conv = {.in = {value}, .n_in = 1, .kernel = kernel, .stride = stride, .channels = OUT};
                assert_int_equal(test_conv(&t, "stem", conv, (test_filter){.weight = weights}, &value), MSEG_OK);
                mseg_packed_net *net = packed(&t, value, level, false);
                const net_case c = {.name = "stems", .width = SIDE, .height = SIDE};
                mseg_plan *plan = case_plan(&c, net, 1, 1 << 20);
                const float *out = NULL;
                for (int i = 0; i < 2; i++)
                    out = test_run(plan, &(mseg_picture){.normalised = pictures[i]}, NULL);
                const direct d = {SIDE, kernel, stride, (kernel - 1) / 2, OUT, pictures[1], weights};
                const int side = (SIDE + stride - 1) / stride;
                for (int i = 0; i < side * side * OUT; i++) {
                    double size, sum = direct_sum(&d, i / OUT / side, i / OUT % side, i % OUT, &size);
                    if (!(fabs((double)out[i] - sum) <= 150 * (double)FLT_EPSILON * size))
                        fail_msg("%s, %dx%d, stride %d: value %d is %g, not %g", mseg_cpu_level_name(level), kernel, kernel,
                                 stride, i, (double)out[i], sum);
                }
                mseg_plan_close(&plan);
                mseg_packed_net_close(&net);
            }
}

/* Two maps read as one, the first of which a depthwise convolution wants in whole vectors; that one adds nothing. */
static void test_concatenation_of_unlike_maps(void **state)
{
    (void)state;
    enum { SIDE = 5, CHANNELS = 12 };
    static const float zeros[CHANNELS * CHANNELS];
    float picture[SIDE * SIDE * 3], first[CHANNELS * 3], second[CHANNELS * 3], weights[CHANNELS * 2 * CHANNELS];
    fill(picture, SIDE * SIDE * 3, 1, 1);
    fill(first, CHANNELS * 3, 2, 1);
    fill(second, CHANNELS * 3, 3, 1);
    fill(weights, CHANNELS * 2 * CHANNELS, 4, 1);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++) {
        mseg_value input, maps[2], nothing, value;
        test_net t;
        test_net_open(&t, MSEG_SAME, &input);
        mseg_net_layer conv = {.in = {input}, .n_in = 1, .kernel = 1, .channels = CHANNELS};
        assert_int_equal(test_conv(&t, "first", conv, (test_filter){.weight = first}, &maps[0]), MSEG_OK);
        assert_int_equal(test_conv(&t, "second", conv, (test_filter){.weight = second}, &maps[1]), MSEG_OK);
        const test_block block = {.input = maps[0],
                                  .stride = 1,
                                  .rate = 1,
                                  .channels = CHANNELS,
                                  .depthwise = {.weight = zeros},
                                  .project = {.weight = zeros}};
        assert_int_equal(test_inverted_residual(&t, "nothing", &block, &nothing), MSEG_OK);
        conv = (mseg_net_layer){.in = {maps[0], maps[1]}, .n_in = 2, .add = nothing, .kernel = 1, .channels = CHANNELS};
        assert_int_equal(test_conv(&t, "both", conv, (test_filter){.weight = weights}, &value), MSEG_OK);
        mseg_packed_net *net = packed(&t, value, level, false);
        const net_case c = {.name = "concatenation", .width = SIDE, .height = SIDE};
        mseg_plan *plan = case_plan(&c, net, 1, 1 << 20);
        const float *out = test_run(plan, &(mseg_picture){.normalised = picture}, NULL);
        const direct d[2] = {{SIDE, 1, 1, 0, CHANNELS, picture, first}, {SIDE, 1, 1, 0, CHANNELS, picture, second}};
        for (int i = 0; i < SIDE * SIDE * CHANNELS; i++) {
            double sum = 0, unused;
            for (int k = 0; k < 2 * CHANNELS; k++)
                sum += direct_sum(&d[k / CHANNELS], i / CHANNELS / SIDE, i / CHANNELS % SIDE, k % CHANNELS, &unused) *
                       (double)weights[i % CHANNELS * 2 * CHANNELS + k];
            if (!(fabs((double)out[i] - sum) <= 1e-5))
                fail_msg("%s: value %d is %g, not %g", mseg_cpu_level_name(level), i, (double)out[i], sum);
        }
        mseg_plan_close(&plan);
        mseg_packed_net_close(&net);
    }
}

enum { FOLD_SIDE = 23, FOLD_EXPANDED = 56, FOLD_MIDDLE = 38, FOLD_OUT = 24 };

/* A head like DeepLabv3's behind a linear block; the block, line 2 of reports, and line *conv may be one. */
static mseg_packed_net *fold_net(mseg_cpu_level level, bool unfused, int rate, bool pool_last, int *conv)
{
    static float weights[FOLD_EXPANDED * FOLD_MIDDLE + FOLD_MIDDLE * FOLD_OUT], bias[FOLD_EXPANDED];
    const test_filter filter = {weights, bias};
    fill(weights, sizeof weights / sizeof *weights, 5, 1);
    fill(bias, FOLD_EXPANDED, 6, 1);
    mseg_value value, branches[2], pooled;
    test_net t;
    test_net_open(&t, MSEG_SAME, &value);
    mseg_net_layer shape = {.in = {value}, .n_in = 1, .kernel = 3, .channels = 16, .activation = MSEG_RELU6};
    assert_int_equal(test_conv(&t, "conv", shape, filter, &value), MSEG_OK);
    const test_block block = {.input = value,
                              .expanded = FOLD_EXPANDED,
                              .stride = 1,
                              .rate = rate,
                              .channels = FOLD_MIDDLE,
                              .depthwise_activation = MSEG_RELU6,
                              .expand = filter,
                              .depthwise = filter,
                              .project = filter};
    assert_int_equal(test_inverted_residual(&t, "block", &block, &value), MSEG_OK);
    shape = (mseg_net_layer){.in = {value}, .n_in = 1, .kernel = 1, .channels = FOLD_OUT, .activation = MSEG_RELU};
    if (pool_last)
        assert_int_equal(test_conv(&t, "branch", shape, filter, &branches[0]), MSEG_OK);
    assert_int_equal(test_pool(&t, "pool", value, 0, 0, &pooled), MSEG_OK);
    if (!pool_last)
        assert_int_equal(test_conv(&t, "branch", shape, filter, &branches[0]), MSEG_OK);
    *conv = pool_last ? 3 : 4;
    shape.in[0] = pooled;
    assert_int_equal(test_conv(&t, "vector", shape, filter, &branches[1]), MSEG_OK);
    shape.in[0] = branches[0];
    shape.in[1] = branches[1];
    shape.n_in = 2;
    shape.activation = MSEG_LINEAR;
    assert_int_equal(test_conv(&t, "both", shape, filter, &value), MSEG_OK);
    return packed(&t, value, level, unfused);
}

/* A projection and the convolution behind it as one, against whole layers one by one; bit for bit with any number of threads. */
static void test_folding(void **state)
{
    (void)state;
    enum { COUNT = FOLD_SIDE * FOLD_SIDE * FOLD_OUT };
    static float expected[COUNT], once[COUNT];
    const net_case c = {.name = "folding", .width = FOLD_SIDE, .height = FOLD_SIDE};
    const mseg_picture picture = case_picture(FOLD_SIDE, FOLD_SIDE, 9);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int variant = 0; variant < 2 * 3 * 2; variant++) {
            const int rate = 1 + variant / 2 % 3;
            const size_t cache = variant / 6 ? 1 << 20 : 1 << 10; /* which splits the block into slices of its channels */
            int conv;
            mseg_packed_net *net = fold_net(level, true, rate, variant % 2, &conv);
            mseg_plan *plan = case_plan(&c, net, 1, cache);
            assert_true(mseg_plan_layer_at(plan, 2).step != mseg_plan_layer_at(plan, conv).step);
            memcpy(expected, test_run(plan, &picture, NULL), sizeof expected);
            mseg_plan_close(&plan);
            mseg_packed_net_close(&net);
            net = fold_net(level, false, rate, variant % 2, &conv);
            for (int threads = 1; threads <= MAX_THREADS; threads++) {
                mseg_pool *pool;
                assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
                plan = case_plan(&c, net, threads, cache);
                assert_true(mseg_plan_layer_at(plan, 2).step == mseg_plan_layer_at(plan, conv).step);
                const float *out = test_run(plan, &picture, pool);
                double largest = 0;
                for (int i = 0; i < COUNT; i++)
                    largest = fmax(largest, fabs((double)expected[i]));
                for (int i = 0; i < COUNT; i++)
                    if (!(fabs((double)out[i] - (double)expected[i]) <= 3e-6 * largest))
                        fail_msg("%s, variant %d: value %d is %g, not %g", mseg_cpu_level_name(level), variant, i, (double)out[i],
                                 (double)expected[i]);
                if (threads == 1)
                    memcpy(once, out, sizeof once);
                assert_memory_equal(out, once, sizeof once);
                mseg_plan_close(&plan);
                mseg_pool_close(&pool);
            }
            mseg_packed_net_close(&net);
        }
    mseg_picture used = picture;
    case_picture_free(&used);
}

enum { MAGNITUDES_SIDE = 5, MAGNITUDES_CHANNELS = 48, NO_WEIGHTS = 5 };

/* out: first a 1x1 convolution of the picture, then one of that, whose channel NO_WEIGHTS has a bias only. */
static void check_magnitude(const float *out, const float *picture, const float *first, const float *second, const char *what)
{
    const direct d = {MAGNITUDES_SIDE, 1, 1, 0, MAGNITUDES_CHANNELS, picture, first};
    for (int p = 0; p < MAGNITUDES_SIDE * MAGNITUDES_SIDE; p++)
        for (int j = 0; j < MAGNITUDES_CHANNELS; j++) {
            double sum = j == NO_WEIGHTS, size = sum, unused;
            for (int k = 0; k < MAGNITUDES_CHANNELS; k++) {
                double term = direct_sum(&d, p / MAGNITUDES_SIDE, p % MAGNITUDES_SIDE, k, &unused) *
                              (double)second[j * MAGNITUDES_CHANNELS + k];
                sum += term;
                size += fabs(term);
            }
            double value = (double)out[p * MAGNITUDES_CHANNELS + j];
            if (!(fabs(value - sum) <= 2 * MAGNITUDES_CHANNELS * (double)FLT_EPSILON * size))
                fail_msg("%s: pixel %d, channel %d is %g, not %g", what, p, j, value, sum);
            if (j == NO_WEIGHTS)
                assert_true(value == 1);
        }
}

/* A 1x1 convolution of maps that are small or large all over is as exact as of any other, whatever its kernel's arithmetic. */
static void test_magnitudes(void **state)
{
    (void)state;
    static const float magnitudes[] = {1e-6f, 1e-3f, 1, 10, 1e3f, 1e6f};
    float picture[MAGNITUDES_SIDE * MAGNITUDES_SIDE * 3], first[MAGNITUDES_CHANNELS * 3];
    float second[MAGNITUDES_CHANNELS * MAGNITUDES_CHANNELS], bias[MAGNITUDES_CHANNELS] = {[NO_WEIGHTS] = 1};
    fill(picture, MAGNITUDES_SIDE * MAGNITUDES_SIDE * 3, 1, 1);
    fill(second, MAGNITUDES_CHANNELS * MAGNITUDES_CHANNELS, 3, 1);
    memset(second + NO_WEIGHTS * MAGNITUDES_CHANNELS, 0, MAGNITUDES_CHANNELS * sizeof *second);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            char what[64];
            mseg_value value;
            test_net t;
            test_net_open(&t, MSEG_SAME, &value);
            snprintf(what, sizeof what, "%s, magnitude %g", mseg_cpu_level_name(level), (double)magnitudes[m]);
            fill(first, MAGNITUDES_CHANNELS * 3, 2, magnitudes[m]);
            mseg_net_layer conv = {.in = {value}, .n_in = 1, .kernel = 1, .channels = MAGNITUDES_CHANNELS};
            assert_int_equal(test_conv(&t, "first", conv, (test_filter){.weight = first}, &value), MSEG_OK);
            conv.in[0] = value;
            assert_int_equal(test_conv(&t, "second", conv, (test_filter){second, bias}, &value), MSEG_OK);
            mseg_packed_net *net = packed(&t, value, level, false);
            const net_case c = {.name = "magnitudes", .width = MAGNITUDES_SIDE, .height = MAGNITUDES_SIDE};
            mseg_plan *plan = case_plan(&c, net, 1, 1 << 20);
            check_magnitude(test_run(plan, &(mseg_picture){.normalised = picture}, NULL), picture, first, second, what);
            mseg_plan_close(&plan);
            mseg_packed_net_close(&net);
        }
}

enum { TAPS = 5, TAPS_SIDE = 11 };

/* Two blocks; outputs are the first's expanded map, the second's depthwise and expanded maps, what comes between, and the end. */
static mseg_packed_net *tapped_net(mseg_cpu_level level, bool unfused, int stride, int rate)
{
    enum { WIDE = 20, CHANNELS = 8 };
    static float weights[WIDE * 9], bias[WIDE];
    const test_filter filter = {weights, bias};
    fill(weights, WIDE * 9, 5, 1);
    fill(bias, WIDE, 6, 1);
    mseg_value value, taps[TAPS];
    test_net t;
    test_net_open(&t, MSEG_SAME, &value);
    const mseg_net_layer first = {.in = {value}, .n_in = 1, .kernel = 1, .channels = CHANNELS, .activation = MSEG_RELU6};
    assert_int_equal(test_conv(&t, "first", first, filter, &value), MSEG_OK);
    test_block block = {.input = value,
                        .expanded = WIDE,
                        .stride = stride,
                        .rate = 1,
                        .channels = CHANNELS,
                        .depthwise_activation = MSEG_RELU6,
                        .expand = filter,
                        .depthwise = filter,
                        .project = filter};
    assert_int_equal(test_inverted_residual(&t, "block0", &block, &taps[3]), MSEG_OK);
    block.input = taps[3];
    block.stride = 1;
    block.rate = rate;
    block.residual = true;
    assert_int_equal(test_inverted_residual(&t, "block1", &block, &taps[4]), MSEG_OK);
    taps[0] = taps[3] - 2;
    taps[1] = taps[4] - 1;
    taps[2] = taps[4] - 2;
    for (int i = 0; i < TAPS; i++)
        assert_int_equal(mseg_net_output(&t.net, taps[i]), MSEG_OK);
    return test_net_pack(&t, level_kernels(level), unfused);
}

static bool are_near(const mseg_map *a, const mseg_map *b)
{
    assert_true(a->width == b->width && a->height == b->height && a->channels == b->channels);
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            for (int c = 0; c < a->channels; c++) {
                double difference = (double)a->data[(size_t)y * a->row + (size_t)x * a->pixel + (size_t)c] -
                                    (double)b->data[(size_t)y * b->row + (size_t)x * b->pixel + (size_t)c];
                if (!(fabs(difference) <= 1e-5))
                    return false;
            }
    return true;
}

/* Maps inside blocks are delivered whole when they are outputs, and nothing else changes. */
static void test_outputs_inside_blocks(void **state)
{
    (void)state;
    const net_case c = {.name = "taps", .width = TAPS_SIDE, .height = TAPS_SIDE};
    mseg_picture picture = case_picture(TAPS_SIDE, TAPS_SIDE, 9);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int variant = 0; variant < 2 * 2 * 2; variant++) {
            const int stride = 1 + variant % 2, rate = 1 + variant / 2 % 2;
            mseg_packed_net *nets[2];
            mseg_plan *plans[2];
            mseg_pool *pool;
            assert_int_equal(mseg_pool_open(&pool, 2), MSEG_OK);
            for (int unfused = 0; unfused < 2; unfused++) {
                nets[unfused] = tapped_net(level, unfused, stride, rate);
                plans[unfused] = case_plan(&c, nets[unfused], 2, variant / 4 ? 1 << 20 : 1 << 10);
                memset(plans[unfused]->arena, 0xFF, mseg_plan_arena_bytes(plans[unfused]));
                mseg_plan_run(plans[unfused], &picture, pool);
            }
            for (int i = 0; i < TAPS; i++) {
                const mseg_map fused = mseg_plan_output(plans[0], i), whole = mseg_plan_output(plans[1], i);
                if (!are_near(&fused, &whole))
                    fail_msg("%s, variant %d: output %d is not that of whole layers", mseg_cpu_level_name(level), variant, i);
            }
            for (int unfused = 0; unfused < 2; unfused++) {
                mseg_plan_close(&plans[unfused]);
                mseg_packed_net_close(&nets[unfused]);
            }
            mseg_pool_close(&pool);
        }
    case_picture_free(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stems),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_concatenation_of_unlike_maps),
        cmocka_unit_test(test_magnitudes),
        cmocka_unit_test(test_outputs_inside_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
