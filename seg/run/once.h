#ifndef MSEG_SEG_RUN_ONCE_H
#define MSEG_SEG_RUN_ONCE_H

#include "seg/run/geometry.h"
#include "seg/run/session.h"

/** image: MSEG_RGB. */
mseg_picture mseg_picture_of(mseg_view image);

/** Runs the session's plan on the picture: fills in the result's logits, in 8 bits also the session's bytes, and its canvas and
 * adds to network_ms. Errors: MSEG_NOMEM. */
mseg_status mseg_session_run_picture(mseg_session *session, const mseg_picture *picture, mseg_result *result, mseg_error *err);

/** The same on a canvas of width x height with image at its top left. Errors: those of mseg_plan_open. */
mseg_status mseg_session_run(mseg_session *session, mseg_view image, int width, int height, mseg_result *result, mseg_error *err);

/** The logits of the result's last run by that model, in float. */
mseg_logits mseg_logits_of(const mseg_model *model, const mseg_result *result);

/** Labels image from one run on the canvas; input: image at its scaled size. Errors: those of mseg_plan_open, MSEG_NOMEM. */
mseg_status mseg_run_once(mseg_session *session, mseg_view image, mseg_view input, const mseg_geometry *g, mseg_result *result,
                          mseg_error *err);

#endif
