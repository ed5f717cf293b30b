#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "weights/load.h"
#include "weights/reader.h"
#include "weights/seeded.h"

/* Batch norm that a file keeps apart, against its definition on outputs: gamma * (x - mean) / sqrt(variance + epsilon) + beta. */

enum { OUT = 3, IN = 2 };

static void add(mseg_weights *weights, const char *name, const float *data, int rank, const int *shape)
{
    mseg_tensor tensor = {.dtype = MSEG_F32, .rank = rank, .bytes = sizeof *data};
    const void *bytes = data;
    tensor.data = bytes;
    for (int i = 0; i < rank; i++) {
        tensor.shape[i] = shape[i];
        tensor.bytes *= (size_t)shape[i];
    }
    snprintf(tensor.name, sizeof tensor.name, "%s", name);
    assert_int_equal(mseg_weights_add(weights, &tensor, NULL), MSEG_OK);
}

static const float gamma_[OUT] = {1.5f, -2, 0.25f}, beta[OUT] = {0.5f, 3, -1}, mean[OUT] = {2, -0.75f, 10},
                   variance[OUT] = {4, 0.0625f, 1e-4f}, bias[OUT] = {1, 2, 3};

static float epsilon = 0.001f;

static mseg_weights *open_weights(bool with_gamma, bool with_bias, int means)
{
    static const float weight[OUT * IN] = {1, 2, 3, 4, 5, 6};
    static const float depthwise[9 * OUT] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                             15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};
    const int one = 1, channels = OUT;
    mseg_weights *weights;
    assert_int_equal(mseg_weights_seeded(&weights), MSEG_OK);
    for (int kind = 0; kind < 2; kind++) {
        char name[32];
        const char *layer = kind ? "depthwise" : "conv";
        const int shape[] = {kind ? 1 : OUT, kind ? 3 : 1, kind ? 3 : 1, kind ? OUT : IN};
#define NAMED(part) (snprintf(name, sizeof name, "%s." part, layer), name)
        add(weights, NAMED("weight"), kind ? depthwise : weight, 4, shape);
        if (with_bias)
            add(weights, NAMED("bias"), bias, 1, &channels);
        if (with_gamma) {
            add(weights, NAMED("norm.gamma"), gamma_, 1, &channels);
            add(weights, NAMED("norm.beta"), beta, 1, &channels);
        }
        add(weights, NAMED("norm.mean"), mean, 1, &means);
        add(weights, NAMED("norm.variance"), variance, 1, &channels);
        add(weights, NAMED("norm.epsilon"), &epsilon, 1, &one);
#undef NAMED
    }
    return weights;
}

static double normed(double x, int c, bool with_gamma)
{
    const double y = (x - (double)mean[c]) / sqrt((double)variance[c] + (double)epsilon);
    return with_gamma ? (double)gamma_[c] * y + (double)beta[c] : y;
}

static void check(double found, double expected)
{
    if (!(fabs(found - expected) <= 2e-5 * fmax(1, fabs(expected))))
        fail_msg("%g, not %g", found, expected);
}

static void test_norm_is_folded(void **state)
{
    (void)state;
    const double x[IN] = {0.5, -3};
    for (int variant = 0; variant < 4; variant++) {
        const bool with_gamma = variant % 2, with_bias = variant / 2;
        mseg_weights *weights = open_weights(with_gamma, with_bias, OUT);
        mseg_layer_weights conv, depthwise;
        mseg_weight_shape shape;
        assert_int_equal(mseg_weights_shape(&shape, weights, "conv", IN, NULL), MSEG_OK);
        assert_true(shape.bias);
        assert_int_equal(mseg_weights_load(&conv, weights, "conv", IN, NULL), MSEG_OK);
        assert_int_equal(mseg_weights_load_depthwise(&depthwise, weights, "depthwise", OUT, NULL), MSEG_OK);
        for (int c = 0; c < OUT; c++) {
            const double plain = (with_bias ? (double)bias[c] : 0) + (2 * c + 1) * x[0] + (2 * c + 2) * x[1];
            check((double)conv.bias[c] + (double)conv.weight[c * IN] * x[0] + (double)conv.weight[c * IN + 1] * x[1],
                  normed(plain, c, with_gamma));
            for (int tap = 0; tap < 9; tap++) /* a picture of one 2 at that tap */
                check((double)depthwise.bias[c] + 2 * (double)depthwise.weight[tap * OUT + c],
                      normed((with_bias ? (double)bias[c] : 0) + 2 * (tap * OUT + c + 1), c, with_gamma));
        }
        mseg_layer_weights_free(&conv);
        mseg_layer_weights_free(&depthwise);
        mseg_weights_close(&weights);
    }
}

static void test_norm_of_other_channels_is_refused(void **state)
{
    (void)state;
    mseg_weights *weights = open_weights(true, true, OUT - 1);
    mseg_layer_weights conv;
    mseg_error err;
    assert_int_equal(mseg_weights_load(&conv, weights, "conv", IN, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "conv.norm.mean has 2 values, not 3");
    assert_null(conv.weight);
    mseg_weights_close(&weights);
}

static void test_norm_without_a_root_is_refused(void **state)
{
    (void)state;
    mseg_weights *weights = open_weights(true, true, OUT);
    mseg_layer_weights conv;
    mseg_error err;
    epsilon = -1e-4f;
    assert_int_equal(mseg_weights_load(&conv, weights, "conv", IN, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "conv.norm: variance 0.0001 and epsilon -0.0001 of channel 2 have no root");
    epsilon = 0.001f;
    mseg_weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm_is_folded),
        cmocka_unit_test(test_norm_of_other_channels_is_refused),
        cmocka_unit_test(test_norm_without_a_root_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
