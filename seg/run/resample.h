#ifndef MSEG_SEG_RUN_RESAMPLE_H
#define MSEG_SEG_RUN_RESAMPLE_H

#include "base/pool.h"
#include "base/status.h"
#include "image/image.h"
#include "kernels/kernels.h"

/** The canvas of canvas_width x canvas_height pixels with image at its top left and 0 elsewhere (both after normalisation),
 * resized bilinearly with corners aligned to width x height: out [height, width, 3]. In float, as TensorFlow's DeepLab does it.
 * Errors: MSEG_NOMEM. */
mseg_status mseg_resample(float *out, int width, int height, const mseg_image *image, int canvas_width, int canvas_height,
                          const mseg_kernels *kernels, mseg_pool *pool);

#endif
