#ifndef MSEG_WEIGHTS_TFLITE_CHECK_H
#define MSEG_WEIGHTS_TFLITE_CHECK_H

/* Inside lib/weights only. What the matcher, which looks at layers, does not see in a file whose layers it knows. */

#include "weights/tflite.h"

/** Checks that the numbers of the input mean something, that every shape is the one that its operator makes (a runtime computes
 * them, whatever the file says), that what stands behind the scores leaves each class its scores, and that an output of the
 * network is at or behind them. scores: the operator that makes them. Errors: MSEG_UNSUPPORTED, MSEG_FORMAT; MSEG_NOMEM. */
mseg_status mseg_tfl_check(const tfl_model *model, int scores, mseg_error *err);

#endif
