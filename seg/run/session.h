#ifndef MSEG_SEG_RUN_SESSION_H
#define MSEG_SEG_RUN_SESSION_H

/* In: a model and photos. Out: class ids of their pixels (labels), probabilities, or the scores of a classifier. */

#include <stdatomic.h>

#include "plan/plan.h"
#include "seg/model.h"
#include "seg/run/labels.h"

struct mseg_session {
    const mseg_model *model;
    mseg_pool *pool;
    atomic_bool running; /* a call has it */
    mseg_progress_fn progress;
    void *progress_context;
    int64_t done, total; /* runs of that call */
    mseg_plan *plan;     /* for the canvas below */
    int width, height;
    const uint8_t *bytes; /* the last run's logits, in the plan; NULL: they were not in 8 bits */
    float *logits;        /* what those stand for */
    size_t logits_size;
    uint8_t *scaled; /* the photo as it enters the network */
    size_t scaled_size;
    mseg_image labels;
    mseg_logits labelled; /* what they were made of; data NULL: that is gone */
    int runs;             /* labelled holds logits (1), or is planar: the sum of so many maps of probabilities */
    /* multi-scale: probabilities, the canvas at one scale, the logits of all scales */
    float *sums, *resized, *maps;
    size_t sums_size, resized_size, maps_size;
};

/** Takes the session for one call, which leaves it in the end. Errors: MSEG_INVAL when another call has it. */
mseg_status mseg_session_enter(mseg_session *session, mseg_error *err);

/** Returns status. */
mseg_status mseg_session_leave(mseg_session *session, mseg_status status);

/** Tells the caller that none of total runs is done. Errors: MSEG_CANCELLED. */
mseg_status mseg_session_start(mseg_session *session, int64_t total, mseg_error *err);

/** The same when one more is done. */
mseg_status mseg_session_step(mseg_session *session, mseg_error *err);

/** Makes the session's plan one for a canvas of that size. Errors: those of mseg_plan_open. */
mseg_status mseg_session_ensure_plan(mseg_session *session, int width, int height, mseg_error *err);

/** Makes *buffer, of *size floats, hold at least n, with nothing kept. Errors: MSEG_NOMEM. */
mseg_status mseg_session_ensure_floats(float **buffer, size_t *size, size_t n);

/** *scaled: the image, of a format that mseg_image_resize takes, at that size, in the session's memory until the next call.
 * Errors: MSEG_NOMEM. */
mseg_status mseg_session_scale(mseg_session *session, mseg_view image, int width, int height, mseg_view *scaled);

/** Labels an image of width x height pixels into the session's labels: fills in the result's and adds to label_ms. runs: as the
 * session keeps it. Errors: MSEG_NOMEM. */
mseg_status mseg_session_label(mseg_session *session, int width, int height, const mseg_logits *logits, int runs,
                               mseg_result *result);

#endif
