#ifndef MSEG_SEG_QUANTISE_RANGE_H
#define MSEG_SEG_QUANTISE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/quant.h"

/* In: the numbers of a map, as many as there are. Out: the bytes that they should be held in. */

enum { MSEG_HISTOGRAM_BITS = 8, MSEG_HISTOGRAM_HALF = 1 << MSEG_HISTOGRAM_BITS }; /* bins on either side of 0 */

/* How often numbers occur, in bins of one width that doubles, pairs of them becoming one, when a number lies beyond the last: the
 * same counts whatever the order they come in. All zero: empty. */
typedef struct mseg_histogram {
    int exponent; /* bin b holds (b - HALF) to (b + 1 - HALF) times 2^exponent */
    bool used;
    bool infinite; /* a number was none, or too large to be held */
    float least, most;
    uint64_t zeros, others; /* exact zeros are in no bin */
    uint64_t bins[2 * MSEG_HISTOGRAM_HALF];
} mseg_histogram;

/** Adds n numbers, every step-th of values. */
void mseg_histogram_add(mseg_histogram *histogram, const float *values, size_t n, size_t step);

/* Some of a map's numbers: a channel's, each times factor; all together count as much as weight says. */
typedef struct mseg_range_part {
    const mseg_histogram *histogram;
    double factor; /* above 0 */
    double weight;
} mseg_range_part;

/* What is known of the numbers besides. */
typedef struct mseg_range_rule {
    bool from_zero; /* behind a ReLU: byte 0 (-128) stands for 0 */
    bool whole_top; /* the largest must not be clipped: which of two is larger decides */
    double most;    /* larger numbers are clipped by what makes them, too; 0: none are */
} mseg_range_rule;

/** The signed bytes that hold all n parts with the least mean squared error of rounding (a twelfth of a step's square; 0 has
 * none) and clipping. 0 is a byte. Parts that are empty or hold only zeros give a scale of 1 / 128. */
mseg_quant mseg_range_choose(const mseg_range_part *parts, size_t n, mseg_range_rule rule);

#endif
