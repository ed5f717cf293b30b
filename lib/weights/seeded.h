#ifndef MSEG_WEIGHTS_SEEDED_H
#define MSEG_WEIGHTS_SEEDED_H

#include "weights/weights.h"

/* Weights of networks that nobody trained: every value follows from the tensor's name, so that a network of given shapes is the
 * same everywhere. For benchmarks, for counting, and for tests. */

/** An empty collection. Errors: MSEG_NOMEM. */
mseg_status mseg_weights_seeded(mseg_weights **weights);

/** Adds LAYER.weight of that shape (as in weights.h: [out, kernel, kernel, in], depthwise [1, 3, 3, channels]) and LAYER.bias.
 * Weights are uniform with variance 2 / inputs (He et al. 2015), biases small. Errors: MSEG_NOMEM, MSEG_INVAL. */
mseg_status mseg_weights_seeded_add(mseg_weights *weights, const char *layer, int out, int kernel, int in);
mseg_status mseg_weights_seeded_add_depthwise(mseg_weights *weights, const char *layer, int channels);

/** Fills out with a seeded tensor's values. */
void mseg_seeded_values(const mseg_tensor *tensor, float *out);

#endif
