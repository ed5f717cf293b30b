#include "seg/backbone.h"

static const mseg_backbone *const backbones[] = {&mseg_backbone_mobilenet_v2, &mseg_backbone_mobilenet_v1, &mseg_backbone_resnet};

const mseg_backbone *mseg_backbone_of(const mseg_weights *weights)
{
    for (size_t i = 0; i < sizeof backbones / sizeof *backbones; i++)
        if (backbones[i]->owns(weights))
            return backbones[i];
    return NULL;
}

int mseg_atrous_stride(mseg_atrous *atrous, int stride, int *rate)
{
    *rate = atrous->rate;
    if (atrous->reached == atrous->wanted) {
        atrous->rate *= stride;
        return 1;
    }
    atrous->reached *= stride;
    return stride;
}

mseg_status mseg_backbone_stem(const mseg_builder *b, mseg_value *out)
{
    mseg_conv stem = {.n_inputs = 1, .add = -1, .stride = 2, .rate = 1, .activation = MSEG_RELU6};
    mseg_status status = mseg_graph_input(b->graph, &stem.inputs[0]);
    return status ? mseg_fail(b->err, status, NULL) : mseg_build_conv(b, "backbone.stem", &stem, out);
}
