#ifndef MSEG_TRAIN_ENGINE_H
#define MSEG_TRAIN_ENGINE_H

#include <stdint.h>

#include "base/pool.h"
#include "kernels/train/train.h"
#include "net/net.h"
#include "weights/weights.h"

/* In: a network as data, its numbers, a batch of pictures and the gradient of a loss in the network's outputs. Out: the outputs,
 * and the gradient of the loss in every parameter. Sums run over parts that depend on shapes alone: results are the same bits for
 * any number of threads. One call at a time. */
typedef struct mseg_engine mseg_engine;

/* What a run of numbers in the array of parameters is. WEIGHT [kernel][kernel][in][out], of a depthwise convolution [3][3][out];
 * in and out are rounded up to MSEG_TRAIN_VEC (of the picture: 27 inputs in a row, rounded up), what is behind the last is 0 and
 * its gradient, too. SCALE and SHIFT: a norm's gamma and beta; layers without a norm have SHIFT as their bias, no SCALE. */
typedef enum mseg_param_kind { MSEG_PARAM_WEIGHT, MSEG_PARAM_SCALE, MSEG_PARAM_SHIFT } mseg_param_kind;

typedef struct mseg_param {
    mseg_value layer; /* of the net */
    mseg_param_kind kind;
    size_t at, count; /* in the array */
    bool decays;      /* by weight decay: weights of convolutions that are not depthwise */
    bool trained;     /* else its gradient is 0 */
} mseg_param;

/* How maps are normalised. BATCH: by the batch's own mean and variance. FIXED: by those kept (mseg_engine_statistics). NONE: not,
 * scale is 1 and SHIFT is added: what a folded network does. */
typedef enum mseg_norming { MSEG_NORM_BATCH, MSEG_NORM_FIXED, MSEG_NORM_NONE } mseg_norming;

typedef struct mseg_engine_options {
    const mseg_train_kernels *kernels;
    mseg_pool *pool; /* NULL: one thread; must outlive the engine */
    int batch;       /* samples at once, at most */
    int height, width;
    double epsilon; /* of norms, added to the variance; 0: 1e-3 */
    /* Layers whose names begin so are frozen: no parameter of theirs has a gradient, their norms are FIXED. NULL: none. */
    const char *frozen;
    /* A layer that does not take its numbers from the weights as they are: channel c is channel from[c] of them, random (seed)
     * where that is negative. The net may have another number of channels there. NULL: none. */
    const char *renewed;
    const int *from;
    /* A convolution that the weights do not have: its numbers are random (seed), mseg_engine_weights leaves it out. NULL: none.
     */
    const char *added;
    uint64_t seed;
} mseg_engine_options;

/** Opens an engine for net (as backbones and heads build it, not folded), which is copied; every convolution of maps but the
 * outputs' gets a norm, convolutions of vectors (of a global pool's result) have a bias. Parameters are those of weights with
 * norms folded (mseg_weights_load), scales 1. Errors: MSEG_NOMEM, MSEG_MISMATCH, MSEG_UNSUPPORTED (a kind of layer that is not
 * trained: max pooling, joins); *engine is then NULL. */
mseg_status mseg_engine_open(mseg_engine **engine, const mseg_net *net, const mseg_weights *weights,
                             const mseg_engine_options *options, mseg_error *err);

/** NULL-safe; sets *engine to NULL. */
void mseg_engine_close(mseg_engine **engine);

/** Bytes that an engine of such options allocates, without opening it; 0 on overflow. */
size_t mseg_engine_bytes(const mseg_net *net, const mseg_engine_options *options);

/* The parameters in one array of mseg_engine_size reals, and what they are. */
size_t mseg_engine_size(const mseg_engine *engine);
mseg_real *mseg_engine_parameters(mseg_engine *engine);
int mseg_engine_params(const mseg_engine *engine);
const mseg_param *mseg_engine_param(const mseg_engine *engine, int index);
const mseg_net *mseg_engine_net(const mseg_engine *engine);

/* Means and variances that FIXED norms use: [mseg_engine_statistics_size], of one norm after another its means, then its
 * variances. Running averages of training are kept here. */
size_t mseg_engine_statistics_size(const mseg_engine *engine);
mseg_real *mseg_engine_statistics(mseg_engine *engine);

/** Makes weights random (He et al. 2015, normal, variance 2 / fan-in, 1 / fan-in before no activation), scales 1, shifts 0, by
 * seed; frozen layers stay. only: layers whose names begin so; NULL: all. */
void mseg_engine_randomise(mseg_engine *engine, const char *only, uint64_t seed);

/** Sets the size of the following batches, at most that of the options in bytes (mseg_engine_bytes grows with batch * height *
 * width). Errors: MSEG_LIMIT. */
mseg_status mseg_engine_resize(mseg_engine *engine, int batch, int height, int width, mseg_error *err);

/** Picture of a sample, [height][width][3] as it enters the network, for the caller to fill. */
mseg_real *mseg_engine_picture(mseg_engine *engine, int sample);

/** The picture's size, an output's size: channels are stride apart from pixel to pixel. */
typedef struct mseg_engine_map {
    mseg_real *values;   /* [height][width][stride], valid until the next forward */
    mseg_real *gradient; /* the same, for the caller to fill before mseg_engine_backward; behind the last channel zeros */
    int height, width, channels, stride;
} mseg_engine_map;
mseg_engine_map mseg_engine_output(mseg_engine *engine, int output, int sample);

/** Runs the network on the pictures. samples: how many of the batch there are (the first ones). With BATCH and momentum > 0, the
 * kept statistics become (1 - momentum) * kept + momentum * the batch's, variances with n / (n - 1). */
void mseg_engine_forward(mseg_engine *engine, int samples, mseg_norming norming, double momentum);

/** The way back of the last forward: gradient [mseg_engine_size] is replaced. */
void mseg_engine_backward(mseg_engine *engine, mseg_real *gradient);

/* Measuring: what norms that are not FIXED see over several batches. Between begin and end, every forward adds its batch. */
void mseg_engine_measure(mseg_engine *engine);
/** Ends it: kept statistics become the measured ones. unfold: besides, each norm's scale and shift become such that FIXED gives
 * what NONE gave (a folded network gets norms again), weights of a channel being scaled to the size that random ones have. */
void mseg_engine_measured(mseg_engine *engine, bool unfold);

/** The network but for what was added as weights that mseg_write_* take: norms folded by the kept statistics, from parameters
 * (those of the engine, or others of that size, as averages of them). Close with mseg_weights_close. Errors: MSEG_NOMEM. */
mseg_status mseg_engine_weights(mseg_weights **weights, const mseg_engine *engine, const mseg_real *parameters, mseg_error *err);

/** Multiply-adds of a convolution's forward for one sample, by the count of papers: a step makes three times these. */
int64_t mseg_engine_madds(const mseg_engine *engine);

#endif
