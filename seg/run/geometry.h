#ifndef MSEG_SEG_RUN_GEOMETRY_H
#define MSEG_SEG_RUN_GEOMETRY_H

#include "net/input.h"
#include "seg/mseg.h"

/* Sizes of an image on its way to the network. */
typedef struct mseg_geometry {
    int scaled_width, scaled_height; /* after --resize */
    int canvas_width, canvas_height; /* after --pad; the image is at its top left */
} mseg_geometry;

/* Canvases that suit a network: with corners aligned k * output stride + 1 pixels, else k * output stride. */
typedef struct mseg_canvas_rule {
    int output_stride;
    mseg_sampling sampling;
} mseg_canvas_rule;

/** Whether a side suits. Of canvases without aligned corners any does. */
bool mseg_side_suits(int side, const mseg_canvas_rule *rule);

/** How an image of that size is laid on a canvas (docs/numerics.md, "The picture's entry"). Errors: MSEG_INVAL, MSEG_LIMIT for
 * canvases beyond 2^30 pixels. */
mseg_status mseg_geometry_plan(mseg_geometry *geometry, int width, int height, const mseg_canvas_rule *rule,
                               const mseg_run_options *options, mseg_error *err);

/** The side of a canvas at one scale: with corners aligned int((side - 1) * scale + 1), else int(side * scale), at least 1. */
int64_t mseg_side_at_scale(int side, double scale, mseg_sampling sampling);

/** The largest of the canvases that the options' scales make of the geometry's. MSEG_LIMIT beyond 2^30 pixels. */
mseg_status mseg_geometry_largest(const mseg_geometry *geometry, const mseg_canvas_rule *rule, const mseg_run_options *options,
                                  int *width, int *height, mseg_error *err);

#endif
