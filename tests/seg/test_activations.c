/* Positive channels: fused and unfused plans and any number of threads count alike, what is said of counts is what NumPy's words
 * mean of them, and what cannot be counted is refused. What the counts themselves are: tests/cli/test_activations.py. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/random.h"
#include "mseg.h"

enum { SIDE = 65, WIDTH = 60, HEIGHT = 41, PHOTOS = 2 };

static mseg_model *open_model(const char *architecture, bool unfused)
{
    mseg_model *model;
    mseg_error err = {0};
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.unfused = unfused;
    options.output_stride = 16;
    if (mseg_model_open_random(&model, architecture, &options, &err))
        fail_msg("%s", err.text);
    return model;
}

static mseg_image photo(int seed, bool upright)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, upright ? HEIGHT : WIDTH, upright ? WIDTH : HEIGHT, MSEG_RGB), MSEG_OK);
    for (int y = 0; y < image.height; y++)
        for (int i = 0; i < image.width * 3; i++)
            image.data[(size_t)y * image.stride + (size_t)i] =
                (uint8_t)random_bits((uint64_t)seed, (uint64_t)(y / 4 * 997 + i / 9));
    return image;
}

static mseg_activations *counted(const mseg_model *model, mseg_pool *pool)
{
    mseg_activations *activations;
    mseg_error err = {0};
    if (mseg_activations_open(&activations, model, SIDE, pool, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < PHOTOS; i++) {
        mseg_image image = photo(i, i % 2);
        if (mseg_activations_add(activations, mseg_view_of(&image), &err))
            fail_msg("%s", err.text);
        mseg_image_free(&image);
    }
    return activations;
}

static void assert_same(const mseg_activations *a, const mseg_activations *b)
{
    const int layers = mseg_activations_describe(a).layers;
    assert_int_equal(mseg_activations_describe(b).layers, layers);
    for (int i = 0; i < layers; i++) {
        const mseg_activity x = mseg_activations_at(a, i), y = mseg_activations_at(b, i);
        assert_string_equal(x.name, y.name);
        assert_int_equal(x.channels, y.channels);
        assert_int_equal(x.threshold, y.threshold);
        assert_memory_equal(x.histogram, y.histogram, sizeof *x.histogram * (size_t)(x.channels + 1));
        assert_true(!(x.at_six < y.at_six) && !(x.at_six > y.at_six));
    }
}

/* ---- the same counts ---------------------------------------------------------------------------------------------------- */

/* Folding rounds, so that a channel near 0 could change sides; with these seeds none does. */
static void test_fused_plans_and_threads_count_alike(void **state)
{
    (void)state;
    static const char *const networks[] = {"mnv2:0.35",           "mnv2:0.25:aspp", "mnv2:0.25:decoder",
                                           "mnv1:0.25:separable", "resnet14",       "mnv2:0.1:imagenet"};
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, 3), MSEG_OK);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        mseg_model *fused = open_model(networks[i], false), *unfused = open_model(networks[i], true);
        mseg_activations *reference = counted(unfused, NULL), *one = counted(fused, NULL), *three = counted(fused, pool);
        assert_same(reference, one);
        assert_same(one, three);
        mseg_activations_close(&reference);
        mseg_activations_close(&one);
        mseg_activations_close(&three);
        mseg_model_close(&fused);
        mseg_model_close(&unfused);
    }
    mseg_pool_close(&pool);
}

/* ---- what layers are counted, and where --------------------------------------------------------------------------------- */

typedef struct expected {
    const char *name, *kind;
    int channels, threshold, stride; /* stride 0: one position */
} expected;

/* A photo of 60 x 41 becomes one of 65 x 44 (41 * 65 / 60 = 44.4), the other one of 44 x 65. */
static int64_t positions(int stride)
{
    const int longer = stride ? (65 - 1) / stride + 1 : 1, shorter = stride ? (44 - 1) / stride + 1 : 1;
    return (int64_t)PHOTOS * longer * shorter;
}

static void test_layers_and_positions(void **state)
{
    (void)state;
    static const expected layers[] = {
        {"backbone.stem", "conv", 32, 0, .stride = 2},
        {"backbone.block0.depthwise", "depthwise conv", 32, 0, .stride = 2},
        {"backbone.block1.expand", "conv", 96, 16, .stride = 2},
        {"backbone.block1.depthwise", "depthwise conv", 96, 16, .stride = 4},
        {"backbone.block2.expand", "conv", 144, 24, .stride = 4},
        {"backbone.block13.depthwise", "depthwise conv", 576, 96, .stride = 16},
        {"backbone.block16.expand", "conv", 960, 160, .stride = 16},
        {"head.image_pooling", "conv", 256, 320, .stride = 0},
        {"head.aspp0", "conv", 256, 320, .stride = 16},
        {"head.projection", "conv", 256, 512, .stride = 16},
    };
    mseg_model *model = open_model("mnv2", false);
    mseg_activations *activations = counted(model, NULL);
    const mseg_activations_info info = mseg_activations_describe(activations);
    assert_int_equal(info.layers, 1 + 1 + 2 * 16 + 3);
    assert_int_equal(info.photos, PHOTOS);
    assert_int_equal(info.size, SIDE);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        mseg_activity found = {0};
        for (int k = 0; k < info.layers; k++)
            if (!strcmp(mseg_activations_at(activations, k).name, layers[i].name))
                found = mseg_activations_at(activations, k);
        assert_string_equal(found.name, layers[i].name);
        assert_string_equal(found.kind, layers[i].kind);
        assert_int_equal(found.channels, layers[i].channels);
        assert_int_equal(found.threshold, layers[i].threshold);
        assert_int_equal(found.positions, positions(layers[i].stride));
    }
    mseg_activations_close(&activations);
    mseg_model_close(&model);
}

/* Sums that something is added to, and convolutions over neighbours, are not what the paper's lemma is about. */
static void test_thresholds_of_other_networks(void **state)
{
    (void)state;
    mseg_model *resnet = open_model("resnet14", false), *v1 = open_model("mnv1", false);
    mseg_activations *a = counted(resnet, NULL), *b = counted(v1, NULL);
    int with = 0, without = 0;
    for (int i = 0; i < mseg_activations_describe(a).layers; i++) {
        const mseg_activity at = mseg_activations_at(a, i);
        const char *part = strrchr(at.name, '.');
        if (!strcmp(part, ".reduce"))
            with += at.threshold > 0;
        if (!strcmp(part, ".expand") || !strcmp(part, ".conv") || !strcmp(part, ".stem"))
            without += !at.threshold;
        assert_true(at.at_six >= 0 && at.at_six <= 0);
    }
    assert_int_equal(with, 4);
    assert_int_equal(without, 1 + 4 + 4);
    for (int i = 0; i < mseg_activations_describe(b).layers; i++) {
        const mseg_activity at = mseg_activations_at(b, i);
        if (!strcmp(at.name, "backbone.block1.depthwise"))
            assert_int_equal(at.threshold, 0);
        if (!strcmp(at.name, "backbone.block1.pointwise"))
            assert_int_equal(at.threshold, 64);
    }
    mseg_activations_close(&a);
    mseg_activations_close(&b);
    mseg_model_close(&resnet);
    mseg_model_close(&v1);
}

/* ---- refused ------------------------------------------------------------------------------------------------------------ */

static void test_refused(void **state)
{
    (void)state;
    mseg_model *model = open_model("mnv2:0.1", false), *bytes, *classifier = open_model("mnv2:0.1:imagenet", false);
    mseg_activations *activations;
    mseg_error err = {0};
    assert_int_equal(mseg_activations_open(&activations, model, 64, NULL, &err), MSEG_INVAL);
    assert_null(activations);
    assert_string_equal(err.text, "size 64 is not k * 16 + 1");
    assert_int_equal(mseg_activations_open(&activations, model, -1, NULL, &err), MSEG_INVAL);
    assert_int_equal(mseg_activations_open(&activations, model, 1 << 20 | 1, NULL, &err), MSEG_LIMIT);
    assert_int_equal(mseg_activations_open(&activations, classifier, 50, NULL, &err), MSEG_OK);
    mseg_activations_close(&activations);
    assert_null(activations);
    mseg_activations_close(&activations);
    if (mseg_model_open(&bytes, MSEG_TESTS_DIR "/weights/data/stuffed8.tflite", NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mseg_model_describe(bytes).precision, MSEG_PRECISION_INT8);
    assert_int_equal(mseg_activations_open(&activations, bytes, 0, NULL, &err), MSEG_UNSUPPORTED);
    mseg_model_close(&bytes);
    mseg_model_close(&classifier);
    mseg_model_close(&model);
}

static void test_nothing_counted_and_no_such_layer(void **state)
{
    (void)state;
    mseg_model *model = open_model("mnv2:0.1", false);
    mseg_activations *activations;
    mseg_error err = {0};
    assert_int_equal(mseg_activations_open(&activations, model, 0, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_activations_describe(activations).size, 513);
    assert_int_equal(mseg_activations_add(activations, (mseg_view){0}, &err), MSEG_INVAL);
    const mseg_activity first = mseg_activations_at(activations, 0);
    assert_int_equal(first.positions, 0);
    assert_int_equal(first.min + first.percentile5 + first.median + first.percentile95 + first.max, 0);
    assert_true(isnan(first.mean) && isnan(first.deviation) && isnan(first.at_six));
    assert_string_equal(mseg_activations_at(activations, -1).kind, "");
    assert_string_equal(mseg_activations_at(activations, mseg_activations_describe(activations).layers).kind, "");
    mseg_activations_close(&activations);
    mseg_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fused_plans_and_threads_count_alike), cmocka_unit_test(test_layers_and_positions),
        cmocka_unit_test(test_thresholds_of_other_networks),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing_counted_and_no_such_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
