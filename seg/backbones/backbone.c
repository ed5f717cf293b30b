#include "seg/backbones/backbone.h"

static const mseg_backbone *const backbones[] = {&mseg_backbone_mobilenet_v2, &mseg_backbone_mobilenet_v1, &mseg_backbone_resnet,
                                                 &mseg_backbone_resnet_v1_5};

const mseg_backbone *mseg_backbone_of(const mseg_weights *weights)
{
    for (size_t i = 0; i < sizeof backbones / sizeof *backbones; i++)
        if (backbones[i]->owns(weights))
            return backbones[i];
    return NULL;
}
