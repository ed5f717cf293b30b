#ifndef MSEG_WEIGHTS_GRAPH_H
#define MSEG_WEIGHTS_GRAPH_H

/* Inside lib/weights only. In: the operators of a foreign file, whatever its format, as nodes that its reader makes. Out: the
 * same recognised as a network that mseg knows, its tensors under their canonical names (match.c). */

#include "net/net.h"
#include "weights/reader.h"

typedef enum mseg_node_kind {
    MSEG_NODE_INPUT,
    MSEG_NODE_CONV, /* also fully connected layers, as 1x1 convolutions of 1x1 maps */
    MSEG_NODE_DEPTHWISE,
    MSEG_NODE_ADD,
    MSEG_NODE_POOL, /* mean over the whole map */
    MSEG_NODE_MAX_POOL,
    MSEG_NODE_RESIZE,
    MSEG_NODE_CONCAT, /* along channels */
    MSEG_NODE_TAIL,   /* what may stand behind scores without changing their order: softmax, largest index, other layouts */
    MSEG_NODE_OTHER,
} mseg_node_kind;

enum { MSEG_NODE_INPUTS = 16, MSEG_NODE_FAULT = 96 };

typedef enum mseg_node_norm {
    MSEG_NODE_GAMMA,
    MSEG_NODE_BETA,
    MSEG_NODE_MEAN,
    MSEG_NODE_VARIANCE,
    MSEG_NODE_NORMS
} mseg_node_norm;

/* How an operator reads one of its inputs: what the bytes of that tensor stand for (scale 0: no bytes, or made in a way that mseg
 * does not follow), and whether a QUANTIZE made them of other bytes, those of the input's node. */
typedef struct mseg_node_read {
    mseg_quant quant;
    bool quantized;
} mseg_node_read;

/* An operator, with those that only prepare or finish it (padding, space to batch, a separate activation, a bias added later,
 * changes of number format). */
typedef struct mseg_node {
    mseg_node_kind kind;
    char what[96];                /* for messages: "operator 3 (CONV_2D, code 3)" */
    int source;                   /* for its reader: which of the file's operators it is */
    char fault[MSEG_NODE_FAULT];  /* what is wrong with its constants or activation, for messages; "": nothing */
    int inputs[MSEG_NODE_INPUTS]; /* nodes, all earlier in the list */
    int n_inputs;
    int uses;                /* inputs of later nodes that this one is */
    int height, width;       /* of the output; 0: unknown */
    int channels;            /* of the output; 0: unknown */
    int in_height, in_width; /* convolutions: of the map before any padding */
    /* Convolutions: [out, kh, kw, in] or [1, kh, kw, channels], and [out]; data NULL: none. Names are not set. */
    mseg_tensor weight, bias;
    /* Batch norm behind that: [out] each, data NULL: left out; variance's: none at all. */
    mseg_tensor norm[MSEG_NODE_NORMS];
    float epsilon;
    int kernel_h, kernel_w; /* of a max pool */
    int stride_h, stride_w, rate_h, rate_w;
    int pad_h, pad_w; /* rows above and columns left of the map that the first output sees */
    bool pads_given;  /* as numbers, not by the rule of SAME */
    mseg_activation activation;
    mseg_tensor caps;       /* upper bounds of the output behind that, one or one for each channel; data NULL: none */
    float low, high;        /* bounds of the numbers that the output's format can hold */
    mseg_sampling sampling; /* of a resize */
    int block;              /* > 1: the output still lies in batches of that rate */
    bool labels;            /* a tail of largest indices, no scores */
    /* In 8 bits: the output as the operator itself writes it (scale 0: no bytes, or of no use), the bytes that its activation
     * leaves, how it reads its inputs, what keeps it from being one operator on bytes, for messages ("": nothing), and of a pool
     * whether it is a MEAN. */
    mseg_quant quant;
    mseg_quant_bounds bounds;
    mseg_node_read reads[MSEG_NODE_INPUTS];
    char apart[MSEG_NODE_FAULT];
    bool mean;
    bool taken;                      /* for the matcher */
    char layer[MSEG_MAX_LAYER_NAME]; /* what the matcher took it as; "": nothing that has a name */
} mseg_node;

typedef struct mseg_graph {
    mseg_node *nodes; /* node 0 is the picture */
    int count;
    int scores; /* the node that makes them; the matcher finds it */
} mseg_graph;

/** Finds a network that mseg knows in the graph, sets the canonical tensors, padding, sampling and origin of weights and marks
 * nodes as taken. A classifier that only training needs (torchvision's auxiliary one) is left out. Errors: MSEG_UNSUPPORTED with
 * the node in the text, those of mseg_weights_add. */
mseg_status mseg_graph_match(mseg_graph *graph, mseg_weights *weights, mseg_error *err);

#endif
