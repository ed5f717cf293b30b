#ifndef MSEG_NET_NET_H
#define MSEG_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "net/input.h"
#include "net/padding.h"

/* In: what backbones and heads append. Out: a network as data, which knows nothing of how it is run: layers in running order over
 * values (feature maps), their parameters by name. It has channel counts, strides and atrous rates, not picture sizes. A finished
 * net is read-only and may be shared by threads. */

/* A feature map: value i is what layer i makes. Value 0 is the picture. */
typedef int mseg_value;

typedef enum mseg_activation { MSEG_LINEAR, MSEG_RELU, MSEG_RELU6 } mseg_activation;

typedef enum mseg_layer_kind {
    MSEG_INPUT,
    MSEG_CONV,
    MSEG_DEPTHWISE,
    MSEG_GLOBAL_POOL,
    MSEG_MAX_POOL,
    MSEG_JOIN
} mseg_layer_kind;

/* How a concatenation takes a map that is held in other bytes than its own: as they are, or as TensorFlow Lite's QUANTIZE turns
 * them into others. */
typedef enum mseg_joining { MSEG_JOINS_AS_IT_IS, MSEG_JOINS_BY_QUANTIZE } mseg_joining;

enum { MSEG_MAX_INPUTS = 5, MSEG_MAX_OUTPUTS = 256, MSEG_MAX_LAYER_NAME = 64 };

/* MSEG_CONV: out = activation(convolution of the inputs concatenated along channels + add). Inputs that a global pool (or a
 *   convolution of its result) made are 1x1 and stand for maps of the others' size; all others have the same number of channels.
 * MSEG_DEPTHWISE: 3x3, each channel by itself.
 * MSEG_GLOBAL_POOL: the average over all positions, a 1x1 map.
 * MSEG_MAX_POOL: the largest of kernel x kernel positions, padding never wins; kernel 1 with a stride takes every stride-th
 * pixel. Kernels are odd; the output has ceil(in / stride) positions on each axis.
 * MSEG_JOIN: the inputs, maps of any channels, concatenated along channels at the size of the last one; others are resized to it
 * bilinearly by net->input.sampling. */
typedef struct mseg_net_layer {
    mseg_layer_kind kind;
    char name[MSEG_MAX_LAYER_NAME];    /* parameters: NAME.weight and, with bias, NAME.bias */
    char through[MSEG_MAX_LAYER_NAME]; /* not "": this linear 1x1 convolution comes first, the parameters are the product's */
    char block[MSEG_MAX_LAYER_NAME];   /* not "": the block that it belongs to; reports show a block as one */
    mseg_value in[MSEG_MAX_INPUTS];
    int n_in;
    mseg_value add; /* -1: none */
    int kernel, stride, rate;
    mseg_padding padding;
    mseg_activation activation;
    int channels;    /* of the output */
    int in_channels; /* of all inputs; mseg_net_add fills it in */
    bool bias;
    bool vector; /* 1x1 whatever the picture's size; mseg_net_add fills it in */
    /* In 8 bits, where the file tells it: how bytes stand for what the layer makes before add, with it (scale 0: nothing is
     * added), and for what readers of several inputs see of it (scale 0: the same). */
    mseg_quant quant, sum, joined;
    mseg_joining joining;
    mseg_quant_bounds bounds; /* of the bytes before add; activation is that of floats */
    bool mean;                /* a global pool in 8 bits: rounded as TensorFlow Lite's MEAN, not as its AVERAGE_POOL_2D */
} mseg_net_layer;

typedef struct mseg_net {
    mseg_net_layer *layers;
    int count, capacity;
    mseg_value outputs[MSEG_MAX_OUTPUTS];
    int n_outputs;
    mseg_input input;
} mseg_net;

/** Appends the picture: RGB, by the rule of net->input. First layer of a net that is all zero but for its input rule. Errors:
 * MSEG_NOMEM, MSEG_INVAL. */
mseg_status mseg_net_picture(mseg_net *net, mseg_value *out);

/** Appends a layer. Errors: MSEG_NOMEM, MSEG_INVAL (shapes that do not fit together, a name that another layer has),
 * MSEG_UNSUPPORTED. */
mseg_status mseg_net_add(mseg_net *net, const mseg_net_layer *layer, mseg_value *out);

/** Marks a value, any but the picture, as the next output. Errors: MSEG_INVAL, MSEG_LIMIT. */
mseg_status mseg_net_output(mseg_net *net, mseg_value value);

/** Frees the layers and zeroes *net. */
void mseg_net_free(mseg_net *net);

/** The layer of that name, -1: none. No two have one name. */
mseg_value mseg_net_find(const mseg_net *net, const char *name);

/** Layers that read a value; being an output counts as one more. */
int mseg_net_readers(const mseg_net *net, mseg_value value);
bool mseg_net_is_output(const mseg_net *net, mseg_value value);
bool mseg_layer_reads(const mseg_net_layer *layer, mseg_value value);

/** The input whose size a layer's output follows: the last one that is no vector, else the first. -1: it has none. */
mseg_value mseg_layer_map(const mseg_net *net, const mseg_net_layer *layer);

/** Pixels of the picture from one position of a value to the next. */
int mseg_net_stride(const mseg_net *net, mseg_value value);

/** Weights and biases of one layer, and of all. */
int64_t mseg_layer_params(const mseg_net_layer *layer);
int64_t mseg_net_params(const mseg_net *net);

/** Copies a net. On failure *copy is all zero. Errors: MSEG_NOMEM. */
mseg_status mseg_net_copy(mseg_net *copy, const mseg_net *net);

/** The same function as net's with linear layers joined where that is less work (fold.c). On failure *folded is all zero. Errors:
 * MSEG_NOMEM. */
mseg_status mseg_net_fold(mseg_net *folded, const mseg_net *net);

#endif
