#ifndef MSEG_WRITE_WRITE_H
#define MSEG_WRITE_WRITE_H

#include "net/net.h"
#include "weights/weights.h"

/* In: a net, its weights and a picture's size. Out: a model file's bytes. Nothing here opens files. */

/* A convolution's numbers in 8 bits: weight [out, kernel, kernel, in], of a depthwise one [kernel, kernel, channels], each -127
 * to 127 times scale[channel]; bias [out] in units of the input's scale times scale[channel]. All NULL: the layer is no
 * convolution. */
typedef struct mseg_write_bytes {
    const int8_t *weight;
    const int32_t *bias;
    const float *scale;
} mseg_write_bytes;

typedef struct mseg_write_options {
    int height, width; /* of the picture that the file's graph takes; at least 1 */
    int output_stride; /* that the net has been built for */
    bool half;         /* weights of convolutions, not their biases, in IEEE half precision */
    /* [net->count]: in 8 bits, maps as the quants of net and its input say, which are all signed; NULL: in float. .tflite only.
     */
    const mseg_write_bytes *bytes;
    const char *name; /* of the model, for the file's own use; NULL: none */
    const char *const *labels;
    int n_labels; /* 0: none, else as many as classes */
} mseg_write_options;

/* Bytes that grow. data is freed with mseg_free. */
typedef struct mseg_bytes {
    uint8_t *data;
    size_t size;
} mseg_bytes;

/** Each writes the net's first output, logits at the size of the picture, or a classifier's scores, as a file of one format. net
 * is as seg/backbones and heads build it, not folded; batch norm becomes part of its convolutions, and .tflite has a bias of
 * zeros where there is none. Reading the file again gives a net with the same numbers, bit for bit unless half. On failure *out
 * is all zero. Thread safe. Errors: MSEG_NOMEM, MSEG_MISMATCH (weights that are not the net's), MSEG_LIMIT (more than 2 GiB),
 * MSEG_UNSUPPORTED (a layer that the format has not). */
mseg_status mseg_write_tflite(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights,
                              const mseg_write_options *options, mseg_error *err);
mseg_status mseg_write_onnx(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights, const mseg_write_options *options,
                            mseg_error *err);
mseg_status mseg_write_safetensors(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights,
                                   const mseg_write_options *options, mseg_error *err);

#endif
