#include "heads/classifier.h"

mseg_status mseg_head_classifier(const mseg_builder *b, mseg_value features, mseg_value *logits)
{
    mseg_net_layer classifier = {.n_in = 1};
    mseg_status status = mseg_build_global_pool(b, "head.pool", features, &classifier.in[0]);
    return status ? status : mseg_build_conv(b, "head.classifier", &classifier, logits);
}
