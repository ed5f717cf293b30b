#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "plan/plan.h"
#include "seg/run/options.h"

/* A layer with a ReLU and what has been counted. */
typedef struct counter {
    const mseg_net_layer *layer; /* as the net was given */
    int threshold;
    int stride; /* pixels of the canvas from one position to the next; 0: a map of one position */
    int64_t *histogram;
    int64_t sixes; /* over all positions and channels */
} counter;

struct mseg_activations {
    const mseg_model *model;
    mseg_pool *pool;
    int side;
    mseg_packed_net net; /* the model's, with other outputs: the layers counted, in their order */
    mseg_plan *plan;
    counter *counters;
    int n;
    int64_t photos;
};

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static bool has_relu(const mseg_net_layer *layer)
{
    return (layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE) && layer->activation != MSEG_LINEAR;
}

static bool is_sum_of_channels(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_CONV && layer->kernel == 1 && layer->add < 0;
}

/* The positive channels that undoing the ReLU takes; 0: nothing is known. */
static int threshold_of(const mseg_net *net, const mseg_net_layer *layer)
{
    const mseg_net_layer *source = layer->kind == MSEG_DEPTHWISE ? &net->layers[layer->in[0]] : layer;
    const bool inside = source != layer && *layer->block && !strcmp(source->block, layer->block) && has_relu(source);
    return (source == layer || inside) && is_sum_of_channels(source) ? source->in_channels : 0;
}

/* Makes value of the net that is run an output, and counts it. */
static mseg_status take_layer(mseg_activations *a, mseg_value value, mseg_error *err)
{
    const mseg_net *given = &a->net.net;
    const mseg_value as_given = mseg_net_find(given, a->net.run.layers[value].name);
    const mseg_net_layer *layer = &given->layers[as_given];
    counter *c = &a->counters[a->n++];
    *c = (counter){.layer = layer,
                   .threshold = threshold_of(given, layer),
                   .stride = layer->vector ? 0 : mseg_net_stride(given, as_given),
                   .histogram = mseg_alloc_array((size_t)layer->channels + 1, sizeof *c->histogram)};
    if (!c->histogram)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = mseg_net_output(&a->net.run, value);
    return status ? mseg_fail(err, status, "the network has more than %d layers with a ReLU", MSEG_MAX_OUTPUTS) : MSEG_OK;
}

static mseg_status check(const mseg_model *model, int size, mseg_error *err)
{
    const mseg_canvas_rule rule = mseg_canvas_rule_of(model);
    if (model->info.precision != MSEG_PRECISION_FLOAT)
        return mseg_fail(err, MSEG_UNSUPPORTED, "activations are counted in floats: open the model with precision float");
    if (size < 1)
        return mseg_fail(err, MSEG_INVAL, "size %d is neither a side nor 0, the model's own", size);
    if (!model->info.classifier && !mseg_side_suits(size, &rule) && size != mseg_own_side(&model->info))
        return mseg_fail(err, MSEG_INVAL, "size %d is not k * %d + 1", size, rule.output_stride);
    return MSEG_OK;
}

static mseg_status open_activations(mseg_activations *a, mseg_error *err)
{
    mseg_status status = check(a->model, a->side, err);
    if (status)
        return status;
    a->net = *a->model->net;
    a->net.run.n_outputs = 0;
    if (!(a->counters = mseg_alloc_array((size_t)a->net.run.count, sizeof *a->counters)))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 1; i < a->net.run.count && !status; i++)
        if (has_relu(&a->net.run.layers[i]))
            status = take_layer(a, i, err);
    if (!status && !a->n)
        status = mseg_fail(err, MSEG_UNSUPPORTED, "no layer of the network has a ReLU");
    return status ? status : mseg_plan_open(&a->plan, &a->net, a->side, a->side, mseg_pool_threads(a->pool), &a->model->cpu, err);
}

mseg_status mseg_activations_open(mseg_activations **out, const mseg_model *model, int size, mseg_pool *pool, mseg_error *err)
{
    mseg_activations *a = *out = mseg_alloc(sizeof *a);
    if (!a)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    a->model = model;
    a->pool = pool;
    a->side = size ? size : mseg_default_side(&model->info);
    mseg_status status = open_activations(a, err);
    if (status)
        mseg_activations_close(out);
    return status;
}

void mseg_activations_close(mseg_activations **pointer)
{
    mseg_activations *a = *pointer;
    if (!a)
        return;
    for (int i = 0; i < a->n; i++)
        mseg_free(&a->counters[i].histogram);
    mseg_free(&a->counters);
    mseg_plan_close(&a->plan);
    mseg_free(pointer);
}

/* ---- counting ----------------------------------------------------------------------------------------------------------- */

typedef struct run {
    mseg_activations *activations;
    int width, height; /* of the picture on the canvas */
    bool *infinite;    /* [n] */
} run;

/* Positions of an axis that lie on length pixels. */
static int covered(const counter *c, int length, int positions)
{
    const int n = c->stride ? (length - 1) / c->stride + 1 : 1;
    return n < positions ? n : positions;
}

/* Whether all numbers are finite, also those beside the picture. */
static void check_map(void *context, int task, int worker)
{
    const run *r = context;
    const mseg_map map = mseg_plan_output(r->activations->plan, task);
    (void)worker;
    for (int y = 0; y < map.height; y++)
        for (int x = 0; x < map.width; x++) {
            const float *at = map.data + (size_t)y * map.row + (size_t)x * map.pixel;
            for (int c = 0; c < map.channels; c++)
                r->infinite[task] |= !isfinite(at[c]);
        }
}

static void count_map(void *context, int task, int worker)
{
    const run *r = context;
    counter *to = &r->activations->counters[task];
    const mseg_map map = mseg_plan_output(r->activations->plan, task);
    const int width = covered(to, r->width, map.width), height = covered(to, r->height, map.height);
    const float most = to->layer->activation == MSEG_RELU6 ? 6 : INFINITY;
    (void)worker;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const float *at = map.data + (size_t)y * map.row + (size_t)x * map.pixel;
            int positive = 0, sixes = 0;
            for (int c = 0; c < map.channels; c++) {
                positive += at[c] > 0;
                sixes += at[c] >= most;
            }
            to->histogram[positive]++;
            to->sixes += sixes;
        }
}

static mseg_status count(mseg_activations *a, mseg_view seen, mseg_error *err)
{
    const mseg_picture picture = {.data = seen.data, .stride = seen.stride, .width = seen.width, .height = seen.height};
    run r = {a, seen.width, seen.height, mseg_alloc_array((size_t)a->n, sizeof *r.infinite)};
    mseg_status status = r.infinite ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
    if (status)
        return status;
    mseg_plan_run(a->plan, &picture, a->pool);
    mseg_pool_for(a->pool, a->n, check_map, &r);
    for (int i = 0; i < a->n && !status; i++)
        if (r.infinite[i])
            status = mseg_fail(err, MSEG_FORMAT, "%s makes numbers that are not finite", a->counters[i].layer->name);
    if (!status) {
        mseg_pool_for(a->pool, a->n, count_map, &r);
        a->photos++;
    }
    mseg_free(&r.infinite);
    return status;
}

mseg_status mseg_activations_add(mseg_activations *a, mseg_view photo, mseg_error *err)
{
    mseg_image seen;
    mseg_status status = mseg_see_photo(&seen, photo, &a->model->info, a->side, a->model->kernels, err);
    if (!status)
        status = count(a, mseg_view_of(&seen), err);
    mseg_image_free(&seen);
    return status;
}

/* ---- what was counted --------------------------------------------------------------------------------------------------- */

mseg_activations_info mseg_activations_describe(const mseg_activations *a)
{
    return (mseg_activations_info){.size = a->side, .photos = a->photos, .layers = a->n};
}

/* The least count that at least percent of the positions do not exceed. */
static int percentile(const mseg_activity *from, int percent)
{
    int64_t positions = 0;
    int count = 0;
    while (count < from->channels && (positions += from->histogram[count]) * 100 < from->positions * percent)
        count++;
    return count;
}

static void summarise(mseg_activity *to)
{
    double squares = 0, sum = 0;
    to->min = -1;
    for (int i = 0; i <= to->channels; i++) {
        to->positions += to->histogram[i];
        to->below += i < to->threshold ? to->histogram[i] : 0;
        to->min = to->min < 0 && to->histogram[i] ? i : to->min;
        to->max = to->histogram[i] ? i : to->max;
        sum += (double)to->histogram[i] * i;
    }
    if (!to->positions) {
        to->min = 0;
        to->mean = to->deviation = NAN;
        return;
    }
    to->mean = sum / (double)to->positions;
    for (int i = 0; i <= to->channels; i++)
        squares += (double)to->histogram[i] * (i - to->mean) * (i - to->mean);
    to->deviation = sqrt(squares / (double)to->positions);
    to->percentile5 = percentile(to, 5);
    to->median = percentile(to, 50);
    to->percentile95 = percentile(to, 95);
}

mseg_activity mseg_activations_at(const mseg_activations *a, int index)
{
    if (index < 0 || index >= a->n)
        return (mseg_activity){.kind = ""};
    const counter *from = &a->counters[index];
    mseg_activity to = {.kind = from->layer->kind == MSEG_DEPTHWISE ? "depthwise conv" : "conv",
                        .channels = from->layer->channels,
                        .threshold = from->threshold,
                        .histogram = from->histogram};
    memcpy(to.name, from->layer->name, sizeof to.name);
    summarise(&to);
    to.at_six = to.positions ? (double)from->sixes / (double)to.positions : NAN;
    return to;
}
