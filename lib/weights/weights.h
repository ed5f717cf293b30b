#ifndef MSEG_WEIGHTS_WEIGHTS_H
#define MSEG_WEIGHTS_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "net/input.h"
#include "net/net.h"
#include "net/padding.h"

/* MSEG_SEEDED: no stored data, pseudo-random values made from the tensor's name (weights/seeded.h). */
typedef enum mseg_element { MSEG_F32, MSEG_F16, MSEG_U8, MSEG_S8, MSEG_S32, MSEG_SEEDED } mseg_element;

/* One named tensor. Convolution weights are [out, kh, kw, in] (TensorFlow Lite's and our order), depthwise weights
 * [1, kh, kw, channels], biases [out]. data points into the file that mseg_weights holds and may be unaligned. */
typedef struct mseg_tensor {
    char name[64]; /* canonical, e.g. "backbone.block3.expand.weight" */
    mseg_element dtype;
    int rank;
    int shape[4];
    const uint8_t *data;
    size_t bytes;
    /* real = (stored - zero_point) * scale; one entry, or one per index of axis. n_scales = 0: stored is real. */
    const uint8_t *scales; /* little-endian f32, may be unaligned */
    int n_scales;
    int axis;       /* the dimension that n_scales > 1 runs along */
    int zero_point; /* of all entries (per-channel files are symmetric: 0) */
} mseg_tensor;

typedef struct mseg_weights mseg_weights;

/** Opens a model file; its kind is told by its content. The file stays mapped until mseg_weights_close. Every offset, vector and
 * shape has been checked when this returns MSEG_OK, whatever the file holds. Errors: MSEG_NOENT, MSEG_IO, MSEG_FORMAT (damaged or
 * not a model), MSEG_UNSUPPORTED (a network mseg does not know: the text says what was found). */
mseg_status mseg_weights_open(mseg_weights **weights, const char *path, mseg_error *err);

/** As mseg_weights_open, for a file in memory that the caller keeps until mseg_weights_close. */
mseg_status mseg_weights_open_memory(mseg_weights **weights, const uint8_t *data, size_t size, mseg_error *err);

/** NULL-safe; sets *weights to NULL. */
void mseg_weights_close(mseg_weights **weights);

/** The tensor of that canonical name, or NULL. Valid until close. Thread safe. */
const mseg_tensor *mseg_weights_find(const mseg_weights *weights, const char *name);

/** All tensors, in the file's network order. */
int mseg_weights_count(const mseg_weights *weights);
const mseg_tensor *mseg_weights_at(const mseg_weights *weights, int index);

mseg_padding mseg_weights_padding(const mseg_weights *weights);

/** How a picture enters the network; TensorFlow DeepLab's rule unless the file says otherwise. */
mseg_input mseg_weights_input(const mseg_weights *weights);

/** Where weights come from: "tflite" etc., the checksum of the whole file (SHA-256, FIPS 180-4, in hexadecimal; "" for weights
 * without a file), the output stride and the input side of the file's own graph (0: unknown). */
typedef struct mseg_weights_origin {
    const char *format;
    char sha256[65];
    int output_stride;
    int input_width, input_height;
} mseg_weights_origin;
mseg_weights_origin mseg_weights_origin_of(const mseg_weights *weights);

/* How the file holds what a layer makes in 8 bits, as in mseg_net_layer. */
typedef struct mseg_layer_quant {
    char name[64]; /* canonical */
    mseg_quant quant, sum, joined;
    mseg_joining joining;
    mseg_quant_bounds bounds;
    bool mean;
} mseg_layer_quant;

/** That of the layer of that canonical name, NULL: the file says nothing. Valid until close. Thread safe. */
const mseg_layer_quant *mseg_weights_quant(const mseg_weights *weights, const char *layer);

/** Why the network cannot be run in integers exactly as TensorFlow Lite runs the file: "the file is not quantised", or the first
 * operator that prevents it; NULL: it can. Valid until close. Thread safe. */
const char *mseg_weights_no_integers(const mseg_weights *weights);

/** How many names of classes the file holds, 0: none; whether they are as many as the classes is for the caller to see. */
int mseg_weights_labels(const mseg_weights *weights);

/** The name of class index, in UTF-8 without control characters, at most 255 bytes, "" for a blank line; NULL when there is no
 * such one. Valid until close. Thread safe. */
const char *mseg_weights_label(const mseg_weights *weights, int index);

/** Elements of a tensor (product of its shape). */
size_t mseg_tensor_elements(const mseg_tensor *tensor);

/** The tensor's values as real numbers, elements floats in the stored order. Computed in double and rounded once. */
void mseg_tensor_to_f32(const mseg_tensor *tensor, float *out);

#endif
