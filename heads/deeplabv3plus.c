#include "heads/deeplabv3plus.h"

#include "net/networks.h"

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
    if (!status)
        status = mseg_head_convs(b, "decoder", MSEG_DECODER_CONVS, &joined);
    const mseg_net_layer classifier = {.in = {joined}, .n_in = 1};
    return status ? status : mseg_build_conv(b, "head.classifier", &classifier, logits);
}
