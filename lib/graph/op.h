#ifndef MSEG_GRAPH_OP_H
#define MSEG_GRAPH_OP_H

#include "graph/graph.h"
#include "graph/pack.h"

/* Inside lib/graph: what the builder leaves for the planner. */

typedef struct mseg_op mseg_op;
typedef struct mseg_planner mseg_planner;

/* What an operator can do; one const table per operator, in its own file. */
typedef struct mseg_operator {
    const char *kind;
    /** Appends the steps that compute op. */
    mseg_status (*plan)(mseg_planner *planner, const mseg_op *op);
    /** Multiplies for an output map of that many pixels from an input map of so many; NULL: none. */
    int64_t (*madds)(const mseg_op *op, int64_t in_pixels, int64_t out_pixels);
    void (*free)(mseg_op *op); /* what the operator holds; NULL: nothing */
} mseg_operator;

extern const mseg_operator mseg_operator_input, mseg_operator_conv, mseg_operator_inverted_residual, mseg_operator_global_pool,
    mseg_operator_max_pool;

struct mseg_op {
    const mseg_operator *type;
    char name[64];
    mseg_value inputs[MSEG_MAX_INPUTS];
    int n_inputs;
    mseg_value add, out;
    int kernel, stride, rate;
    int in_channels; /* of all inputs */
    int out_channels;
    bool symmetric; /* padding */
    mseg_activation activation;
    int64_t params;
    size_t weight_bytes;
    /* conv: weights over all map inputs, or over the 1x1 inputs when there are only such; vector: over the one 1x1 input beside
     * maps */
    mseg_packed weights, vector;
    mseg_value vector_input; /* -1: none */
    float *bias;
    bool merged_columns; /* a tap is a whole kernel row of pixels */
    /* inverted residual: weights and bias above are the projection's */
    int expanded;
    bool residual;
    mseg_activation depthwise_activation;
    mseg_packed expand;
    float *expand_bias, *depthwise, *depthwise_bias;
    /* The 1x1 convolution of the projection's output that plans may do with the projection as one, by the product of their
     * weights; folded: its output, -1: there is none. pooled: a global pool reads the projection's output, too. */
    mseg_value folded;
    bool pooled;
    mseg_packed folded_weights;
    float *folded_bias;
};

typedef struct mseg_value_info {
    int channels;
    bool vector; /* 1x1 whatever the picture's size */
    int consumers;
    int pad;      /* zero columns that a consumer wants on both sides */
    bool aligned; /* a consumer wants pixels padded to whole vectors */
} mseg_value_info;

struct mseg_graph {
    const mseg_kernels *kernels;
    mseg_pad_rule padding;
    bool unfused;
    mseg_op *ops;
    int n_ops, ops_capacity;
    mseg_value_info *values; /* value i is what operator i makes */
    mseg_value output;
};

/** Prepares convolutions of linear projections to be one with them, where that is less work and nobody else but global pools
 * reads what is between (fold.c). Errors: MSEG_NOMEM. */
mseg_status mseg_fold(mseg_graph *graph);

#endif
