#include "heads/deeplabv3.h"

#include <stdio.h>

#include "weights/load.h"

typedef struct head {
    mseg_graph *graph;
    const mseg_weights *weights;
    mseg_error *err;
} head;

/* A convolution over inputs with the weights of that layer. */
static mseg_status conv(const head *h, const char *layer, const mseg_value *inputs, int n_inputs, int rate,
                        mseg_activation activation, mseg_value *out)
{
    mseg_layer_weights w;
    int channels = 0;
    mseg_conv spec = {.name = layer, .n_inputs = n_inputs, .add = -1, .stride = 1, .rate = rate, .activation = activation};
    for (int i = 0; i < n_inputs; i++) {
        spec.inputs[i] = inputs[i];
        channels += mseg_graph_channels(h->graph, inputs[i]);
    }
    mseg_status status = mseg_weights_load(&w, h->weights, layer, channels, h->err);
    if (status)
        return status;
    spec.kernel = w.kernel;
    spec.out_channels = w.out;
    spec.filter = (mseg_filter){w.weight, w.bias};
    status = mseg_graph_conv(h->graph, &spec, out);
    mseg_layer_weights_free(&w);
    return status ? mseg_fail(h->err, status, "%s does not fit the graph", layer) : MSEG_OK;
}

/* A depthwise separable atrous branch: both halves with ReLU, as TensorFlow's DeepLab has them. */
static mseg_status separable(const head *h, const char *layer, mseg_value input, int rate, mseg_value *out)
{
    char name[96];
    mseg_layer_weights depthwise = {0}, pointwise = {0};
    int channels = mseg_graph_channels(h->graph, input);
    snprintf(name, sizeof name, "%s.depthwise", layer);
    mseg_status status = mseg_weights_load_depthwise(&depthwise, h->weights, name, channels, h->err);
    snprintf(name, sizeof name, "%s.pointwise", layer);
    if (!status)
        status = mseg_weights_load(&pointwise, h->weights, name, channels, h->err);
    if (!status) {
        mseg_inverted_residual spec = {
            .name = layer,
            .input = input,
            .expanded = channels,
            .stride = 1,
            .rate = rate,
            .out_channels = pointwise.out,
            .depthwise_activation = MSEG_RELU,
            .project_activation = MSEG_RELU,
            .depthwise = {depthwise.weight, depthwise.bias},
            .project = {pointwise.weight, pointwise.bias},
        };
        status = mseg_graph_inverted_residual(h->graph, &spec, out);
        if (status)
            mseg_fail(h->err, status, "%s does not fit the graph", layer);
    }
    mseg_layer_weights_free(&depthwise);
    mseg_layer_weights_free(&pointwise);
    return status;
}

/* Branch i of atrous spatial pyramid pooling, when the weights have it. */
static mseg_status branch(const head *h, int i, mseg_value features, int output_stride, mseg_value *branches, int *n)
{
    char layer[64], half[80];
    int rate = i ? 6 * i * 16 / output_stride : 1;
    snprintf(layer, sizeof layer, "head.aspp%d", i);
    snprintf(half, sizeof half, "%s.depthwise", layer);
    mseg_status status;
    if (mseg_weights_has(h->weights, layer))
        status = conv(h, layer, &features, 1, rate, MSEG_RELU, &branches[*n]);
    else if (mseg_weights_has(h->weights, half))
        status = separable(h, layer, features, rate, &branches[*n]);
    else
        return MSEG_OK;
    *n += status == MSEG_OK;
    return status;
}

mseg_status mseg_head_deeplabv3(mseg_graph *graph, const mseg_weights *weights, mseg_value features, int output_stride,
                                mseg_value *logits, mseg_head_info *info, mseg_error *err)
{
    enum { BRANCHES = 4 };
    const head h = {graph, weights, err};
    mseg_value branches[1 + BRANCHES], pooled, projected;
    int n = 0;
    mseg_status status;
    *info = (mseg_head_info){.image_pooling = mseg_weights_has(weights, "head.image_pooling")};
    if (info->image_pooling) {
        if ((status = mseg_graph_global_pool(graph, "head.pool", features, &pooled)))
            return mseg_fail(err, status, NULL);
        if ((status = conv(&h, "head.image_pooling", &pooled, 1, 1, MSEG_RELU, &branches[n++])))
            return status;
    }
    for (int i = 0; i < BRANCHES; i++) {
        int before = n;
        if ((status = branch(&h, i, features, output_stride, branches, &n)))
            return status;
        info->aspp = info->aspp || (i > 0 && n > before);
    }
    if (n == info->image_pooling)
        return mseg_fail(err, MSEG_MISMATCH, "the model has no head.aspp0: not a DeepLabv3 segmentation model");
    if ((status = conv(&h, "head.projection", branches, n, 1, MSEG_RELU, &projected)))
        return status;
    if ((status = conv(&h, "head.classifier", &projected, 1, 1, MSEG_LINEAR, logits)))
        return status;
    info->classes = mseg_graph_channels(graph, *logits);
    return MSEG_OK;
}
