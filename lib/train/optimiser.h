#ifndef MSEG_TRAIN_OPTIMISER_H
#define MSEG_TRAIN_OPTIMISER_H

#include <stdint.h>

#include "base/pool.h"
#include "base/status.h"
#include "kernels/train/train.h"
#include "train/engine.h"

/* In: parameters and their gradient. Out: the parameters a step further. Same bits for any number of threads. */

typedef enum mseg_rule {
    MSEG_RULE_SGD,     /* m = momentum * m + g; p -= lr * m (PyTorch's, weight decay in g) */
    MSEG_RULE_RMSPROP, /* TensorFlow's: s starts at 1, s = decay * s + (1 - decay) * g^2; m = momentum * m + lr * g / sqrt(s +
                          epsilon); p -= m; weight decay in g */
    MSEG_RULE_ADAMW    /* Loshchilov and Hutter 2019, as PyTorch's: decay apart from the gradient */
} mseg_rule;

typedef struct mseg_optimiser_options {
    mseg_rule rule;
    double momentum; /* SGD, RMSProp; AdamW: beta1 */
    double decay;    /* RMSProp's of the mean square; AdamW: beta2 */
    double epsilon;
    double weight_decay; /* of parameters that decay (mseg_param) */
    double clip;         /* the gradient is scaled down to this norm; 0: never */
    double average;      /* of the parameters' moving average; 0: none is kept */
} mseg_optimiser_options;

/** The usual numbers of a rule: SGD 0.9; RMSProp momentum 0.9, decay 0.9, epsilon 1 (slim's); AdamW 0.9, 0.99, 1e-8. */
mseg_optimiser_options mseg_optimiser_defaults(mseg_rule rule);

/* Everything that has to be kept to go on: size reals each; NULL what the rule has not. */
typedef struct mseg_optimiser {
    mseg_optimiser_options options;
    size_t size;
    mseg_real *first, *second; /* momentum or first moment; mean square or second moment */
    mseg_real *average;        /* of the parameters; NULL: none */
    uint8_t *decays;           /* by parameter, 0 or 1 */
    int64_t steps;             /* taken so far */
    double *squares;           /* sums of the gradient's, a chunk each: of no meaning between steps */
} mseg_optimiser;

/** Opens one for the engine's parameters, whose values the average starts with; what is not trained does not decay. Errors:
 * MSEG_NOMEM; there is nothing to close then. */
mseg_status mseg_optimiser_open(mseg_optimiser *optimiser, const mseg_optimiser_options *options, mseg_engine *engine);

/** The same of size parameters of such values, which decay where decays [size] is not 0; both are copied. */
mseg_status mseg_optimiser_make(mseg_optimiser *optimiser, const mseg_optimiser_options *options, size_t size,
                                const mseg_real *values, const uint8_t *decays);

/** Of zeros, too. */
void mseg_optimiser_close(mseg_optimiser *optimiser);

/** A step: parameters change, the gradient, too (clipped). The average's factor grows: min(average, (1 + steps) / (10 + steps)),
 * steps being those before this one, as TensorFlow's. Returns the norm of the gradient before clipping; when it is not finite
 * nothing has changed. pool may be NULL. */
double mseg_optimiser_step(mseg_optimiser *optimiser, mseg_real *parameters, mseg_real *gradient, double learning_rate,
                           mseg_pool *pool);

typedef enum mseg_schedule_kind {
    MSEG_SCHEDULE_CONSTANT,
    MSEG_SCHEDULE_POLY,        /* (1 - progress)^0.9: DeepLab's */
    MSEG_SCHEDULE_EXPONENTIAL, /* 0.98 an epoch: MobileNetV2's, arXiv 1801.04381, 6.1 */
    MSEG_SCHEDULE_COSINE       /* half a cosine, to 0 */
} mseg_schedule_kind;

typedef struct mseg_schedule {
    mseg_schedule_kind kind;
    double rate;   /* the highest */
    double warmup; /* steps over which the rate rises to it linearly, from rate / warmup */
} mseg_schedule;

/** The learning rate of a step (from 0). progress: part of the training that is done, 0 to 1; epoch: passes over the data done.
 */
double mseg_schedule_rate(const mseg_schedule *schedule, int64_t step, double progress, double epoch);

#endif
