#ifndef MSEG_WRITE_ONNX_H
#define MSEG_WRITE_ONNX_H

/* Inside lib/write only: messages of ONNX in the making, a part of a graph at a time. Graphs written one behind the other are one
 * graph, so no more than the messages and numbers of a layer are ever held beside the file. */

#include "proto/onnx.pb-c.h"
#include "weights/weights.h"
#include "write/shapes.h"

enum {
    ONNX_INPUTS = MSEG_MAX_INPUTS, /* of a node */
    ONNX_ATTRIBUTES = 6,
    ONNX_NODES = MSEG_MAX_INPUTS + 5, /* resizes, concatenation, cast, convolution, sum, activation */
    ONNX_TENSORS = MSEG_MAX_INPUTS + 2,
    ONNX_TEXTS = 160, /* a layer of MSEG_MAX_INPUTS resized inputs has about 110 */
    ONNX_TEXT = MSEG_MAX_LAYER_NAME + 32,
};

typedef enum onnx_type { ONNX_FLOAT = 1, ONNX_INT = 2, ONNX_STRING = 3, ONNX_INTS = 7 } onnx_type; /* of an attribute */
typedef enum onnx_element { ONNX_F32 = 1, ONNX_I64 = 7, ONNX_F16 = 10 } onnx_element;

typedef struct onnx_node {
    MsegOnnx__Node message;
    char *inputs[ONNX_INPUTS], *output;
    MsegOnnx__Attribute attributes[ONNX_ATTRIBUTES], *list[ONNX_ATTRIBUTES];
    int64_t ints[ONNX_ATTRIBUTES][4];
} onnx_node;

typedef struct onnx_tensor {
    MsegOnnx__Tensor message;
    int64_t dims[4];
    uint8_t sizes[4 * 8]; /* of a constant list */
} onnx_tensor;

typedef struct onnx_part {
    MsegOnnx__Graph graph;
    onnx_node nodes[ONNX_NODES];
    MsegOnnx__Node *node_list[ONNX_NODES];
    onnx_tensor tensors[ONNX_TENSORS];
    MsegOnnx__Tensor *tensor_list[ONNX_TENSORS];
    char texts[ONNX_TEXTS][ONNX_TEXT];
    int n_texts;
} onnx_part;

/* Names that are no layer's. */
#define ONNX_INPUT_NAME  "input"
#define ONNX_OUTPUT_NAME "logits"
#define ONNX_RELU6_LEAST "relu6.min" /* constants that all ReLU6 share */
#define ONNX_RELU6_MOST  "relu6.max"

typedef struct onnx_writer {
    const mseg_net *net;
    const mseg_weights *weights;
    const mseg_write_options *options;
    mseg_error *err;
    mseg_write_size *sizes; /* of each value */
    uint8_t *data;          /* NULL: bytes are counted */
    size_t size;            /* so far */
    uint8_t *weight, *bias; /* the layer's, little-endian */
    onnx_part part;
} onnx_writer;

/* ---- onnx_part.c */

/** Empties the part. */
void mseg_write_onnx_part_begin(onnx_part *part);

/** A text that lives until the part is emptied; cut off at ONNX_TEXT. */
char *mseg_write_onnx_text(onnx_part *part, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is appended keeps copies of all texts, as above. */

/** Appends a node of that operator; its output has its name. */
onnx_node *mseg_write_onnx_node(onnx_part *part, const char *type, const char *name);

void mseg_write_onnx_input(onnx_part *part, onnx_node *node, const char *name);
void mseg_write_onnx_int(onnx_part *part, onnx_node *node, const char *name, int64_t value);
void mseg_write_onnx_ints(onnx_part *part, onnx_node *node, const char *name, int n, const int64_t *values);
void mseg_write_onnx_string(onnx_part *part, onnx_node *node, const char *name, const char *value);

/** Appends a constant of n dimensions; data is little-endian, not copied, and may be NULL while bytes are only counted. */
void mseg_write_onnx_tensor(onnx_part *part, const char *name, onnx_element element, int n, const int64_t *dims, uint8_t *data);

/** The same of a list of at most four whole numbers, which it keeps. */
void mseg_write_onnx_list(onnx_part *part, const char *name, int n, const int64_t *values);

/* ---- onnx_layers.c */

/** The name of what a layer makes. What a node makes has the node's name; a layer's value has that of its last node. */
const char *mseg_write_onnx_value(onnx_writer *w, mseg_value value);

/** Appends a bilinear resize as net->input.sampling says. */
void mseg_write_onnx_resize(onnx_writer *w, const char *in, const char *name, int channels, mseg_write_size size);

/** Fills the emptied part with the nodes and constants of a layer, any but the picture; w->weight and w->bias are set when bytes
 * are written, not only counted. Errors: MSEG_NOMEM, MSEG_MISMATCH. */
mseg_status mseg_write_onnx_layer(onnx_writer *w, mseg_value value);

#endif
