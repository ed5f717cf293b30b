#ifndef MSEG_WEIGHTS_TFLITE_H
#define MSEG_WEIGHTS_TFLITE_H

/* Inside lib/weights only. A TensorFlow Lite file in three steps: its tables as plain structs (tflite.c), its operators reduced
 * to the layers of a network (tflite_graph.c), the layers recognised as MobileNetV2 with a head (tflite_match.c). Numbers of
 * operators, types and fields: tensorflow/lite/schema/schema.fbs, version 3. */

#include "weights/flatbuffer.h"
#include "weights/reader.h"

enum {
    TFL_MAX_TENSORS = 4096,
    TFL_MAX_OPERATORS = 4096,
    TFL_MAX_INPUTS = 16,
    TFL_MAX_OUTPUTS = 8, /* of the network */
    TFL_MAX_DIMENSION = 1 << 16,
    TFL_MAX_STRIDE = 1 << 12, /* and dilation */
    TFL_MAX_KERNEL = 16,
};

typedef enum tfl_type { TFL_FLOAT32 = 0, TFL_FLOAT16 = 1, TFL_INT32 = 2, TFL_UINT8 = 3, TFL_INT8 = 9 } tfl_type;

typedef enum tfl_code {
    TFL_OP_ADD = 0,
    TFL_OP_AVERAGE_POOL_2D = 1,
    TFL_OP_CONCATENATION = 2,
    TFL_OP_CONV_2D = 3,
    TFL_OP_DEPTHWISE_CONV_2D = 4,
    TFL_OP_DEQUANTIZE = 6,
    TFL_OP_FULLY_CONNECTED = 9,
    TFL_OP_RELU = 19,
    TFL_OP_RELU6 = 21,
    TFL_OP_RESHAPE = 22,
    TFL_OP_RESIZE_BILINEAR = 23,
    TFL_OP_SOFTMAX = 25,
    TFL_OP_CUSTOM = 32,
    TFL_OP_PAD = 34,
    TFL_OP_BATCH_TO_SPACE_ND = 37,
    TFL_OP_SPACE_TO_BATCH_ND = 38,
    TFL_OP_MEAN = 40,
    TFL_OP_SQUEEZE = 43,
    TFL_OP_CAST = 53,
    TFL_OP_ARG_MAX = 56,
    TFL_OP_RESIZE_NEAREST_NEIGHBOR = 97,
    TFL_OP_QUANTIZE = 114,
} tfl_code;

typedef enum tfl_activation { TFL_NONE = 0, TFL_RELU = 1, TFL_RELU6 = 3 } tfl_activation;

typedef enum tfl_padding { TFL_SAME = 0, TFL_VALID = 1 } tfl_padding;

typedef struct tfl_tensor {
    int rank; /* -1: more than 4 dimensions, or one that is unknown or too large */
    int shape[4];
    int type;
    const uint8_t *data; /* NULL: not a constant */
    size_t bytes;
    const uint8_t *scales;      /* f32 */
    const uint8_t *zero_points; /* i64 */
    int n_scales, n_zero_points;
    int axis;
    bool sparse;
} tfl_tensor;

typedef struct tfl_operator {
    int code;
    int inputs[TFL_MAX_INPUTS]; /* tensors; -1: left out */
    int n_inputs;               /* may be more than TFL_MAX_INPUTS */
    int output;                 /* the first of n_outputs */
    int n_outputs;
    int padding, activation;
    int stride_h, stride_w, dilation_h, dilation_w, filter_h, filter_w;
    int multiplier;  /* depthwise: output channels per input channel */
    int axis;        /* concatenation */
    char custom[40]; /* the beginning of a custom operator's name, printable; "": it is none */
} tfl_operator;

typedef struct tfl_model {
    tfl_tensor *tensors;
    int n_tensors;
    tfl_operator *operators;
    int n_operators;
    int input; /* the first of n_inputs; 0 without any */
    int n_inputs;
    int outputs[TFL_MAX_OUTPUTS];
    int n_outputs; /* may be more than TFL_MAX_OUTPUTS */
} tfl_model;

/** Reads subgraph 0. On failure *model is all zero. */
mseg_status mseg_tfl_model_read(tfl_model *model, mseg_fb *fb, mseg_error *err);

/** Frees and zeroes; safe on an all-zero model. */
void mseg_tfl_model_free(tfl_model *model);

/** The operator's name in the schema, or "operator". */
const char *mseg_tfl_code_name(int code);

/** The same, and of custom operators the name that they give themselves. It lives as long as *op. */
const char *mseg_tfl_operator_name(const tfl_operator *op);

typedef enum tfl_kind {
    TFL_INPUT,
    TFL_CONV,
    TFL_DEPTHWISE,
    TFL_DENSE, /* fully connected */
    TFL_ADD,
    TFL_POOL, /* mean over the whole map */
    TFL_RESIZE,
    TFL_CONCAT,
    TFL_OTHER,
} tfl_kind;

/* A layer. Operators that only prepare or finish one (padding, space to batch, a separate activation, a bias added later, changes
 * of number format) are part of it. */
typedef struct tfl_node {
    tfl_kind kind;
    int op;                     /* in the model; -1: the input */
    int inputs[TFL_MAX_INPUTS]; /* nodes, all earlier in the list */
    int n_inputs;
    int uses;                /* inputs of later nodes that this one is */
    int height, width;       /* of the output; 0: unknown */
    int channels;            /* of the output; 0: unknown */
    int in_height, in_width; /* convolutions: of the map before any padding */
    int weight, bias;        /* tensors; bias -1: none */
    int stride_h, stride_w, rate_h, rate_w;
    int pad_h, pad_w; /* rows above and columns left of the map that the first output sees */
    int activation;
    int version; /* grows when a later operator becomes part of this layer */
    int block;   /* > 1: the output still lies in batches of that rate */
    bool taken;  /* for the matcher */
} tfl_node;

typedef struct tfl_graph {
    const tfl_model *model;
    tfl_node *nodes; /* node 0 is the input */
    int count;
} tfl_graph;

/** On failure *graph is all zero. */
mseg_status mseg_tfl_graph_build(tfl_graph *graph, const tfl_model *model, mseg_error *err);

void mseg_tfl_graph_free(tfl_graph *graph);

/** Finds the layers of MobileNetV2 and its head by their place and adds their tensors to weights. Marks nodes as taken. */
mseg_status mseg_tfl_match(tfl_graph *graph, mseg_weights *weights, mseg_error *err);

#endif
