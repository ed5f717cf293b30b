#ifndef MSEG_SEG_RUN_OPTIONS_H
#define MSEG_SEG_RUN_OPTIONS_H

#include "seg/model.h"
#include "seg/run/geometry.h"

enum { MSEG_MOST_SCALES = sizeof((mseg_run_options *)0)->scales / sizeof(double) };

/** MSEG_INVAL with a text when the model is a classifier. */
mseg_status mseg_refuse_classifier(const mseg_model_info *info, mseg_error *err);

/** The side of the square canvas that the file's own graph runs on, which may be of another form than others must have; 0: none.
 */
int mseg_own_side(const mseg_model_info *info);

/** The side of the input that size 0 stands for: that of the file's own graph, when it is square and told. */
int mseg_default_side(const mseg_model_info *info);

/** What a caller gave (NULL: the defaults), if a model that makes masks can run with it. Errors: MSEG_INVAL with a text that
 * names the field, MSEG_UNSUPPORTED for fields of a later version. */
mseg_status mseg_run_options_take(mseg_run_options *used, const mseg_run_options *given, const mseg_model *model,
                                  mseg_error *err);

/** The middle of an image, crop of each side: what a classifier sees of it. The pixels are the image's. */
mseg_view mseg_central_part(mseg_view image, double crop);

/** What a model sees of a photo by default on a square canvas of that side, whose top left it takes: all of it, scaled to fit, of
 * a classifier its middle (crop 0.875), stretched. *seen, in MSEG_RGB, is freed by the caller, and all zero on failure. Errors:
 * MSEG_INVAL, MSEG_NOMEM, MSEG_LIMIT. */
mseg_status mseg_see_photo(mseg_image *seen, mseg_view photo, const mseg_model_info *info, int side, const mseg_kernels *kernels,
                           mseg_error *err);

mseg_canvas_rule mseg_canvas_rule_of(const mseg_model *model);

#endif
