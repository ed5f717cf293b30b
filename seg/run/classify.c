#include <math.h>

#include "image/view.h"
#include "seg/run/once.h"
#include "seg/run/options.h"

static void softmax(const float *logits, int n, float *out)
{
    float most = logits[0];
    double sum = 0;
    for (int i = 1; i < n; i++)
        most = logits[i] > most ? logits[i] : most;
    for (int i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)most);
    for (int i = 0; i < n; i++)
        out[i] = (float)(exp((double)logits[i] - (double)most) / sum);
}

static mseg_status check(const mseg_session *session, mseg_view image, int size, double crop, mseg_error *err)
{
    if (!session->model->info.classifier)
        return mseg_fail(err, MSEG_INVAL, "the model is not a classifier: 'mseg run' runs it");
    if (mseg_view_check(image, MSEG_PIXELS_PHOTO, "image", err))
        return MSEG_INVAL;
    if (size < 0)
        return mseg_fail(err, MSEG_INVAL, "size %d is neither a side nor 0, the model's own", size);
    if (!(crop > 0 && crop <= 1))
        return mseg_fail(err, MSEG_INVAL, "crop %g is not between 0 and 1", crop);
    return MSEG_OK;
}

mseg_view mseg_central_part(mseg_view image, double crop)
{
    mseg_view part = image;
    const int left = (int)(image.width * (1 - crop) / 2), top = (int)(image.height * (1 - crop) / 2);
    part.width -= 2 * left;
    part.height -= 2 * top;
    part.data += (size_t)top * part.stride + (size_t)left * (size_t)mseg_format_channels(part.format);
    return part;
}

static mseg_status classify(mseg_session *session, mseg_view image, int size, double crop, const float **scores, mseg_error *err)
{
    const int classes = session->model->info.classes;
    mseg_image copy = {0};
    mseg_view scaled;
    mseg_result result = {0};
    session->labelled.data = NULL;
    if (check(session, image, size, crop, err))
        return MSEG_INVAL;
    if (!size)
        size = mseg_default_side(&session->model->info);
    mseg_view part = mseg_central_part(image, crop);
    mseg_status status = mseg_view_as_rgb(&part, &copy, err);
    if (!status && (status = mseg_session_scale(session, part, size, size, &scaled)))
        mseg_fail(err, status, NULL);
    if (!status && (status = mseg_session_ensure_floats(&session->sums, &session->sums_size, (size_t)classes)))
        mseg_fail(err, status, NULL);
    if (!status)
        status = mseg_session_start(session, 1, err);
    if (!status)
        status = mseg_session_run(session, scaled, size, size, &result, err);
    if (!status)
        status = mseg_session_step(session, err);
    if (!status) {
        softmax(result.logits, classes, session->sums);
        *scores = session->sums;
    }
    mseg_image_free(&copy);
    return status;
}

mseg_status mseg_classify(mseg_session *session, mseg_view image, int size, double crop, const float **scores, mseg_error *err)
{
    *scores = NULL;
    const mseg_status status = mseg_session_enter(session, err);
    return status ? status : mseg_session_leave(session, classify(session, image, size, crop, scores, err));
}
