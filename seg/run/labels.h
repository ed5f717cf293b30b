#ifndef MSEG_SEG_RUN_LABELS_H
#define MSEG_SEG_RUN_LABELS_H

#include <stdbool.h>

#include "base/pool.h"
#include "base/status.h"
#include "image/image.h"
#include "kernels/kernels.h"
#include "net/input.h"

/* Where the image lies on the canvas and what the network made of it. */
typedef struct mseg_logits {
    const float *data; /* [height, width, classes]; planar: [classes, height, width] */
    int width, height, classes;
    int canvas_width, canvas_height;
    int scaled_width, scaled_height; /* the image on the canvas, top left */
    bool planar;
    bool mirrored; /* the network saw the canvas turned left to right (not planar) */
    int first_row; /* data starts with this row of height (not planar) */
    mseg_sampling sampling;
    const uint8_t *bytes; /* NULL, or what data stands for: in 8 bits, laid out likewise (not planar) */
} mseg_logits;

/** The row that lies f of the way between rows top and bottom of a map that is not planar: line [width, classes]. */
void mseg_logits_between(const mseg_logits *logits, int top, int bottom, float f, float *line);

/** Labels every pixel of an image of labels' size (created by the caller, MSEG_GRAY): the logits are interpolated bilinearly at
 * the pixel (by the sampling rule; docs/numerics.md, "Back to the photo", and "Labels in 8 bits" where there are bytes, which are
 * then all that is read) and the first maximum wins. Full-size logits never exist: a row at a time. classes <= 256. Errors:
 * MSEG_NOMEM. */
mseg_status mseg_labels(mseg_image *labels, const mseg_logits *logits, const mseg_kernels *kernels, mseg_pool *pool);

/** The same for a strip: labels holds rows first .. first + labels->height - 1 of an image of height rows. Of the logits only the
 * rows that these lie between must be there. */
mseg_status mseg_label_rows(mseg_image *labels, int first, int height, const mseg_logits *logits, const mseg_kernels *kernels,
                            mseg_pool *pool);

/** sums [classes, scaled_height, scaled_width] becomes the sum, in list order, of the softmax of n maps of logits, interpolated
 * at each pixel. All maps are of the same canvas and image; their sizes differ. Errors: MSEG_NOMEM. */
mseg_status mseg_sum_probabilities(float *sums, const mseg_logits *maps, int n, const mseg_kernels *kernels, mseg_pool *pool);

#endif
