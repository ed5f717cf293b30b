#ifndef MSEG_SEG_QUANTISE_ROUND_H
#define MSEG_SEG_QUANTISE_ROUND_H

#include "net/input.h"
#include "weights/load.h"

/* In: a convolution in floats and what is known of the maps around it. Out: the same in 8 bits. */

/* Weights in the orders of mseg_layer_weights, -127 to 127; real = weight * scale[out]. */
typedef struct mseg_rounded {
    int8_t *weight;
    int32_t *bias; /* [out], in units of the input's scale * scale[out] */
    float *scale;  /* [out] */
    double *real;  /* [out]: what bias was rounded from */
    int out, kernel, in;
    bool depthwise;
} mseg_rounded;

typedef struct mseg_round_rule {
    float in_scale, out_scale;     /* of the maps' bytes */
    const double *mean, *variance; /* of the numbers that each input channel brings, [in], of a depthwise convolution [out] */
} mseg_round_rule;

/** Rounds weights with the scale per output channel, of the largest weight's and smaller ones that clip it, that changes outputs
 * least, inputs being independent; and takes from the bias what the changes add on average (arXiv 1906.04721, section 4.2).
 * Scales are such that biases and sums fit 32 bits and that a sum's unit is below 256 output steps, as XNNPACK wants it; it can
 * be with an out_scale of at least mseg_round_least. On failure *out is all zero. Errors: MSEG_NOMEM. */
mseg_status mseg_round(mseg_rounded *out, const mseg_layer_weights *weights, const mseg_round_rule *rule);

/** The least out_scale for which no weight needs to be clipped. */
float mseg_round_least(const mseg_layer_weights *weights, float in_scale);

/** Adds [out] to the real biases and rounds them anew. */
void mseg_round_shift(mseg_rounded *rounded, float in_scale, const double *more);

void mseg_rounded_free(mseg_rounded *rounded);

/** Changes the rule by which a picture's bytes enter to one of bytes that enter as they are, (byte - zero) * scale, the same for
 * all channels, and the convolution that reads the picture such that it makes the same of them, but beside the map: what it
 * reads there, 0, is the byte of the zero point. weights must have a bias. */
void mseg_round_input(mseg_input *input, mseg_layer_weights *weights);

#endif
