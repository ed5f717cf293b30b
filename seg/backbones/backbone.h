#ifndef MSEG_SEG_BACKBONES_BACKBONE_H
#define MSEG_SEG_BACKBONES_BACKBONE_H

#include "heads/build.h"
#include "net/networks.h"

/* In: weights and an output stride (8, 16 or 32). Out: a feature extractor's layers for RGB pictures appended to a net, with
 * channel counts from the weights. Once the output stride is reached, later strides become 1 and multiply the atrous rate of what
 * comes after them. */
typedef struct mseg_backbone {
    const mseg_network *network;
    const char *width_layer; /* whose output channels, divided by full_channels, are the width multiplier */
    int full_channels;
    /** Whether these are its weights. */
    bool (*owns)(const mseg_weights *weights);
    mseg_status (*build)(const mseg_builder *builder, int output_stride, mseg_value *features);
} mseg_backbone;

/** The backbone whose weights these are, NULL when there is none. */
const mseg_backbone *mseg_backbone_of(const mseg_weights *weights);

extern const mseg_backbone mseg_backbone_mobilenet_v2; /* the map of block 16 (320 channels) */
extern const mseg_backbone mseg_backbone_mobilenet_v1; /* 1024 channels */
extern const mseg_backbone mseg_backbone_resnet;       /* 2048 channels; also DeepLab's beta variant */
extern const mseg_backbone mseg_backbone_resnet_v1_5;  /* the same with the strides in torchvision's places */

#endif
