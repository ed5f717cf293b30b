#include "heads/build.h"

#include <stdio.h>

#include "weights/load.h"

static mseg_status appended(const mseg_builder *b, const char *layer, mseg_status status)
{
    if (status == MSEG_NOMEM)
        return mseg_fail(b->err, status, NULL);
    return status ? mseg_fail(b->err, status, "%s does not fit the layers before it", layer) : MSEG_OK;
}

mseg_status mseg_build_conv(const mseg_builder *b, const char *layer, const mseg_conv *shape, mseg_value *out)
{
    mseg_layer_weights w;
    mseg_conv conv = *shape;
    int channels = 0;
    for (int i = 0; i < conv.n_inputs; i++)
        channels += mseg_graph_channels(b->graph, conv.inputs[i]);
    mseg_status status = mseg_weights_load(&w, b->weights, layer, channels, b->err);
    if (status)
        return status;
    conv.name = layer;
    conv.kernel = w.kernel;
    conv.out_channels = w.out;
    conv.filter = (mseg_filter){w.weight, w.bias};
    status = mseg_graph_conv(b->graph, &conv, out);
    mseg_layer_weights_free(&w);
    return appended(b, layer, status);
}

mseg_status mseg_build_block(const mseg_builder *b, const char *layer, const char *project, const mseg_inverted_residual *shape,
                             mseg_value *out)
{
    char part[96];
    mseg_layer_weights expand = {0}, depthwise = {0}, pointwise = {0};
    mseg_inverted_residual block = *shape;
    const int in = mseg_graph_channels(b->graph, block.input);
    mseg_status status = MSEG_OK;
    block.name = layer;
    block.expanded = in;
    snprintf(part, sizeof part, "%s.expand", layer);
    if (mseg_weights_has(b->weights, part)) {
        if ((status = mseg_weights_load(&expand, b->weights, part, in, b->err)))
            goto done;
        block.expanded = expand.out;
    }
    snprintf(part, sizeof part, "%s.depthwise", layer);
    if ((status = mseg_weights_load_depthwise(&depthwise, b->weights, part, block.expanded, b->err)))
        goto done;
    snprintf(part, sizeof part, "%s.%s", layer, project);
    if ((status = mseg_weights_load(&pointwise, b->weights, part, block.expanded, b->err)))
        goto done;
    block.out_channels = pointwise.out;
    block.residual = block.residual && block.stride == 1 && in == pointwise.out;
    block.expand = (mseg_filter){expand.weight, expand.bias};
    block.depthwise = (mseg_filter){depthwise.weight, depthwise.bias};
    block.project = (mseg_filter){pointwise.weight, pointwise.bias};
    status = expand.kernel > 1 || pointwise.kernel > 1 ? MSEG_MISMATCH : mseg_graph_inverted_residual(b->graph, &block, out);
    status = appended(b, layer, status);
done:
    mseg_layer_weights_free(&expand);
    mseg_layer_weights_free(&depthwise);
    mseg_layer_weights_free(&pointwise);
    return status;
}
