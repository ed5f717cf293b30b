#ifndef MSEG_TESTS_NETS_H
#define MSEG_TESTS_NETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "weights/reader.h"
#include "weights/seeded.h"

/* A net under construction with weights in memory, which the caller keeps until it is packed. */
typedef struct test_net {
    mseg_net net;
    mseg_weights *weights;
    mseg_padding padding;
} test_net;

typedef struct test_filter {
    const float *weight, *bias; /* NULL: none */
} test_filter;

/* An inverted residual; expanded 0: without expansion. */
typedef struct test_block {
    mseg_value input;
    int expanded, stride, rate, channels;
    bool residual;
    mseg_activation depthwise_activation, activation;
    test_filter expand, depthwise, project;
} test_block;

static inline void test_net_open(test_net *t, mseg_padding padding, mseg_value *picture)
{
    *t = (test_net){.padding = padding, .net.input = mseg_input_deeplab};
    assert_int_equal(mseg_weights_seeded(&t->weights), MSEG_OK);
    assert_int_equal(mseg_net_picture(&t->net, picture), MSEG_OK);
}

static inline void test_tensor(test_net *t, const char *layer, const char *part, const float *data, int rank, const int *shape)
{
    mseg_tensor tensor = {.dtype = MSEG_F32, .rank = rank, .bytes = sizeof *data};
    const void *bytes = data;
    tensor.data = bytes;
    for (int i = 0; i < rank; i++) {
        tensor.shape[i] = shape[i];
        tensor.bytes *= (size_t)shape[i];
    }
    snprintf(tensor.name, sizeof tensor.name, "%.40s.%s", layer, part);
    assert_int_equal(mseg_weights_add(t->weights, &tensor, NULL), MSEG_OK);
}

/* Appends layer, named so, with its values; add 0 stands for none, stride and rate 0 for 1, SAME padding for the net's rule. */
static inline mseg_status test_layer(test_net *t, const char *name, mseg_net_layer layer, test_filter filter, mseg_value *out)
{
    int channels = 0;
    for (int i = 0; i < layer.n_in && i < MSEG_MAX_INPUTS; i++)
        if (layer.in[i] >= 0 && layer.in[i] < t->net.count)
            channels += t->net.layers[layer.in[i]].channels;
    snprintf(layer.name, sizeof layer.name, "%s", name);
    layer.bias = filter.bias != NULL;
    layer.add = layer.add ? layer.add : -1;
    layer.stride = layer.stride ? layer.stride : 1;
    layer.rate = layer.rate ? layer.rate : 1;
    layer.padding = layer.padding == MSEG_SAME ? t->padding : layer.padding;
    mseg_status status = mseg_net_add(&t->net, &layer, out);
    if (status)
        return status;
    const bool depthwise = layer.kind == MSEG_DEPTHWISE;
    const int shape[] = {depthwise ? 1 : layer.channels, layer.kernel, layer.kernel, channels};
    test_tensor(t, name, "weight", filter.weight, 4, shape);
    if (filter.bias)
        test_tensor(t, name, "bias", filter.bias, 1, &layer.channels);
    return MSEG_OK;
}

static inline mseg_status test_conv(test_net *t, const char *name, mseg_net_layer conv, test_filter filter, mseg_value *out)
{
    conv.kind = MSEG_CONV;
    return test_layer(t, name, conv, filter, out);
}

static inline mseg_status test_pool(test_net *t, const char *name, mseg_value input, int kernel, int stride, mseg_value *out)
{
    mseg_net_layer pool = {.kind = kernel ? MSEG_MAX_POOL : MSEG_GLOBAL_POOL, .in = {input}, .n_in = 1, .add = -1};
    snprintf(pool.name, sizeof pool.name, "%s", name);
    pool.kernel = kernel ? kernel : 1;
    pool.stride = stride ? stride : 1;
    pool.rate = 1;
    pool.channels = input >= 0 && input < t->net.count ? t->net.layers[input].channels : 1;
    return mseg_net_add(&t->net, &pool, out);
}

static inline mseg_status test_inverted_residual(test_net *t, const char *name, const test_block *block, mseg_value *out)
{
    char part[MSEG_MAX_LAYER_NAME];
    mseg_value wide = block->input;
    mseg_net_layer layer = {.in = {wide}, .n_in = 1, .kernel = 1, .channels = block->expanded, .activation = MSEG_RELU6};
    mseg_status status = MSEG_OK;
    snprintf(layer.block, sizeof layer.block, "%s", name);
    snprintf(part, sizeof part, "%s.expand", name);
    if (block->expanded)
        status = test_conv(t, part, layer, block->expand, &wide);
    layer.kind = MSEG_DEPTHWISE;
    layer.in[0] = wide;
    layer.kernel = 3;
    layer.channels = t->net.layers[wide].channels;
    layer.stride = block->stride;
    layer.rate = block->rate;
    layer.activation = block->depthwise_activation;
    snprintf(part, sizeof part, "%s.depthwise", name);
    if (!status)
        status = test_layer(t, part, layer, block->depthwise, &layer.in[0]);
    layer.kernel = layer.stride = layer.rate = 1;
    layer.channels = block->channels;
    layer.activation = block->activation;
    layer.add = block->residual ? block->input : -1;
    snprintf(part, sizeof part, "%s.project", name);
    return status ? status : test_conv(t, part, layer, block->project, out);
}

static inline mseg_packed_net *test_net_pack(test_net *t, const mseg_kernels *kernels, bool unfused)
{
    mseg_packed_net *packed;
    mseg_error err;
    if (mseg_packed_net_open(&packed, &t->net, t->weights, kernels, unfused, false, &err))
        fail_msg("%s", err.text);
    mseg_net_free(&t->net);
    mseg_weights_close(&t->weights);
    return packed;
}

/* Runs a plan with one output, which must be dense. */
static inline const float *test_run(mseg_plan *plan, const mseg_picture *picture, mseg_pool *pool)
{
    mseg_plan_run(plan, picture, pool);
    const mseg_map map = mseg_plan_output(plan, 0);
    assert_true(map.pixel == (size_t)map.channels && map.row == (size_t)map.width * map.pixel);
    return map.data;
}

#endif
