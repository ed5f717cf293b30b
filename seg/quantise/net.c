#include "seg/quantise/quantise.h"

#include "base/alloc.h"
#include "seg/quantise/choose.h"
#include "seg/quantise/equalise.h"
#include "weights/made.h"

void mseg_quantised_free(mseg_quantised *q)
{
    for (int i = 0; q->rounded && i < q->net.count; i++)
        mseg_rounded_free(&q->rounded[i]);
    mseg_free(&q->rounded);
    mseg_equalise_free(&q->factors, q->net.count);
    mseg_net_free(&q->net);
}

static bool is_convolution(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE;
}

static mseg_status load(mseg_layer_weights *out, const mseg_net_layer *layer, const mseg_weights *weights, mseg_error *err)
{
    mseg_status status = layer->kind == MSEG_DEPTHWISE
                             ? mseg_weights_load_depthwise(out, weights, layer->name, layer->channels, err)
                             : mseg_weights_load(out, weights, layer->name, layer->in_channels, err);
    if (!status && !out->bias && !(out->bias = mseg_alloc_array((size_t)out->out, sizeof *out->bias)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    return status;
}

/* Mean and variance of all that a layer reads, channel after channel. The picture's are of bytes, which rule tells. */
static void moments_of_inputs(const mseg_quantised *q, const mseg_net_layer *layer, const mseg_map_stats *stats, double *mean,
                              double *variance)
{
    const mseg_net *net = &q->net;
    const mseg_input *input = &net->input;
    for (int i = 0; i < layer->n_in; i++) {
        const int channels = net->layers[layer->in[i]].channels;
        mseg_stats_moments(&stats[layer->in[i]], channels, mean, variance);
        for (int c = 0; c < channels; c++) {
            const bool picture = layer->in[i] == 0;
            const double factor = picture ? (double)input->scale[c] : q->factors[layer->in[i]][c];
            mean[c] = mean[c] * factor + (picture ? (double)input->offset[c] : 0);
            variance[c] *= factor * factor;
        }
        mean += channels;
        variance += channels;
    }
}

/* Labels are the first of the largest bytes: of two classes that are close the first one would win half a step too often. Class
 * 0, mostly the background, is what most pixels are and the first of every pair, and so is half a step less. */
static void even_ties(const mseg_net *net, mseg_value value, mseg_layer_weights *weights)
{
    const mseg_net_layer *layer = &net->layers[value];
    if (mseg_net_is_output(net, value) && !layer->vector)
        weights->bias[0] -= layer->quant.scale / 2;
}

static mseg_status round_layer(mseg_quantised *q, mseg_value value, mseg_layer_weights *weights, const mseg_map_stats *stats)
{
    mseg_net_layer *layer = &q->net.layers[value];
    double *mean = mseg_alloc_array(2 * (size_t)layer->in_channels, sizeof *mean), *variance = mean + layer->in_channels;
    if (!mean)
        return MSEG_NOMEM;
    even_ties(&q->net, value, weights);
    moments_of_inputs(q, layer, stats, mean, variance);
    const mseg_round_rule rule = {mseg_held(&q->net, layer->in[0]).scale, layer->quant.scale, mean, variance};
    mseg_status status = mseg_round(&q->rounded[value], weights, &rule);
    layer->bias = true;
    mseg_free(&mean);
    return status;
}

/* Loads all convolutions, the picture's bytes made part of those that read it, and sees that their sums fit what they make. */
static mseg_status load_all(mseg_layer_weights *loaded, mseg_quantised *q, const mseg_weights *weights, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 1; i < q->net.count && !status; i++) {
        const mseg_net_layer *layer = &q->net.layers[i];
        if (!is_convolution(layer))
            continue;
        if ((status = load(&loaded[i], layer, weights, err)))
            break;
        mseg_equalise_layer(&loaded[i], &q->net, i, q->factors);
        if (layer->in[0] == 0)
            mseg_round_input(&q->net.input, &loaded[i]);
        status = mseg_choose_coarser(&q->net, i, mseg_round_least(&loaded[i], mseg_held(&q->net, layer->in[0]).scale));
        if (status)
            mseg_fail(err, status, NULL);
    }
    return status;
}

mseg_status mseg_quantise_net(mseg_quantised *q, const mseg_net *net, const mseg_weights *weights, const mseg_map_stats *stats,
                              mseg_error *err)
{
    *q = (mseg_quantised){.padding = mseg_weights_padding(weights)};
    mseg_layer_weights *loaded = mseg_alloc_array((size_t)net->count, sizeof *loaded);
    mseg_status status = loaded ? mseg_net_copy(&q->net, net) : MSEG_NOMEM;
    if (!status && !(q->rounded = mseg_alloc_array((size_t)net->count, sizeof *q->rounded)))
        status = MSEG_NOMEM;
    if (!status && !(q->factors = mseg_equalise(net, stats)))
        status = MSEG_NOMEM;
    if (status)
        mseg_fail(err, status, NULL);
    if (!status)
        status = mseg_choose_quants(&q->net, stats, q->factors, err);
    if (!status)
        status = load_all(loaded, q, weights, err);
    for (int i = 1; i < net->count && !status; i++)
        if (loaded[i].weight && (status = round_layer(q, i, &loaded[i], stats)))
            mseg_fail(err, status, NULL);
    for (int i = 0; loaded && i < net->count; i++)
        mseg_layer_weights_free(&loaded[i]);
    mseg_free(&loaded);
    if (status)
        mseg_quantised_free(q);
    return status;
}

mseg_status mseg_quantised_weights(mseg_weights **weights, const mseg_quantised *q, mseg_error *err)
{
    mseg_status status = mseg_weights_made(weights, q->padding);
    if (status)
        return mseg_fail(err, status, NULL);
    for (int i = 0; i < q->net.count && !status; i++) {
        const mseg_rounded *r = &q->rounded[i];
        const int shape[4] = {r->depthwise ? 1 : r->out, r->kernel, r->kernel, r->depthwise ? r->out : r->in};
        if (r->weight)
            status =
                mseg_weights_made_add(*weights, q->net.layers[i].name, shape, r->depthwise, r->weight, r->bias, r->scale, err);
    }
    if (status)
        mseg_weights_close(weights);
    return status;
}
