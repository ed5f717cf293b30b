#include "weights/load.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "weights/flatbuffer.h"

static const mseg_tensor *find(const mseg_weights *weights, const char *layer, const char *part)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", layer, part);
    return mseg_weights_find(weights, name);
}

bool mseg_weights_has(const mseg_weights *weights, const char *layer)
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

static bool has_norm(const mseg_weights *weights, const char *layer)
{
    return find(weights, layer, "norm.variance") != NULL;
}

/* Fills shape->bias once shape->out is known. */
static mseg_status find_bias(mseg_weight_shape *shape, const mseg_weights *weights, const char *layer, mseg_error *err)
{
    const mseg_tensor *bias = find(weights, layer, "bias");
    shape->bias = bias || has_norm(weights, layer);
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
    *shape = (mseg_weight_shape){.out = channels, .kernel = 3, .in = 1, .depthwise = true};
    return find_bias(shape, weights, layer, err);
}

/* LAYER.norm.PART as doubles, count of them; NULL when it is not there and may be left out, or with *status set. */
static double *norm_values(const mseg_weights *weights, const char *layer, const char *part, size_t count, bool required,
                           mseg_status *status, mseg_error *err)
{
    const mseg_tensor *tensor = find(weights, layer, part);
    if (!tensor && !required)
        return NULL;
    if (!tensor) {
        *status = mseg_fail(err, MSEG_MISMATCH, "the model has no %s.%s", layer, part);
        return NULL;
    }
    if (mseg_tensor_elements(tensor) != count) {
        *status =
            mseg_fail(err, MSEG_MISMATCH, "%s.%s has %zu values, not %zu", layer, part, mseg_tensor_elements(tensor), count);
        return NULL;
    }
    float *values = floats(tensor);
    double *out = mseg_alloc_array(count, sizeof *out);
    for (size_t i = 0; values && out && i < count; i++)
        out[i] = (double)values[i];
    if (!values || !out) {
        *status = mseg_fail(err, MSEG_NOMEM, NULL);
        mseg_free(&out);
    }
    mseg_free(&values);
    return out;
}

enum { GAMMA, BETA, MEAN, VARIANCE, EPSILON, NORM_PARTS };

static void apply_norm(mseg_layer_weights *out, double *const parts[NORM_PARTS])
{
    const size_t channels = (size_t)out->out, taps = (size_t)out->kernel * (size_t)out->kernel;
    const size_t row = taps * (size_t)out->in; /* of a depthwise convolution: its taps, channels apart */
    for (size_t c = 0; c < channels; c++) {
        const double factor = (parts[GAMMA] ? parts[GAMMA][c] : 1) / sqrt(parts[VARIANCE][c] + parts[EPSILON][0]);
        for (size_t i = 0; i < row; i++) {
            float *weight = &out->weight[out->depthwise ? i * channels + c : c * row + i];
            *weight = (float)((double)*weight * factor);
        }
        out->bias[c] = (float)(((double)out->bias[c] - parts[MEAN][c]) * factor + (parts[BETA] ? parts[BETA][c] : 0));
    }
}

/* Batch norm behind the convolution becomes part of it: w * gamma / sqrt(variance + epsilon), (b - mean) * the same + beta (Ioffe
 * and Szegedy 2015, algorithm 2). */
static mseg_status fold_norm(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, mseg_error *err)
{
    static const char *const names[NORM_PARTS] = {"norm.gamma", "norm.beta", "norm.mean", "norm.variance", "norm.epsilon"};
    double *parts[NORM_PARTS] = {0};
    mseg_status status = MSEG_OK;
    for (int i = 0; i < NORM_PARTS && !status; i++)
        parts[i] = norm_values(weights, layer, names[i], i == EPSILON ? 1 : (size_t)out->out, i >= MEAN, &status, err);
    for (int c = 0; c < out->out && !status; c++)
        if (!(parts[VARIANCE][c] + parts[EPSILON][0] > 0))
            status = mseg_fail(err, MSEG_FORMAT, "%s.norm: variance %g and epsilon %g of channel %d have no root", layer,
                               parts[VARIANCE][c], parts[EPSILON][0], c);
    if (!status)
        apply_norm(out, parts);
    for (int i = 0; i < NORM_PARTS; i++)
        mseg_free(&parts[i]);
    return status;
}

static mseg_status load(mseg_layer_weights *out, const mseg_weights *weights, const char *layer, const mseg_weight_shape *shape,
                        mseg_error *err)
{
    *out = (mseg_layer_weights){.out = shape->out, .kernel = shape->kernel, .in = shape->in, .depthwise = shape->depthwise};
    const mseg_tensor *bias = find(weights, layer, "bias");
    mseg_status status = MSEG_OK;
    out->weight = floats(find(weights, layer, "weight"));
    if (bias)
        out->bias = floats(bias);
    else if (shape->bias)
        out->bias = mseg_alloc_array((size_t)shape->out, sizeof *out->bias);
    if (!out->weight || (shape->bias && !out->bias))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    else if (has_norm(weights, layer))
        status = fold_norm(out, weights, layer, err);
    if (status)
        mseg_layer_weights_free(out);
    return status;
}

void mseg_layer_bytes_free(mseg_layer_bytes *layer)
{
    mseg_free(&layer->weight);
    mseg_free(&layer->bias);
    mseg_free(&layer->scale);
    *layer = (mseg_layer_bytes){0};
}

static bool is_bytes(const mseg_tensor *weight, const mseg_tensor *bias, const mseg_weight_shape *shape)
{
    const bool per_channel = weight->n_scales == shape->out && weight->axis == (shape->depthwise ? 3 : 0);
    return (weight->dtype == MSEG_U8 || weight->dtype == MSEG_S8) && (weight->n_scales == 1 || per_channel) &&
           (!bias || bias->dtype == MSEG_S32);
}

static mseg_status load_bytes(mseg_layer_bytes *out, const mseg_weights *weights, const char *layer,
                              const mseg_weight_shape *shape, mseg_error *err)
{
    const mseg_tensor *weight = find(weights, layer, "weight"), *bias = find(weights, layer, "bias");
    if (has_norm(weights, layer) || !is_bytes(weight, bias, shape))
        return mseg_fail(err, MSEG_UNSUPPORTED, "%s is not quantised", layer);
    const size_t elements = mseg_tensor_elements(weight), channels = (size_t)shape->out;
    *out = (mseg_layer_bytes){.out = shape->out, .kernel = shape->kernel, .in = shape->in, .depthwise = shape->depthwise};
    out->weight = mseg_alloc_array(elements, sizeof *out->weight);
    out->bias = mseg_alloc_array(channels, sizeof *out->bias);
    out->scale = mseg_alloc_array(channels, sizeof *out->scale);
    if (!out->weight || !out->bias || !out->scale) {
        mseg_layer_bytes_free(out);
        return mseg_fail(err, MSEG_NOMEM, NULL);
    }
    for (size_t i = 0; i < elements; i++)
        out->weight[i] =
            (int16_t)((weight->dtype == MSEG_S8 ? (int)(int8_t)weight->data[i] : (int)weight->data[i]) - weight->zero_point);
    for (size_t c = 0; c < channels; c++) {
        out->bias[c] = bias ? (int32_t)mseg_load_u32(bias->data + 4 * c) : 0;
        out->scale[c] = mseg_load_f32(weight->scales + 4 * (weight->n_scales > 1 ? c : 0));
    }
    return MSEG_OK;
}

mseg_status mseg_weights_load_bytes(mseg_layer_bytes *out, const mseg_weights *weights, const char *layer, int in,
                                    mseg_error *err)
{
    mseg_weight_shape shape;
    *out = (mseg_layer_bytes){0};
    mseg_status status = mseg_weights_shape(&shape, weights, layer, in, err);
    return status ? status : load_bytes(out, weights, layer, &shape, err);
}

mseg_status mseg_weights_load_depthwise_bytes(mseg_layer_bytes *out, const mseg_weights *weights, const char *layer, int channels,
                                              mseg_error *err)
{
    mseg_weight_shape shape;
    *out = (mseg_layer_bytes){0};
    mseg_status status = mseg_weights_shape_depthwise(&shape, weights, layer, channels, err);
    return status ? status : load_bytes(out, weights, layer, &shape, err);
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
