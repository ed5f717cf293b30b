#include "seg/run/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "image/resize.h"
#include "image/view.h"

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
    mseg_free(&session->scaled);
    mseg_image_free(&session->labels);
    mseg_free(&session->logits);
    mseg_free(&session->sums);
    mseg_free(&session->resized);
    mseg_free(&session->maps);
    mseg_free(pointer);
}

mseg_status mseg_session_enter(mseg_session *session, mseg_error *err)
{
    if (atomic_exchange(&session->running, true))
        return mseg_fail(err, MSEG_INVAL, "the session is running in another thread, or this is a callback of it");
    return MSEG_OK;
}

mseg_status mseg_session_leave(mseg_session *session, mseg_status status)
{
    atomic_store(&session->running, false);
    return status;
}

void mseg_session_on_progress(mseg_session *session, mseg_progress_fn fn, void *context)
{
    session->progress = fn;
    session->progress_context = context;
}

static mseg_status tell(const mseg_session *session, mseg_error *err)
{
    if (session->progress && session->progress(session->progress_context, session->done, session->total))
        return mseg_fail(err, MSEG_CANCELLED, NULL);
    return MSEG_OK;
}

mseg_status mseg_session_start(mseg_session *session, int64_t total, mseg_error *err)
{
    session->done = 0;
    session->total = total;
    return tell(session, err);
}

mseg_status mseg_session_step(mseg_session *session, mseg_error *err)
{
    session->done++;
    return tell(session, err);
}

mseg_status mseg_session_ensure_plan(mseg_session *session, int width, int height, mseg_error *err)
{
    if (session->plan && session->width == width && session->height == height)
        return MSEG_OK;
    session->width = width;
    session->height = height;
    session->labelled.data = NULL;
    return mseg_plan_replace(&session->plan, session->model->net, width, height, mseg_pool_threads(session->pool),
                             &session->model->cpu, err);
}

mseg_status mseg_session_ensure_floats(float **buffer, size_t *size, size_t n)
{
    if (*size >= n)
        return MSEG_OK;
    mseg_free(buffer);
    *buffer = mseg_alloc_array(n, sizeof **buffer);
    *size = *buffer ? n : 0;
    return *buffer ? MSEG_OK : MSEG_NOMEM;
}

mseg_status mseg_session_scale(mseg_session *session, mseg_view image, int width, int height, mseg_view *scaled)
{
    const size_t stride = (size_t)width * (size_t)mseg_format_channels(image.format);
    size_t bytes;
    if (!mseg_mul(stride, (size_t)height, &bytes))
        return MSEG_NOMEM;
    if (session->scaled_size < bytes) {
        mseg_free(&session->scaled);
        session->scaled = mseg_alloc(bytes);
        session->scaled_size = session->scaled ? bytes : 0;
    }
    if (!session->scaled)
        return MSEG_NOMEM;
    const mseg_image out = {width, height, image.format, stride, session->scaled};
    *scaled = mseg_view_of(&out);
    return mseg_image_resize_to(&out, image, session->model->kernels);
}

static mseg_status ensure_labels(mseg_session *session, int width, int height)
{
    if (session->labels.width == width && session->labels.height == height)
        return MSEG_OK;
    mseg_image_free(&session->labels);
    return mseg_image_create(&session->labels, width, height, MSEG_GRAY);
}

mseg_status mseg_session_label(mseg_session *session, int width, int height, const mseg_logits *logits, int runs,
                               mseg_result *result)
{
    double start = mseg_now_ms();
    mseg_status status = ensure_labels(session, width, height);
    if (!status)
        status = mseg_labels(&session->labels, logits, session->model->kernels, session->pool);
    session->labelled = *logits;
    session->runs = runs;
    if (status)
        session->labelled.data = NULL;
    result->labels = mseg_view_of(&session->labels);
    result->label_ms += mseg_now_ms() - start;
    return status;
}

/* ---- what is planned ---------------------------------------------------------------------------------------------------- */

static mseg_status plan(mseg_session *session, int width, int height, mseg_plan_info *info, mseg_error *err)
{
    if (width < 1 || height < 1)
        return mseg_fail(err, MSEG_INVAL, "width %d and height %d: a canvas has sides of at least 1", width, height);
    mseg_status status = mseg_session_ensure_plan(session, width, height, err);
    if (status)
        return status;
    *info = (mseg_plan_info){
        .canvas_width = width,
        .canvas_height = height,
        .layers = mseg_plan_layers(session->plan),
        .params = session->model->info.params,
        .arena_bytes = mseg_plan_arena_bytes(session->plan),
        .weight_bytes = session->model->net->bytes,
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

mseg_status mseg_session_plan(mseg_session *session, int width, int height, mseg_plan_info *info, mseg_error *err)
{
    *info = (mseg_plan_info){0};
    const mseg_status status = mseg_session_enter(session, err);
    return status ? status : mseg_session_leave(session, plan(session, width, height, info, err));
}

/* How the file holds what the layers of a line of reports make. */
static mseg_quant quant_of_line(const mseg_packed_net *net, int line)
{
    const mseg_net_layer *layer = &net->net.layers[net->lines[line].end - 1];
    return layer->kind == MSEG_INPUT ? net->net.input.quant : layer->sum.scale > 0 ? layer->sum : layer->quant;
}

mseg_layer mseg_session_layer(const mseg_session *session, int index)
{
    if (!session->plan || index < 0 || index >= mseg_plan_layers(session->plan))
        return (mseg_layer){.kind = ""};
    mseg_plan_layer from = mseg_plan_layer_at(session->plan, index);
    const mseg_quant quant = quant_of_line(session->model->net, index);
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
        .quant_scale = quant.scale,
        .quant_zero_point = quant.scale > 0 ? mseg_zero_point(&quant) : 0,
    };
    strncpy(layer.name, from.name, sizeof layer.name - 1);
    return layer;
}
