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

/* Fills shape->bias once shape->out is known. */
static mseg_status find_bias(mseg_weight_shape *shape, const mseg_weights *weights, const char *layer, mseg_error *err)
{
    const mseg_tensor *bias = find(weights, layer, "bias");
    shape->bias = bias != NULL;
    if (bias && mseg_tensor_elements(bias) != (size_t)shape->out)
        return mseg_fail(err, MSEG_MISMATCH, "%s.bias has %zu values for %d channels", layer, mseg_tensor_elements(bias),
                         shape->out);
    return MSEG_OK;
}

mseg_status mseg_weights_shape(mseg_weight_shape *shape, const mseg_weights *weights, const char *layer, int in, mseg_error *err)
{
    const mseg_tensor *weight = square(weights, layer, err);
    if (!weight)
        return MSEG_MISMATCH;
    if (in && weight->shape[3] != in)
        return mseg_fail(err, MSEG_MISMATCH, "%s.weight takes %d channels, the layer before makes %d", layer, weight->shape[3],
                         in);
    *shape = (mseg_weight_shape){.out = weight->shape[0], .kernel = weight->shape[1], .in = weight->shape[3]};
    return find_bias(shape, weights, layer, err);
}

mseg_status mseg_weights_shape_depthwise(mseg_weight_shape *shape, const mseg_weights *weights, const char *layer, int channels,
                                         mseg_error *err)
{
    const mseg_tensor *weight = square(weights, layer, err);
    if (!weight)
        return MSEG_MISMATCH;
    if (weight->shape[0] != 1 || weight->shape[3] != channels || weight->shape[1] != 3)
        return mseg_fail(err, MSEG_MISMATCH, "%s.weight is not a 3x3 depthwise convolution of %d channels", layer, channels);
    *shape = (mseg_weight_shape){.out = channels, .kernel = 3, .in = 1};
    return find_bias(shape, weights, layer, err);
}

static mseg_status load(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, const mseg_weight_shape *shape,
                        mseg_error *err)
{
    *out = (mseg_layer_weights){.out = shape->out, .kernel = shape->kernel, .in = shape->in};
    out->weight = floats(find(weights, layer, "weight"));
    out->bias = shape->bias ? floats(find(weights, layer, "bias")) : NULL;
    if (out->weight && (out->bias || !shape->bias))
        return MSEG_OK;
    mseg_layer_weights_free(out);
    return mseg_fail(err, MSEG_NOMEM, NULL);
}

mseg_status mseg_weights_load(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, int in, mseg_error *err)
{
    mseg_weight_shape shape;
    *out = (mseg_layer_weights){0};
    mseg_status status = mseg_weights_shape(&shape, weights, layer, in, err);
    return status ? status : load(out, weights, layer, &shape, err);
}

mseg_status mseg_weights_load_depthwise(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, int channels,
                                        mseg_error *err)
{
    mseg_weight_shape shape;
    *out = (mseg_layer_weights){0};
    mseg_status status = mseg_weights_shape_depthwise(&shape, weights, layer, channels, err);
    return status ? status : load(out, weights, layer, &shape, err);
}
