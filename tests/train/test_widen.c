#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants those before */
#include <cmocka.h>
#include <math.h>

#include "base/cpu.h"
#include "seg/backbones/architecture.h"
#include "seg/opened.h"
#include "seg/train/widen.h"
#include "train/engine.h"

/* What a wider network made of a narrow one says, against what the narrow one says. */

enum { SIDE = 65 };

static void open_net(mseg_opened *opened, const char *architecture)
{
    mseg_model_options options;
    mseg_error err = {0};
    const mseg_source from = {.name = architecture, .open = mseg_architecture_weights};
    mseg_model_options_init(&options, sizeof options);
    if (mseg_opened_open(opened, &from, &options, &err))
        fail_msg("%s: %s", architecture, err.text);
}

/* Logits of a picture of waves, in norming NONE: the network as it is in a file; freed by the caller. */
static float *logits(const mseg_net *net, const mseg_weights *weights, size_t *n)
{
    const mseg_cpu cpu = mseg_cpu_detect();
    const mseg_engine_options how = {.kernels = mseg_train_kernels_for(&cpu, false), .batch = 1, .height = SIDE, .width = SIDE};
    mseg_engine *engine;
    mseg_error err = {0};
    if (mseg_engine_open(&engine, net, weights, &how, &err))
        fail_msg("%s", err.text);
    mseg_real *picture = mseg_engine_picture(engine, 0);
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        picture[i] = (mseg_real)(sin(i * 0.0371) + 0.3 * sin(i * 0.917));
    mseg_engine_forward(engine, 1, MSEG_NORM_NONE, 0);
    const mseg_engine_map map = mseg_engine_output(engine, 0, 0);
    *n = (size_t)(map.height * map.width * map.channels);
    float *out = malloc(*n * sizeof *out);
    assert_non_null(out);
    for (int i = 0; i < map.height * map.width; i++)
        for (int c = 0; c < map.channels; c++)
            out[i * map.channels + c] = map.values[i * map.stride + c];
    mseg_engine_close(&engine);
    return out;
}

/* Architectures have heads of 256 channels; this one's branches have more, in unequal numbers. */
static void widen_head(mseg_net *net)
{
    net->layers[mseg_net_find(net, "head.image_pooling")].channels += 13;
    net->layers[mseg_net_find(net, "head.aspp0")].channels += 300;
}

/* The largest difference of logits, in parts of the largest logit. */
static double difference(const char *narrow, const char *wide, double noise)
{
    mseg_opened from, to;
    mseg_weights *weights;
    mseg_net net;
    size_t n, m;
    double most = 0, off = 0;
    open_net(&from, narrow);
    open_net(&to, wide);
    widen_head(&to.net);
    assert_int_equal(mseg_net_copy(&net, &from.net), MSEG_OK);
    assert_int_equal(mseg_widen_net(&net, &to.net, NULL), MSEG_OK);
    assert_true(mseg_net_params(&net) > mseg_net_params(&from.net));
    assert_int_equal(mseg_widen_weights(&weights, &net, &from.net, from.weights, noise, 1, NULL), MSEG_OK);
    float *a = logits(&from.net, from.weights, &n), *b = logits(&net, weights, &m);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i]));
        off = fmax(off, fabs((double)a[i] - (double)b[i]));
    }
    free(a);
    free(b);
    mseg_weights_close(&weights);
    mseg_net_free(&net);
    mseg_opened_close(&from);
    mseg_opened_close(&to);
    return off / most;
}

/* Every kind of layer: residuals, vectors beside maps, ASPP; copies of some channels, of all, and three of one. */
static void same_function(void **state)
{
    static const char *const pairs[][2] = {{"mnv2:0.5", "mnv2:0.65"},
                                           {"mnv2:0.35:aspp", "mnv2:0.5:aspp"},
                                           {"mnv2:0.35:classes=5", "mnv2:classes=5"},
                                           {"mnv1:0.25", "mnv1:0.75"}};
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const double off = difference(pairs[i][0], pairs[i][1], 0);
        if (!(off < 2e-5))
            fail_msg("%s in %s: %g off", pairs[i][0], pairs[i][1], off);
    }
}

/* With noise copies differ, and what the network says is near. */
static void noise_is_small(void **state)
{
    (void)state;
    const double off = difference("mnv2:0.5", "mnv2:0.65", 0.01);
    assert_true(off > 1e-4 && off < 0.2);
}

static void refused(const char *narrow, const char *wide, const char *why)
{
    mseg_opened from, to;
    mseg_error err = {0};
    open_net(&from, narrow);
    open_net(&to, wide);
    const int64_t params = mseg_net_params(&from.net);
    assert_int_equal(mseg_widen_net(&from.net, &to.net, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, why);
    assert_true(mseg_net_params(&from.net) == params);
    mseg_opened_close(&from);
    mseg_opened_close(&to);
}

static void others_are_refused(void **state)
{
    (void)state;
    refused("mnv2:0.5", "mnv2:0.35", "backbone.block1.project has 8 channels, the model's 16: no layer may be narrower");
    refused("mnv2:0.25", "mnv2:0.5",
            "backbone.block0.project adds a map to what it makes in only one of the two: the narrower one has as many channels "
            "before as "
            "behind");
    refused("mnv2:0.5", "mnv1:0.5",
            "its layer backbone.block0.pointwise is another one than the model's backbone.block0.project");
    refused("mnv2:0.5", "mnv2:0.5:aspp", "its layer head.aspp1 is another one than the model's head.projection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_function), cmocka_unit_test(noise_is_small),
                                       cmocka_unit_test(others_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
