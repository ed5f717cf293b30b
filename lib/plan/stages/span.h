#ifndef MSEG_PLAN_STAGES_SPAN_H
#define MSEG_PLAN_STAGES_SPAN_H

#include "plan/stage.h"

/* In: a convolution's window and where its output is. Out: which of its taps are inside the map. */

/** Whether the taps of kernel column kx are inside the map for output column x. */
bool mseg_column_inside(const mseg_stage *stage, int x, int kx);

/** The first x > x0, or the row's end, at which other columns of the kernel (of so many) are inside than at x0. */
int mseg_span_end(const mseg_stage *stage, int x0, int columns);

#endif
