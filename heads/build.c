#include "heads/build.h"

#include <stdio.h>

#include "weights/load.h"

static void set_name(char to[MSEG_MAX_LAYER_NAME], const char *name)
{
    snprintf(to, MSEG_MAX_LAYER_NAME, "%.*s", MSEG_MAX_LAYER_NAME - 1, name);
}

static void set_quant(mseg_net_layer *layer, const mseg_layer_quant *quant)
{
    if (!quant)
        return;
    layer->quant = quant->quant;
    layer->sum = quant->sum;
    layer->joined = quant->joined;
    layer->joining = quant->joining;
    layer->bounds = quant->bounds;
    layer->mean = quant->mean;
}

static mseg_status append(const mseg_builder *b, const char *name, mseg_net_layer *layer, mseg_value *out)
{
    set_name(layer->name, name);
    set_quant(layer, mseg_weights_quant(b->weights, name));
    mseg_status status = mseg_net_add(b->net, layer, out);
    if (status == MSEG_NOMEM)
        return mseg_fail(b->err, status, NULL);
    return status ? mseg_fail(b->err, status, "%s does not fit the layers before it", *layer->block ? layer->block : name)
                  : MSEG_OK;
}

mseg_status mseg_build_conv(const mseg_builder *b, const char *name, const mseg_net_layer *shape, mseg_value *out)
{
    mseg_net_layer conv = *shape;
    mseg_weight_shape weights;
    int channels = 0;
    for (int i = 0; i < conv.n_in; i++)
        channels += b->net->layers[conv.in[i]].channels;
    mseg_status status = mseg_weights_shape(&weights, b->weights, name, channels, b->err);
    if (status)
        return status;
    conv.kind = MSEG_CONV;
    conv.kernel = weights.kernel;
    conv.channels = weights.out;
    conv.bias = weights.bias;
    conv.padding = conv.padding == MSEG_SAME ? mseg_weights_padding(b->weights) : conv.padding;
    conv.add = conv.add ? conv.add : -1;
    conv.stride = conv.stride ? conv.stride : 1;
    conv.rate = conv.rate ? conv.rate : 1;
    return append(b, name, &conv, out);
}

static mseg_status build_depthwise(const mseg_builder *b, const char *name, const char *block, const mseg_build_shape *shape,
                                   mseg_value in, mseg_value *out)
{
    mseg_weight_shape weights;
    mseg_net_layer layer = {.kind = MSEG_DEPTHWISE,
                            .in = {in},
                            .n_in = 1,
                            .add = -1,
                            .stride = shape->stride,
                            .rate = shape->rate,
                            .padding = mseg_weights_padding(b->weights),
                            .activation = shape->depthwise_activation,
                            .channels = b->net->layers[in].channels};
    set_name(layer.block, block);
    mseg_status status = mseg_weights_shape_depthwise(&weights, b->weights, name, layer.channels, b->err);
    if (status)
        return status;
    layer.kernel = weights.kernel;
    layer.bias = weights.bias;
    return append(b, name, &layer, out);
}

static mseg_status build_pointwise(const mseg_builder *b, const char *name, const char *block, mseg_net_layer *layer,
                                   mseg_value *out)
{
    set_name(layer->block, block);
    layer->n_in = 1;
    mseg_status status = mseg_build_conv(b, name, layer, out);
    if (!status && b->net->layers[*out].kernel > 1)
        status = mseg_fail(b->err, MSEG_MISMATCH, "%s does not fit the layers before it", block);
    return status;
}

mseg_status mseg_build_block(const mseg_builder *b, const char *layer, const mseg_build_shape *shape, mseg_value *out)
{
    char part[MSEG_MAX_LAYER_NAME];
    mseg_value wide = shape->input;
    mseg_status status = MSEG_OK;
    snprintf(part, sizeof part, "%s.expand", layer);
    if (mseg_weights_has(b->weights, part)) {
        mseg_net_layer expand = {.in = {shape->input}, .activation = MSEG_RELU6};
        status = build_pointwise(b, part, layer, &expand, &wide);
    }
    snprintf(part, sizeof part, "%s.depthwise", layer);
    if (!status)
        status = build_depthwise(b, part, layer, shape, wide, &wide);
    if (status)
        return status;
    mseg_net_layer project = {.in = {wide}, .activation = shape->activation};
    mseg_weight_shape weights;
    snprintf(part, sizeof part, "%s.%s", layer, shape->pointwise);
    if ((status = mseg_weights_shape(&weights, b->weights, part, b->net->layers[wide].channels, b->err)))
        return status;
    if (shape->residual && shape->stride == 1 && weights.out == b->net->layers[shape->input].channels)
        project.add = shape->input;
    return build_pointwise(b, part, layer, &project, out);
}

mseg_status mseg_build_join(const mseg_builder *b, const char *name, const mseg_value *inputs, int n, mseg_value *out)
{
    mseg_net_layer join = {.kind = MSEG_JOIN, .n_in = n, .add = -1, .kernel = 1, .stride = 1, .rate = 1};
    for (int i = 0; i < n; i++) {
        join.in[i] = inputs[i];
        join.channels += b->net->layers[inputs[i]].channels;
    }
    return append(b, name, &join, out);
}

static mseg_status build_pool(const mseg_builder *b, const char *name, mseg_net_layer *pool, mseg_value *out)
{
    pool->n_in = 1;
    pool->add = -1;
    pool->rate = 1;
    pool->channels = b->net->layers[pool->in[0]].channels;
    return append(b, name, pool, out);
}

mseg_status mseg_build_global_pool(const mseg_builder *b, const char *name, mseg_value input, mseg_value *out)
{
    mseg_net_layer pool = {.kind = MSEG_GLOBAL_POOL, .in = {input}, .kernel = 1, .stride = 1};
    return build_pool(b, name, &pool, out);
}

mseg_status mseg_build_max_pool(const mseg_builder *b, const char *name, mseg_value input, int kernel, int stride,
                                mseg_value *out)
{
    mseg_net_layer pool = {
        .kind = MSEG_MAX_POOL, .in = {input}, .kernel = kernel, .stride = stride, .padding = mseg_weights_padding(b->weights)};
    return build_pool(b, name, &pool, out);
}
