#ifndef MSEG_TESTS_NETWORKS_H
#define MSEG_TESTS_NETWORKS_H

/* What the tests of writers share: the net that weights are of, as seg/model.c builds it. */

#include <stdbool.h>
#include <string.h>

#include "heads/classifier.h"
#include "heads/deeplabv3plus.h"
#include "seg/backbones/backbone.h"
#include "weights/load.h"

static inline mseg_status build_net(mseg_net *net, const mseg_weights *weights, int output_stride, mseg_error *err)
{
    const mseg_builder builder = {net, weights, err};
    const mseg_backbone *backbone = mseg_backbone_of(weights);
    mseg_value features, logits;
    mseg_head_info info;
    *net = (mseg_net){.input = mseg_weights_input(weights)};
    mseg_status status = backbone->build(&builder, output_stride, &features);
    if (status)
        return status;
    if (mseg_weights_has(weights, "head.low_level"))
        status = mseg_head_deeplabv3plus(&builder, features, mseg_net_find(net, backbone->network->low_level), output_stride,
                                         &logits, &info);
    else if (mseg_weights_has(weights, "head.aspp0"))
        status = mseg_head_deeplabv3(&builder, features, output_stride, &logits, &info);
    else
        status = mseg_head_classifier(&builder, features, &logits);
    return status ? status : mseg_net_output(net, logits);
}

#endif
