#include "heads/classifier.h"

mseg_status mseg_head_classifier(const mseg_builder *b, mseg_value features, mseg_value *logits)
{
    mseg_conv shape = {.n_inputs = 1, .add = -1, .stride = 1, .rate = 1, .activation = MSEG_LINEAR};
    mseg_status status = mseg_graph_global_pool(b->graph, "head.pool", features, &shape.inputs[0]);
    return status ? mseg_fail(b->err, status, NULL) : mseg_build_conv(b, "head.classifier", &shape, logits);
}
