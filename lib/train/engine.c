#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "train/layout.h"
#include "weights/load.h"

/* ---- what the net's layers are ------------------------------------------------------------------------------------------ */

static mseg_status check_layer(const mseg_net *net, const mseg_net_layer *layer, mseg_error *err)
{
    int maps = 0;
    for (int k = 0; k < layer->n_in; k++)
        maps += !net->layers[layer->in[k]].vector;
    const bool pointwise = layer->kernel == 1 && layer->stride == 1;
    const char *what = NULL;
    if (layer->kind == MSEG_MAX_POOL || layer->kind == MSEG_JOIN)
        what = layer->kind == MSEG_JOIN ? "a decoder" : "max pooling";
    else if (layer->kind == MSEG_DEPTHWISE && layer->stride > 1 && (layer->rate > 1 || layer->stride > 2))
        what = "a depthwise convolution of that stride and rate";
    else if (layer->kind == MSEG_CONV && !layer->vector && layer->n_in > 1 && !pointwise)
        what = "a convolution of several maps that is not 1x1";
    else if (layer->kind == MSEG_CONV && !layer->vector && (maps == 0 || layer->kernel * layer->kernel > MOST_TAPS))
        what = "a convolution of that size";
    else if (layer->vector && layer->add >= 0)
        what = "a sum of vectors";
    return what ? mseg_fail(err, MSEG_UNSUPPORTED, "%s has %s, which is not trained", layer->name, what) : MSEG_OK;
}

static bool begins(const char *name, const char *prefix)
{
    return prefix && !strncmp(name, prefix, strlen(prefix));
}

static bool has_parameters(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE;
}

/* Inputs that are maps first. */
static void place_segments(const mseg_engine *e, mseg_train_value *v)
{
    const mseg_net_layer *layer = v->layer;
    v->taps = layer->kernel * layer->kernel;
    if (layer->kind == MSEG_DEPTHWISE) {
        v->rows = 9;
        return;
    }
    if (layer->in[0] == 0) { /* the picture: three channels of all taps in a row */
        v->rows = v->map_rows = mseg_train_pad(3 * v->taps);
        v->taps = 1;
        return;
    }
    int at = 0;
    for (int vectors = 0; vectors < 2; vectors++) {
        for (int k = 0; k < layer->n_in; k++)
            if (e->net.layers[layer->in[k]].vector == vectors) {
                v->segment[k] = at;
                at += e->values[layer->in[k]].padded;
            }
        if (!vectors)
            v->map_rows = at;
    }
    v->rows = v->taps * v->map_rows + at - v->map_rows;
    if (!v->map_rows) { /* of vectors alone, at any position 1x1 */
        v->taps = 1;
        v->rows = at;
    }
}

static void describe_value(mseg_engine *e, int i)
{
    const mseg_net *net = &e->net;
    const mseg_net_layer *layer = &net->layers[i];
    mseg_train_value *v = &e->values[i];
    int convs = 0;
    bool added = false;
    for (int r = 0; r < net->count; r++) {
        added |= net->layers[r].add == i;
        convs += has_parameters(&net->layers[r]) && net->layers[r].add != i && mseg_layer_reads(&net->layers[r], i);
    }
    v->layer = layer;
    v->padded = mseg_train_pad(layer->channels);
    v->output = mseg_net_is_output(net, i);
    v->lo = layer->activation == MSEG_LINEAR ? -INFINITY : 0;
    v->hi = layer->activation == MSEG_RELU6 ? 6 : INFINITY;
    if (!has_parameters(layer))
        return;
    v->normed = !layer->vector && !v->output;
    v->stored = v->normed && (added || layer->add >= 0 || layer->activation == MSEG_LINEAR);
    v->direct = v->normed && !v->stored && convs == 1 && mseg_net_readers(net, i) == 1;
    v->trained = !begins(layer->name, e->options.frozen);
    place_segments(e, v);
}

/* Who has parameters, below or of its own, that are trained. */
static void find_wanted(mseg_engine *e)
{
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        v->wanted = v->trained;
        for (int k = 0; k < v->layer->n_in; k++)
            v->wanted |= e->values[v->layer->in[k]].wanted;
        v->wanted |= v->layer->add >= 0 && e->values[v->layer->add].wanted;
    }
}

static size_t add_param(mseg_engine *e, int layer, mseg_param_kind kind, size_t count)
{
    const mseg_train_value *v = &e->values[layer];
    const size_t at = e->size;
    e->params[e->n_params++] =
        (mseg_param){layer, kind, at, count, kind == MSEG_PARAM_WEIGHT && v->layer->kind == MSEG_CONV, v->trained};
    e->size += count;
    return at;
}

static mseg_status describe(mseg_engine *e, mseg_error *err)
{
    e->values = mseg_alloc_array((size_t)e->net.count, sizeof *e->values);
    e->params = mseg_alloc_array(3 * (size_t)e->net.count, sizeof *e->params);
    if (!e->values || !e->params)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        mseg_status status = check_layer(&e->net, &e->net.layers[i], err);
        if (status)
            return status;
        describe_value(e, i);
        e->widest = v->padded > e->widest ? v->padded : e->widest;
        if (!has_parameters(v->layer))
            continue;
        const size_t count = (size_t)v->rows * (size_t)v->padded;
        e->heaviest = count > e->heaviest ? count : e->heaviest;
        v->weight = add_param(e, i, MSEG_PARAM_WEIGHT, count);
        if (v->normed)
            v->scale = add_param(e, i, MSEG_PARAM_SCALE, (size_t)v->padded);
        v->shift = add_param(e, i, MSEG_PARAM_SHIFT, (size_t)v->padded);
        v->statistics = e->n_statistics;
        e->n_statistics += v->normed ? 2 * (size_t)v->padded : 0;
    }
    find_wanted(e);
    return MSEG_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

/* One block for what does not depend on the batch: norms and packed weights. NULL base: counts. */
static size_t place_fixed(mseg_engine *e, char *base)
{
    size_t at = 0;
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        const size_t padded = (size_t)v->padded;
        if (v->layer->vector || !has_parameters(v->layer))
            continue;
        mseg_real **const reals[] = {&v->factor, &v->offset, &v->a, &v->b, &v->e};
        double **const doubles[] = {&v->mean, &v->inverse, &v->sum1, &v->sum2, &v->measured1, &v->measured2};
        for (size_t k = 0; k < sizeof reals / sizeof *reals; k++)
            *reals[k] = mseg_take(base, &at, padded * sizeof(mseg_real));
        for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++)
            *doubles[k] = mseg_take(base, &at, padded * sizeof(double));
        if (v->layer->kind != MSEG_CONV)
            continue;
        v->packed = mseg_take(base, &at, e->kernels->packed(v->taps * v->map_rows, v->padded));
        for (int k = 0; k < v->layer->n_in; k++) {
            const mseg_train_value *in = &e->values[v->layer->in[k]];
            v->back[k] = in->wanted && !in->layer->vector
                             ? mseg_take(base, &at, e->kernels->packed(v->taps * v->padded, in->padded))
                             : NULL;
        }
    }
    return at;
}

static mseg_status allocate(mseg_engine *e, mseg_error *err)
{
    e->parameters = mseg_alloc_array(e->size, sizeof *e->parameters);
    e->statistics = mseg_alloc_array(e->n_statistics, sizeof *e->statistics);
    e->part_sums = mseg_alloc_array((size_t)MSEG_MAX_INPUTS * MOST_PARTS * 2 * (size_t)e->widest, sizeof *e->part_sums);
    e->part_weights = mseg_alloc_array(MOST_PARTS * e->heaviest, sizeof *e->part_weights);
    e->fixed = mseg_alloc(place_fixed(e, NULL));
    if (!e->parameters || !e->statistics || !e->part_sums || !e->part_weights || !e->fixed)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    place_fixed(e, e->fixed);
    return MSEG_OK;
}

/* A layer's weights [out, kernel, kernel, in] or, depthwise, [kernel, kernel, out] into the order of the parameters. channels:
 * from which one each is, NULL: as they are. */
static void take_weights(mseg_engine *e, const mseg_train_value *v, const mseg_layer_weights *from, const int *channels)
{
    mseg_real *to = e->parameters + v->weight;
    const int taps = from->kernel * from->kernel;
    if (from->depthwise) {
        for (int tap = 0; tap < taps; tap++)
            for (int c = 0; c < from->out; c++)
                to[tap * v->padded + c] = (mseg_real)from->weight[tap * from->out + c];
        for (int c = 0; c < from->out; c++)
            e->parameters[v->shift + (size_t)c] = from->bias ? (mseg_real)from->bias[c] : 0;
        return;
    }
    for (int o = 0; o < v->layer->channels; o++) {
        const int source = channels ? channels[o] : o;
        for (int tap = 0; tap < taps && source >= 0; tap++)
            for (int k = 0, input = 0; k < v->layer->n_in; k++)
                for (int c = 0; c < e->values[v->layer->in[k]].layer->channels; c++, input++)
                    to[(size_t)mseg_train_row(e, v, tap, k, c) * (size_t)v->padded + (size_t)o] =
                        (mseg_real)from->weight[(source * taps + tap) * from->in + input];
        if (source >= 0)
            e->parameters[v->shift + (size_t)o] = from->bias ? (mseg_real)from->bias[source] : 0;
    }
}

static mseg_status load(mseg_engine *e, const mseg_weights *weights, mseg_error *err)
{
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        mseg_layer_weights from;
        if (!has_parameters(v->layer))
            continue;
        if (mseg_train_is_added(e, v)) {
            mseg_engine_randomise(e, v->layer->name, e->options.seed);
            continue;
        }
        mseg_status status = v->layer->kind == MSEG_CONV
                                 ? mseg_weights_load(&from, weights, v->layer->name, v->layer->in_channels, err)
                                 : mseg_weights_load_depthwise(&from, weights, v->layer->name, v->layer->channels, err);
        if (status)
            return status;
        const bool renewed = e->options.renewed && !strcmp(v->layer->name, e->options.renewed);
        if (renewed)
            mseg_engine_randomise(e, v->layer->name, e->options.seed);
        take_weights(e, v, &from, renewed ? e->options.from : NULL);
        for (int c = 0; v->normed && c < v->layer->channels; c++)
            e->parameters[v->scale + (size_t)c] = 1;
        for (int c = 0; v->normed && c < v->padded; c++)
            e->statistics[v->statistics + (size_t)(v->padded + c)] = 1;
        mseg_layer_weights_free(&from);
    }
    return MSEG_OK;
}

static mseg_status prepare(mseg_engine *e, const mseg_net *net, const mseg_engine_options *options, mseg_error *err)
{
    e->options = *options;
    e->kernels = options->kernels;
    e->epsilon = options->epsilon > 0 ? options->epsilon : 1e-3;
    e->n_workers = mseg_pool_threads(options->pool);
    mseg_status status = mseg_net_copy(&e->net, net);
    return status ? mseg_fail(err, status, NULL) : describe(e, err);
}

mseg_status mseg_engine_open(mseg_engine **engine, const mseg_net *net, const mseg_weights *weights,
                             const mseg_engine_options *options, mseg_error *err)
{
    mseg_engine *e = *engine = mseg_alloc(sizeof *e);
    if (!e)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = prepare(e, net, options, err);
    e->padding = mseg_weights_padding(weights);
    if (!status)
        status = allocate(e, err);
    if (!status)
        status = load(e, weights, err);
    if (!status)
        status = mseg_layout_open(e, options->batch, options->height, options->width, err);
    if (status)
        mseg_engine_close(engine);
    return status;
}

void mseg_engine_close(mseg_engine **engine)
{
    mseg_engine *e = *engine;
    if (!e)
        return;
    mseg_net_free(&e->net);
    mseg_free(&e->values);
    mseg_free(&e->params);
    mseg_free(&e->parameters);
    mseg_free(&e->statistics);
    mseg_free(&e->part_sums);
    mseg_free(&e->part_weights);
    mseg_free(&e->fixed);
    mseg_free(&e->workers);
    mseg_free(&e->scratch);
    mseg_free(&e->arena);
    mseg_free(engine);
}

size_t mseg_engine_bytes(const mseg_net *net, const mseg_engine_options *options)
{
    mseg_engine e = {0};
    size_t bytes = 0;
    if (!prepare(&e, net, options, NULL))
        bytes = mseg_layout_bytes(&e, options->batch, options->height, options->width) + place_fixed(&e, NULL) +
                (e.size + e.n_statistics + MOST_PARTS * e.heaviest) * sizeof(mseg_real) +
                (size_t)MSEG_MAX_INPUTS * MOST_PARTS * 2 * (size_t)e.widest * sizeof(double);
    mseg_net_free(&e.net);
    mseg_free(&e.values);
    mseg_free(&e.params);
    return bytes;
}

/* ---- what is in it ------------------------------------------------------------------------------------------------------ */

size_t mseg_engine_size(const mseg_engine *e)
{
    return e->size;
}

mseg_real *mseg_engine_parameters(mseg_engine *e)
{
    return e->parameters;
}

int mseg_engine_params(const mseg_engine *e)
{
    return e->n_params;
}

const mseg_param *mseg_engine_param(const mseg_engine *e, int index)
{
    return &e->params[index];
}

const mseg_net *mseg_engine_net(const mseg_engine *e)
{
    return &e->net;
}

size_t mseg_engine_statistics_size(const mseg_engine *e)
{
    return e->n_statistics;
}

mseg_real *mseg_engine_statistics(mseg_engine *e)
{
    return e->statistics;
}

mseg_real *mseg_engine_picture(mseg_engine *e, int sample)
{
    return e->values[0].reals + (size_t)sample * 3 * mseg_train_pixels(&e->values[0]);
}

mseg_engine_map mseg_engine_output(mseg_engine *e, int output, int sample)
{
    const mseg_train_value *v = &e->values[e->net.outputs[output]];
    const size_t at = (size_t)sample * mseg_train_pixels(v) * (size_t)v->padded;
    return (mseg_engine_map){v->reals + at, v->real_gradient + at, v->height, v->width, v->layer->channels, v->padded};
}

int64_t mseg_engine_madds(const mseg_engine *e)
{
    int64_t madds = 0;
    for (int i = 0; i < e->net.count; i++) {
        const mseg_net_layer *layer = e->values[i].layer;
        const int64_t each = layer->kind == MSEG_CONV        ? (int64_t)layer->in_channels * layer->channels
                             : layer->kind == MSEG_DEPTHWISE ? layer->channels
                                                             : 0;
        int64_t vectors = 0; /* inputs that are the same everywhere are multiplied once */
        for (int k = 0; k < layer->n_in && layer->kind == MSEG_CONV && !layer->vector; k++)
            if (e->net.layers[layer->in[k]].vector)
                vectors += (int64_t)e->net.layers[layer->in[k]].channels * layer->channels;
        madds += (each - vectors) * layer->kernel * layer->kernel * (int64_t)mseg_train_pixels(&e->values[i]) + vectors;
    }
    return madds;
}
