#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants those before */
#include <cmocka.h>
#include <math.h>

#include "base/alloc.h"
#include "train/engine.h"
#include "train/nets.h"
#include "weights/load.h"

/* The way back of whole small networks, in double, against finite differences of the way forward. */

typedef struct trial {
    small_net small;
    mseg_engine *engine;
    mseg_real *gradient;
    int samples;
    mseg_norming norming;
} trial;

/* A weighted sum of the outputs, its gradient in them where it belongs; and what the pass would give must not depend on what is
 * in memory. */
static double loss_of(trial *t)
{
    uint64_t state = 77;
    double loss = 0;
    mseg_engine_forward(t->engine, t->samples, t->norming, 0);
    for (int i = 0; i < t->samples * t->small.net.n_outputs; i++) {
        const mseg_engine_map out = mseg_engine_output(t->engine, i / t->samples, i % t->samples);
        for (int p = 0; p < out.height * out.width; p++)
            for (int c = 0; c < out.stride; c++) {
                const double by = c < out.channels ? draw(&state) - 0.5 : 0;
                out.gradient[p * out.stride + c] = by;
                loss += by * out.values[p * out.stride + c];
            }
    }
    return loss;
}

static void open_trial(trial *t, const char *kind, mseg_padding padding, int height, int width, mseg_norming norming,
                       const char *frozen, mseg_pool *pool)
{
    const mseg_cpu scalar = {.level = MSEG_CPU_SCALAR};
    mseg_error err = {0};
    *t = (trial){.small = make_net(kind, padding), .samples = 3, .norming = norming};
    assert_int_equal(t->small.status, MSEG_OK);
    const mseg_engine_options options = {.kernels = mseg_train_kernels_for(&scalar, false),
                                         .pool = pool,
                                         .batch = t->samples,
                                         .height = height,
                                         .width = width,
                                         .frozen = frozen,
                                         .added = "hint",
                                         .seed = 3};
    if (mseg_engine_open(&t->engine, &t->small.net, t->small.weights, &options, &err))
        fail_msg("%s", err.text);
    t->gradient = mseg_alloc_array(mseg_engine_size(t->engine), sizeof *t->gradient);
    assert_non_null(t->gradient);
    uint64_t state = 5;
    mseg_real *values = mseg_engine_parameters(t->engine);
    /* Norms away from where an activation has its kink for all of a channel. */
    for (int i = 0; i < mseg_engine_params(t->engine); i++) {
        const mseg_param *p = mseg_engine_param(t->engine, i);
        const int channels = t->small.net.layers[p->layer].channels;
        for (int c = 0; c < channels && p->kind != MSEG_PARAM_WEIGHT; c++)
            values[p->at + (size_t)c] = draw(&state) + (p->kind == MSEG_PARAM_SCALE ? 0.5 : -0.2);
    }
    for (int s = 0; s < t->samples; s++) {
        mseg_real *picture = mseg_engine_picture(t->engine, s);
        for (int i = 0; i < 3 * height * width; i++)
            picture[i] = 2 * draw(&state) - 1;
    }
}

static void close_trial(trial *t)
{
    mseg_engine_close(&t->engine);
    mseg_free(&t->gradient);
    free_net(&t->small);
}

/* The difference of the loss along a direction in one run of parameters, against the gradient's product with it. */
static double error_along(trial *t, const mseg_param *p, uint64_t seed)
{
    mseg_real *values = mseg_engine_parameters(t->engine) + p->at;
    mseg_real *kept = mseg_alloc_array(p->count, sizeof *kept);
    double *direction = mseg_alloc_array(p->count, sizeof *direction), product = 0, size = 0;
    const double step = 1e-6;
    memcpy(kept, values, p->count * sizeof *kept);
    for (size_t i = 0; i < p->count; i++) {
        direction[i] = t->gradient[p->at + i] == 0 ? 0 : draw(&seed) - 0.5; /* not what pads a channel */
        product += direction[i] * t->gradient[p->at + i];
        size += fabs(direction[i] * t->gradient[p->at + i]);
    }
    for (size_t i = 0; i < p->count; i++)
        values[i] = kept[i] + step * direction[i];
    const double above = loss_of(t);
    for (size_t i = 0; i < p->count; i++)
        values[i] = kept[i] - step * direction[i];
    const double below = loss_of(t);
    memcpy(values, kept, p->count * sizeof *kept);
    mseg_free(&kept);
    mseg_free(&direction);
    return fabs((above - below) / (2 * step) - product) / (size + 1e-2); /* shifts before another norm have none */
}

static void check(const char *kind, mseg_padding padding, int height, int width, mseg_norming norming, const char *frozen)
{
    trial t;
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, 3), MSEG_OK);
    open_trial(&t, kind, padding, height, width, norming, frozen, pool);
    loss_of(&t);
    mseg_engine_backward(t.engine, t.gradient);
    for (int i = 0; i < mseg_engine_params(t.engine); i++) {
        const mseg_param *p = mseg_engine_param(t.engine, i);
        const char *name = t.small.net.layers[p->layer].name;
        double largest = 0;
        for (size_t k = 0; k < p->count; k++)
            largest = fmax(largest, fabs(t.gradient[p->at + k]));
        const bool is_frozen = frozen && !strncmp(name, frozen, strlen(frozen));
        if (is_frozen != (largest == 0) && !(p->kind == MSEG_PARAM_SCALE && norming == MSEG_NORM_NONE))
            fail_msg("%s, kind %d: the largest gradient is %g", name, (int)p->kind, largest);
        const double error = error_along(&t, p, (uint64_t)i + 1);
        if (!(error < 1e-5))
            fail_msg("%s %d x %d, %s, kind %d: differs by %g", kind, width, height, name, (int)p->kind, error);
    }
    close_trial(&t);
    mseg_pool_close(&pool);
}

static void deeplab(void **state)
{
    (void)state;
    check("deeplab", MSEG_SAME, 33, 25, MSEG_NORM_BATCH, NULL);
    check("deeplab", MSEG_SAME, 22, 31, MSEG_NORM_FIXED, NULL);
    check("deeplab", MSEG_SYMMETRIC, 26, 20, MSEG_NORM_BATCH, NULL);
    check("deeplab", MSEG_SAME, 17, 33, MSEG_NORM_NONE, NULL);
}

static void sums_with_relu(void **state)
{
    (void)state;
    check("plain", MSEG_SAME, 29, 34, MSEG_NORM_BATCH, NULL);
    check("plain", MSEG_SYMMETRIC, 30, 21, MSEG_NORM_BATCH, NULL);
}

/* Two outputs at different strides; the one that was added is trained, and no part of the network's weights. */
static void hint(void **state)
{
    (void)state;
    trial t;
    mseg_weights *weights;
    check("hinted", MSEG_SAME, 29, 34, MSEG_NORM_BATCH, NULL);
    check("hinted", MSEG_SYMMETRIC, 30, 21, MSEG_NORM_FIXED, NULL);
    open_trial(&t, "hinted", MSEG_SAME, 29, 34, MSEG_NORM_BATCH, NULL, NULL);
    assert_int_equal(mseg_engine_weights(&weights, t.engine, mseg_engine_parameters(t.engine), NULL), MSEG_OK);
    assert_true(mseg_weights_has(weights, "head.classifier"));
    assert_false(mseg_weights_has(weights, "hint"));
    mseg_weights_close(&weights);
    close_trial(&t);
}

static void classifier(void **state)
{
    (void)state;
    check("classifier", MSEG_SAME, 31, 31, MSEG_NORM_BATCH, NULL);
    check("classifier", MSEG_SYMMETRIC, 28, 20, MSEG_NORM_BATCH, NULL);
}

static void frozen_layers_have_no_gradient(void **state)
{
    (void)state;
    check("deeplab", MSEG_SAME, 33, 25, MSEG_NORM_BATCH, "backbone.");
    check("deeplab", MSEG_SAME, 33, 25, MSEG_NORM_BATCH, "head.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deeplab),
        cmocka_unit_test(sums_with_relu),
        cmocka_unit_test(hint),
        cmocka_unit_test(classifier),
        cmocka_unit_test(frozen_layers_have_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
