#ifndef MSEG_WEIGHTS_MADE_H
#define MSEG_WEIGHTS_MADE_H

#include "weights/weights.h"

/* Weights without a file, of numbers that a program has. */

/** Weights that hold nothing yet, of a network whose layers are padded by that rule. Close with mseg_weights_close. Errors:
 * MSEG_NOMEM. */
mseg_status mseg_weights_made(mseg_weights **weights, mseg_padding padding);

/** Adds a convolution in 8 bits, LAYER.weight and LAYER.bias, which are copied: weight of that shape (as mseg_tensor has it),
 * bias and scale [channels], channels being the shape's first dimension, of depthwise weights its last. Errors: MSEG_NOMEM,
 * MSEG_FORMAT (no shape of a tensor). */
mseg_status mseg_weights_made_add(mseg_weights *weights, const char *layer, const int shape[4], bool depthwise,
                                  const int8_t *weight, const int32_t *bias, const float *scale, mseg_error *err);

/** The same in floats: bias [channels]. */
mseg_status mseg_weights_made_add_floats(mseg_weights *weights, const char *layer, const int shape[4], bool depthwise,
                                         const float *weight, const float *bias, mseg_error *err);

#endif
