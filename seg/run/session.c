#include "seg/run/session.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "seg/run/geometry.h"
#include "seg/run/labels.h"
#include "seg/run/resample.h"

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
    mseg_free(&session->sums);
    mseg_free(&session->resized);
    mseg_free(&session->maps);
    mseg_free(pointer);
}

static mseg_status ensure_plan(mseg_session *session, int width, int height, mseg_error *err)
{
    if (session->plan && session->width == width && session->height == height)
        return MSEG_OK;
    session->width = width;
    session->height = height;
    session->labelled.data = NULL;
    return mseg_plan_replace(&session->plan, session->model->graph, width, height, mseg_pool_threads(session->pool),
                             &session->model->cpu, err);
}

/* Runs the plan on the picture and fills in the result's logits. */
static void forward(mseg_session *session, const mseg_picture *picture, mseg_result *result)
{
    double start = mseg_now_ms();
    session->labelled.data = NULL;
    result->logits = mseg_plan_run(session->plan, picture, session->pool);
    mseg_plan_output_size(session->plan, &result->logits_width, &result->logits_height, &result->classes);
    result->canvas_width = session->width;
    result->canvas_height = session->height;
    result->network_ms += mseg_now_ms() - start;
}

static mseg_picture picture_of(const mseg_image *image)
{
    return (mseg_picture){.data = image->data, .stride = image->stride, .width = image->width, .height = image->height};
}

mseg_status mseg_session_run(mseg_session *session, const mseg_image *image, int width, int height, mseg_result *result,
                             mseg_error *err)
{
    mseg_status status = ensure_plan(session, width, height, err);
    if (status)
        return status;
    const mseg_picture picture = picture_of(image);
    forward(session, &picture, result);
    return MSEG_OK;
}

static mseg_status ensure_labels(mseg_session *session, int width, int height)
{
    if (session->labels.width == width && session->labels.height == height)
        return MSEG_OK;
    mseg_image_free(&session->labels);
    return mseg_image_create(&session->labels, width, height, 1);
}

/* runs: as the session keeps it. */
static mseg_status label(mseg_session *session, const mseg_image *image, const mseg_logits *logits, int runs, mseg_result *result)
{
    double start = mseg_now_ms();
    mseg_status status = ensure_labels(session, image->width, image->height);
    if (!status)
        status = mseg_labels(&session->labels, logits, session->model->kernels, session->pool);
    session->labelled = *logits;
    session->runs = runs;
    if (status)
        session->labelled.data = NULL;
    result->labels = session->labels;
    result->label_ms += mseg_now_ms() - start;
    return status;
}

/* Makes *buffer hold at least n floats. */
static mseg_status ensure_floats(float **buffer, size_t *size, size_t n)
{
    if (*size >= n)
        return MSEG_OK;
    mseg_free(buffer);
    *buffer = mseg_alloc_array(n, sizeof **buffer);
    *size = *buffer ? n : 0;
    return *buffer ? MSEG_OK : MSEG_NOMEM;
}

static mseg_logits logits_of(const mseg_result *r)
{
    return (mseg_logits){.data = r->logits,
                         .width = r->logits_width,
                         .height = r->logits_height,
                         .classes = r->classes,
                         .canvas_width = r->canvas_width,
                         .canvas_height = r->canvas_height,
                         .scaled_width = r->scaled_width,
                         .scaled_height = r->scaled_height};
}

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

/* ---- inference strategies ---- */

static mseg_status run_once(mseg_session *session, const mseg_image *image, const mseg_image *input, const mseg_geometry *g,
                            mseg_result *result, mseg_error *err)
{
    mseg_status status = mseg_session_run(session, input, g->canvas_width, g->canvas_height, result, err);
    if (status)
        return status;
    const mseg_logits logits = logits_of(result);
    status = label(session, image, &logits, 1, result);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

/* The side of a canvas at one scale. */
static int64_t at_scale(int side, double scale)
{
    return (int64_t)((side - 1) * scale + 1);
}

/* Floats of the logits that a canvas side gives rise to, at most. */
static size_t most_logits(const mseg_session *session, const mseg_geometry *g, double scale)
{
    const int stride = session->model->info.output_stride;
    const size_t width = (size_t)at_scale(g->canvas_width, scale) / (size_t)stride + 1;
    const size_t height = (size_t)at_scale(g->canvas_height, scale) / (size_t)stride + 1;
    return width * height * (size_t)session->model->info.classes;
}

/* The canvas at one scale, as it is and perhaps turned left to right: the logits are copied to *to and described in maps[*n] and
 * so on. */
static mseg_status run_scale(mseg_session *session, const mseg_image *input, const mseg_geometry *g, double scale, bool flip,
                             float **to, mseg_logits *maps, int *n, mseg_result *result, mseg_error *err)
{
    const int width = (int)at_scale(g->canvas_width, scale), height = (int)at_scale(g->canvas_height, scale);
    mseg_status status = ensure_plan(session, width, height, err);
    if (status)
        return status;
    mseg_picture picture = picture_of(input);
    double start = mseg_now_ms();
    if (width != g->canvas_width || height != g->canvas_height) {
        status = ensure_floats(&session->resized, &session->resized_size, (size_t)width * (size_t)height * 3);
        if (!status)
            status = mseg_resample(session->resized, width, height, input, g->canvas_width, g->canvas_height,
                                   session->model->kernels, session->pool);
        if (status)
            return mseg_fail(err, status, NULL);
        picture.normalised = session->resized;
    }
    result->resize_ms += mseg_now_ms() - start;
    for (int turn = 0; turn <= flip; turn++) {
        picture.mirrored = turn;
        forward(session, &picture, result);
        mseg_logits *map = &maps[(*n)++];
        *map = logits_of(result);
        map->canvas_width = g->canvas_width;
        map->canvas_height = g->canvas_height;
        map->mirrored = turn;
        const size_t floats = (size_t)map->width * (size_t)map->height * (size_t)map->classes;
        memcpy(*to, map->data, floats * sizeof **to);
        map->data = *to;
        *to += floats;
    }
    return MSEG_OK;
}

static mseg_status run_scales(mseg_session *session, const mseg_image *image, const mseg_image *input, const mseg_geometry *g,
                              const mseg_run_options *options, mseg_result *result, mseg_error *err)
{
    enum { MOST = sizeof options->scales / sizeof *options->scales };
    const double one = 1;
    const double *scales = options->n_scales ? options->scales : &one;
    const int n_scales = options->n_scales ? options->n_scales : 1;
    mseg_logits maps[2 * MOST];
    int n_maps = 0;
    size_t floats = 0;
    for (int i = 0; i < n_scales; i++)
        floats += most_logits(session, g, scales[i]) * (options->flip ? 2 : 1);
    const size_t pixels = (size_t)g->scaled_width * (size_t)g->scaled_height;
    mseg_status status = ensure_floats(&session->sums, &session->sums_size, pixels * (size_t)session->model->info.classes);
    if (!status)
        status = ensure_floats(&session->maps, &session->maps_size, floats);
    if (status)
        return mseg_fail(err, status, "out of memory for the probabilities of %d x %d pixels", g->scaled_width, g->scaled_height);
    float *to = session->maps;
    for (int i = 0; i < n_scales; i++)
        if ((status = run_scale(session, input, g, scales[i], options->flip, &to, maps, &n_maps, result, err)))
            return status;
    result->logits = NULL;
    result->canvas_width = g->canvas_width;
    result->canvas_height = g->canvas_height;
    double start = mseg_now_ms();
    status = mseg_sum_probabilities(session->sums, maps, n_maps, session->model->kernels, session->pool);
    result->label_ms += mseg_now_ms() - start;
    const mseg_logits map = {.data = session->sums,
                             .planar = true,
                             .width = g->scaled_width,
                             .height = g->scaled_height,
                             .classes = result->classes,
                             .canvas_width = g->scaled_width,
                             .canvas_height = g->scaled_height,
                             .scaled_width = g->scaled_width,
                             .scaled_height = g->scaled_height};
    if (!status)
        status = label(session, image, &map, n_maps, result);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

mseg_status mseg_session_check(const mseg_session *session, mseg_error *err)
{
    return session->model->info.classifier
               ? mseg_fail(err, MSEG_INVAL, "the model is an ImageNet classifier: 'mseg classify' runs it")
               : MSEG_OK;
}

static mseg_status check_options(const mseg_session *session, const mseg_run_options *options, mseg_error *err)
{
    enum { MOST = sizeof options->scales / sizeof *options->scales };
    const int stride = session->model->info.output_stride;
    if (mseg_session_check(session, err))
        return MSEG_INVAL;
    if (options->resize != MSEG_RESIZE_FIT && options->resize != MSEG_RESIZE_NONE && options->resize != MSEG_RESIZE_STRETCH)
        return mseg_fail(err, MSEG_INVAL, "resize %d is not one of mseg_resize", (int)options->resize);
    if (options->pad != MSEG_PAD_SQUARE && options->pad != MSEG_PAD_TIGHT)
        return mseg_fail(err, MSEG_INVAL, "pad %d is not one of mseg_pad", (int)options->pad);
    if (options->size < 1 || (options->size - 1) % stride)
        return mseg_fail(err, MSEG_INVAL, "size %d is not k * %d + 1", options->size, stride);
    if (options->n_scales < 0 || options->n_scales > MOST)
        return mseg_fail(err, MSEG_INVAL, "n_scales %d is not between 0 and %d", options->n_scales, MOST);
    for (int i = 0; i < options->n_scales; i++)
        if (!(options->scales[i] >= 0.01 && options->scales[i] <= 16))
            return mseg_fail(err, MSEG_INVAL, "scales[%d], %g, is not between 0.01 and 16", i, options->scales[i]);
    return MSEG_OK;
}

/* The largest of the canvases that the scales make of g's. */
static mseg_status largest_canvas(const mseg_geometry *g, const mseg_run_options *options, int *width, int *height,
                                  mseg_error *err)
{
    double most = options->n_scales ? options->scales[0] : 1;
    for (int i = 1; i < options->n_scales; i++)
        most = fmax(most, options->scales[i]);
    const int64_t w = at_scale(g->canvas_width, most), h = at_scale(g->canvas_height, most);
    if (w * h > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a canvas of %lld x %lld pixels is over the limit of 2^30", (long long)w, (long long)h);
    *width = (int)w;
    *height = (int)h;
    return MSEG_OK;
}

mseg_status mseg_session_prepare(mseg_session *session, const mseg_run_options *options, mseg_error *err)
{
    const mseg_run_options defaults = mseg_run_options_default();
    mseg_geometry g;
    int width = 0, height = 0;
    options = options ? options : &defaults;
    mseg_status status = check_options(session, options, err);
    if (status || (options->pad == MSEG_PAD_TIGHT && options->resize != MSEG_RESIZE_STRETCH))
        return status; /* else no canvas is smaller than that of one pixel */
    status = mseg_geometry_plan(&g, 1, 1, session->model->info.output_stride, options, err);
    if (!status)
        status = largest_canvas(&g, options, &width, &height, err);
    return status ? status : ensure_plan(session, width, height, err);
}

mseg_status mseg_segment(mseg_session *session, const mseg_image *image, const mseg_run_options *options, mseg_result *result,
                         mseg_error *err)
{
    *result = (mseg_result){0};
    session->labelled.data = NULL;
    const mseg_run_options defaults = mseg_run_options_default();
    mseg_geometry g;
    mseg_image resized = {0};
    const mseg_image *input = image;
    options = options ? options : &defaults;
    int width = 0, height = 0;
    mseg_status status = check_options(session, options, err);
    if (!status)
        status = mseg_image_check(image, 3, "image", err);
    if (!status)
        status = mseg_geometry_plan(&g, image->width, image->height, session->model->info.output_stride, options, err);
    if (!status)
        status = largest_canvas(&g, options, &width, &height, err);
    if (status)
        return status;
    double start = mseg_now_ms();
    if (g.scaled_width != image->width || g.scaled_height != image->height) {
        if ((status = mseg_image_resize(&resized, image, g.scaled_width, g.scaled_height, err)))
            return status;
        input = &resized;
    }
    result->resize_ms = mseg_now_ms() - start;
    result->scaled_width = g.scaled_width;
    result->scaled_height = g.scaled_height;
    if (options->n_scales || options->flip)
        status = run_scales(session, image, input, &g, options, result, err);
    else
        status = run_once(session, image, input, &g, result, err);
    mseg_image_free(&resized);
    return status;
}

mseg_status mseg_classify(mseg_session *session, const mseg_image *image, int size, double crop, const float **scores,
                          mseg_error *err)
{
    const int classes = session->model->info.classes;
    mseg_image resized = {0}, part = *image;
    mseg_result result = {0};
    *scores = NULL;
    session->labelled.data = NULL;
    if (!session->model->info.classifier)
        return mseg_fail(err, MSEG_INVAL, "the model is not a classifier: 'mseg run' runs it");
    if (mseg_image_check(image, 3, "image", err))
        return MSEG_INVAL;
    if (size < 1)
        return mseg_fail(err, MSEG_INVAL, "size %d is not at least 1", size);
    if (!(crop > 0 && crop <= 1))
        return mseg_fail(err, MSEG_INVAL, "crop %g is not between 0 and 1", crop);
    const int left = (int)(image->width * (1 - crop) / 2), top = (int)(image->height * (1 - crop) / 2);
    part.width -= 2 * left;
    part.height -= 2 * top;
    part.data += (size_t)top * part.stride + (size_t)left * 3;
    mseg_status status = mseg_image_resize(&resized, &part, size, size, err);
    if (!status && (status = ensure_floats(&session->sums, &session->sums_size, (size_t)classes)))
        mseg_fail(err, status, NULL);
    if (!status)
        status = mseg_session_run(session, &resized, size, size, &result, err);
    if (!status) {
        softmax(result.logits, classes, session->sums);
        *scores = session->sums;
    }
    mseg_image_free(&resized);
    return status;
}

mseg_status mseg_session_forward(mseg_session *session, const mseg_image *canvas, mseg_result *result, mseg_error *err)
{
    *result = (mseg_result){0};
    if (mseg_image_check(canvas, 3, "canvas", err))
        return MSEG_INVAL;
    result->scaled_width = canvas->width;
    result->scaled_height = canvas->height;
    return mseg_session_run(session, canvas, canvas->width, canvas->height, result, err);
}

mseg_status mseg_session_plan(mseg_session *session, int width, int height, mseg_plan_info *info, mseg_error *err)
{
    *info = (mseg_plan_info){0};
    if (width < 1 || height < 1)
        return mseg_fail(err, MSEG_INVAL, "width %d and height %d: a canvas has sides of at least 1", width, height);
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
    if (!session->plan || index < 0 || index >= mseg_plan_layers(session->plan))
        return (mseg_layer){.kind = ""};
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
