#include "heads/deeplabv3.h"

#include <stdio.h>

#include "net/networks.h"
#include "weights/load.h"

static mseg_status conv(const mseg_builder *b, const char *layer, const mseg_value *inputs, int n, int rate,
                        mseg_activation activation, mseg_value *out)
{
    mseg_net_layer shape = {.n_in = n, .rate = rate, .activation = activation};
    for (int i = 0; i < n; i++)
        shape.in[i] = inputs[i];
    return mseg_build_conv(b, layer, &shape, out);
}

/* Branch i of atrous spatial pyramid pooling, when the weights have it: a full convolution, or a depthwise separable one, both
 * halves of which have a ReLU in TensorFlow's DeepLab. */
static mseg_status branch(const mseg_builder *b, int i, mseg_value features, int output_stride, mseg_value *branches, int *n)
{
    char layer[64], half[80];
    const int rate = mseg_aspp_rate(i, output_stride);
    const mseg_build_shape separable = {.input = features,
                                        .stride = 1,
                                        .rate = rate,
                                        .depthwise_activation = MSEG_RELU,
                                        .pointwise = "pointwise",
                                        .activation = MSEG_RELU};
    mseg_status status;
    snprintf(layer, sizeof layer, "head.aspp%d", i);
    snprintf(half, sizeof half, "%s.depthwise", layer);
    if (mseg_weights_has(b->weights, layer))
        status = conv(b, layer, &features, 1, rate, MSEG_RELU, &branches[*n]);
    else if (mseg_weights_has(b->weights, half))
        status = mseg_build_block(b, layer, &separable, &branches[*n]);
    else
        return MSEG_OK;
    *n += status == MSEG_OK;
    return status;
}

mseg_status mseg_head_aspp(const mseg_builder *b, mseg_value features, int output_stride, mseg_value *projected,
                           mseg_head_info *info)
{
    mseg_value branches[1 + MSEG_ASPP_BRANCHES], pooled;
    int n = 0;
    mseg_status status;
    *info = (mseg_head_info){.image_pooling = mseg_weights_has(b->weights, "head.image_pooling")};
    if (info->image_pooling) {
        if ((status = mseg_build_global_pool(b, "head.pool", features, &pooled)))
            return status;
        if ((status = conv(b, "head.image_pooling", &pooled, 1, 1, MSEG_RELU, &branches[n++])))
            return status;
    }
    for (int i = 0; i < MSEG_ASPP_BRANCHES; i++) {
        const int before = n;
        if ((status = branch(b, i, features, output_stride, branches, &n)))
            return status;
        info->aspp = info->aspp || (i > 0 && n > before);
    }
    if (n == info->image_pooling)
        return mseg_fail(b->err, MSEG_MISMATCH, "the model has no head.aspp0: not a DeepLabv3 segmentation model");
    return conv(b, "head.projection", branches, n, 1, MSEG_RELU, projected);
}

/* Whether there is a convolution i of that part; *full: and it is one, not depthwise and pointwise. layer: its name. */
static bool find_conv(const mseg_builder *b, const char *part, int i, char layer[MSEG_MAX_LAYER_NAME], bool *full)
{
    char depthwise[MSEG_MAX_LAYER_NAME];
    snprintf(layer, MSEG_MAX_LAYER_NAME, "head.%s%d", part, i);
    snprintf(depthwise, sizeof depthwise, "head.%s%d.depthwise", part, i);
    *full = mseg_weights_has(b->weights, layer);
    return *full || mseg_weights_has(b->weights, depthwise);
}

/* Appends it; *map is what it reads and becomes what it makes. */
static mseg_status append_conv(const mseg_builder *b, const char *layer, bool is_full, mseg_value *map)
{
    const mseg_build_shape separable = {.input = *map,
                                        .stride = 1,
                                        .rate = 1,
                                        .depthwise_activation = MSEG_RELU,
                                        .pointwise = "pointwise",
                                        .activation = MSEG_RELU};
    return is_full ? conv(b, layer, map, 1, 1, MSEG_RELU, map) : mseg_build_block(b, layer, &separable, map);
}

mseg_status mseg_head_convs(const mseg_builder *b, const char *part, int least, mseg_value *map)
{
    char layer[MSEG_MAX_LAYER_NAME];
    bool full;
    mseg_status status = MSEG_OK;
    for (int i = 0; !status && (find_conv(b, part, i, layer, &full) || i < least); i++)
        status = append_conv(b, layer, full, map);
    return status;
}

mseg_status mseg_head_deeplabv3(const mseg_builder *b, mseg_value features, int output_stride, mseg_value *logits,
                                mseg_head_info *info)
{
    mseg_value projected;
    mseg_status status = mseg_head_aspp(b, features, output_stride, &projected, info);
    if (!status)
        status = mseg_head_convs(b, "refine", 0, &projected);
    return status ? status : conv(b, "head.classifier", &projected, 1, 1, MSEG_LINEAR, logits);
}
