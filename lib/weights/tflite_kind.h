#ifndef MSEG_WEIGHTS_TFLITE_KIND_H
#define MSEG_WEIGHTS_TFLITE_KIND_H

/* Inside lib/weights only. */

#include "weights/tflite.h"

/** For a network that was refused: when its operators, its input or its outputs tell for certain what it is, puts that in front
 * of the reason in *err (may be NULL) and what to give behind it, all in one line; a reason too long for that is cut. Else *err
 * stays as it is. The model may be all zero. */
void mseg_tfl_say_kind(const tfl_model *model, mseg_error *err);

#endif
