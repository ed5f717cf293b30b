#include "seg/run/scales.h"

#include <string.h>

#include "base/clock.h"
#include "seg/run/once.h"
#include "seg/run/options.h"
#include "seg/run/resample.h"

typedef struct scales_job {
    mseg_session *session;
    mseg_view input; /* MSEG_RGB: the image at its scaled size */
    const mseg_geometry *g;
    const double *scales;
    int n_scales, turns; /* turns: 2 when the canvas is also run from right to left */
    mseg_result *result;
    mseg_error *err;
    mseg_logits maps[2 * MSEG_MOST_SCALES]; /* of the runs so far */
    int n_maps;
} scales_job;

static mseg_sampling sampling_of(const scales_job *job)
{
    return job->session->model->net->net.input.sampling;
}

/* Floats of the logits that the canvas at one scale gives rise to, at most. */
static size_t most_logits(const scales_job *job, double scale)
{
    const mseg_model_info *info = &job->session->model->info;
    const size_t stride = (size_t)info->logits_stride;
    const size_t width = (size_t)mseg_side_at_scale(job->g->canvas_width, scale, sampling_of(job)) / stride + 1;
    const size_t height = (size_t)mseg_side_at_scale(job->g->canvas_height, scale, sampling_of(job)) / stride + 1;
    return width * height * (size_t)info->classes;
}

/* Room for the sums and for the logits of all runs. */
static mseg_status ensure_room(const scales_job *job)
{
    mseg_session *session = job->session;
    const int width = job->g->scaled_width, height = job->g->scaled_height;
    const size_t pixels = (size_t)width * (size_t)height;
    size_t floats = 0;
    for (int i = 0; i < job->n_scales; i++)
        floats += most_logits(job, job->scales[i]) * (size_t)job->turns;
    mseg_status status =
        mseg_session_ensure_floats(&session->sums, &session->sums_size, pixels * (size_t)session->model->info.classes);
    if (!status)
        status = mseg_session_ensure_floats(&session->maps, &session->maps_size, floats);
    return status ? mseg_fail(job->err, status, "out of memory for the probabilities of %d x %d pixels", width, height) : MSEG_OK;
}

/* The canvas at a scale, as a picture. */
static mseg_status resize_canvas(const scales_job *job, int width, int height, mseg_picture *picture)
{
    mseg_session *session = job->session;
    const double start = mseg_now_ms();
    *picture = mseg_picture_of(job->input);
    if (width != job->g->canvas_width || height != job->g->canvas_height) {
        mseg_status status =
            mseg_session_ensure_floats(&session->resized, &session->resized_size, (size_t)width * (size_t)height * 3);
        if (!status)
            status = mseg_resample(session->resized, width, height, picture, job->g->canvas_width, job->g->canvas_height,
                                   &session->model->net->net.input, session->model->kernels, session->pool);
        if (status)
            return mseg_fail(job->err, status, NULL);
        picture->normalised = session->resized;
    }
    job->result->resize_ms += mseg_now_ms() - start;
    return MSEG_OK;
}

/* Copies the logits of the last run to *to, which moves past them. */
static void keep_logits(scales_job *job, bool mirrored, float **to)
{
    mseg_logits *map = &job->maps[job->n_maps++];
    *map = mseg_logits_of(job->session->model, job->result);
    map->canvas_width = job->g->canvas_width;
    map->canvas_height = job->g->canvas_height;
    map->mirrored = mirrored;
    const size_t floats = (size_t)map->width * (size_t)map->height * (size_t)map->classes;
    memcpy(*to, map->data, floats * sizeof **to);
    map->data = *to;
    *to += floats;
}

static mseg_status run_scale(scales_job *job, double scale, float **to)
{
    const int width = (int)mseg_side_at_scale(job->g->canvas_width, scale, sampling_of(job));
    const int height = (int)mseg_side_at_scale(job->g->canvas_height, scale, sampling_of(job));
    mseg_picture picture;
    mseg_status status = mseg_session_ensure_plan(job->session, width, height, job->err);
    if (!status)
        status = resize_canvas(job, width, height, &picture);
    for (int turn = 0; turn < job->turns && !status; turn++) {
        picture.mirrored = turn;
        status = mseg_session_run_picture(job->session, &picture, job->result, job->err);
        if (status)
            return status;
        keep_logits(job, turn, to);
        status = mseg_session_step(job->session, job->err);
    }
    return status;
}

static mseg_status run_all(scales_job *job)
{
    mseg_status status = ensure_room(job);
    if (!status)
        status = mseg_session_start(job->session, (int64_t)job->n_scales * job->turns, job->err);
    float *to = job->session->maps;
    for (int i = 0; i < job->n_scales && !status; i++)
        status = run_scale(job, job->scales[i], &to);
    return status;
}

/* Sums the probabilities of all runs and labels an image of width x height pixels from them. */
static mseg_status label(const scales_job *job, int width, int height)
{
    mseg_session *session = job->session;
    const mseg_geometry *g = job->g;
    const mseg_logits map = {.data = session->sums,
                             .planar = true,
                             .width = g->scaled_width,
                             .height = g->scaled_height,
                             .classes = job->result->classes,
                             .canvas_width = g->scaled_width,
                             .canvas_height = g->scaled_height,
                             .scaled_width = g->scaled_width,
                             .scaled_height = g->scaled_height};
    const double start = mseg_now_ms();
    mseg_status status = mseg_sum_probabilities(session->sums, job->maps, job->n_maps, session->model->kernels, session->pool);
    job->result->label_ms += mseg_now_ms() - start;
    if (!status)
        status = mseg_session_label(session, width, height, &map, job->n_maps, job->result);
    return status ? mseg_fail(job->err, status, NULL) : MSEG_OK;
}

mseg_status mseg_run_scales(mseg_session *session, mseg_view image, mseg_view input, const mseg_geometry *g,
                            const mseg_run_options *options, mseg_result *result, mseg_error *err)
{
    static const double one = 1;
    scales_job job = {.session = session,
                      .input = input,
                      .g = g,
                      .scales = options->n_scales ? options->scales : &one,
                      .n_scales = options->n_scales ? options->n_scales : 1,
                      .turns = options->flip ? 2 : 1,
                      .result = result,
                      .err = err};
    mseg_status status = run_all(&job);
    if (status)
        return status;
    result->logits = NULL;
    result->canvas_width = g->canvas_width;
    result->canvas_height = g->canvas_height;
    return label(&job, image.width, image.height);
}
