#ifndef MSEG_TESTS_TRAIN_NETS_H
#define MSEG_TESTS_TRAIN_NETS_H

#include <stdio.h>
#include <string.h>

#include "net/net.h"
#include "weights/seeded.h"

/* Small networks of seeded weights, of every kind of layer that is trained. */

typedef struct small_net {
    mseg_net net;
    mseg_weights *weights;
    mseg_padding padding;
    mseg_status status;
} small_net;

/* A convolution, or with channels 0 a depthwise one. */
static mseg_value conv(small_net *s, const char *name, int kernel, int stride, int rate, int channels, mseg_activation activation,
                       const mseg_value *in, int n, mseg_value add)
{
    mseg_net_layer layer = {.kind = channels ? MSEG_CONV : MSEG_DEPTHWISE,
                            .n_in = n,
                            .add = add,
                            .kernel = kernel,
                            .stride = stride,
                            .rate = rate,
                            .padding = s->padding,
                            .activation = activation,
                            .bias = true};
    mseg_value out = 0;
    int inputs = 0;
    snprintf(layer.name, sizeof layer.name, "%s", name);
    for (int k = 0; k < n; k++) {
        layer.in[k] = in[k];
        inputs += s->net.layers[in[k]].channels;
    }
    layer.channels = channels ? channels : inputs;
    if (!s->status)
        s->status = channels ? mseg_weights_seeded_add(s->weights, name, channels, kernel, inputs)
                             : mseg_weights_seeded_add_depthwise(s->weights, name, inputs);
    if (!s->status)
        s->status = mseg_net_add(&s->net, &layer, &out);
    return out;
}

static mseg_value pool(small_net *s, const char *name, mseg_value in)
{
    mseg_net_layer layer = {.kind = MSEG_GLOBAL_POOL, .in = {in}, .n_in = 1, .add = -1, .kernel = 1, .stride = 1, .rate = 1};
    mseg_value out = 0;
    layer.channels = s->net.layers[in].channels;
    snprintf(layer.name, sizeof layer.name, "%s", name);
    if (!s->status)
        s->status = mseg_net_add(&s->net, &layer, &out);
    return out;
}

/* An inverted residual. */
static mseg_value block(small_net *s, const char *name, mseg_value in, int expanded, int channels, int stride, int rate)
{
    char part[80];
    const bool adds = stride == 1 && channels == s->net.layers[in].channels;
    snprintf(part, sizeof part, "%s.expand", name);
    mseg_value x = conv(s, part, 1, 1, 1, expanded, MSEG_RELU6, &in, 1, -1);
    snprintf(part, sizeof part, "%s.depthwise", name);
    x = conv(s, part, 3, stride, rate, 0, MSEG_RELU6, &x, 1, -1);
    snprintf(part, sizeof part, "%s.project", name);
    return conv(s, part, 1, 1, 1, channels, MSEG_LINEAR, &x, 1, adds ? in : -1);
}

static mseg_value backbone(small_net *s)
{
    mseg_value picture = 0;
    s->net.input = mseg_input_deeplab;
    s->status = mseg_weights_seeded(&s->weights);
    if (!s->status)
        s->status = mseg_net_picture(&s->net, &picture);
    mseg_value x = conv(s, "backbone.stem", 3, 2, 1, 10, MSEG_RELU6, &picture, 1, -1);
    x = block(s, "backbone.block1", x, 20, 12, 2, 1);
    x = block(s, "backbone.block2", x, 28, 12, 1, 1);
    x = block(s, "backbone.block3", x, 28, 12, 1, 2);
    return block(s, "backbone.block4", x, 36, 18, 1, 2);
}

/* A linear 1x1 convolution that the weights do not have, as the second output. */
static void add_hint(small_net *s, mseg_value in)
{
    mseg_net_layer hint = {.kind = MSEG_CONV,
                           .name = "hint",
                           .in = {in},
                           .n_in = 1,
                           .add = -1,
                           .kernel = 1,
                           .stride = 1,
                           .rate = 1,
                           .bias = true,
                           .channels = 7};
    mseg_value out = 0;
    if (!s->status)
        s->status = mseg_net_add(&s->net, &hint, &out);
    if (!s->status)
        s->status = mseg_net_output(&s->net, out);
}

/* "deeplab": pooled branch, 1x1, a full 3x3 at rate 3 and a separable one at rate 2. "plain": stem and blocks, 1x1 to logits, all
 * with ReLU after a sum as ResNet's. "hinted": "plain" with a hint of the backbone's map besides. "classifier". */
static small_net make_net(const char *kind, mseg_padding padding)
{
    small_net s = {.padding = padding};
    mseg_value x = backbone(&s), in[5];
    const mseg_value features = x;
    if (!strcmp(kind, "deeplab")) {
        in[0] = pool(&s, "head.pool", x);
        in[0] = conv(&s, "head.image_pooling", 1, 1, 1, 14, MSEG_RELU, in, 1, -1);
        in[1] = conv(&s, "head.aspp0", 1, 1, 1, 14, MSEG_RELU, &x, 1, -1);
        in[2] = conv(&s, "head.aspp1", 3, 1, 3, 14, MSEG_RELU, &x, 1, -1);
        in[3] = conv(&s, "head.aspp2.depthwise", 3, 1, 2, 0, MSEG_RELU, &x, 1, -1);
        in[3] = conv(&s, "head.aspp2.pointwise", 1, 1, 1, 14, MSEG_RELU, &in[3], 1, -1);
        x = conv(&s, "head.projection", 1, 1, 1, 22, MSEG_RELU, in, 4, -1);
    } else if (!strcmp(kind, "plain") || !strcmp(kind, "hinted")) {
        const mseg_value shortcut = conv(&s, "shortcut", 1, 2, 1, 24, MSEG_LINEAR, &x, 1, -1);
        x = conv(&s, "reduce", 1, 1, 1, 9, MSEG_RELU, &x, 1, -1);
        x = conv(&s, "conv", 3, 2, 1, 9, MSEG_RELU, &x, 1, -1);
        x = conv(&s, "expand", 1, 1, 1, 24, MSEG_RELU, &x, 1, shortcut);
    } else {
        x = conv(&s, "backbone.last", 1, 1, 1, 40, MSEG_RELU6, &x, 1, -1);
        x = pool(&s, "head.pool", x);
        x = conv(&s, "head.dense0", 1, 1, 1, 19, MSEG_RELU, &x, 1, -1);
    }
    x = conv(&s, "head.classifier", 1, 1, 1, 5, MSEG_LINEAR, &x, 1, -1);
    if (!s.status)
        s.status = mseg_net_output(&s.net, x);
    if (!strcmp(kind, "hinted"))
        add_hint(&s, features);
    return s;
}

static void free_net(small_net *s)
{
    mseg_net_free(&s->net);
    mseg_weights_close(&s->weights);
}

/* splitmix64: 0 <= x < 1. */
static inline double draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

#endif
