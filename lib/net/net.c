#include "net/net.h"

#include <string.h>

#include "base/alloc.h"

/* ---- checks ---- */

static bool valid(const mseg_net *net, mseg_value value)
{
    return value >= 0 && value < net->count;
}

/* A feature map proper: neither the picture nor a vector. */
static bool is_map(const mseg_net *net, mseg_value value)
{
    return valid(net, value) && value > 0 && !net->layers[value].vector;
}

/* Whether the inputs can be concatenated: maps of as many channels each, and at most one vector beside them at a 1x1 kernel, or
 * vectors alone. */
static mseg_status check_inputs(const mseg_net *net, const mseg_net_layer *layer, bool *only_vectors)
{
    int vectors = 0, channels = 0;
    if (layer->n_in < 1 || layer->n_in > MSEG_MAX_INPUTS)
        return MSEG_INVAL;
    for (int i = 0; i < layer->n_in; i++) {
        if (!valid(net, layer->in[i]))
            return MSEG_INVAL;
        vectors += net->layers[layer->in[i]].vector;
    }
    *only_vectors = vectors == layer->n_in;
    if (!*only_vectors && (vectors > 1 || (vectors == 1 && layer->kernel != 1)))
        return MSEG_UNSUPPORTED;
    for (int i = 0; i < layer->n_in; i++) {
        const mseg_net_layer *in = &net->layers[layer->in[i]];
        if (in->vector && !*only_vectors)
            continue;
        if (channels && in->channels != channels)
            return MSEG_UNSUPPORTED;
        channels = in->channels;
    }
    return MSEG_OK;
}

/* The picture exists only for convolutions that read it alone, in whole kernel rows. */
static bool reads_picture_well(const mseg_net_layer *conv)
{
    for (int i = 1; i < conv->n_in; i++)
        if (conv->in[i] == 0)
            return false;
    return conv->add != 0 && (conv->in[0] != 0 || (conv->n_in == 1 && conv->add < 0 && conv->rate == 1));
}

static mseg_status check_conv(const mseg_net *net, const mseg_net_layer *conv, bool *vector)
{
    mseg_status status = check_inputs(net, conv, vector);
    if (status)
        return status;
    if (conv->add >= 0 && (!valid(net, conv->add) || net->layers[conv->add].channels != conv->channels))
        return MSEG_INVAL;
    return reads_picture_well(conv) ? MSEG_OK : MSEG_UNSUPPORTED;
}

static mseg_status check_join(const mseg_net *net, const mseg_net_layer *join)
{
    int channels = 0;
    if (join->n_in < 1 || join->n_in > MSEG_MAX_INPUTS || join->add >= 0)
        return MSEG_INVAL;
    for (int i = 0; i < join->n_in; i++) {
        if (!is_map(net, join->in[i]))
            return MSEG_INVAL;
        channels += net->layers[join->in[i]].channels;
    }
    if (channels != join->channels)
        return MSEG_INVAL;
    return join->kernel == 1 && join->stride == 1 && join->activation == MSEG_LINEAR ? MSEG_OK : MSEG_UNSUPPORTED;
}

static mseg_status check(const mseg_net *net, const mseg_net_layer *layer, bool *vector)
{
    *vector = layer->kind == MSEG_GLOBAL_POOL;
    if (layer->kind == MSEG_INPUT || mseg_net_find(net, layer->name) >= 0)
        return MSEG_INVAL;
    if (layer->kernel < 1 || layer->kernel % 2 == 0 || layer->stride < 1 || layer->rate < 1 || layer->channels < 1)
        return MSEG_INVAL;
    if (layer->kind == MSEG_CONV)
        return check_conv(net, layer, vector);
    if (layer->kind == MSEG_JOIN)
        return check_join(net, layer);
    if (layer->n_in != 1 || layer->add >= 0 || !is_map(net, layer->in[0]) ||
        layer->channels != net->layers[layer->in[0]].channels)
        return MSEG_INVAL;
    if (layer->kind == MSEG_MAX_POOL && layer->rate != 1)
        return MSEG_UNSUPPORTED;
    return layer->kind != MSEG_DEPTHWISE || layer->kernel == 3 ? MSEG_OK : MSEG_UNSUPPORTED;
}

/* ---- building ---- */

static mseg_status append(mseg_net *net, const mseg_net_layer *layer, mseg_value *out)
{
    if (!mseg_grow(&net->layers, &net->capacity, net->count + 1, sizeof *net->layers))
        return MSEG_NOMEM;
    net->layers[net->count] = *layer;
    *out = net->count++;
    return MSEG_OK;
}

mseg_status mseg_net_picture(mseg_net *net, mseg_value *out)
{
    const mseg_net_layer picture = {
        .kind = MSEG_INPUT, .name = "input", .add = -1, .kernel = 1, .stride = 1, .rate = 1, .channels = 3};
    return net->count ? MSEG_INVAL : append(net, &picture, out);
}

mseg_status mseg_net_add(mseg_net *net, const mseg_net_layer *layer, mseg_value *out)
{
    mseg_net_layer full = *layer;
    mseg_status status = check(net, layer, &full.vector);
    if (status)
        return status;
    full.in_channels = 0;
    for (int i = 0; i < layer->n_in; i++)
        full.in_channels += net->layers[layer->in[i]].channels;
    return append(net, &full, out);
}

mseg_status mseg_net_output(mseg_net *net, mseg_value value)
{
    if (!valid(net, value) || value == 0)
        return MSEG_INVAL;
    if (net->n_outputs == MSEG_MAX_OUTPUTS)
        return MSEG_LIMIT;
    net->outputs[net->n_outputs++] = value;
    return MSEG_OK;
}

mseg_status mseg_net_copy(mseg_net *copy, const mseg_net *net)
{
    *copy = *net;
    copy->layers = mseg_alloc_array((size_t)net->count, sizeof *copy->layers);
    copy->capacity = net->count;
    if (!copy->layers) {
        *copy = (mseg_net){0};
        return MSEG_NOMEM;
    }
    memcpy(copy->layers, net->layers, (size_t)net->count * sizeof *copy->layers);
    return MSEG_OK;
}

void mseg_net_free(mseg_net *net)
{
    mseg_free(&net->layers);
    *net = (mseg_net){0};
}

/* ---- questions ---- */

mseg_value mseg_net_find(const mseg_net *net, const char *name)
{
    for (int i = 0; i < net->count; i++)
        if (!strcmp(net->layers[i].name, name))
            return i;
    return -1;
}

bool mseg_net_is_output(const mseg_net *net, mseg_value value)
{
    for (int i = 0; i < net->n_outputs; i++)
        if (net->outputs[i] == value)
            return true;
    return false;
}

int mseg_net_readers(const mseg_net *net, mseg_value value)
{
    int readers = mseg_net_is_output(net, value);
    for (int i = 0; i < net->count; i++)
        readers += mseg_layer_reads(&net->layers[i], value);
    return readers;
}

bool mseg_layer_reads(const mseg_net_layer *layer, mseg_value value)
{
    for (int i = 0; i < layer->n_in; i++)
        if (layer->in[i] == value)
            return true;
    return layer->add == value;
}

mseg_value mseg_layer_map(const mseg_net *net, const mseg_net_layer *layer)
{
    for (int i = layer->n_in - 1; i >= 0; i--)
        if (!net->layers[layer->in[i]].vector)
            return layer->in[i];
    return layer->n_in ? layer->in[0] : -1;
}

int mseg_net_stride(const mseg_net *net, mseg_value value)
{
    int stride = 1;
    for (; value > 0; value = mseg_layer_map(net, &net->layers[value]))
        stride *= net->layers[value].stride;
    return stride;
}

int64_t mseg_layer_params(const mseg_net_layer *layer)
{
    int64_t taps = (int64_t)layer->kernel * layer->kernel, bias = layer->bias ? layer->channels : 0;
    switch (layer->kind) {
    case MSEG_CONV:
        return taps * layer->in_channels * layer->channels + bias;
    case MSEG_DEPTHWISE:
        return taps * layer->channels + bias;
    default:
        return 0;
    }
}

int64_t mseg_net_params(const mseg_net *net)
{
    int64_t params = 0;
    for (int i = 0; i < net->count; i++)
        params += mseg_layer_params(&net->layers[i]);
    return params;
}
