#ifndef MSEG_WEIGHTS_TFLITE_H
#define MSEG_WEIGHTS_TFLITE_H

/* Inside lib/weights only, but for what an operator is, which lib/write takes. A file in two steps: its tables as plain structs
 * (tflite.c), its operators reduced to nodes for the matcher (tflite_graph.c, tflite_absorb.c, tflite_input.c). Numbers of
 * operators and types, and of fields (tflite_schema.h): tensorflow/lite/schema/schema.fbs, version 3. The readers of ONNX and
 * GraphDef say what their files hold in the same operators, with maps as [batch, height, width, channels] and weights in
 * TensorFlow Lite's order, and add a few that TensorFlow Lite has not. */

#include "weights/flatbuffer.h"
#include "weights/graph.h"

enum {
    TFL_MAX_TENSORS = 4096,
    TFL_MAX_OPERATORS = 4096,
    TFL_MAX_INPUTS = MSEG_NODE_INPUTS,
    TFL_MAX_OUTPUTS = 8, /* of the network */
    TFL_MAX_DIMENSION = 1 << 16,
    TFL_MAX_STRIDE = 1 << 12, /* and dilation */
    TFL_MAX_KERNEL = 16,
    TFL_FAULT = MSEG_NODE_FAULT,
    TFL_DESCRIPTION = 96,
};

typedef enum tfl_type { TFL_FLOAT32 = 0, TFL_FLOAT16 = 1, TFL_INT32 = 2, TFL_UINT8 = 3, TFL_INT64 = 4, TFL_INT8 = 9 } tfl_type;

typedef enum tfl_code {
    TFL_OP_ADD = 0,
    TFL_OP_AVERAGE_POOL_2D = 1,
    TFL_OP_CONCATENATION = 2,
    TFL_OP_CONV_2D = 3,
    TFL_OP_DEPTHWISE_CONV_2D = 4,
    TFL_OP_DEQUANTIZE = 6,
    TFL_OP_FULLY_CONNECTED = 9,
    TFL_OP_MAX_POOL_2D = 17,
    TFL_OP_MUL = 18,
    TFL_OP_RELU = 19,
    TFL_OP_RELU6 = 21,
    TFL_OP_RESHAPE = 22,
    TFL_OP_RESIZE_BILINEAR = 23,
    TFL_OP_SOFTMAX = 25,
    TFL_OP_CUSTOM = 32,
    TFL_OP_PAD = 34,
    TFL_OP_BATCH_TO_SPACE_ND = 37,
    TFL_OP_SPACE_TO_BATCH_ND = 38,
    TFL_OP_TRANSPOSE = 39,
    TFL_OP_MEAN = 40,
    TFL_OP_SUB = 41,
    TFL_OP_DIV = 42,
    TFL_OP_SQUEEZE = 43,
    TFL_OP_CAST = 53,
    TFL_OP_MAXIMUM = 55,
    TFL_OP_ARG_MAX = 56,
    TFL_OP_MINIMUM = 57,
    TFL_OP_PADV2 = 60,
    TFL_OP_TILE = 69,
    TFL_OP_EXPAND_DIMS = 70,
    TFL_OP_SHAPE = 77,
    TFL_OP_RESIZE_NEAREST_NEIGHBOR = 97,
    TFL_OP_QUANTIZE = 114,
    TFL_OP_BROADCAST_TO = 130,
    /* Of other formats. */
    TFL_OP_BATCH_NORM = 10000, /* inputs: map, gamma, beta, mean, variance, each [channels]; gamma and beta may be left out */
    TFL_OP_FOREIGN,            /* any other operator of theirs */
} tfl_code;

typedef enum tfl_activation { TFL_NONE = 0, TFL_RELU = 1, TFL_RELU6 = 3 } tfl_activation;

/* TFL_GIVEN, of other formats: as .pads say. */
typedef enum tfl_padding { TFL_SAME = 0, TFL_VALID = 1, TFL_GIVEN = 2 } tfl_padding;

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
    int pads[4]; /* of TFL_GIVEN: top, bottom, left, right */
    int stride_h, stride_w, dilation_h, dilation_w, filter_h, filter_w;
    int multiplier;                 /* depthwise: output channels per input channel */
    int axis;                       /* concatenation */
    bool align_corners, half_pixel; /* resizes */
    float beta;                     /* softmax: of exp(beta * x) */
    float epsilon;                  /* batch norm: added to the variance */
    char
        custom[40]; /* the beginning of a custom operator's name, printable; "": it is none. Of other formats: their name of it */
    char label[80]; /* of other formats: what messages call it, "node Conv_12 (Conv)"; "": by its place and code */
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

/* What a tensor is in terms of nodes. */
typedef struct tfl_view {
    int node;            /* the node it comes from; -1: none */
    int version;         /* the node's version at this point */
    int constant;        /* the tensor that holds its values; -1: not a constant */
    int block;           /* > 1: split into batches of that rate */
    int pad[4];          /* zeros already put around the node's output: top, bottom, left, right */
    bool channels_first; /* NCHW */
    bool size;           /* numbers that say how large other tensors are */
    int quantized;       /* QUANTIZE operators since the node that made other bytes */
    bool floats;         /* it has been made floats since the node */
} tfl_view;

/* Numbers that operators in front of the network make of the picture's: x * scale + offset, channel by channel. */
typedef struct tfl_affine {
    bool used;
    double scale[3], offset[3];
    bool padded; /* one of them puts pad around the picture, if it is smaller than the network's */
    double pad[3];
} tfl_affine;

/* A graph in the making. */
typedef struct tfl_builder {
    const tfl_model *model;
    mseg_weights *weights; /* for room */
    mseg_error *err;
    mseg_status status; /* no room: why */
    mseg_node *nodes;   /* node 0 is the picture */
    int *versions;      /* of each node: grows when a later operator becomes part of it */
    int count;
    tfl_view *views; /* of each tensor */
    tfl_affine before;
    int quantized_input; /* the tensor that a float picture becomes first when that is an integer one; -1: none */
} tfl_builder;

/** Operator op's input: the view of that tensor, or NULL when it is left out. */
const tfl_view *mseg_tfl_input(const tfl_builder *b, const tfl_operator *op, int input);

/** Whether nothing has become part of the node since. */
bool mseg_tfl_current(const tfl_builder *b, const tfl_view *v);

/** Whether zeros have been put around the node's output. */
bool mseg_tfl_padded(const tfl_view *v);

/** A node's output as the next node may take it: not padded, not split, with everything that belongs to it. */
bool mseg_tfl_whole(const tfl_builder *b, const tfl_view *v);

/** A small constant list of exactly count integers. */
bool mseg_tfl_ints(const tfl_builder *b, const tfl_operator *op, int input, int count, int *out);

bool mseg_tfl_in_range(const int *values, int count, int low, int high);

/** The map size of a tensor; false when it has no [batch, height, width, channels]. */
bool mseg_tfl_map_size(const tfl_tensor *t, mseg_node *node);

/** What the bytes of t stand for; scale 0: it holds none, or its scale or zero point is of no use. */
mseg_quant mseg_tfl_quant(const tfl_tensor *t);

/** Bounds the bytes of node's own output by an activation, its own or that of an operator that stands apart: these round a 6
 * between two bytes otherwise. */
void mseg_tfl_bound(mseg_node *node, mseg_activation activation, bool apart);

/** Narrows the bounds of node's output to what tensor t can hold. */
void mseg_tfl_narrow(mseg_node *node, const tfl_tensor *t);

/** A constant as the matcher takes it. False, with what is wrong with that part in fault, when it has no values that mseg knows.
 */
bool mseg_tfl_constant(const tfl_tensor *t, const char *part, mseg_tensor *out, char fault[TFL_FAULT]);

/** False when it is none that mseg knows. */
bool mseg_tfl_activation(int activation, mseg_activation *out);

/** How operator op reads an input. */
mseg_node_read mseg_tfl_read(const tfl_builder *b, const tfl_operator *op, int input);

/** Notes what op, a QUANTIZE or DEQUANTIZE that has become part of a node, is to a network in bytes. The first of a float picture
 * makes its bytes. */
void mseg_tfl_note_format(tfl_builder *b, const tfl_operator *op);

/** Notes that op, which becomes part of the node, is an operator of its own in bytes: what it does to the node. */
void mseg_tfl_set_apart(const tfl_builder *b, const tfl_operator *op, mseg_node *node, const char *what);

/** The output of op is the same node as v, which may have grown. */
void mseg_tfl_pass(tfl_builder *b, const tfl_operator *op, const tfl_view *v);

/** The node of v when it is a convolution of which more may become part; NULL: it is none. */
mseg_node *mseg_tfl_open_convolution(const tfl_builder *b, const tfl_view *v);

/** Of two operands of which one is a constant: whether it is the first. */
bool mseg_tfl_constant_first(const tfl_builder *b, const tfl_operator *op);

/** Makes op a part of an earlier node; false when it is none. */
bool mseg_tfl_absorb(tfl_builder *b, const tfl_operator *op);

/** Makes op, arithmetic with a constant of one value for each channel (or for all), a part of the convolution before it, as its
 * batch norm; false when it is none. */
bool mseg_tfl_absorb_affine(tfl_builder *b, const tfl_operator *op);

/** Makes op, arithmetic on the picture, a part of the input rule; false when it is none. */
bool mseg_tfl_absorb_arithmetic(tfl_builder *b, const tfl_operator *op);

/** Makes op, which puts as much as nothing around the picture, a part of the input rule; false when it is none. */
bool mseg_tfl_absorb_surroundings(tfl_builder *b, const tfl_operator *op);

/** The rule by which a picture enters, by the input tensor and the operators in front of the network; .from tells which. What
 * neither tells is as in rule before. */
void mseg_tfl_input_rule(const tfl_builder *b, mseg_input *rule);

/** What messages call operator op of the model. */
void mseg_tfl_describe(char text[TFL_DESCRIPTION], const tfl_model *model, const tfl_operator *op);

/** The nodes of the model and the input rule of weights, which has the room that the nodes' tensors need. The caller frees
 * graph->nodes. On failure *graph is all zero. */
mseg_status mseg_tfl_graph_build(mseg_graph *graph, mseg_weights *weights, const tfl_model *model, mseg_error *err);

/** Finds the network that the model's operators are: tensors, padding, input rule and origin of weights (match.c), after which
 * every check of mseg_tfl_check has passed. weights->input is what the file says elsewhere of the picture. The model's data must
 * live as long as the weights. Errors: MSEG_UNSUPPORTED, naming what the network is where that can be told; those of
 * mseg_weights_add. */
mseg_status mseg_tfl_model_match(mseg_weights *weights, const tfl_model *model, mseg_error *err);

#endif
