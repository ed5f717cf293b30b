#ifndef MSEG_WEIGHTS_GRAPHDEF_H
#define MSEG_WEIGHTS_GRAPHDEF_H

/* Inside lib/weights only. A GraphDef in three steps: its nodes, found by name and put in order (graphdef_nodes.c); each of those
 * on the way to an output computed, as numbers or as an operator of a tfl_model (graphdef_numbers.c, graphdef_*.c); the model
 * matched (graphdef.c). */

#include "proto/graphdef.pb-c.h"
#include "weights/sizes.h"
#include "weights/tflite.h"

enum {
    GD_MAX_NODES = 1 << 18,
    GD_MAX_CONSTANTS = 1 << 18,
    GD_MAX_INPUTS = 20,
    GD_NODE_TEXT = 160,
    GD_ASSUMED_SIDE = 513, /* of a picture that may have any: TensorFlow DeepLab's */
};

/* tensorflow/core/framework/types.proto */
typedef enum gd_type {
    GD_FLOAT = 1,
    GD_DOUBLE = 2,
    GD_INT32 = 3,
    GD_UINT8 = 4,
    GD_INT16 = 5,
    GD_INT8 = 6,
    GD_STRING = 7,
    GD_INT64 = 9,
    GD_BOOL = 10,
    GD_BFLOAT16 = 14,
    GD_HALF = 19,
} gd_type;

/* Bytes of the file. */
typedef struct gd_text {
    const uint8_t *data;
    size_t size;
} gd_text;

typedef enum gd_kind {
    GD_NOTHING,  /* not computed */
    GD_UNKNOWN,  /* numbers that mseg does not follow */
    GD_CONSTANT, /* known numbers */
    GD_MAP,      /* what the network computes of the picture */
    GD_DEAD,     /* of the branch of a condition that is not taken */
} gd_kind;

typedef struct gd_value {
    gd_kind kind;
    int index;      /* of a constant; of a map: its tensor */
    bool picture;   /* a map that is the picture yet, if not in its numbers */
    bool batchless; /* a picture without its first dimension, which the tensor has nevertheless */
} gd_value;

typedef enum gd_form { GD_PLAIN, GD_SWITCH, GD_UNPACK } gd_form;

typedef struct gd_node {
    gd_text text; /* the message */
    gd_text name, op;
    int first, n_inputs; /* its edges, without those of control */
    bool read;           /* by another one */
    int8_t mark;         /* 1: on the way to itself, 2: in order */
    gd_form form;        /* what its outputs are: all one value; that one at output .live, dead elsewhere; its rows */
    int live;
    gd_value value;
} gd_node;

typedef struct gd_edge {
    int node, output;
} gd_edge;

/* How a tensor of the model has a constant's values. */
typedef enum gd_layout {
    GD_VALUES,   /* [count] */
    GD_KERNEL,   /* [h, w, in, out] as [out, h, w, in] */
    GD_CHANNELS, /* [h, w, channels, 1] as [1, h, w, channels] */
    GD_MATRIX,   /* [in, out] as [out, in] */
    GD_ROWS,     /* [out, in] */
    GD_LAYOUTS
} gd_layout;

typedef struct gd_constant {
    mseg_sizes sizes; /* the shape, whose dimensions may be large; the values if they are few */
    size_t count;
    bool few;                /* MSEG_SIZES at most */
    int node;                /* the Const that has the values; -1: none, these are they: */
    const float *values;     /* NULL: in sizes */
    int tensors[GD_LAYOUTS]; /* 0: none yet, else the tensor's number + 1 */
} gd_constant;

typedef struct gd_reader {
    mseg_weights *weights;
    mseg_error *err;
    gd_node *nodes;
    int n_nodes;
    gd_edge *edges;
    int *order; /* the nodes on the way to outputs, each behind its inputs */
    int n_order;
    gd_constant *constants;
    int n_constants, constants_room;
    tfl_model model;
    int tensors_room, operators_room;
    int placeholder; /* the node; -1: none so far */
    int side[2];     /* of the picture: height, width; 0: as the file says, 1 where it does not */
    bool looking;    /* for the size at which the network takes it: */
    int found[2];
} gd_reader;

/* A node that is being computed. */
typedef struct gd_call {
    gd_node *node;
    const MsegGraphdef__Node *message;
    gd_value in[GD_MAX_INPUTS];
    int n;
    gd_value out;
} gd_call;

typedef mseg_status (*gd_run)(gd_reader *r, gd_call *c);

/* ---- graphdef_nodes.c ---- */

/** Finds the nodes of the file and the order in which they are computed. Errors: MSEG_FORMAT, MSEG_UNSUPPORTED, MSEG_LIMIT,
 * MSEG_NOMEM. */
mseg_status mseg_gd_find_nodes(gd_reader *r);

bool mseg_gd_text_is(gd_text text, const char *string);

/** "node NAME (Op)", printable; names that do not fit are cut at their beginning. */
void mseg_gd_describe(char *text, size_t size, const gd_node *node);

/** mseg_fail with the node in front of the text. */
__attribute__((format(printf, 4, 5))) mseg_status mseg_gd_fail(const gd_reader *r, const gd_node *node, mseg_status status,
                                                               const char *format, ...);

/* ---- graphdef_attributes.c: what a node says of itself; what it leaves out is the default. Errors: MSEG_FORMAT when it is of
 * another type, always with the node in the text ---- */

mseg_status mseg_gd_int(const gd_reader *r, const gd_call *c, const char *key, int64_t *value);
mseg_status mseg_gd_bool(const gd_reader *r, const gd_call *c, const char *key, bool *value);
mseg_status mseg_gd_float(const gd_reader *r, const gd_call *c, const char *key, float *value);
mseg_status mseg_gd_type(const gd_reader *r, const gd_call *c, const char *key, int *value);

/** Exactly count integers, or with count_out as many as there are, at most count. */
mseg_status mseg_gd_ints(const gd_reader *r, const gd_call *c, const char *key, int *values, int count, int *count_out);

/** A text, cut to what fits. */
mseg_status mseg_gd_string(const gd_reader *r, const gd_call *c, const char *key, char value[16]);

const MsegGraphdef__Value *mseg_gd_attribute(const gd_call *c, const char *key);

/** MSEG_UNSUPPORTED when the node has channels first. */
mseg_status mseg_gd_check_format(const gd_reader *r, const gd_call *c);

/* ---- graphdef_constants.c ---- */

/** Makes c->out those numbers. */
mseg_status mseg_gd_give(gd_reader *r, gd_call *c, const mseg_sizes *sizes);

/** The few numbers of an input; NULL: they are not known, or many. Good until the next constant is made. */
const mseg_sizes *mseg_gd_numbers(const gd_reader *r, const gd_call *c, int input);

/** The same as count integers between -INT32_MAX and INT32_MAX; false: they are none. */
bool mseg_gd_integers(const gd_reader *r, const gd_call *c, int input, int count, int *out);

/** A constant's tensor of the model. Errors: MSEG_UNSUPPORTED when it has no such layout; MSEG_FORMAT, MSEG_NOMEM, MSEG_LIMIT. */
mseg_status mseg_gd_constant_tensor(gd_reader *r, const gd_call *c, gd_value constant, gd_layout layout, int *tensor);

/** All values of a constant, which live as long as the weights. NULL: *status says why. */
const float *mseg_gd_values(gd_reader *r, gd_value constant, mseg_status *status);

/** Makes c->out a constant of that shape (its dimensions only) and those values, which must live as long as the weights. */
mseg_status mseg_gd_give_values(gd_reader *r, gd_call *c, const mseg_sizes *shape, const float *values);

/** Makes c->out a constant of the same values as an older one, in the shape that *constant says. */
mseg_status mseg_gd_give_same(gd_reader *r, gd_call *c, const gd_constant *constant);

mseg_status mseg_gd_const(gd_reader *r, gd_call *c);

/* ---- graphdef_emit.c ---- */

/** A tensor of the model without values; its shape is unknown when rank is -1 or a dimension is none that the model can have. */
mseg_status mseg_gd_tensor(gd_reader *r, int rank, const int *shape, int type, int *tensor);

/** A constant tensor of integers. */
mseg_status mseg_gd_int_tensor(gd_reader *r, const int *values, int count, int *tensor);

/** An operator with one input, the call's first, whose output has that shape, and is c->out. *op is good until the next one. */
mseg_status mseg_gd_emit(gd_reader *r, gd_call *c, int code, int rank, const int *shape, tfl_operator **op);

/** A further input of it. */
void mseg_gd_add_input(tfl_operator *op, int tensor);

/** An operator that mseg does not know: of whatever maps the node reads; of none: numbers that are not known. */
mseg_status mseg_gd_foreign(gd_reader *r, gd_call *c);

/** The tensor of a map that an input is; NULL: it is none, or one of unknown shape. Good until the next tensor. */
const tfl_tensor *mseg_gd_map(const gd_reader *r, const gd_call *c, int input);

/** What leaves the picture as it is: c->out is the first input. */
mseg_status mseg_gd_pass(gd_reader *r, gd_call *c);

/* ---- operators ---- */

mseg_status mseg_gd_conv(gd_reader *r, gd_call *c);
mseg_status mseg_gd_pool(gd_reader *r, gd_call *c);
mseg_status mseg_gd_norm(gd_reader *r, gd_call *c);
mseg_status mseg_gd_matmul(gd_reader *r, gd_call *c);
mseg_status mseg_gd_space_to_batch(gd_reader *r, gd_call *c);
mseg_status mseg_gd_batch_to_space(gd_reader *r, gd_call *c);
mseg_status mseg_gd_pad(gd_reader *r, gd_call *c);
mseg_status mseg_gd_resize(gd_reader *r, gd_call *c);
mseg_status mseg_gd_mean(gd_reader *r, gd_call *c);
mseg_status mseg_gd_arg_max(gd_reader *r, gd_call *c);
mseg_status mseg_gd_same_shape(gd_reader *r, gd_call *c); /* RELU, RELU6, SOFTMAX */
mseg_status mseg_gd_reshape(gd_reader *r, gd_call *c);
mseg_status mseg_gd_squeeze(gd_reader *r, gd_call *c);
mseg_status mseg_gd_expand_dims(gd_reader *r, gd_call *c);
mseg_status mseg_gd_transpose(gd_reader *r, gd_call *c);
mseg_status mseg_gd_cast(gd_reader *r, gd_call *c);
mseg_status mseg_gd_slice(gd_reader *r, gd_call *c);
mseg_status mseg_gd_strided_slice(gd_reader *r, gd_call *c);
mseg_status mseg_gd_concat(gd_reader *r, gd_call *c);
mseg_status mseg_gd_fake_quant(gd_reader *r, gd_call *c);

/** Arithmetic of two, of numbers or with maps, and of one. */
mseg_status mseg_gd_binary(gd_reader *r, gd_call *c);
mseg_status mseg_gd_unary(gd_reader *r, gd_call *c);

mseg_status mseg_gd_bias_add(gd_reader *r, gd_call *c);
mseg_status mseg_gd_shape(gd_reader *r, gd_call *c);
mseg_status mseg_gd_pack(gd_reader *r, gd_call *c);
mseg_status mseg_gd_unpack(gd_reader *r, gd_call *c);
mseg_status mseg_gd_gather(gd_reader *r, gd_call *c);
mseg_status mseg_gd_reduce(gd_reader *r, gd_call *c);
mseg_status mseg_gd_fill(gd_reader *r, gd_call *c);
mseg_status mseg_gd_switch(gd_reader *r, gd_call *c);
mseg_status mseg_gd_merge(gd_reader *r, gd_call *c);
mseg_status mseg_gd_select(gd_reader *r, gd_call *c);

#endif
