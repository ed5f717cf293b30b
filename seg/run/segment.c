#include "base/clock.h"
#include "image/view.h"
#include "seg/run/once.h"
#include "seg/run/options.h"
#include "seg/run/scales.h"

static mseg_status prepare(mseg_session *session, const mseg_run_options *options, mseg_error *err)
{
    mseg_run_options used;
    const mseg_canvas_rule rule = mseg_canvas_rule_of(session->model);
    mseg_geometry g;
    int width = 0, height = 0;
    mseg_status status = mseg_run_options_take(&used, options, session->model, err);
    if (status || (used.pad == MSEG_PAD_TIGHT && used.resize != MSEG_RESIZE_STRETCH))
        return status; /* else no canvas is smaller than that of one pixel */
    status = mseg_geometry_plan(&g, 1, 1, &rule, &used, err);
    if (!status)
        status = mseg_geometry_largest(&g, &rule, &used, &width, &height, err);
    return status ? status : mseg_session_ensure_plan(session, width, height, err);
}

mseg_status mseg_session_prepare(mseg_session *session, const mseg_run_options *options, mseg_error *err)
{
    const mseg_status status = mseg_session_enter(session, err);
    return status ? status : mseg_session_leave(session, prepare(session, options, err));
}

/* Checks what comes in and lays the image on its canvas. */
static mseg_status lay_out(mseg_geometry *g, mseg_run_options *used, mseg_view image, const mseg_run_options *options,
                           const mseg_model *model, mseg_error *err)
{
    const mseg_canvas_rule rule = mseg_canvas_rule_of(model);
    int width, height;
    mseg_status status = mseg_run_options_take(used, options, model, err);
    if (!status)
        status = mseg_view_check(image, MSEG_PIXELS_PHOTO, "image", err);
    if (!status)
        status = mseg_geometry_plan(g, image.width, image.height, &rule, used, err);
    return status ? status : mseg_geometry_largest(g, &rule, used, &width, &height, err);
}

/* *input: the image at its scaled size, itself or in the session's memory. */
static mseg_status resize(mseg_view *input, mseg_session *session, mseg_view image, const mseg_geometry *g, mseg_result *result,
                          mseg_error *err)
{
    const double start = mseg_now_ms();
    *input = image;
    if (g->scaled_width != image.width || g->scaled_height != image.height) {
        mseg_status status = mseg_session_scale(session, image, g->scaled_width, g->scaled_height, input);
        if (status)
            return mseg_fail(err, status, NULL);
    }
    result->resize_ms = mseg_now_ms() - start;
    result->scaled_width = g->scaled_width;
    result->scaled_height = g->scaled_height;
    return MSEG_OK;
}

static mseg_status segment(mseg_session *session, mseg_view image, const mseg_run_options *options, mseg_result *result,
                           mseg_error *err)
{
    mseg_run_options used;
    mseg_view input;
    mseg_image copy = {0};
    mseg_geometry g;
    session->labelled.data = NULL;
    mseg_status status = lay_out(&g, &used, image, options, session->model, err);
    if (!status)
        status = mseg_view_as_rgb(&image, &copy, err);
    if (!status)
        status = resize(&input, session, image, &g, result, err);
    if (!status && (used.n_scales || used.flip))
        status = mseg_run_scales(session, image, input, &g, &used, result, err);
    else if (!status)
        status = mseg_run_once(session, image, input, &g, result, err);
    mseg_image_free(&copy);
    return status;
}

mseg_status mseg_segment(mseg_session *session, mseg_view image, const mseg_run_options *options, mseg_result *result,
                         mseg_error *err)
{
    *result = (mseg_result){0};
    mseg_status status = mseg_session_enter(session, err);
    if (!status)
        status = mseg_session_leave(session, segment(session, image, options, result, err));
    if (status)
        *result = (mseg_result){0};
    return status;
}
