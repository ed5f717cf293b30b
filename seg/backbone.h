#ifndef MSEG_SEG_BACKBONE_H
#define MSEG_SEG_BACKBONE_H

#include "heads/build.h"

/* A feature extractor: appends its operators for RGB pictures to a graph, with channel counts from the weights. Once the output
 * stride (8, 16 or 32) is reached, later strides become 1 and multiply the atrous rate of what comes after them. */
typedef struct mseg_backbone {
    const char *network;     /* "MobileNetV2" */
    const char *width_layer; /* whose output channels, divided by full_channels, are the width multiplier */
    int full_channels;
    /** Whether these are its weights. */
    bool (*owns)(const mseg_weights *weights);
    mseg_status (*build)(const mseg_builder *builder, int output_stride, mseg_value *features);
} mseg_backbone;

/** The backbone whose weights these are, NULL when there is none. */
const mseg_backbone *mseg_backbone_of(const mseg_weights *weights);

/* arXiv 1801.04381, table 2: stem and blocks 0 to 16; the map of block 16 (320 channels). */
extern const mseg_backbone mseg_backbone_mobilenet_v2;
/* arXiv 1704.04861, table 1: stem and 13 depthwise separable blocks (1024 channels). */
extern const mseg_backbone mseg_backbone_mobilenet_v1;
/* arXiv 1512.03385 in the form of slim's resnet_v1 and DeepLab's beta variant: 2048 channels. */
extern const mseg_backbone mseg_backbone_resnet;

/* How far strides have come, and what is left to atrous rates. */
typedef struct mseg_atrous {
    int wanted; /* output stride */
    int reached;
    int rate; /* of the layers after those counted so far */
} mseg_atrous;

/** Counts a layer of that stride in; returns the stride it is to have, its own rate in *rate. */
int mseg_atrous_stride(mseg_atrous *atrous, int stride, int *rate);

/** The input and the MobileNets' first convolution, backbone.stem: 3x3, stride 2, ReLU6. */
mseg_status mseg_backbone_stem(const mseg_builder *builder, mseg_value *out);

#endif
