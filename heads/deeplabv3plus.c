#include "heads/deeplabv3plus.h"

#include <stdio.h>

#include "net/networks.h"
#include "weights/load.h"

/* Convolution i behind the join, a full one or a depthwise separable one; *map is what it reads and becomes what it makes. */
static mseg_status decoder_conv(const mseg_builder *b, const char *layer, mseg_value *map)
{
    const mseg_net_layer full = {.in = {*map}, .n_in = 1, .activation = MSEG_RELU};
    const mseg_build_shape separable = {.input = *map,
                                        .stride = 1,
                                        .rate = 1,
                                        .depthwise_activation = MSEG_RELU,
                                        .pointwise = "pointwise",
                                        .activation = MSEG_RELU};
    return mseg_weights_has(b->weights, layer) ? mseg_build_conv(b, layer, &full, map)
                                               : mseg_build_block(b, layer, &separable, map);
}

mseg_status mseg_head_deeplabv3plus(const mseg_builder *b, mseg_value features, mseg_value low, int output_stride,
                                    mseg_value *logits, mseg_head_info *info)
{
    mseg_value maps[2], joined;
    const mseg_net_layer low_level = {.in = {low}, .n_in = 1, .activation = MSEG_RELU};
    mseg_status status = mseg_head_aspp(b, features, output_stride, &maps[0], info);
    if (!status)
        status = mseg_build_conv(b, "head.low_level", &low_level, &maps[1]);
    if (!status)
        status = mseg_build_join(b, "head.join", maps, 2, &joined);
    for (int i = 0; i < MSEG_DECODER_CONVS && !status; i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "head.decoder%d", i);
        status = decoder_conv(b, layer, &joined);
    }
    const mseg_net_layer classifier = {.in = {joined}, .n_in = 1};
    return status ? status : mseg_build_conv(b, "head.classifier", &classifier, logits);
}
