#ifndef MSEG_NET_NETWORKS_H
#define MSEG_NET_NETWORKS_H

#include "net/net.h"

/* Each network written down once. The builder (seg/backbones), seeded weights (seg/backbones/architecture.c) and the readers of
 * files whose layers have no names (lib/weights) follow these tables. */

/* MobileNets: expansion (left out at ratio 0), 3x3 depthwise convolution with the stride, 1x1 convolution. ResNets: a block of
 * bottleneck units, the first of which has a shortcut convolution, one of which has the stride. */
typedef struct mseg_block {
    int channels;  /* of the output, at width multiplier 1 */
    int expansion; /* ratio */
    int stride;
} mseg_block;

typedef struct mseg_network {
    const char *name;
    int stem; /* channels of the first convolution, stride 2 */
    int n_blocks;
    const mseg_block *blocks;
    int last; /* channels of a 1x1 convolution behind the blocks, for classifiers; 0: none */
    /* MobileNets: the 1x1 convolution's name, activation, and whether the input is added at stride 1 and equal channels */
    const char *pointwise;
    mseg_activation activation;
    bool residual;
    const char *low_level; /* the layer whose map, at stride 4, DeepLabv3+'s decoder reads; NULL: none is known */
    /* ResNets: what their units are called, which tells one from the other, and whether it is the first unit of a block that has
     * the stride, not the last */
    const char *unit;
    bool strided_first;
} mseg_network;

extern const mseg_network mseg_mobilenet_v2; /* arXiv 1801.04381, table 2, numbered as in slim: blocks 0 to 16 */
extern const mseg_network mseg_mobilenet_v1; /* arXiv 1704.04861, table 1: blocks 0 to 12 */
/* arXiv 1512.03385, from stride 4 behind the stem and pooling on: as slim's resnet_v1 and as torchvision's, which is known as
 * V1.5
 */
extern const mseg_network mseg_resnet, mseg_resnet_v1_5;

/** "backbone.blockN.PART", or without PART when it is NULL. */
void mseg_block_name(char name[MSEG_MAX_LAYER_NAME], int block, const char *part);

/** "backbone.UNITi.PART" of a ResNet. */
void mseg_unit_name(char name[MSEG_MAX_LAYER_NAME], const mseg_network *network, int index, const char *part);

/** The stride of the 3x3 convolution, and of the shortcut, of a ResNet's next unit. begins, ends: whether it is the first of a
 * block, and whether another block follows it. *block counts those whose stride has been given out; 0 before the first unit. */
int mseg_unit_stride(const mseg_network *network, int *block, bool begins, bool ends);

/* DeepLabv3's head: image pooling and ASPP branches of DEPTH channels each, then as many for their projection. */
enum { MSEG_HEAD_DEPTH = 256, MSEG_ASPP_BRANCHES = 4 };

/* DeepLabv3+'s decoder: channels that the map from inside the backbone is projected to, and the convolutions behind the join
 * (at least). */
enum { MSEG_LOW_LEVEL_DEPTH = 48, MSEG_DECODER_CONVS = 2 };

/** Atrous rate of ASPP's branch 0 (1x1) to 3: 6, 12, 18 at output stride 16, in proportion at others (arXiv 1706.05587). */
int mseg_aspp_rate(int branch, int output_stride);

/* How far strides have come to the wanted output stride, and what is left to atrous rates: once it is reached, later strides
 * become 1 and multiply the rate of what comes after them. */
typedef struct mseg_atrous {
    int wanted, reached;
    int rate; /* of the layers after those counted so far */
} mseg_atrous;

/** Counts a layer of that stride in; returns the stride it is to have, its own rate in *rate. */
int mseg_atrous_stride(mseg_atrous *atrous, int stride, int *rate);

#endif
