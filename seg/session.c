#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "graph/plan.h"
#include "seg/labels.h"
#include "seg/model.h"
#include "seg/preprocess.h"

struct mseg_session {
    const mseg_model *model;
    mseg_pool *pool;
    mseg_plan *plan; /* for the canvas below */
    int width, height;
    mseg_image labels;
};

mseg_status mseg_session_open(mseg_session **out, const mseg_model *model, mseg_pool *pool, mseg_error *err)
{
    mseg_session *session = *out = mseg_alloc(sizeof *session);
    if (!session)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    session->model = model;
    session->pool = pool;
    return MSEG_OK;
}

void mseg_session_close(mseg_session **pointer)
{
    mseg_session *session = *pointer;
    if (!session)
        return;
    mseg_plan_close(&session->plan);
    mseg_image_free(&session->labels);
    mseg_free(pointer);
}

static mseg_status ensure_plan(mseg_session *session, int width, int height, mseg_error *err)
{
    if (session->plan && session->width == width && session->height == height)
        return MSEG_OK;
    mseg_plan_close(&session->plan);
    session->width = width;
    session->height = height;
    return mseg_plan_open(&session->plan, session->model->graph, width, height, mseg_pool_threads(session->pool),
                          &session->model->cpu, err);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Runs the plan on the picture and fills in the result's logits. */
static void forward(mseg_session *session, const mseg_image *image, mseg_result *result)
{
    double start = now_ms();
    const mseg_picture picture = {image->data, image->stride, image->width, image->height};
    result->logits = mseg_plan_run(session->plan, &picture, session->pool);
    mseg_plan_output_size(session->plan, &result->logits_width, &result->logits_height, &result->classes);
    result->canvas_width = session->width;
    result->canvas_height = session->height;
    result->network_ms = now_ms() - start;
}

static mseg_status ensure_labels(mseg_session *session, int width, int height)
{
    if (session->labels.width == width && session->labels.height == height)
        return MSEG_OK;
    mseg_image_free(&session->labels);
    return mseg_image_create(&session->labels, width, height, 1);
}

static mseg_status label(mseg_session *session, const mseg_image *image, mseg_result *result)
{
    double start = now_ms();
    mseg_status status = ensure_labels(session, image->width, image->height);
    if (status)
        return status;
    const mseg_logits logits = {result->logits,       result->logits_width,  result->logits_height, result->classes,
                                result->canvas_width, result->canvas_height, result->scaled_width,  result->scaled_height};
    status = mseg_labels(&session->labels, &logits, session->model->kernels, session->pool);
    result->labels = session->labels;
    result->label_ms = now_ms() - start;
    return status;
}

mseg_status mseg_segment(mseg_session *session, const mseg_image *image, const mseg_run_options *options, mseg_result *result,
                         mseg_error *err)
{
    *result = (mseg_result){0};
    const mseg_run_options defaults = mseg_run_options_default();
    mseg_geometry g;
    mseg_image resized = {0};
    const mseg_image *input = image;
    if (image->channels != 3)
        return mseg_fail(err, MSEG_INVAL, "an RGB image is needed, this one has %d channel(s)", image->channels);
    mseg_status status = mseg_geometry_plan(&g, image->width, image->height, session->model->info.output_stride,
                                            options ? options : &defaults, err);
    if (!status)
        status = ensure_plan(session, g.canvas_width, g.canvas_height, err);
    if (status)
        return status;
    double start = now_ms();
    if (g.scaled_width != image->width || g.scaled_height != image->height) {
        if ((status = mseg_image_resize(&resized, image, g.scaled_width, g.scaled_height, err)))
            return status;
        input = &resized;
    }
    result->resize_ms = now_ms() - start;
    result->scaled_width = g.scaled_width;
    result->scaled_height = g.scaled_height;
    forward(session, input, result);
    status = label(session, image, result);
    mseg_image_free(&resized);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

mseg_status mseg_session_forward(mseg_session *session, const mseg_image *canvas, mseg_result *result, mseg_error *err)
{
    *result = (mseg_result){.scaled_width = canvas->width, .scaled_height = canvas->height};
    if (canvas->channels != 3)
        return mseg_fail(err, MSEG_INVAL, "an RGB image is needed, this one has %d channel(s)", canvas->channels);
    mseg_status status = ensure_plan(session, canvas->width, canvas->height, err);
    if (status)
        return status;
    forward(session, canvas, result);
    return MSEG_OK;
}

mseg_status mseg_session_plan(mseg_session *session, int width, int height, mseg_plan_info *info, mseg_error *err)
{
    mseg_status status = ensure_plan(session, width, height, err);
    if (status)
        return status;
    *info = (mseg_plan_info){
        .canvas_width = width,
        .canvas_height = height,
        .layers = mseg_plan_layers(session->plan),
        .params = session->model->info.params,
        .arena_bytes = mseg_plan_arena_bytes(session->plan),
        .weight_bytes = mseg_graph_weight_bytes(session->model->graph),
    };
    size_t peak = 0;
    for (int i = 0; i < info->layers; i++) {
        mseg_plan_layer layer = mseg_plan_layer_at(session->plan, i);
        info->madds += layer.madds;
        if (layer.peak_bytes > peak) {
            peak = layer.peak_bytes;
            info->peak_layer = i;
        }
    }
    return MSEG_OK;
}

mseg_layer mseg_session_layer(const mseg_session *session, int index)
{
    mseg_plan_layer from = mseg_plan_layer_at(session->plan, index);
    mseg_layer layer = {
        .kind = from.kind,
        .in_width = from.in_width,
        .in_height = from.in_height,
        .in_channels = from.in_channels,
        .out_width = from.out_width,
        .out_height = from.out_height,
        .out_channels = from.out_channels,
        .expanded_channels = from.expanded_channels,
        .kernel = from.kernel,
        .stride = from.stride,
        .rate = from.rate,
        .madds = from.madds,
        .params = from.params,
        .peak_bytes = from.peak_bytes,
        .ms = from.ms,
        .group = from.step,
    };
    strncpy(layer.name, from.name, sizeof layer.name - 1);
    return layer;
}
