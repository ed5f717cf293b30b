#ifndef MSEG_SEG_RUN_SCALES_H
#define MSEG_SEG_RUN_SCALES_H

#include "seg/run/geometry.h"
#include "seg/run/session.h"

/** Labels image from the mean of the softmaxes of the canvas at every scale, as it is and, with flip, turned left to right
 * (section 6.3's MF); input: image at its scaled size. Errors: those of mseg_plan_open, MSEG_NOMEM. */
mseg_status mseg_run_scales(mseg_session *session, mseg_view image, mseg_view input, const mseg_geometry *g,
                            const mseg_run_options *options, mseg_result *result, mseg_error *err);

#endif
