/* Quantising: ranges of known numbers, weights and biases by hand, inputs and maps that are scaled. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "seg/quantise/choose.h"
#include "seg/quantise/equalise.h"
#include "seg/quantise/round.h"

enum { HALF = MSEG_HISTOGRAM_HALF };

static mseg_histogram *histogram(void)
{
    mseg_histogram *h = mseg_alloc(sizeof *h);
    assert_non_null(h);
    return h;
}

/* Numbers spread evenly from low to high. */
static void add_even(mseg_histogram *h, double low, double high, int n)
{
    for (int i = 0; i < n; i++) {
        const float value = (float)(low + (high - low) * (i + 0.5) / n);
        mseg_histogram_add(h, &value, 1, 1);
    }
}

static double top_of(mseg_quant quant)
{
    return (255 - quant.zero) * (double)quant.scale;
}

/* ---- histograms --------------------------------------------------------------------------------------------------------- */

static void test_bins(void **state)
{
    (void)state;
    mseg_histogram *h = histogram();
    const float values[] = {1, 9, -1, 9, 0, 9, 0.25f, 9, -0.001f, 9};
    mseg_histogram_add(h, values, 5, 2);
    assert_int_equal(h->exponent, -7); /* the largest, 1, is in bin HALF / 2 to one side: 128 bins are 1 */
    assert_int_equal(h->bins[HALF + 128], 1);
    assert_int_equal(h->bins[HALF - 128], 1);
    assert_int_equal(h->bins[HALF + 32], 1);
    assert_int_equal(h->bins[HALF - 1], 1);
    assert_int_equal(h->zeros, 1);
    assert_int_equal(h->others, 4);
    const float larger = -4;
    mseg_histogram_add(h, &larger, 1, 1);
    assert_int_equal(h->exponent, -5);
    assert_int_equal(h->bins[HALF + 32], 1);
    assert_int_equal(h->bins[HALF - 32], 1);
    assert_int_equal(h->bins[HALF + 8], 1);
    assert_int_equal(h->bins[HALF - 128], 1);
    assert_true(!(h->least > -4) && !(h->least < -4) && !(h->most > 1) && !(h->most < 1));
    mseg_free(&h);
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    enum { N = 2000 };
    static float values[N];
    mseg_histogram *up = histogram(), *down = histogram();
    srand(1);
    for (int i = 0; i < N; i++)
        values[i] = ldexpf((float)rand() / (float)RAND_MAX - 0.5f, i / 100);
    for (int i = 0; i < N; i++)
        mseg_histogram_add(up, &values[i], 1, 1);
    for (int i = 0; i < N; i += 100)
        mseg_histogram_add(down, &values[N - 100 - i], 100, 1);
    assert_memory_equal(up, down, sizeof *up);
    mseg_free(&up);
    mseg_free(&down);
}

static void test_numbers_that_are_none(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        mseg_histogram *h = histogram();
        const float values[] = {1, bad[i], 2};
        mseg_histogram_add(h, values, 1, 1);
        assert_false(h->infinite);
        mseg_histogram_add(h, values, 3, 1);
        assert_true(h->infinite);
        mseg_free(&h);
    }
}

/* ---- ranges ------------------------------------------------------------------------------------------------------------- */

static void test_even_numbers_keep_their_range(void **state)
{
    (void)state;
    mseg_histogram *h = histogram();
    const mseg_range_part part = {h, 1, 1};
    add_even(h, -3, 1, 100000);
    /* With n of N numbers clipped by up to d: n d^2 / 3 grows as d^3, rounding falls as d: least where d is half a step. */
    mseg_quant quant = mseg_range_choose(&part, 1, (mseg_range_rule){0});
    assert_true(quant.is_signed);
    assert_in_range(quant.zero, 190, 192);
    assert_true(fabs((double)quant.scale - 4.0 / 255) < 0.01 * 4 / 255);
    mseg_histogram *zero = histogram();
    const mseg_range_part positive = {zero, 1, 1};
    add_even(zero, 0, 5, 100000);
    quant = mseg_range_choose(&positive, 1, (mseg_range_rule){.from_zero = true});
    assert_int_equal(quant.zero, 0);
    assert_true(fabs((double)quant.scale - 5.0 / 255) < 0.01 * 5 / 255);
    quant = mseg_range_choose(&positive, 1, (mseg_range_rule){.from_zero = true, .most = 4});
    assert_true(fabs((double)quant.scale - 4.0 / 255) < 1e-6);
    mseg_free(&h);
    mseg_free(&zero);
}

/* One of N numbers is far away, 64, the others are below 1. Squares lost by a range up to t: (64 - t)^2 / N + (t / 255)^2 / 12,
 * least at t = 64 / (1 + N / (12 * 255^2)). */
static void test_one_far_number_is_clipped(void **state)
{
    (void)state;
    static const int numbers[] = {20000, 200000, 2000000};
    for (int i = 0; i < 3; i++) {
        mseg_histogram *h = histogram();
        const mseg_range_part part = {h, 1, 1};
        const float far = 64;
        add_even(h, 0, 1, numbers[i] - 1);
        mseg_histogram_add(h, &far, 1, 1);
        const double best = 64 / (1 + numbers[i] / (12 * 255.0 * 255));
        mseg_quant quant = mseg_range_choose(&part, 1, (mseg_range_rule){.from_zero = true});
        assert_true(fabs(log2(top_of(quant) / best)) < 1.0 / 16); /* candidates lie a 16th of a factor of 2 apart */
        const mseg_range_part stretched = {h, 8, 1};
        const mseg_quant wide = mseg_range_choose(&stretched, 1, (mseg_range_rule){.from_zero = true});
        assert_true(fabs((double)(wide.scale / quant.scale) - 8) < 1e-3);
        quant = mseg_range_choose(&part, 1, (mseg_range_rule){.from_zero = true, .whole_top = true});
        assert_true(top_of(quant) > 63.999);
        mseg_free(&h);
    }
}

static void test_largest_just_above_zero_is_kept(void **state)
{
    (void)state;
    mseg_histogram *h = histogram();
    const mseg_range_part part = {h, 1, 1};
    add_even(h, -100, 0.1, 10000);
    const mseg_quant quant = mseg_range_choose(&part, 1, (mseg_range_rule){.whole_top = true});
    assert_true(quant.zero < 255 && top_of(quant) > 0.0999);
    mseg_free(&h);
}

/* Factors stretch: two channels, one of 0 to 1 and one of 0 to 8, which times 8 is like the other. */
static void test_parts_and_zeros(void **state)
{
    (void)state;
    mseg_histogram *small = histogram(), *large = histogram(), *empty = histogram(), *zeros = histogram();
    const float zero = 0;
    add_even(small, 0, 1, 10000);
    add_even(large, 0, 8, 10000);
    mseg_histogram_add(zeros, &zero, 1, 1);
    const mseg_range_part alike[] = {{small, 8, 1}, {large, 1, 1}, {empty, 1, 1}, {zeros, 1, 1}};
    const mseg_quant quant = mseg_range_choose(alike, 4, (mseg_range_rule){.from_zero = true});
    assert_true(fabs((double)quant.scale - 8.0 / 255) < 0.01 * 8 / 255);
    const mseg_quant none = mseg_range_choose(alike + 2, 2, (mseg_range_rule){0});
    assert_true(none.zero == 128 && !(none.scale < 1.0f / 128) && !(none.scale > 1.0f / 128));
    mseg_free(&small);
    mseg_free(&large);
    mseg_free(&empty);
    mseg_free(&zeros);
}

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

static mseg_rounded round_one(float *weight, float *bias, int in, const mseg_round_rule *rule)
{
    const mseg_layer_weights weights = {weight, bias, 1, 1, in, false};
    mseg_rounded rounded;
    assert_int_equal(mseg_round(&rounded, &weights, rule), MSEG_OK);
    return rounded;
}

static void test_weights_on_the_grid_stay(void **state)
{
    (void)state;
    float weight[] = {12.7f, -6.4f, 0.1f, 0}, bias[] = {3};
    const double mean[] = {5, 5, 5, 5}, variance[] = {1, 1, 1, 1};
    mseg_rounded r = round_one(weight, bias, 4, &(mseg_round_rule){0.5f, 1, mean, variance});
    const int8_t expected[] = {127, -64, 1, 0};
    assert_memory_equal(r.weight, expected, sizeof expected);
    assert_true(fabs((double)r.scale[0] - 0.1) < 1e-6);
    assert_int_equal(r.bias[0], 60); /* 3 / (0.5 * 0.1) */
    mseg_rounded_free(&r);
}

/* 0.014 becomes 0.01 where the scale cannot be another one, the first input being all that counts. Its input is 5 on average:
 * what the sum loses, 0.02, the bias gets. */
static void test_biases_make_up_for_rounding(void **state)
{
    (void)state;
    float weight[] = {1.27f, 0.014f}, bias[] = {0.5f};
    const double mean[] = {7, 5}, variance[] = {1e9, 1e-9};
    mseg_rounded r = round_one(weight, bias, 2, &(mseg_round_rule){0.1f, 1, mean, variance});
    assert_int_equal(r.weight[0], 127);
    assert_int_equal(r.weight[1], 1);
    assert_true(fabs(r.real[0] - 0.52) < 1e-6);
    assert_int_equal(r.bias[0], 520);
    const double more = -0.1;
    mseg_round_shift(&r, 0.1f, &more);
    assert_int_equal(r.bias[0], 420);
    mseg_rounded_free(&r);
}

/* One weight of many is twice as large, and its input never changes: clipping it makes the others' steps finer. */
static void test_weights_that_do_not_count_are_clipped(void **state)
{
    (void)state;
    enum { N = 4000 };
    static float weight[N];
    static double mean[N], variance[N];
    float bias[] = {0};
    for (int i = 0; i < N; i++) {
        weight[i] = i ? (float)sin(i) : 2;
        variance[i] = i > 0;
        mean[i] = 0;
    }
    mseg_rounded r = round_one(weight, bias, N, &(mseg_round_rule){1, 1, mean, variance});
    assert_int_equal(r.weight[0], 127);
    assert_true(r.scale[0] < 1.1f / 127);
    mseg_rounded_free(&r);
}

static void test_depthwise_channels_are_apart(void **state)
{
    (void)state;
    float weight[18], bias[] = {1, -1};
    const double mean[] = {0, 0}, variance[] = {1, 1};
    for (int tap = 0; tap < 9; tap++) {
        weight[2 * tap] = (float)(tap - 4) / 4;
        weight[2 * tap + 1] = (float)(tap - 4) * 1000;
    }
    const mseg_layer_weights weights = {weight, bias, 2, 3, 1, true};
    mseg_rounded r;
    assert_int_equal(mseg_round(&r, &weights, &(mseg_round_rule){1, 1000, mean, variance}), MSEG_OK);
    for (int i = 0; i < 18; i++)
        assert_true(fabs(r.weight[i] * (double)r.scale[i % 2] - (double)weight[i]) <= 0.5001 * (double)r.scale[i % 2]);
    assert_true(r.scale[1] > 3000 * r.scale[0]);
    mseg_rounded_free(&r);
}

static void test_dead_channels_and_large_biases(void **state)
{
    (void)state;
    float dead[] = {0, 0}, tiny[] = {1e-12f, 0}, bias[] = {1.5f};
    const double mean[] = {1, 1}, variance[] = {1, 1};
    mseg_rounded r = round_one(dead, bias, 2, &(mseg_round_rule){0.01f, 0.02f, mean, variance});
    assert_true(isnormal(r.scale[0]) && r.scale[0] > 0);
    assert_true(fabs(r.bias[0] * 0.01 * (double)r.scale[0] - 1.5) < 0.02 / 256);
    mseg_rounded_free(&r);
    r = round_one(tiny, bias, 2, &(mseg_round_rule){0.01f, 0.02f, mean, variance});
    assert_true(abs(r.bias[0]) < INT32_MAX - 2 * 255 * 255);
    assert_true(fabs(r.bias[0] * 0.01 * (double)r.scale[0] - 1.5) < 0.02 / 256);
    mseg_rounded_free(&r);
    float large[] = {1e4f, 0}; /* a sum's unit would be 787 steps of the output */
    const mseg_layer_weights weights = {large, bias, 1, 1, 2, false};
    r = round_one(large, bias, 2, &(mseg_round_rule){0.1f, 0.01f, mean, variance});
    assert_true(0.1f * r.scale[0] / 0.01f < 256);
    mseg_rounded_free(&r);
    const float least = mseg_round_least(&weights, 0.1f);
    r = round_one(large, bias, 2, &(mseg_round_rule){0.1f, least, mean, variance});
    assert_int_equal(r.weight[0], 127);
    assert_true(fabs(127 * (double)r.scale[0] - 1e4) < 1 && 0.1f * r.scale[0] / least < 256);
    mseg_rounded_free(&r);
}

/* ---- pictures ----------------------------------------------------------------------------------------------------------- */

/* What a 1x1 convolution makes of a pixel, in double. */
static double sum_of(const mseg_input *input, const mseg_layer_weights *w, const int pixel[3])
{
    double sum = (double)w->bias[0];
    for (int c = 0; c < 3; c++)
        sum += (double)w->weight[c] * (pixel[c] * (double)input->scale[c] + (double)input->offset[c]);
    return sum;
}

static void test_pictures_enter_as_bytes(void **state)
{
    (void)state;
    static const double means[][3] = {{127.5, 127.5, 127.5}, {123.675, 116.28, 103.53}, {0, 0, 0}};
    static const double stds[][3] = {{127.5, 127.5, 127.5}, {58.395, 57.12, 57.375}, {255, 255, 255}};
    static const int zeros[] = {128, 114, 0}, pixels[][3] = {{0, 0, 0}, {255, 255, 255}, {10, 200, 77}};
    for (int i = 0; i < 3; i++) {
        float weight[] = {0.5f, -1.25f, 2}, bias[] = {0.75f};
        mseg_layer_weights w = {weight, bias, 1, 1, 3, false};
        mseg_input input = mseg_input_deeplab;
        double before[3];
        for (int c = 0; c < 3; c++)
            mseg_input_normalise(&input, c, means[i][c], stds[i][c]);
        for (int p = 0; p < 3; p++)
            before[p] = sum_of(&input, &w, pixels[p]);
        mseg_round_input(&input, &w);
        assert_int_equal(input.quant.zero, zeros[i]);
        for (int c = 0; c < 3; c++)
            assert_true(fabs((double)input.offset[c] + zeros[i] * (double)input.quant.scale) < 1e-6 &&
                        !(input.scale[c] < input.quant.scale) && !(input.scale[c] > input.quant.scale));
        for (int p = 0; p < 3; p++)
            assert_true(fabs(sum_of(&input, &w, pixels[p]) - before[p]) < 1e-5);
    }
}

/* ---- nets --------------------------------------------------------------------------------------------------------------- */

static mseg_value add_layer(mseg_net *net, const mseg_net_layer *layer)
{
    mseg_value value;
    assert_int_equal(mseg_net_add(net, layer, &value), MSEG_OK);
    return value;
}

enum { A = 1, B, POOL, VECTOR, SUM, BOTH, SCORES, LAYERS };

/* Two convolutions, what the second and a pooled branch of it make read together, then scores. */
static mseg_net small_net(void)
{
    mseg_net net = {.input = mseg_input_deeplab};
    mseg_value picture;
    assert_int_equal(mseg_net_picture(&net, &picture), MSEG_OK);
    const mseg_net_layer conv = {.kind = MSEG_CONV, .n_in = 1, .add = -1, .kernel = 1, .stride = 1, .rate = 1, .channels = 2};
    mseg_net_layer a = conv, b = conv, pool = conv, vector = conv, sum = conv, both = conv, scores = conv;
    strcpy(a.name, "a");
    a.kernel = 3;
    strcpy(b.name, "b");
    b.in[0] = A;
    b.activation = MSEG_RELU6;
    strcpy(pool.name, "pool");
    pool.kind = MSEG_GLOBAL_POOL;
    pool.in[0] = B;
    strcpy(vector.name, "vector");
    vector.in[0] = POOL;
    vector.activation = MSEG_RELU;
    strcpy(sum.name, "sum");
    sum.in[0] = B;
    sum.add = A;
    strcpy(both.name, "both");
    both.n_in = 2;
    both.in[0] = VECTOR;
    both.in[1] = SUM;
    both.activation = MSEG_RELU;
    strcpy(scores.name, "scores");
    scores.in[0] = BOTH;
    add_layer(&net, &a);
    add_layer(&net, &b);
    add_layer(&net, &pool);
    add_layer(&net, &vector);
    add_layer(&net, &sum);
    add_layer(&net, &both);
    assert_int_equal(add_layer(&net, &scores), SCORES);
    assert_int_equal(mseg_net_output(&net, SCORES), MSEG_OK);
    return net;
}

/* What each channel of the layers' maps reaches: from -reach (0 behind an activation) to it. */
static const double reaches[LAYERS][2] = {{0, 0}, {1, 4}, {1.5, 6}, {1, 3}, {2, 10}, {8, 2}, {1, 20}, {30, 50}};

static mseg_map_stats *fill_stats(const mseg_net *net)
{
    mseg_map_stats *stats = mseg_stats_open(net);
    assert_non_null(stats);
    for (int i = 1; i < LAYERS; i++)
        for (int c = 0; c < 2; c++) {
            const bool positive = i != A && i != SUM && i != SCORES;
            add_even(&stats[i].made[c], positive ? 0 : -reaches[i][c], reaches[i][c], 5000);
            if (stats[i].before)
                add_even(&stats[i].before[c], -1, 1, 5000);
        }
    add_even(stats[SCORES].top, -20, 50, 5000);
    return stats;
}

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 0.02 * fabs(wanted);
}

static void test_how_a_net_is_held(void **state)
{
    (void)state;
    mseg_net net = small_net();
    mseg_map_stats *stats = fill_stats(&net);
    double **ones = mseg_alloc_array(LAYERS, sizeof *ones);
    for (int i = 0; i < LAYERS; i++) {
        ones[i] = mseg_alloc_array(3, sizeof **ones);
        ones[i][0] = ones[i][1] = ones[i][2] = 1;
    }
    assert_int_equal(mseg_choose_quants(&net, stats, ones, NULL), MSEG_OK);
    const mseg_net_layer *layer = net.layers;
    assert_true(near((double)layer[B].quant.scale, 6.0 / 255) && layer[B].quant.zero == 0);
    assert_true(layer[B].bounds.least == 0 && layer[B].bounds.most >= 253);
    assert_true(layer[POOL].mean && layer[POOL].quant.zero == 0 && near((double)layer[POOL].quant.scale, 3.0 / 255));
    /* read together: from -8 to 10 */
    assert_true(mseg_quant_same(layer[VECTOR].quant, layer[SUM].sum) && near((double)layer[SUM].sum.scale, 18.0 / 255));
    assert_true(layer[VECTOR].bounds.least == layer[VECTOR].quant.zero && layer[VECTOR].bounds.most == 255);
    assert_true(near((double)layer[SUM].quant.scale, 2.0 / 255));
    assert_true(near((double)layer[SCORES].quant.scale, 70.0 / 255) && top_of(layer[SCORES].quant) > 49.98);
    assert_int_equal(layer[SCORES].bounds.most, 0);
    assert_int_equal(mseg_choose_coarser(&net, VECTOR, 1), MSEG_OK);
    assert_true(mseg_quant_same(layer[VECTOR].quant, layer[SUM].sum) && !(layer[SUM].sum.scale < 1));
    assert_true(near((double)layer[SUM].quant.scale, 2.0 / 255));
    mseg_equalise_free(&ones, LAYERS);
    mseg_stats_close(&stats, &net);
    mseg_net_free(&net);
}

static void test_what_cannot_be_held(void **state)
{
    (void)state;
    mseg_error err;
    for (int i = 0; i < 2; i++) {
        mseg_net net = small_net();
        mseg_map_stats *stats = fill_stats(&net);
        double **factors = mseg_equalise(&net, stats);
        if (i)
            net.layers[SUM].activation = MSEG_RELU;
        else
            net.layers[POOL].kind = MSEG_MAX_POOL;
        assert_int_equal(mseg_choose_quants(&net, stats, factors, &err), MSEG_UNSUPPORTED);
        assert_non_null(strstr(err.text, i ? "sum: a sum with" : "pool is a max pool"));
        mseg_equalise_free(&factors, LAYERS);
        mseg_stats_close(&stats, &net);
        mseg_net_free(&net);
    }
}

static void test_channels_become_alike(void **state)
{
    (void)state;
    mseg_net net = small_net();
    mseg_map_stats *stats = fill_stats(&net);
    stats[B].made[1] = (mseg_histogram){0};
    add_even(&stats[B].made[1], 0, 3, 5000);
    double **factors = mseg_equalise(&net, stats);
    assert_non_null(factors);
    assert_true(near(factors[B][0], 4) && near(factors[B][1], 2));        /* up to 6 */
    assert_true(near(factors[BOTH][0], 20) && near(factors[BOTH][1], 1)); /* up to the largest */
    for (int c = 0; c < 2; c++) {
        assert_true(!(factors[POOL][c] < factors[B][c]) && !(factors[POOL][c] > factors[B][c]));
        assert_true(!(factors[SUM][c] < factors[A][c]) && !(factors[SUM][c] > factors[A][c])); /* a sum's and what it adds */
        assert_true(!(factors[SCORES][c] < 1) && !(factors[SCORES][c] > 1));
    }
    assert_true(near(factors[A][0], 1) && near(factors[A][1], sqrt(2))); /* the two reach 8 and 4: the root of that */
    /* What b makes of a stays the same but for its own factors. */
    float wa[27 * 2], wb[] = {1, 2, -3, 4}, ba[] = {1, 2}, bb[] = {3, 4};
    for (int i = 0; i < 54; i++)
        wa[i] = (float)i;
    mseg_layer_weights a = {wa, ba, 2, 3, 3, false}, b = {wb, bb, 2, 1, 2, false};
    mseg_equalise_layer(&a, &net, A, factors);
    mseg_equalise_layer(&b, &net, B, factors);
    static const double plain[] = {1, 2, -3, 4};
    for (int o = 0; o < 2; o++) {
        assert_true(near((double)bb[o], (3 + o) * factors[B][o]) && near((double)ba[o], (1 + o) * factors[A][o]));
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < 27; i++)
                assert_true(fabs((double)wb[2 * o + k] * (double)wa[27 * k + i] -
                                 plain[2 * o + k] * (27 * k + i) * factors[B][o]) < 1e-3);
    }
    mseg_equalise_free(&factors, LAYERS);
    mseg_stats_close(&stats, &net);
    mseg_net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_even_numbers_keep_their_range),
        cmocka_unit_test(test_one_far_number_is_clipped),
        cmocka_unit_test(test_largest_just_above_zero_is_kept),
        cmocka_unit_test(test_parts_and_zeros),
        cmocka_unit_test(test_weights_on_the_grid_stay),
        cmocka_unit_test(test_biases_make_up_for_rounding),
        cmocka_unit_test(test_weights_that_do_not_count_are_clipped),
        cmocka_unit_test(test_depthwise_channels_are_apart),
        cmocka_unit_test(test_dead_channels_and_large_biases),
        cmocka_unit_test(test_pictures_enter_as_bytes),
        cmocka_unit_test(test_how_a_net_is_held),
        cmocka_unit_test(test_what_cannot_be_held),
        cmocka_unit_test(test_channels_become_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
