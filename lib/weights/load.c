#include "weights/load.h"

#include <stdio.h>

#include "base/alloc.h"

static const mseg_tensor *find(const mseg_weights *weights, const char *layer, const char *part)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", layer, part);
    return mseg_weights_find(weights, name);
}

int mseg_weights_has(const mseg_weights *weights, const char *layer)
{
    return find(weights, layer, "weight") != NULL;
}

static float *floats(const mseg_tensor *tensor)
{
    float *out = mseg_alloc_array(mseg_tensor_elements(tensor), sizeof *out);
    if (out)
        mseg_tensor_to_f32(tensor, out);
    return out;
}

void mseg_layer_weights_free(mseg_layer_weights *layer)
{
    mseg_free(&layer->weight);
    mseg_free(&layer->bias);
    *layer = (mseg_layer_weights){0};
}

/* Fills out->weight and out->bias once out's shape is known. */
static mseg_status load(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, mseg_error *err)
{
    const mseg_tensor *weight = find(weights, layer, "weight"), *bias = find(weights, layer, "bias");
    if (bias && mseg_tensor_elements(bias) != (size_t)out->out)
        return mseg_fail(err, MSEG_MISMATCH, "%s.bias has %zu values for %d channels", layer, mseg_tensor_elements(bias),
                         out->out);
    out->weight = floats(weight);
    out->bias = bias ? floats(bias) : NULL;
    if (out->weight && (out->bias || !bias))
        return MSEG_OK;
    mseg_layer_weights_free(out);
    return mseg_fail(err, MSEG_NOMEM, NULL);
}

static const mseg_tensor *square(const mseg_weights *weights, const char *layer, mseg_error *err)
{
    const mseg_tensor *weight = find(weights, layer, "weight");
    if (!weight)
        mseg_fail(err, MSEG_MISMATCH, "the model has no %s.weight", layer);
    else if (weight->rank != 4 || weight->shape[1] != weight->shape[2])
        mseg_fail(err, MSEG_MISMATCH, "%s.weight is not a square convolution's", layer);
    else
        return weight;
    return NULL;
}

mseg_status mseg_weights_load(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, int in, mseg_error *err)
{
    *out = (mseg_layer_weights){0};
    const mseg_tensor *weight = square(weights, layer, err);
    if (!weight)
        return MSEG_MISMATCH;
    if (in && weight->shape[3] != in)
        return mseg_fail(err, MSEG_MISMATCH, "%s.weight takes %d channels, the layer before makes %d", layer, weight->shape[3],
                         in);
    *out = (mseg_layer_weights){.out = weight->shape[0], .kernel = weight->shape[1], .in = weight->shape[3]};
    return load(out, weights, layer, err);
}

mseg_status mseg_weights_load_depthwise(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, int channels,
                                        mseg_error *err)
{
    *out = (mseg_layer_weights){0};
    const mseg_tensor *weight = square(weights, layer, err);
    if (!weight)
        return MSEG_MISMATCH;
    if (weight->shape[0] != 1 || weight->shape[3] != channels || weight->shape[1] != 3)
        return mseg_fail(err, MSEG_MISMATCH, "%s.weight is not a 3x3 depthwise convolution of %d channels", layer, channels);
    *out = (mseg_layer_weights){.out = channels, .kernel = 3, .in = 1};
    return load(out, weights, layer, err);
}
