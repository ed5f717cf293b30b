#ifndef MSEG_TRAIN_MAPS_H
#define MSEG_TRAIN_MAPS_H

#include <math.h>
#include <string.h>

#include "train/engine.h"

/* The inside of an engine: what forward and backward of every kind of layer share. */

enum {
    MOST_PARTS = 16, /* that a sum over a batch is divided into, whatever the number of threads */
    MOST_TAPS = 49,  /* of a convolution */
    SLACK = 32       /* operands between the rows of a block, so that they do not fall on one another in the cache */
};

/* A layer's map, or vector, of the batch. Maps are [sample][height][width][padded] cells. */
typedef struct mseg_train_value {
    const mseg_net_layer *layer;
    int padded; /* channels in memory */
    int height, width;
    bool normed, output;
    bool stored; /* its numbers are stored besides: they are a sum, or linear and read as they are */
    /* One convolution reads it and nothing else does: whose way back makes the gradient of its norm's result at once. */
    bool direct;
    bool wanted;  /* it, or what it is made of, has parameters that are trained */
    bool trained; /* its own are */
    mseg_real lo, hi;

    /* Parameters and statistics, places in their arrays. */
    size_t weight, scale, shift, statistics;
    /* Of a convolution: inputs that are maps, then vectors, each a segment of its weights' rows. */
    int taps, map_rows, rows; /* map_rows: of a tap; rows: all */
    int segment[MSEG_MAX_INPUTS];
    void *packed, *back[MSEG_MAX_INPUTS];

    /* Of the batch. */
    void *raw, *sum, *gradient;
    mseg_real *reals, *real_gradient; /* of outputs [sample][height][width][padded], of vectors [sample][padded] */
    mseg_real *everywhere;            /* [sample][padded]: the gradient that a pool adds at every position */
    mseg_real *by_sample;             /* of a convolution that reads vectors, too: [sample][padded], what they add */
    mseg_real *block_sums;            /* of such ones and of outputs: [block][padded], of their gradients */
    int block;                        /* rows of a block of its products, at most */
    const void *adds;                 /* a gradient that is still to be added */
    bool begun;                       /* gradient holds something */
    bool pooled;                      /* everywhere does */

    /* The norm: [padded] each. */
    mseg_real *factor, *offset; /* a number is raw * factor + offset */
    mseg_real *a, *b, *e;       /* mseg_train_unnorm */
    double *mean, *inverse;     /* 1 / sqrt(variance + epsilon) */
    double *sum1, *sum2;
    double *measured1, *measured2;
    double measured;
    mseg_norming norming; /* of the last forward */
} mseg_train_value;

/* What a thread works in. */
typedef struct mseg_train_worker {
    void *x, *t, *d, *dt;         /* operands of a block */
    const void **rows, **ys;      /* of a block */
    mseg_real *ring, *row, *zero; /* of depthwise convolutions */
    mseg_real *pixels;            /* reals of a block */
    mseg_real *sum1, *sum2;
} mseg_train_worker;

struct mseg_engine {
    mseg_net net;
    mseg_engine_options options;
    const mseg_train_kernels *kernels;
    mseg_padding padding; /* the weights' */
    double epsilon;
    mseg_train_value *values;
    mseg_param *params;
    int n_params;
    size_t size, n_statistics, n_norms;
    mseg_real *parameters, *statistics;
    void *fixed; /* norms, packed weights */
    mseg_train_worker *workers;
    int n_workers;
    void *scratch;
    size_t scratch_bytes;

    void *arena; /* of the batch */
    size_t arena_bytes;
    int batch, height, width; /* that it is laid out for */
    int samples;              /* of the last forward */
    bool measuring;

    /* Sums by part: doubles [MSEG_MAX_INPUTS][MOST_PARTS][2][widest], reals [MOST_PARTS][heaviest]; zeros between steps. */
    double *part_sums;
    mseg_real *part_weights;
    int widest;
    size_t heaviest;
    mseg_real *gradient; /* of the call */
};

/* How a batch's rows are divided: every sample into blocks of at most so many rows, all blocks into parts. */
typedef struct mseg_train_blocks {
    int per_sample, blocks, parts;
    int rows; /* of a sample */
} mseg_train_blocks;

static inline mseg_train_blocks mseg_train_blocks_of(int samples, int rows, int most)
{
    mseg_train_blocks b = {.per_sample = (rows + most - 1) / most, .rows = rows};
    b.blocks = samples * b.per_sample;
    b.parts = b.blocks < MOST_PARTS ? b.blocks : MOST_PARTS;
    return b;
}

/* The first block of a part; that of part parts is behind the last. */
static inline int mseg_train_part_begin(const mseg_train_blocks *b, int part)
{
    return (int)((long)b->blocks * part / b->parts);
}

/* Block i: of which sample, from which row on, how many. */
static inline int mseg_train_block(const mseg_train_blocks *b, int i, int *first, int *n)
{
    const int at = i % b->per_sample;
    *first = (int)((long)b->rows * at / b->per_sample);
    *n = (int)((long)b->rows * (at + 1) / b->per_sample) - *first;
    return i / b->per_sample;
}

static inline int mseg_train_pad(int channels)
{
    return (channels + MSEG_TRAIN_VEC - 1) / MSEG_TRAIN_VEC * MSEG_TRAIN_VEC;
}

/* A value's numbers: its cells and how they are read. */
static inline const char *mseg_train_cells(const mseg_train_value *v, mseg_train_reading *how)
{
    if (v->stored)
        *how = (mseg_train_reading){.lo = -INFINITY, .hi = INFINITY};
    else
        *how = (mseg_train_reading){v->factor, v->offset, v->lo, v->hi};
    return v->stored ? v->sum : v->raw;
}

static inline size_t mseg_train_pixels(const mseg_train_value *v)
{
    return (size_t)v->height * (size_t)v->width;
}

/* The ring of a depthwise convolution's rows, of its input and, on the way back, of its gradient. */
static inline int mseg_train_ring_slots(const mseg_train_value *v, const mseg_train_value *in)
{
    const int rows = v->height > in->height ? v->height : in->height, met = 2 * v->layer->rate + 1;
    return met < rows ? met : rows;
}

static inline size_t mseg_train_ring_columns(const mseg_train_value *v, const mseg_train_value *in)
{
    return (size_t)v->width + (size_t)in->width + 4 * (size_t)v->layer->rate + 2;
}

/* ---- steps, each of the whole batch; value i of the net ---- */

/* ..._forward returns how many parts its sums are of. */
int mseg_train_conv_forward(mseg_engine *engine, int i);
void mseg_train_conv_backward(mseg_engine *engine, int i);
int mseg_train_depthwise_forward(mseg_engine *engine, int i);
void mseg_train_depthwise_backward(mseg_engine *engine, int i);
void mseg_train_vector_forward(mseg_engine *engine, int i);
void mseg_train_vector_backward(mseg_engine *engine, int i);
void mseg_train_pool_forward(mseg_engine *engine, int i);
void mseg_train_pool_backward(mseg_engine *engine, int i);

/** What vectors among the inputs of a convolution of maps add to it, sample by sample; the way back of that, from block_sums. */
void mseg_train_by_sample_forward(mseg_engine *engine, int i);
void mseg_train_by_sample_backward(mseg_engine *engine, int i, const mseg_train_blocks *blocks);

/* Sums of a channel: parts add theirs (mseg_train_sums_flush: the worker's, which become zeros), then they are joined in the
 * parts' order. A layer's way back makes those of several inputs at once: slot tells them apart, 0 alone otherwise. */
void mseg_train_sums_flush(mseg_engine *engine, mseg_train_worker *worker, int slot, int part, int channels);

/** From the sums of slot 0 to the norm's factor and offset; from those of a slot to gradients of its parameters and a, b, e. */
void mseg_train_norm_forward(mseg_engine *engine, int i, int parts, mseg_norming norming, double momentum);
void mseg_train_norm_backward(mseg_engine *engine, int i, int slot, int parts);

/** A value's gradient: makes what has come together that of its norm's result. */
void mseg_train_gather_value(mseg_engine *engine, int i);

/** Where a convolution's way back leaves the gradient of value i, direct or to be added to what is there. */
typedef struct mseg_train_target {
    bool direct;
    const void *add; /* NULL: nothing is there yet */
} mseg_train_target;
mseg_train_target mseg_train_target_of(mseg_engine *engine, int i);

/** Adds the parts' weights of value i, count reals each, to its gradient. */
void mseg_train_weights_join(mseg_engine *engine, int i, int parts, size_t count);

#endif
