#ifndef MSEG_SEG_RUN_RESAMPLE_H
#define MSEG_SEG_RUN_RESAMPLE_H

#include "base/pool.h"
#include "base/status.h"
#include "plan/picture.h"

/** The canvas of canvas_width x canvas_height pixels with picture at its top left, by the input rule, resized bilinearly to width
 * x height by its sampling: out [height, width, 3]. In float, as TensorFlow's DeepLab does it. Errors: MSEG_NOMEM. */
mseg_status mseg_resample(float *out, int width, int height, const mseg_picture *picture, int canvas_width, int canvas_height,
                          const mseg_input *input, const mseg_kernels *kernels, mseg_pool *pool);

#endif
