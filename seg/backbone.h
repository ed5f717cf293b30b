#ifndef MSEG_SEG_BACKBONE_H
#define MSEG_SEG_BACKBONE_H

#include "graph/graph.h"
#include "weights/weights.h"

/** Appends MobileNetV2's feature extractor (arXiv 1801.04381, table 2) for RGB pictures, from the stem to block 16, whose map
 * (320 channels at width 1.0) becomes *features. Channel counts come from the weights. Once the output stride (8, 16 or 32) is
 * reached, later strides become 1 and multiply the atrous rate of the blocks after them. Errors: MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_backbone_mobilenet_v2(mseg_graph *graph, const mseg_weights *weights, int output_stride, mseg_value *features,
                                       mseg_error *err);

#endif
