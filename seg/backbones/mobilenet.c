#include "seg/backbones/backbone.h"
#include "weights/load.h"

/* MobileNetV1 and V2, as their tables say. */

static bool owns_v2(const mseg_weights *weights)
{
    return mseg_weights_has(weights, "backbone.block0.project");
}

static bool owns_v1(const mseg_weights *weights)
{
    return mseg_weights_has(weights, "backbone.block0.pointwise");
}

static mseg_status build(const mseg_builder *b, const mseg_network *network, int output_stride, mseg_value *features)
{
    mseg_atrous atrous = {output_stride, 2, 1};
    mseg_net_layer stem = {.n_in = 1, .stride = 2, .activation = MSEG_RELU6};
    mseg_status status = mseg_net_picture(b->net, &stem.in[0]);
    status = status ? mseg_fail(b->err, status, NULL) : mseg_build_conv(b, "backbone.stem", &stem, features);
    for (int i = 0; i < network->n_blocks && !status; i++) {
        char name[MSEG_MAX_LAYER_NAME];
        mseg_build_shape block = {.input = *features,
                                  .depthwise_activation = MSEG_RELU6,
                                  .pointwise = network->pointwise,
                                  .activation = network->activation,
                                  .residual = network->residual};
        block.stride = mseg_atrous_stride(&atrous, network->blocks[i].stride, &block.rate);
        mseg_block_name(name, i, NULL);
        status = mseg_build_block(b, name, &block, features);
    }
    return status;
}

/* The 1280-channel map is for heads that take it: a classifier's, or one with as many input channels. */
static bool wants_last(const mseg_weights *weights)
{
    const mseg_tensor *last = mseg_weights_find(weights, "backbone.last.weight"),
                      *head = mseg_weights_find(weights, "head.aspp0.weight");
    return last && (!head || head->shape[3] == last->shape[0]);
}

static mseg_status build_v2(const mseg_builder *b, int output_stride, mseg_value *features)
{
    mseg_status status = build(b, &mseg_mobilenet_v2, output_stride, features);
    if (status || !wants_last(b->weights))
        return status;
    const mseg_net_layer last = {.in = {*features}, .n_in = 1, .activation = MSEG_RELU6};
    return mseg_build_conv(b, "backbone.last", &last, features);
}

static mseg_status build_v1(const mseg_builder *b, int output_stride, mseg_value *features)
{
    return build(b, &mseg_mobilenet_v1, output_stride, features);
}

const mseg_backbone mseg_backbone_mobilenet_v2 = {&mseg_mobilenet_v2, "backbone.block16.project", 320, owns_v2, build_v2};
const mseg_backbone mseg_backbone_mobilenet_v1 = {&mseg_mobilenet_v1, "backbone.block12.pointwise", 1024, owns_v1, build_v1};
