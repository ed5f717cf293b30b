#include "seg/run/once.h"

#include "base/clock.h"
#include "image/view.h"

mseg_picture mseg_picture_of(mseg_view image)
{
    return (mseg_picture){.data = image.data, .stride = image.stride, .width = image.width, .height = image.height};
}

/* The numbers that a dense map's bytes stand for, in the session's own memory. */
static mseg_status dequantise(mseg_session *session, const mseg_map *map)
{
    const size_t n = (size_t)map->width * (size_t)map->height * (size_t)map->channels;
    mseg_status status = mseg_session_ensure_floats(&session->logits, &session->logits_size, n);
    for (size_t i = 0; i < n && !status; i++)
        session->logits[i] = (float)(map->bytes[i] - map->quant.zero) * map->quant.scale;
    return status;
}

mseg_status mseg_session_run_picture(mseg_session *session, const mseg_picture *picture, mseg_result *result, mseg_error *err)
{
    double start = mseg_now_ms();
    session->labelled.data = NULL;
    mseg_plan_run(session->plan, picture, session->pool);
    const mseg_map logits = mseg_plan_output(session->plan, 0);
    session->bytes = logits.bytes;
    mseg_status status = logits.bytes ? dequantise(session, &logits) : MSEG_OK;
    if (status)
        return mseg_fail(err, status, NULL);
    result->logits = logits.bytes ? session->logits : logits.data;
    result->logits_width = logits.width;
    result->logits_height = logits.height;
    result->classes = logits.channels;
    result->canvas_width = session->width;
    result->canvas_height = session->height;
    result->network_ms += mseg_now_ms() - start;
    return MSEG_OK;
}

mseg_status mseg_session_run(mseg_session *session, mseg_view image, int width, int height, mseg_result *result, mseg_error *err)
{
    mseg_status status = mseg_session_ensure_plan(session, width, height, err);
    if (status)
        return status;
    const mseg_picture picture = mseg_picture_of(image);
    return mseg_session_run_picture(session, &picture, result, err);
}

mseg_status mseg_session_forward(mseg_session *session, mseg_view canvas, mseg_result *result, mseg_error *err)
{
    mseg_image copy = {0};
    *result = (mseg_result){0};
    mseg_status status = mseg_view_check(canvas, MSEG_PIXELS_PHOTO, "canvas", err);
    if (!status)
        status = mseg_view_as_rgb(&canvas, &copy, err);
    if (!status)
        status = mseg_session_enter(session, err);
    if (!status)
        status = mseg_session_leave(session, mseg_session_run(session, canvas, canvas.width, canvas.height, result, err));
    result->scaled_width = result->canvas_width;
    result->scaled_height = result->canvas_height;
    mseg_image_free(&copy);
    return status;
}

mseg_logits mseg_logits_of(const mseg_model *model, const mseg_result *r)
{
    return (mseg_logits){.data = r->logits,
                         .width = r->logits_width,
                         .height = r->logits_height,
                         .classes = r->classes,
                         .canvas_width = r->canvas_width,
                         .canvas_height = r->canvas_height,
                         .scaled_width = r->scaled_width,
                         .scaled_height = r->scaled_height,
                         .sampling = model->net->net.input.sampling};
}

mseg_status mseg_run_once(mseg_session *session, mseg_view image, mseg_view input, const mseg_geometry *g, mseg_result *result,
                          mseg_error *err)
{
    mseg_status status = mseg_session_start(session, 1, err);
    if (!status)
        status = mseg_session_run(session, input, g->canvas_width, g->canvas_height, result, err);
    if (!status)
        status = mseg_session_step(session, err);
    if (status)
        return status;
    mseg_logits logits = mseg_logits_of(session->model, result);
    logits.bytes = session->bytes;
    status = mseg_session_label(session, image.width, image.height, &logits, 1, result);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}
