#ifndef MSEG_SEG_RUN_SAMPLING_H
#define MSEG_SEG_RUN_SAMPLING_H

#include <stdbool.h>

#include "base/status.h"
#include "kernels/kernels.h"
#include "net/input.h"

/* Where one axis of an image samples an axis of k map columns: the image's n pixels lie scaled on the first part of a canvas
 * whose size pixels the map's columns span by the net's sampling rule (docs/numerics.md, "Back to the photo"). */
typedef struct mseg_axis {
    int n, scaled, size, k;
    bool mirrored; /* the canvas was turned left to right */
    mseg_sampling sampling;
} mseg_axis;

/** Pixel x lies between columns *low and *high, *fraction of the way. */
void mseg_axis_at(const mseg_axis *axis, int x, int *low, int *high, float *fraction);

/** The same for a map of bytes, *part 2048ths of the way. Where the image is not scaled, that is where TensorFlow Lite puts the
 * canvas' pixel. */
void mseg_axis_part_at(const mseg_axis *axis, int x, int *low, int *high, int32_t *part);

/* The same for all pixels, as the kernels want it. */
typedef struct mseg_columns {
    mseg_column_run *runs;
    int n_runs;
    float *fraction;
    int32_t *parts;
} mseg_columns;

/** For a map of floats: without parts. Free with mseg_columns_free, also after MSEG_NOMEM. */
mseg_status mseg_columns_of(mseg_columns *columns, const mseg_axis *axis);

/** For a map of bytes: without fraction. Likewise. */
mseg_status mseg_columns_in_parts(mseg_columns *columns, const mseg_axis *axis);

void mseg_columns_free(mseg_columns *columns);

#endif
