#ifndef MSEG_HEADS_BUILD_H
#define MSEG_HEADS_BUILD_H

#include "graph/graph.h"
#include "weights/weights.h"

/* What backbones and heads share: operators whose weights come from a model by their layer's canonical name. */
typedef struct mseg_builder {
    mseg_graph *graph;
    const mseg_weights *weights;
    mseg_error *err;
} mseg_builder;

/** Appends a convolution with LAYER's weights. shape gives inputs, add, stride, rate, activation and padding; kernel and output
 * channels are the weights'. Errors: MSEG_MISMATCH (with the layer's name), MSEG_NOMEM, MSEG_UNSUPPORTED. */
mseg_status mseg_build_conv(const mseg_builder *builder, const char *layer, const mseg_conv *shape, mseg_value *out);

/** Appends LAYER.expand (when the weights have it), LAYER.depthwise and LAYER.PROJECT as one inverted residual. shape gives
 * input, stride, rate and activations, and in residual whether the input is added when shapes allow. Errors as above. */
mseg_status mseg_build_block(const mseg_builder *builder, const char *layer, const char *project,
                             const mseg_inverted_residual *shape, mseg_value *out);

#endif
