#include <stdio.h>

#include "seg/backbones/backbone.h"
#include "weights/load.h"

/* Bottleneck units numbered through; the first unit of a block has a shortcut convolution. In slim's network the last unit of all
 * blocks but the last has stride 2, and strided convolutions are padded alike on both sides (its conv2d_same). In torchvision's
 * the first unit of all blocks but the first has it. All other padding, the pool's too, is the weights' rule. */

static bool has(const mseg_weights *weights, const mseg_network *network, int unit, const char *part)
{
    char name[MSEG_MAX_LAYER_NAME];
    mseg_unit_name(name, network, unit, part);
    return mseg_weights_has(weights, name);
}

static mseg_net_layer shape(const mseg_network *network, mseg_value input, int stride, int rate, mseg_activation activation)
{
    return (mseg_net_layer){.in = {input},
                            .n_in = 1,
                            .stride = stride,
                            .rate = rate,
                            .padding = stride > 1 && !network->strided_first ? MSEG_SYMMETRIC : MSEG_SAME,
                            .activation = activation};
}

static mseg_status unit(const mseg_builder *b, const mseg_network *network, int index, int stride, int rate, mseg_value *x)
{
    char name[MSEG_MAX_LAYER_NAME];
    mseg_value shortcut = *x, reduced, middle;
    mseg_status status = MSEG_OK;
    if (has(b->weights, network, index, "shortcut")) {
        const mseg_net_layer project = shape(network, *x, stride, 1, MSEG_LINEAR);
        mseg_unit_name(name, network, index, "shortcut");
        status = mseg_build_conv(b, name, &project, &shortcut);
    } else if (stride > 1) {
        mseg_unit_name(name, network, index, "subsample");
        status = mseg_build_max_pool(b, name, *x, 1, stride, &shortcut);
    }
    if (status)
        return status;
    const mseg_net_layer reduce = shape(network, *x, 1, 1, MSEG_RELU);
    mseg_unit_name(name, network, index, "reduce");
    if ((status = mseg_build_conv(b, name, &reduce, &reduced)))
        return status;
    const mseg_net_layer conv = shape(network, reduced, stride, rate, MSEG_RELU);
    mseg_unit_name(name, network, index, "conv");
    if ((status = mseg_build_conv(b, name, &conv, &middle)))
        return status;
    mseg_net_layer expand = shape(network, middle, 1, 1, MSEG_RELU);
    expand.add = shortcut;
    mseg_unit_name(name, network, index, "expand");
    return mseg_build_conv(b, name, &expand, x);
}

/* One 7x7 convolution, or DeepLab's "beta" three of 3x3; then 3x3 max pooling. */
static mseg_status stem(const mseg_builder *b, const mseg_network *network, mseg_value *x)
{
    const bool beta = mseg_weights_has(b->weights, "backbone.stem1");
    mseg_status status = mseg_net_picture(b->net, x);
    if (status)
        return mseg_fail(b->err, status, NULL);
    for (int i = 1; i <= (beta ? 3 : 1) && !status; i++) {
        char name[32];
        const mseg_net_layer conv = shape(network, *x, i == 1 ? 2 : 1, 1, MSEG_RELU);
        if (beta)
            snprintf(name, sizeof name, "backbone.stem%d", i);
        else
            snprintf(name, sizeof name, "backbone.stem");
        status = mseg_build_conv(b, name, &conv, x);
    }
    return status ? status : mseg_build_max_pool(b, "backbone.pool", *x, 3, 2, x);
}

static mseg_status build(const mseg_builder *b, const mseg_network *network, int output_stride, mseg_value *features)
{
    mseg_atrous atrous = {output_stride, 4, 1};
    mseg_status status = stem(b, network, features);
    for (int i = 0, block = 0; has(b->weights, network, i, "conv") && !status; i++) {
        const bool begins = has(b->weights, network, i, "shortcut"), ends = has(b->weights, network, i + 1, "shortcut");
        int rate, stride = mseg_atrous_stride(&atrous, mseg_unit_stride(network, &block, begins, ends), &rate);
        status = unit(b, network, i, stride, rate, features);
    }
    return status;
}

static bool owns_slim(const mseg_weights *weights)
{
    return has(weights, &mseg_resnet, 0, "shortcut");
}

static bool owns_v1_5(const mseg_weights *weights)
{
    return has(weights, &mseg_resnet_v1_5, 0, "shortcut");
}

static mseg_status build_slim(const mseg_builder *b, int output_stride, mseg_value *features)
{
    return build(b, &mseg_resnet, output_stride, features);
}

static mseg_status build_v1_5(const mseg_builder *b, int output_stride, mseg_value *features)
{
    return build(b, &mseg_resnet_v1_5, output_stride, features);
}

const mseg_backbone mseg_backbone_resnet = {&mseg_resnet, "backbone.unit0.reduce", 64, owns_slim, build_slim};
const mseg_backbone mseg_backbone_resnet_v1_5 = {&mseg_resnet_v1_5, "backbone.bottleneck0.reduce", 64, owns_v1_5, build_v1_5};
