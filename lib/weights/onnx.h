#ifndef MSEG_WEIGHTS_ONNX_H
#define MSEG_WEIGHTS_ONNX_H

/* Inside lib/weights only. In: an ONNX file (onnx/onnx.proto). Out: what it says in TensorFlow Lite's operators (tflite.h).
 * onnx.c reads the file's messages, onnx_graph.c who writes and reads what, onnx_value.c what is read and written,
 * onnx_constant.c tensors, onnx_sizes.c arithmetic on a few numbers, by which files compute sizes; onnx_conv.c, onnx_map.c,
 * onnx_shape.c, onnx_resize.c, onnx_dense.c and onnx_quant.c translate operators.
 *
 * ONNX' maps are [batch, channels, height, width]; tensors of a tfl_model have the channels last. A value says which of its
 * dimensions is which of its tensor's, so that a transposition only makes another view of the same tensor. */

#include "proto/onnx.pb-c.h"
#include "weights/tflite.h"
#include "weights/wire.h"

enum {
    ONNX_RANK = 4,    /* values of more dimensions are not followed */
    ONNX_NUMBERS = 64 /* numbers of a value that arithmetic is done on */
};

/* ONNX_OTHER: what an operator makes that is not known. */
typedef enum onnx_kind { ONNX_UNSET, ONNX_CONSTANT, ONNX_MAP, ONNX_OTHER } onnx_kind;

/* A value that the graph names. */
typedef struct onnx_value {
    const char *name;
    size_t length; /* of the name */
    onnx_kind kind;
    bool wanted; /* the network's output depends on it */
    int rank;
    int dims[ONNX_RANK];
    int type; /* tfl_type */
    /* Maps: tensor of the model; its dimension perm[i] is this one's i. */
    int tensor;
    int perm[ONNX_RANK];
    /* Constants, little endian: data [elements] or numbers [elements] or, not yet read, the message of the tensor. */
    mseg_wire message;
    const uint8_t *data;
    size_t bytes;
    const double *numbers;
    /* What the integers of a constant or a map stand for, as in tfl_tensor. n_scales 0: themselves, or they are floats. */
    const uint8_t *scales, *zero_points;
    int n_scales, n_zero_points, axis;
} onnx_value;

typedef struct onnx_node {
    MsegOnnx__Node *message;
    int *inputs, *outputs; /* values; -1: left out. message's n_input and n_output of them */
} onnx_node;

typedef struct onnx_reader {
    mseg_weights *weights;
    mseg_error *err;
    mseg_status status; /* the first error: what follows does nothing */
    ProtobufCAllocator allocator;
    size_t budget; /* bytes that the message in hand may still take */
    int opset;
    onnx_node *nodes;
    int n_nodes, nodes_room;
    int *ids;           /* what the nodes' inputs and outputs point into */
    onnx_value *values; /* sorted by name */
    int n_values, values_room;
    int input, output; /* values */
    bool dynamic;      /* the file leaves its picture's size open */
    bool quantized;    /* operators on integers have been met */
    bool torchvision;  /* names are torchvision's */
    tfl_model model;
    int tensors_room, operators_room;
    tfl_operator spare; /* for callers after an error */
} onnx_reader;

/* An operator's translation. False: it is none that mseg knows. */
typedef bool onnx_translate(onnx_reader *r, const onnx_node *n);

/* ---- onnx.c: the file --------------------------------------------------------------------------------------------------- */

/** Notes an error at a node (NULL: at none), "node NAME (OP): TEXT"; the first one stays. */
__attribute__((format(printf, 4, 5))) void mseg_ox_fail(onnx_reader *r, const onnx_node *n, mseg_status status,
                                                        const char *format, ...);

/** A message unpacked, NULL with the error noted; what names the kind. Memory is at most in proportion to its size. */
ProtobufCMessage *mseg_ox_unpack(onnx_reader *r, const ProtobufCMessageDescriptor *kind, mseg_wire m, const char *what);

/** "node NAME (OP)", printable, a long name cut in front. */
void mseg_ox_label(char *text, size_t size, const onnx_node *n);

/* ---- onnx_graph.c: names, order ------------------------------------------------------------------------------------------ */

/** Makes room for a value of that name, which lives as long as the reader. Sorted and made unique by mseg_ox_link. */
void mseg_ox_name(onnx_reader *r, const char *name, size_t length);

/** Sorts names and sets inputs and outputs of nodes. */
void mseg_ox_link(onnx_reader *r);

/** The value of that name, -1: none. */
int mseg_ox_find(const onnx_reader *r, const char *name, size_t length);

/** Translates the nodes that lead to the output, in order. */
void mseg_ox_translate_all(onnx_reader *r);

/* ---- onnx_value.c: what translations read and write ---------------------------------------------------------------------- */

/** Input number input; NULL: left out. */
onnx_value *mseg_ox_input(const onnx_reader *r, const onnx_node *n, int input);

/** The same when it is a tensor of the network of known shape, of floats or of any numbers; else NULL. */
const onnx_value *mseg_ox_map(const onnx_reader *r, const onnx_node *n, int input);
const onnx_value *mseg_ox_any_map(const onnx_reader *r, const onnx_node *n, int input);

/** Whether it (may be NULL) is one of [batch, channels, height, width]. */
bool mseg_ox_is_nchw(const onnx_value *map);

/** Size of a map's tensor along dimension axis of [batch, height, width, channels]. */
int mseg_ox_size(const onnx_value *map, int axis);

/** A map like that one with another size along a dimension of its tensor. */
onnx_value mseg_ox_resized(const onnx_value *map, int axis, int size);

/** A map of those dimensions, in the same order as its tensor's. */
onnx_value mseg_ox_plain(int rank, const int *dims);

bool mseg_ox_same_map(const onnx_value *a, const onnx_value *b);

/** Makes out, a map or a constant, the node's first output. */
void mseg_ox_set(onnx_reader *r, const onnx_node *n, const onnx_value *out);

/** Appends a tensor. 0 after an error. */
int mseg_ox_tensor(onnx_reader *r, const tfl_tensor *tensor);

/** Appends a constant tensor of integers. */
int mseg_ox_integers(onnx_reader *r, const int32_t *values, int count);

/** Appends an operator with those inputs and a new tensor as output, which becomes the node's first output: out with that tensor.
 * Never NULL; valid until the next one. */
tfl_operator *mseg_ox_emit(onnx_reader *r, const onnx_node *n, int code, const int *inputs, int n_inputs, const onnx_value *out);

/** Makes the numbers of the node's first output of the same type as from. */
void mseg_ox_keep_type(onnx_reader *r, const onnx_node *n, const onnx_value *from);

/* ---- onnx_value.c: attributes. Those that are not as they must be are noted as errors. ------------------------------------ */

const MsegOnnx__Attribute *mseg_ox_attribute(const onnx_node *n, const char *name);
int64_t mseg_ox_int(const onnx_node *n, const char *name, int64_t otherwise);
float mseg_ox_float(const onnx_node *n, const char *name, float otherwise);
bool mseg_ox_is(const onnx_node *n, const char *name, const char *value, const char *otherwise);

/** count integers of 0 to TFL_MAX_DIMENSION, all otherwise where the attribute is left out. False after an error. */
bool mseg_ox_ints(onnx_reader *r, const onnx_node *n, const char *name, int count, int otherwise, int *out);

/** A dimension of a value by its number, from the end when negative; -1: there is none. */
int mseg_ox_axis(int64_t axis, int rank);

/* ---- onnx_constant.c ------------------------------------------------------------------------------------------------------ */

/** Memory that lives as long as the weights; NULL with the error noted. */
void *mseg_ox_room(onnx_reader *r, size_t bytes);

/** Reads a tensor's message into value, a constant. n for errors; NULL: none. */
void mseg_ox_read_tensor(onnx_reader *r, const onnx_node *n, onnx_value *value);

/** The same of a tensor inside of a node, whose data it frees. */
void mseg_ox_take_tensor(onnx_reader *r, const onnx_node *n, MsegOnnx__Tensor *t, onnx_value *value);

/** The input when it is a constant, with data; else NULL. */
const onnx_value *mseg_ox_constant(onnx_reader *r, const onnx_node *n, int input);

/** The numbers of the input when it is a constant of at most ONNX_NUMBERS; else NULL. [elements] */
const double *mseg_ox_numbers(onnx_reader *r, const onnx_node *n, int input, int *count);

/** The same of an attribute, where older operator sets have it, or else of the input. */
const double *mseg_ox_listed(onnx_reader *r, const onnx_node *n, const char *name, int input, int *count);

/** The one number of the input; otherwise where it is left out. False: it is none. */
bool mseg_ox_number(onnx_reader *r, const onnx_node *n, int input, double otherwise, double *out);

int mseg_ox_elements(const onnx_value *v);

/** The constant with its dimensions in another order: dimension i is order[i] of constant. */
onnx_value mseg_ox_transposed(onnx_reader *r, const onnx_value *constant, const int *order);

/** Appends a constant as a tensor of that shape, of as many elements. axis: what the scales run along in it. */
int mseg_ox_weights(onnx_reader *r, const onnx_value *constant, int rank, const int *shape, int axis);

/** A constant with one value for all of a map, or one for each channel: as a tensor of those alone. -1: it is none such. */
int mseg_ox_per_channel(onnx_reader *r, const onnx_node *n, int input, const onnx_value *map);

/** Makes numbers the node's output: [elements of dims]. */
void mseg_ox_set_numbers(onnx_reader *r, const onnx_node *n, int type, int rank, const int *dims, const double *numbers);

/* ---- onnx_sizes.c --------------------------------------------------------------------------------------------------------- */

/** Computes the node's output when it follows from numbers and shapes alone; false: it does not. */
bool mseg_ox_fold(onnx_reader *r, const onnx_node *n);

/* ---- onnx_quant.c --------------------------------------------------------------------------------------------------------- */

/** Whether the map at input is of integers as the node says at input + 1 and input + 2; of the picture they become so. */
bool mseg_ox_reads(onnx_reader *r, const onnx_node *n, int input);

/** Makes the node's output, so far floats, integers as it says at input and input + 1. */
bool mseg_ox_writes(onnx_reader *r, const onnx_node *n, int input);

/** Weights in integers with scale and zero point at two inputs. False: they are none. */
bool mseg_ox_scaled(onnx_reader *r, const onnx_node *n, const onnx_value *weights, int input, int axis, onnx_value *out);

/** Such weights' biases, of integers that stand for multiples of scale at input 1 times theirs. data NULL: left out. */
bool mseg_ox_scaled_bias(onnx_reader *r, const onnx_node *n, int input, const onnx_value *weights, onnx_value *out);

/* ---- translations of which others are made -------------------------------------------------------------------------------- */

bool mseg_ox_emit_mean(onnx_reader *r, const onnx_node *n, const onnx_value *map, bool keep);
bool mseg_ox_emit_average(onnx_reader *r, const onnx_node *n, const onnx_value *map);

/** Of every step-th input from first on. */
bool mseg_ox_emit_concat(onnx_reader *r, const onnx_node *n, int first, int step);

/* ---- translations --------------------------------------------------------------------------------------------------------- */

onnx_translate mseg_ox_conv, mseg_ox_qlinear_conv, mseg_ox_max_pool, mseg_ox_average_pool;  /* onnx_conv.c */
onnx_translate mseg_ox_norm, mseg_ox_relu, mseg_ox_clip, mseg_ox_bound, mseg_ox_arithmetic, /* onnx_map.c */
    mseg_ox_concat, mseg_ox_pad, mseg_ox_global_pool, mseg_ox_mean;
onnx_translate mseg_ox_same, mseg_ox_cast, mseg_ox_transpose, mseg_ox_reshape, /* onnx_shape.c */
    mseg_ox_softmax, mseg_ox_arg_max;
onnx_translate mseg_ox_resize, mseg_ox_expand;                                                  /* onnx_resize.c */
onnx_translate mseg_ox_gemm, mseg_ox_matmul, mseg_ox_qlinear_matmul, mseg_ox_qgemm;             /* onnx_dense.c */
onnx_translate mseg_ox_quantize, mseg_ox_dequantize, mseg_ox_qlinear_add, mseg_ox_qlinear_pool, /* onnx_quant.c */
    mseg_ox_qlinear_concat;

#endif
