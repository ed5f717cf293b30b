#ifndef MSEG_HEADS_BUILD_H
#define MSEG_HEADS_BUILD_H

#include "net/net.h"
#include "weights/weights.h"

/* In: layers by their canonical names, and weights. Out: the same appended to a net, with the shapes that the weights have. What
 * backbones and heads share. */
typedef struct mseg_builder {
    mseg_net *net;
    const mseg_weights *weights;
    mseg_error *err;
} mseg_builder;

/** Appends the convolution LAYER. shape gives inputs, add (0 stands for none), stride, rate, activation and padding, where rate 0
 * and stride 0 stand for 1; kernel and output channels are the weights'. SAME padding is the weights' own rule. Errors:
 * MSEG_MISMATCH (with the layer's name), MSEG_NOMEM, MSEG_UNSUPPORTED. */
mseg_status mseg_build_conv(const mseg_builder *builder, const char *layer, const mseg_net_layer *shape, mseg_value *out);

/* An inverted residual or depthwise separable convolution. */
typedef struct mseg_build_shape {
    mseg_value input;
    int stride, rate;
    mseg_activation depthwise_activation;
    const char *pointwise; /* its name */
    mseg_activation activation;
    bool residual; /* the input is added where shapes allow */
} mseg_build_shape;

/** Appends LAYER.expand (with ReLU6, when the weights have it), LAYER.depthwise and LAYER.POINTWISE as one block. Errors as
 * above.
 */
mseg_status mseg_build_block(const mseg_builder *builder, const char *layer, const mseg_build_shape *shape, mseg_value *out);

/** Appends the inputs concatenated at the last one's size, named so. */
mseg_status mseg_build_join(const mseg_builder *builder, const char *layer, const mseg_value *inputs, int n, mseg_value *out);

/** Appends a pool of that kind; padding is the weights' own rule. */
mseg_status mseg_build_global_pool(const mseg_builder *builder, const char *layer, mseg_value input, mseg_value *out);
mseg_status mseg_build_max_pool(const mseg_builder *builder, const char *layer, mseg_value input, int kernel, int stride,
                                mseg_value *out);

#endif
