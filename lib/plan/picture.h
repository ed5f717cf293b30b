#ifndef MSEG_PLAN_PICTURE_H
#define MSEG_PLAN_PICTURE_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "net/input.h"

/* The picture that a run reads: RGB bytes at the canvas' top left, the rest of the canvas being the input rule's pad; or a whole
 * canvas of values that have gone through the rule already. */
typedef struct mseg_picture {
    const uint8_t *data;
    size_t stride; /* bytes from row to row */
    int width, height;
    const float *normalised; /* when not NULL: [canvas height, canvas width, 3] instead of data */
    bool mirrored;           /* the canvas is read from right to left */
} mseg_picture;

/** Row y of a canvas of width pixels, by the rule, not mirrored: row [width, 3]. */
void mseg_picture_row(const mseg_picture *picture, const mseg_input *input, const mseg_kernels *kernels, int y, int width,
                      float *row);

#endif
