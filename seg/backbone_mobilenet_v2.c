#include <stdio.h>

#include "seg/backbone.h"
#include "weights/load.h"

enum { BLOCKS = 17 };

static const int strides[BLOCKS] = {1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1};

static bool owns(const mseg_weights *weights)
{
    return mseg_weights_has(weights, "backbone.block0.project");
}

/* The 1280-channel map is for heads that take it: a classifier's, or one with as many input channels. */
static bool wants_last(const mseg_weights *weights)
{
    const mseg_tensor *last = mseg_weights_find(weights, "backbone.last.weight"),
                      *head = mseg_weights_find(weights, "head.aspp0.weight");
    return last && (!head || head->shape[3] == last->shape[0]);
}

static mseg_status build(const mseg_builder *b, int output_stride, mseg_value *features)
{
    mseg_atrous atrous = {output_stride, 2, 1};
    mseg_status status = mseg_backbone_stem(b, features);
    for (int i = 0; i < BLOCKS && !status; i++) {
        char layer[48];
        mseg_inverted_residual block = {.input = *features, .residual = true, .depthwise_activation = MSEG_RELU6};
        block.stride = mseg_atrous_stride(&atrous, strides[i], &block.rate);
        snprintf(layer, sizeof layer, "backbone.block%d", i);
        status = mseg_build_block(b, layer, "project", &block, features);
    }
    if (status || !wants_last(b->weights))
        return status;
    const mseg_conv last = {.inputs = {*features}, .n_inputs = 1, .add = -1, .stride = 1, .rate = 1, .activation = MSEG_RELU6};
    return mseg_build_conv(b, "backbone.last", &last, features);
}

const mseg_backbone mseg_backbone_mobilenet_v2 = {"MobileNetV2", "backbone.block16.project", 320, owns, build};
