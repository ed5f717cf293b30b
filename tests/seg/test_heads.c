#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heads/deeplabv3plus.h"
#include "weights/seeded.h"

/* What layers the head with a decoder is made of, by what the weights hold. */

enum { FINE = 6, FEATURES = 10, CLASSES = 3 };

static void seed(mseg_weights *weights, const char *layer, int out, int kernel, int in)
{
    assert_int_equal(mseg_weights_seeded_add(weights, layer, out, kernel, in), MSEG_OK);
}

/* Weights of two maps, strides 4 and 16, and of the head on them but for its decoder. */
static mseg_weights *weights_without_decoder(void)
{
    mseg_weights *weights;
    assert_int_equal(mseg_weights_seeded(&weights), MSEG_OK);
    seed(weights, "fine", FINE, 3, 3);
    seed(weights, "features", FEATURES, 3, FINE);
    seed(weights, "head.image_pooling", 20, 1, FEATURES);
    seed(weights, "head.aspp0", 20, 1, FEATURES);
    seed(weights, "head.projection", 24, 1, 40);
    seed(weights, "head.low_level", 5, 1, FINE);
    seed(weights, "head.classifier", CLASSES, 1, 17);
    return weights;
}

static void separable(mseg_weights *weights, const char *depthwise, const char *pointwise, int in)
{
    assert_int_equal(mseg_weights_seeded_add_depthwise(weights, depthwise, in), MSEG_OK);
    seed(weights, pointwise, 17, 1, in);
}

static mseg_status build(mseg_net *net, const mseg_weights *weights, mseg_value *logits, mseg_error *err)
{
    const mseg_builder builder = {net, weights, err};
    mseg_net_layer conv = {.n_in = 1, .stride = 4};
    mseg_value fine, features;
    mseg_head_info info;
    *net = (mseg_net){.input = mseg_input_deeplab};
    assert_int_equal(mseg_net_picture(net, &conv.in[0]), MSEG_OK);
    assert_int_equal(mseg_build_conv(&builder, "fine", &conv, &fine), MSEG_OK);
    conv.in[0] = fine;
    assert_int_equal(mseg_build_conv(&builder, "features", &conv, &features), MSEG_OK);
    mseg_status status = mseg_head_deeplabv3plus(&builder, features, fine, 16, logits, &info);
    if (!status)
        assert_true(info.image_pooling && !info.aspp);
    return status;
}

/* The layer of that name reads the one of the other name, the last of its inputs. */
static const mseg_net_layer *layer(const mseg_net *net, const char *name, const char *reads)
{
    const mseg_value value = mseg_net_find(net, name);
    assert_true(value > 0);
    const mseg_net_layer *found = &net->layers[value];
    assert_string_equal(net->layers[found->in[found->n_in - 1]].name, reads);
    return found;
}

static void test_decoder_of_both_kinds(void **state)
{
    (void)state;
    mseg_weights *weights = weights_without_decoder();
    mseg_net net;
    mseg_value logits;
    mseg_error err;
    separable(weights, "head.decoder0.depthwise", "head.decoder0.pointwise", 29);
    seed(weights, "head.decoder1", 17, 3, 17);
    separable(weights, "head.decoder2.depthwise", "head.decoder2.pointwise", 17);
    assert_int_equal(build(&net, weights, &logits, &err), MSEG_OK);
    const mseg_net_layer *join = layer(&net, "head.join", "head.low_level");
    assert_true(join->kind == MSEG_JOIN && join->n_in == 2 && join->channels == 29);
    assert_string_equal(net.layers[join->in[0]].name, "head.projection");
    assert_int_equal(layer(&net, "head.low_level", "fine")->activation, MSEG_RELU);
    const mseg_net_layer *depthwise = layer(&net, "head.decoder0.depthwise", "head.join");
    assert_true(depthwise->kind == MSEG_DEPTHWISE && depthwise->activation == MSEG_RELU && depthwise->channels == 29);
    assert_int_equal(layer(&net, "head.decoder0.pointwise", "head.decoder0.depthwise")->activation, MSEG_RELU);
    const mseg_net_layer *full = layer(&net, "head.decoder1", "head.decoder0.pointwise");
    assert_true(full->kind == MSEG_CONV && full->kernel == 3 && full->activation == MSEG_RELU);
    layer(&net, "head.decoder2.depthwise", "head.decoder1");
    const mseg_net_layer *classifier = layer(&net, "head.classifier", "head.decoder2.pointwise");
    assert_true(classifier == &net.layers[logits] && classifier->activation == MSEG_LINEAR && classifier->channels == CLASSES);
    assert_int_equal(mseg_net_stride(&net, logits), 4);
    assert_int_equal(mseg_net_stride(&net, mseg_net_find(&net, "head.projection")), 16);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
}

static void test_half_a_decoder(void **state)
{
    (void)state;
    mseg_weights *weights = weights_without_decoder();
    mseg_net net;
    mseg_value logits;
    mseg_error err = {0};
    seed(weights, "head.decoder0", 17, 3, 29);
    assert_int_equal(build(&net, weights, &logits, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "the model has no head.decoder1.depthwise.weight");
    mseg_net_free(&net);
    mseg_weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder_of_both_kinds),
        cmocka_unit_test(test_half_a_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
