#ifndef MSEG_WEIGHTS_LOAD_H
#define MSEG_WEIGHTS_LOAD_H

#include <stdbool.h>

#include "weights/weights.h"

/* One convolution of a model as floats: weight [out, kernel, kernel, in], or [kernel, kernel, out] of a depthwise one (in = 1).
 */
typedef struct mseg_layer_weights {
    float *weight;
    float *bias; /* [out], NULL: none */
    int out, kernel, in;
    bool depthwise;
} mseg_layer_weights;

/** Whether the model has LAYER.weight. */
bool mseg_weights_has(const mseg_weights *weights, const char *layer);

/* What LAYER's tensors say of a convolution without their values. */
typedef struct mseg_weight_shape {
    int out, kernel, in; /* as in mseg_layer_weights */
    bool bias;           /* whether it has one, or batch norm, which makes one */
    bool depthwise;
} mseg_weight_shape;

/** The shape of LAYER.weight, a square convolution's. in: the input channels that it must have (depthwise: its channels; 0: any).
 * Errors: MSEG_MISMATCH with the layer's name in the text. */
mseg_status mseg_weights_shape(mseg_weight_shape *shape, const mseg_weights *weights, const char *layer, int in, mseg_error *err);
mseg_status mseg_weights_shape_depthwise(mseg_weight_shape *shape, const mseg_weights *weights, const char *layer, int channels,
                                         mseg_error *err);

/** Loads LAYER.weight and, when there, LAYER.bias, with batch norm (LAYER.norm.{mean,variance,epsilon} and, when there, gamma and
 * beta) folded into both, in double and rounded once. in and errors as above, and MSEG_NOMEM. On failure *out is all zero. */
mseg_status mseg_weights_load(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, int in, mseg_error *err);
mseg_status mseg_weights_load_depthwise(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, int channels,
                                        mseg_error *err);

/* One convolution of a model in 8 bits: differences of bytes and their zero point, -255 to 255, in the orders of
 * mseg_layer_weights; real = difference * scale of the output channel. */
typedef struct mseg_layer_bytes {
    int16_t *weight;
    int32_t *bias; /* [out], zeros where the model has none; of the scale input's * weight's */
    float *scale;  /* [out] */
    int out, kernel, in;
    bool depthwise;
} mseg_layer_bytes;

/** As the functions above, of integers. Errors besides: MSEG_UNSUPPORTED (LAYER's tensors are not in 8 bits). */
mseg_status mseg_weights_load_bytes(mseg_layer_bytes *out, const mseg_weights *weights, const char *layer, int in,
                                    mseg_error *err);
mseg_status mseg_weights_load_depthwise_bytes(mseg_layer_bytes *out, const mseg_weights *weights, const char *layer, int channels,
                                              mseg_error *err);
void mseg_layer_bytes_free(mseg_layer_bytes *layer);

/** Frees the floats and zeroes *layer; safe on an all-zero one. */
void mseg_layer_weights_free(mseg_layer_weights *layer);

#endif
