#ifndef MSEG_SEG_RUN_SESSION_H
#define MSEG_SEG_RUN_SESSION_H

#include "graph/plan.h"
#include "seg/model.h"
#include "seg/run/labels.h"

struct mseg_session {
    const mseg_model *model;
    mseg_pool *pool;
    mseg_plan *plan; /* for the canvas below */
    int width, height;
    mseg_image labels;
    mseg_logits labelled; /* what they were made of; data NULL: that is gone */
    int runs;             /* labelled holds logits (1), or is planar: the sum of so many maps of probabilities */
    /* multi-scale: probabilities, the canvas at one scale, the logits of all scales */
    float *sums, *resized, *maps;
    size_t sums_size, resized_size, maps_size;
};

/** Runs the network on a canvas of width x height with image at its top left: fills in the result's logits and canvas and adds to
 * network_ms. Errors: those of mseg_plan_open. */
mseg_status mseg_session_run(mseg_session *session, const mseg_image *image, int width, int height, mseg_result *result,
                             mseg_error *err);

/** MSEG_INVAL with a text when the model is a classifier. */
mseg_status mseg_session_check(const mseg_session *session, mseg_error *err);

#endif
