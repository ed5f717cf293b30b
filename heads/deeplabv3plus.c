#include "heads/deeplabv3plus.h"

#include <stdio.h>

#include "net/networks.h"
#include "weights/load.h"

/* Whether there is a convolution i behind the join; *full: and it is one, not depthwise and pointwise. layer: its name. */
static bool find_conv(const mseg_builder *b, int i, char layer[MSEG_MAX_LAYER_NAME], bool *full)
{
    char depthwise[MSEG_MAX_LAYER_NAME];
    snprintf(layer, MSEG_MAX_LAYER_NAME, "head.decoder%d", i);
    snprintf(depthwise, sizeof depthwise, "head.decoder%d.depthwise", i);
    *full = mseg_weights_has(b->weights, layer);
    return *full || mseg_weights_has(b->weights, depthwise);
}

/* Appends it; *map is what it reads and becomes what it makes. */
static mseg_status append_conv(const mseg_builder *b, const char *layer, bool is_full, mseg_value *map)
{
    const mseg_net_layer full = {.in = {*map}, .n_in = 1, .activation = MSEG_RELU};
    const mseg_build_shape separable = {.input = *map,
                                        .stride = 1,
                                        .rate = 1,
                                        .depthwise_activation = MSEG_RELU,
                                        .pointwise = "pointwise",
                                        .activation = MSEG_RELU};
    return is_full ? mseg_build_conv(b, layer, &full, map) : mseg_build_block(b, layer, &separable, map);
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
    char layer[MSEG_MAX_LAYER_NAME];
    bool full;
    for (int i = 0; !status && (find_conv(b, i, layer, &full) || i < MSEG_DECODER_CONVS); i++)
        status = append_conv(b, layer, full, &joined);
    const mseg_net_layer classifier = {.in = {joined}, .n_in = 1};
    return status ? status : mseg_build_conv(b, "head.classifier", &classifier, logits);
}
