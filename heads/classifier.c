#include "heads/classifier.h"

#include <stdio.h>

#include "weights/load.h"

mseg_status mseg_head_classifier(const mseg_builder *b, mseg_value features, mseg_value *logits)
{
    mseg_value vector;
    mseg_status status = mseg_build_global_pool(b, "head.pool", features, &vector);
    char name[MSEG_MAX_LAYER_NAME];
    for (int i = 0; !status; i++) {
        mseg_net_layer dense = {.in = {vector}, .n_in = 1, .activation = MSEG_RELU};
        snprintf(name, sizeof name, "head.dense%d", i);
        if (!mseg_weights_has(b->weights, name))
            break;
        status = mseg_build_conv(b, name, &dense, &vector);
    }
    mseg_net_layer classifier = {.in = {vector}, .n_in = 1};
    return status ? status : mseg_build_conv(b, "head.classifier", &classifier, logits);
}
