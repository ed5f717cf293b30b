#ifndef MSEG_TESTS_U8_NETS_H
#define MSEG_TESTS_U8_NETS_H

#include <math.h>

#include "plan/nets.h"

#include "kernels/random.h"

/* Random networks in 8 bits: zero points, scales, strides and rates are random, and so is how files keep weights. */

enum { MOST = 64 /* layers */ };

/* ---- memory that lives as long as a network ---- */

typedef struct keep {
    void *blocks[512];
    int n;
    uint64_t random;
    bool is_signed; /* all maps are */
} keep;

static void *keep_bytes(keep *k, size_t bytes)
{
    assert_true(k->n < 512);
    void *block = calloc(1, bytes ? bytes : 1);
    assert_non_null(block);
    return k->blocks[k->n++] = block;
}

static void keep_free(keep *k)
{
    while (k->n)
        free(k->blocks[--k->n]);
}

static int pick(keep *k, int low, int high)
{
    return random_int(&k->random, low, high);
}

static mseg_quant random_quant(keep *k, float scale)
{
    static const int zeros[] = {0, 255, 128};
    const int kind = pick(k, 0, 5);
    return (mseg_quant){.scale = scale * (0.7f + 0.01f * (float)pick(k, 0, 60)),
                        .zero = kind < 3 ? zeros[kind] : pick(k, 0, 255),
                        .is_signed = k->is_signed};
}

/* ---- layers ---- */

typedef struct constants {
    const int16_t *difference; /* [out][taps][in], depthwise [taps][out] */
    const int32_t *bias;
    const float *scale; /* [out] */
} constants;

typedef struct random_net {
    test_net t;
    keep keep;
    constants constants[MOST];
} random_net;

static void add_tensor(random_net *r, const char *layer, const char *part, mseg_tensor *tensor)
{
    snprintf(tensor->name, sizeof tensor->name, "%.40s.%s", layer, part);
    assert_int_equal(mseg_weights_add(r->t.weights, tensor, NULL), MSEG_OK);
}

/* Weights as unsigned bytes with one zero point, or as signed ones with a scale for each channel. */
static void add_weights(random_net *r, const mseg_net_layer *layer, int channels_in, constants *c)
{
    keep *k = &r->keep;
    const bool depthwise = layer->kind == MSEG_DEPTHWISE, by_channel = pick(k, 0, 2) == 0;
    const int in = depthwise ? 1 : channels_in, taps = layer->kernel * layer->kernel;
    const size_t count = (size_t)layer->channels * (size_t)taps * (size_t)in;
    const int zero = by_channel ? 0 : pick(k, 0, 255), wide = pick(k, 0, 1);
    uint8_t *stored = keep_bytes(k, count);
    int16_t *difference = keep_bytes(k, count * sizeof *difference);
    float *scales = keep_bytes(k, (size_t)layer->channels * sizeof *scales),
          *all = keep_bytes(k, (size_t)layer->channels * sizeof *all);
    int32_t *bias = keep_bytes(k, (size_t)layer->channels * sizeof *bias);
    for (size_t i = 0; i < count; i++) {
        const int value = by_channel ? pick(k, -127, 127)
                          : wide     ? pick(k, 0, 255)
                                     : pick(k, zero < 30 ? 0 : zero - 30, zero > 225 ? 255 : zero + 30);
        stored[i] = (uint8_t)value;
        difference[i] = (int16_t)(value - zero);
    }
    for (int i = 0; i < layer->channels; i++) {
        scales[i] = 0.001f * (float)pick(k, 5, 20);
        all[i] = by_channel ? scales[i] : scales[0];
        bias[i] = pick(k, -3000, 3000);
    }
    mseg_tensor weight = {
        .dtype = by_channel ? MSEG_S8 : MSEG_U8,
        .rank = 4,
        .shape = {depthwise ? 1 : layer->channels, layer->kernel, layer->kernel, depthwise ? layer->channels : in},
        .data = stored,
        .bytes = count,
        .scales = (const uint8_t *)scales,
        .n_scales = by_channel ? layer->channels : 1,
        .axis = depthwise ? 3 : 0,
        .zero_point = zero};
    mseg_tensor sums = {.dtype = MSEG_S32,
                        .rank = 1,
                        .shape = {layer->channels},
                        .data = (const uint8_t *)bias,
                        .bytes = (size_t)layer->channels * sizeof *bias,
                        .scales = (const uint8_t *)scales,
                        .n_scales = 1};
    add_tensor(r, layer->name, "weight", &weight);
    add_tensor(r, layer->name, "bias", &sums);
    *c = (constants){difference, bias, all};
}

static const mseg_net_layer *layer_at(const random_net *r, mseg_value value)
{
    return &r->t.net.layers[value];
}

static mseg_quant held(const random_net *r, mseg_value value)
{
    const mseg_net_layer *layer = layer_at(r, value);
    return value == 0 ? r->t.net.input.quant : layer->add >= 0 ? layer->sum : layer->quant;
}

/* Appends a convolution whose output fills a good part of the bytes. */
static mseg_value add_conv(random_net *r, const char *name, mseg_net_layer layer)
{
    keep *k = &r->keep;
    mseg_value out;
    int channels_in = 0;
    for (int i = 0; i < layer.n_in; i++)
        channels_in += layer_at(r, layer.in[i])->channels;
    snprintf(layer.name, sizeof layer.name, "%s", name);
    layer.stride = layer.stride ? layer.stride : 1;
    layer.rate = layer.rate ? layer.rate : 1;
    layer.padding = r->t.padding;
    layer.bias = true;
    layer.add = layer.add ? layer.add : -1;
    constants c;
    add_weights(r, &layer, channels_in, &c);
    const mseg_net_layer *last = layer_at(r, layer.in[layer.n_in - 1]);
    const float in = layer.n_in > 1 && last->joined.scale > 0 ? last->joined.scale : held(r, layer.in[layer.n_in - 1]).scale;
    const float terms = (float)(layer.kernel * layer.kernel * (layer.kind == MSEG_DEPTHWISE ? 1 : channels_in));
    layer.quant = random_quant(k, in * c.scale[0] * 80 * sqrtf(terms));
    if (pick(k, 0, 1)) {
        const int least = pick(k, 0, 100), most = pick(k, 120, 255);
        layer.bounds = (mseg_quant_bounds){(uint8_t)least, (uint8_t)most};
    }
    if (layer.add >= 0)
        layer.sum = random_quant(k, layer.quant.scale + held(r, layer.add).scale);
    assert_int_equal(mseg_net_add(&r->t.net, &layer, &out), MSEG_OK);
    r->constants[out] = c;
    return out;
}

static mseg_value add_block(random_net *r, const char *name, mseg_value in)
{
    keep *k = &r->keep;
    char part[MSEG_MAX_LAYER_NAME];
    const int channels = layer_at(r, in)->channels, stride = pick(k, 0, 3) ? 1 : 2;
    mseg_value wide = in;
    if (pick(k, 0, 4)) {
        snprintf(part, sizeof part, "%s.expand", name);
        wide = add_conv(r, part,
                        (mseg_net_layer){.kind = MSEG_CONV, .in = {in}, .n_in = 1, .kernel = 1, .channels = pick(k, 1, 70)});
    }
    snprintf(part, sizeof part, "%s.depthwise", name);
    wide = add_conv(r, part,
                    (mseg_net_layer){.kind = MSEG_DEPTHWISE,
                                     .in = {wide},
                                     .n_in = 1,
                                     .kernel = 3,
                                     .stride = stride,
                                     .rate = stride == 1 ? pick(k, 1, 4) : 1,
                                     .channels = layer_at(r, wide)->channels});
    const bool residual = stride == 1 && pick(k, 0, 1);
    snprintf(part, sizeof part, "%s.project", name);
    return add_conv(r, part,
                    (mseg_net_layer){.kind = MSEG_CONV,
                                     .in = {wide},
                                     .n_in = 1,
                                     .add = residual ? in : 0,
                                     .kernel = 1,
                                     .channels = residual ? channels : pick(k, 1, 50)});
}

/* What readers of several inputs see of a value: as it is, or in the bytes that they share. */
static void join_as(random_net *r, mseg_value value, mseg_quant shared)
{
    mseg_net_layer *layer = &r->t.net.layers[value];
    layer->joining = (mseg_joining)pick(&r->keep, MSEG_JOINS_AS_IT_IS, MSEG_JOINS_BY_QUANTIZE);
    layer->joined = shared;
    const float ratio = held(r, value).scale / shared.scale; /* a QUANTIZE has limits */
    if (!(ratio >= 0x1p-8f && ratio <= 0x1p7f))
        layer->joining = MSEG_JOINS_AS_IT_IS;
}

static mseg_value add_pool(random_net *r, mseg_value in)
{
    mseg_net_layer pool = {.kind = MSEG_GLOBAL_POOL,
                           .name = "pool",
                           .in = {in},
                           .n_in = 1,
                           .add = -1,
                           .kernel = 1,
                           .stride = 1,
                           .rate = 1,
                           .channels = layer_at(r, in)->channels,
                           .quant = held(r, in),
                           .mean = pick(&r->keep, 0, 1)};
    mseg_value out;
    assert_int_equal(mseg_net_add(&r->t.net, &pool, &out), MSEG_OK);
    return out;
}

/* DeepLabv3's head, or DeepLabv3+'s, without names. */
static mseg_value add_head(random_net *r, mseg_value features, mseg_value low)
{
    keep *k = &r->keep;
    const mseg_value pooled = add_conv(
        r, "pooling",
        (mseg_net_layer){.kind = MSEG_CONV, .in = {add_pool(r, features)}, .n_in = 1, .kernel = 1, .channels = pick(k, 1, 40)});
    const int depth = pick(k, 1, 40), branches = pick(k, 1, 3);
    mseg_net_layer projection = {
        .kind = MSEG_CONV, .in = {pooled}, .n_in = 1 + branches, .kernel = 1, .channels = pick(k, 1, 40)};
    for (int i = 0; i < branches; i++) {
        char name[16];
        snprintf(name, sizeof name, "aspp%d", i);
        projection.in[1 + i] = add_conv(r, name,
                                        (mseg_net_layer){.kind = MSEG_CONV,
                                                         .in = {features},
                                                         .n_in = 1,
                                                         .kernel = i ? 3 : 1,
                                                         .rate = i ? pick(k, 1, 5) : 1,
                                                         .channels = depth});
    }
    const mseg_quant shared = random_quant(k, held(r, projection.in[1]).scale);
    for (int i = 0; i < projection.n_in; i++)
        join_as(r, projection.in[i], shared);
    mseg_value value = add_conv(r, "projection", projection);
    if (low >= 0) {
        const mseg_value narrow = add_conv(
            r, "low", (mseg_net_layer){.kind = MSEG_CONV, .in = {low}, .n_in = 1, .kernel = 1, .channels = pick(k, 1, 20)});
        const mseg_quant both = random_quant(k, held(r, value).scale);
        join_as(r, value, both);
        join_as(r, narrow, both);
        mseg_net_layer join = {.kind = MSEG_JOIN,
                               .name = "join",
                               .in = {value, narrow},
                               .n_in = 2,
                               .add = -1,
                               .kernel = 1,
                               .stride = 1,
                               .rate = 1,
                               .channels = layer_at(r, value)->channels + layer_at(r, narrow)->channels,
                               .quant = both};
        assert_int_equal(mseg_net_add(&r->t.net, &join, &value), MSEG_OK);
        value = add_conv(r, "refine",
                         (mseg_net_layer){.kind = MSEG_CONV, .in = {value}, .n_in = 1, .kernel = 3, .channels = pick(k, 1, 30)});
    }
    return add_conv(r, "scores",
                    (mseg_net_layer){.kind = MSEG_CONV, .in = {value}, .n_in = 1, .kernel = 1, .channels = pick(k, 1, 25)});
}

static void build(random_net *r, uint64_t seed)
{
    mseg_value picture, value, low = -1;
    r->keep.random = seed << 20;
    keep *k = &r->keep;
    k->is_signed = pick(k, 0, 1);
    test_net_open(&r->t, pick(k, 0, 1) ? MSEG_SAME : MSEG_SYMMETRIC, &picture);
    r->t.net.input.quant = random_quant(k, 0.01f);
    r->t.net.input.sampling = (mseg_sampling)pick(k, 0, 2);
    for (int c = 0; c < 3; c++) {
        r->t.net.input.scale[c] = r->t.net.input.quant.scale;
        r->t.net.input.offset[c] = (float)-r->t.net.input.quant.zero * r->t.net.input.quant.scale;
        r->t.net.input.pad[c] = (float)(c - 1) * r->t.net.input.quant.scale;
    }
    value = add_conv(r, "stem",
                     (mseg_net_layer){.kind = MSEG_CONV,
                                      .in = {picture},
                                      .n_in = 1,
                                      .kernel = pick(k, 0, 3) ? 3 : 1,
                                      .stride = pick(k, 1, 2),
                                      .channels = pick(k, 1, 40)});
    for (int i = 0, blocks = pick(k, 1, 4); i < blocks; i++) {
        char name[16];
        snprintf(name, sizeof name, "block%d", i);
        value = add_block(r, name, value);
        if (i == 0 && pick(k, 0, 2) == 0)
            low = value;
    }
    value =
        pick(k, 0, 3)
            ? add_head(r, value, low)
            : add_conv(r, "dense",
                       (mseg_net_layer){.kind = MSEG_CONV, .in = {add_pool(r, value)}, .n_in = 1, .kernel = 1, .channels = 30});
    assert_int_equal(mseg_net_output(&r->t.net, value), MSEG_OK);
    value = mseg_net_find(&r->t.net, "pool"); /* a step of it may be lost behind it */
    if (value > 0)
        assert_int_equal(mseg_net_output(&r->t.net, value), MSEG_OK);
}

#endif
