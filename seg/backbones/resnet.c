#include <stdio.h>

#include "seg/backbones/backbone.h"
#include "weights/load.h"

/* Bottleneck units numbered through; the first unit of a block has a shortcut convolution, the last unit of all blocks but the
 * last has stride 2 (slim's place for it). Strided convolutions are padded alike on both sides (slim's conv2d_same), pooling is
 * SAME. */

static void name_of(char name[64], int unit, const char *part)
{
    snprintf(name, 64, "backbone.unit%d.%s", unit, part);
}

static bool has(const mseg_weights *weights, int unit, const char *part)
{
    char name[64];
    name_of(name, unit, part);
    return mseg_weights_has(weights, name);
}

static bool owns(const mseg_weights *weights)
{
    return has(weights, 0, "shortcut");
}

static mseg_net_layer shape(mseg_value input, int stride, int rate, mseg_activation activation)
{
    return (mseg_net_layer){.in = {input},
                            .n_in = 1,
                            .stride = stride,
                            .rate = rate,
                            .padding = stride > 1 ? MSEG_SYMMETRIC : MSEG_SAME,
                            .activation = activation};
}

static mseg_status unit(const mseg_builder *b, int index, int stride, int rate, mseg_value *x)
{
    char name[64];
    mseg_value shortcut = *x, reduced, middle;
    mseg_status status = MSEG_OK;
    if (has(b->weights, index, "shortcut")) {
        const mseg_net_layer project = shape(*x, stride, 1, MSEG_LINEAR);
        name_of(name, index, "shortcut");
        status = mseg_build_conv(b, name, &project, &shortcut);
    } else if (stride > 1) {
        name_of(name, index, "subsample");
        status = mseg_build_max_pool(b, name, *x, 1, stride, &shortcut);
    }
    if (status)
        return status;
    const mseg_net_layer reduce = shape(*x, 1, 1, MSEG_RELU);
    name_of(name, index, "reduce");
    if ((status = mseg_build_conv(b, name, &reduce, &reduced)))
        return status;
    const mseg_net_layer conv = shape(reduced, stride, rate, MSEG_RELU);
    name_of(name, index, "conv");
    if ((status = mseg_build_conv(b, name, &conv, &middle)))
        return status;
    mseg_net_layer expand = shape(middle, 1, 1, MSEG_RELU);
    expand.add = shortcut;
    name_of(name, index, "expand");
    return mseg_build_conv(b, name, &expand, x);
}

/* One 7x7 convolution, or DeepLab's "beta" three of 3x3; then 3x3 max pooling. */
static mseg_status stem(const mseg_builder *b, mseg_value *x)
{
    const bool beta = mseg_weights_has(b->weights, "backbone.stem1");
    mseg_status status = mseg_net_picture(b->net, x);
    if (status)
        return mseg_fail(b->err, status, NULL);
    for (int i = 1; i <= (beta ? 3 : 1) && !status; i++) {
        char name[32];
        const mseg_net_layer conv = shape(*x, i == 1 ? 2 : 1, 1, MSEG_RELU);
        if (beta)
            snprintf(name, sizeof name, "backbone.stem%d", i);
        else
            snprintf(name, sizeof name, "backbone.stem");
        status = mseg_build_conv(b, name, &conv, x);
    }
    return status ? status : mseg_build_max_pool(b, "backbone.pool", *x, 3, 2, x);
}

static mseg_status build(const mseg_builder *b, int output_stride, mseg_value *features)
{
    mseg_atrous atrous = {output_stride, 4, 1};
    mseg_status status = stem(b, features);
    for (int i = 0, block = 0; has(b->weights, i, "conv") && !status; i++) {
        const bool last_of_block = has(b->weights, i + 1, "shortcut");
        const bool strided = last_of_block && block < mseg_resnet.n_blocks;
        int rate, stride = mseg_atrous_stride(&atrous, strided ? mseg_resnet.blocks[block++].stride : 1, &rate);
        status = unit(b, i, stride, rate, features);
    }
    return status;
}

const mseg_backbone mseg_backbone_resnet = {&mseg_resnet, "backbone.unit0.reduce", 64, owns, build};
