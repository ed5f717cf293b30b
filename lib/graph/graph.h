#ifndef MSEG_GRAPH_GRAPH_H
#define MSEG_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kernels/kernels.h"

/* A network as data: operators in running order over values (feature maps), with weights packed for one kernel set. It knows
 * channel counts, strides and rates, not picture sizes: plan.h makes a plan of it for each size. Building is not thread safe; a
 * finished graph is read-only. */
typedef struct mseg_graph mseg_graph;

/* A feature map: index of a graph value. */
typedef int mseg_value;

typedef enum mseg_activation { MSEG_LINEAR, MSEG_RELU, MSEG_RELU6 } mseg_activation;

/* MSEG_PAD_SAME_TF: total = max((ceil(in / stride) - 1) * stride + (k - 1) * rate + 1 - in, 0), before = total / 2 (TensorFlow's
 * SAME). MSEG_PAD_BOTH: (k - 1) / 2 * rate on each side (torchvision). Both give ceil(in / stride) outputs for odd k. */
typedef enum mseg_pad_rule { MSEG_PAD_SAME_TF, MSEG_PAD_BOTH } mseg_pad_rule;

/* Weights of one convolution as a reader gives them: weight is [out, k, k, in] (depthwise: [k, k, channels]), bias [out] or NULL.
 * The graph packs copies. */
typedef struct mseg_filter {
    const float *weight;
    const float *bias;
} mseg_filter;

enum { MSEG_MAX_INPUTS = 5 };

/* out = activation(conv(inputs concatenated along channels) + add). Inputs that global pooling (or a convolution of its result)
 * made are 1x1 and stand for maps of the others' size; all others have the same number of channels. */
typedef struct mseg_conv {
    const char *name;
    mseg_value inputs[MSEG_MAX_INPUTS];
    int n_inputs;
    mseg_value add; /* -1: none */
    int kernel, stride, rate;
    int out_channels;
    bool symmetric; /* pad the same on both sides whatever the graph's rule */
    mseg_activation activation;
    mseg_filter filter;
} mseg_conv;

/* The paper's inverted residual (section 3.3): 1x1 expansion to expanded channels with ReLU6 (left out when expand.weight is
 * NULL), 3x3 depthwise with ReLU6, 1x1 projection; plus the input when residual. Never materialises the expanded map. With a
 * projection activation it is MobileNetV1's depthwise separable convolution. */
typedef struct mseg_inverted_residual {
    const char *name;
    mseg_value input;
    int expanded;
    int stride, rate;
    int out_channels;
    bool residual;
    mseg_activation depthwise_activation, project_activation;
    mseg_filter expand, depthwise, project;
} mseg_inverted_residual;

/** unfused: plans of this graph run every layer by itself. kernels must not be NULL. */
mseg_status mseg_graph_open(mseg_graph **graph, const mseg_kernels *kernels, mseg_pad_rule padding, bool unfused);

/** NULL-safe; sets *graph to NULL. */
void mseg_graph_close(mseg_graph **graph);

/* Each appends one operator and gives its output value. Errors: MSEG_NOMEM, MSEG_INVAL (shapes that do not fit together),
 * MSEG_UNSUPPORTED. */
/** The picture: RGB bytes, normalised as x * 2/255 - 1 while the first convolution reads them. One per graph, first. */
mseg_status mseg_graph_input(mseg_graph *graph, mseg_value *out);
mseg_status mseg_graph_conv(mseg_graph *graph, const mseg_conv *conv, mseg_value *out);
mseg_status mseg_graph_inverted_residual(mseg_graph *graph, const mseg_inverted_residual *block, mseg_value *out);
/** Average over all positions: a 1x1 map. */
mseg_status mseg_graph_global_pool(mseg_graph *graph, const char *name, mseg_value input, mseg_value *out);

/** Largest of kernel x kernel positions (odd), SAME padding that never wins; kernel 1 with a stride takes every stride-th pixel.
 */
mseg_status mseg_graph_max_pool(mseg_graph *graph, const char *name, mseg_value input, int kernel, int stride, mseg_value *out);

/** Marks the value that plans deliver. Errors: MSEG_NOMEM. */
mseg_status mseg_graph_output(mseg_graph *graph, mseg_value value);

int mseg_graph_channels(const mseg_graph *graph, mseg_value value);

/** Weights and biases of all operators, and the bytes that they take packed. */
int64_t mseg_graph_params(const mseg_graph *graph);
size_t mseg_graph_weight_bytes(const mseg_graph *graph);

#endif
