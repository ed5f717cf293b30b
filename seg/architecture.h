#ifndef MSEG_SEG_ARCHITECTURE_H
#define MSEG_SEG_ARCHITECTURE_H

#include "weights/weights.h"

/** Seeded weights (weights/seeded.h) of a network described as "mnv2[:WIDTH][:aspp][:nopool]", e.g. "mnv2", "mnv2:0.5",
 * "mnv2:1.4:aspp"; 21 classes. Widths round to multiples of 8 as in slim. Errors: MSEG_INVAL with what is wrong, MSEG_NOMEM. */
mseg_status mseg_architecture_weights(mseg_weights **weights, const char *description, mseg_error *err);

#endif
