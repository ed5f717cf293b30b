#ifndef MSEG_SEG_LABELS_H
#define MSEG_SEG_LABELS_H

#include "base/pool.h"
#include "base/status.h"
#include "image/image.h"
#include "kernels/kernels.h"

/* Where the image lies on the canvas and what the network made of it. */
typedef struct mseg_logits {
    const float *data; /* [height, width, classes] */
    int width, height, classes;
    int canvas_width, canvas_height;
    int scaled_width, scaled_height; /* the image on the canvas, top left */
} mseg_logits;

/** Labels every pixel of an image of labels' size (created by the caller, 1 channel): the logits are interpolated bilinearly at
 * the pixel (align_corners on the canvas; NUMERICS.md, "Back to the original") and the first maximum wins. Full-size logits never
 * exist: a row at a time. classes <= 256. Errors: MSEG_NOMEM. */
mseg_status mseg_labels(mseg_image *labels, const mseg_logits *logits, const mseg_kernels *kernels, mseg_pool *pool);

#endif
