#include <stdio.h>

#include "seg/backbone.h"
#include "weights/load.h"

enum { BLOCKS = 13 };

static const int strides[BLOCKS] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};

static bool owns(const mseg_weights *weights)
{
    return mseg_weights_has(weights, "backbone.block0.pointwise");
}

static mseg_status build(const mseg_builder *b, int output_stride, mseg_value *features)
{
    mseg_atrous atrous = {output_stride, 2, 1};
    mseg_status status = mseg_backbone_stem(b, features);
    for (int i = 0; i < BLOCKS && !status; i++) {
        char layer[48];
        mseg_inverted_residual block = {.input = *features, .depthwise_activation = MSEG_RELU6, .project_activation = MSEG_RELU6};
        block.stride = mseg_atrous_stride(&atrous, strides[i], &block.rate);
        snprintf(layer, sizeof layer, "backbone.block%d", i);
        status = mseg_build_block(b, layer, "pointwise", &block, features);
    }
    return status;
}

const mseg_backbone mseg_backbone_mobilenet_v1 = {"MobileNetV1", "backbone.block12.pointwise", 1024, owns, build};
