#ifndef MSEG_TRAIN_LOSS_H
#define MSEG_TRAIN_LOSS_H

#include <stdint.h>

#include "base/cpu.h"
#include "kernels/train/train.h"
#include "net/entry.h"

/* In: logits of one sample and what they should be. Out: the loss, and its gradient in the logits. All thread safe. */

/* Logits of a sample, and the gradient that is to be filled: [height][width][stride], of which classes are used; what is behind
 * them in gradient becomes 0. */
typedef struct mseg_loss_map {
    const mseg_real *logits;
    mseg_real *gradient;
    int height, width, classes, stride;
} mseg_loss_map;

typedef struct mseg_loss_sum {
    double loss;     /* sum over counted pixels of weight * cross-entropy */
    double weight;   /* sum of their weights */
    int64_t counted; /* pixels that count */
    int64_t hits;    /* whose first largest logit is the label */
} mseg_loss_sum;

/* Hard labels at the picture's size: logits are resized to it as the network's are when it runs (sampling; corners aligned:
 * column x * (w - 1) / (W - 1)), row by row: no map of that size is ever made. */
typedef struct mseg_loss_labels {
    const uint8_t *labels; /* [height][width] */
    int height, width;
    size_t row_bytes;
    const float *weights; /* by label, [256]; 0: does not count, which what is no class is to have */
    mseg_sampling sampling;
} mseg_loss_labels;

/** Cross-entropy of hard labels; the gradient is that of the sum times scale (1 / the batch's sum of weights gives PyTorch's
 * CrossEntropyLoss(weight, ignore_index)). A sample without a counted pixel costs 0 and has gradient 0, whatever its logits and
 * scale; logits of counted pixels that are no numbers make loss none. What is not below classes never counts. work:
 * mseg_loss_work bytes, aligned to 64. cpu: what its loops are made of. */
void mseg_loss_hard(mseg_loss_sum *sum, const mseg_loss_map *map, const mseg_loss_labels *labels, double scale, void *work,
                    const mseg_cpu *cpu);
size_t mseg_loss_work(const mseg_loss_map *map, const mseg_loss_labels *labels);

/** Sum of the weights of the labels, and how many there are, without any logits: the bits of mseg_loss_hard's weight. */
double mseg_loss_weight(const mseg_loss_labels *labels, int64_t *counted);

/** Cross-entropy to soft labels at the logits' own points: targets [height][width][classes], each point's adding up to 1; weights
 * [height][width], 0: does not count. hits: largest logit where the largest target is. */
void mseg_loss_soft(mseg_loss_sum *sum, const mseg_loss_map *map, const float *targets, const float *weights, double scale);

/** Squared error of features, the mean over channels (classes of map; of any number), at points whose weight is above 0, which
 * all weigh 1; targets as there. */
void mseg_loss_features(mseg_loss_sum *sum, const mseg_loss_map *map, const float *targets, const float *weights, double scale);

#endif
