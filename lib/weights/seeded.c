#include "weights/seeded.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "weights/reader.h"

mseg_status mseg_weights_seeded(mseg_weights **weights)
{
    *weights = mseg_alloc(sizeof **weights);
    if (!*weights)
        return MSEG_NOMEM;
    (*weights)->size = SIZE_MAX / 4; /* no file limits them */
    (*weights)->origin.format = "seeded";
    (*weights)->input = mseg_input_deeplab;
    return MSEG_OK;
}

static mseg_status add(mseg_weights *weights, const char *layer, const char *part, int rank, const int shape[4])
{
    mseg_tensor tensor = {.dtype = MSEG_SEEDED, .rank = rank, .bytes = 4};
    for (int i = 0; i < rank; i++) {
        tensor.shape[i] = shape[i];
        if (shape[i] < 1 || !mseg_mul(tensor.bytes, (size_t)shape[i], &tensor.bytes))
            return MSEG_INVAL;
    }
    snprintf(tensor.name, sizeof tensor.name, "%s.%s", layer, part);
    return mseg_weights_add(weights, &tensor, NULL);
}

static mseg_status add_layer(mseg_weights *weights, const char *layer, const int shape[4], int channels)
{
    const int bias[4] = {channels};
    mseg_status status = add(weights, layer, "weight", 4, shape);
    return status ? status : add(weights, layer, "bias", 1, bias);
}

mseg_status mseg_weights_seeded_add(mseg_weights *weights, const char *layer, int out, int kernel, int in)
{
    const int shape[4] = {out, kernel, kernel, in};
    return add_layer(weights, layer, shape, out);
}

mseg_status mseg_weights_seeded_add_depthwise(mseg_weights *weights, const char *layer, int channels)
{
    const int shape[4] = {1, 3, 3, channels};
    return add_layer(weights, layer, shape, channels);
}

static uint64_t hash(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return h;
}

/* Inputs of one output: all but the first dimension, without the channels of a depthwise convolution. */
static double fan_in(const mseg_tensor *t)
{
    return (double)t->shape[1] * t->shape[2] * (t->shape[0] == 1 ? 1 : t->shape[3]);
}

void mseg_seeded_values(const mseg_tensor *tensor, float *out)
{
    const size_t n = mseg_tensor_elements(tensor);
    const float range = tensor->rank == 1 ? 0.2f : (float)(2 * sqrt(6 / fan_in(tensor))); /* uniform: variance range^2 / 12 */
    uint64_t state = hash(tensor->name);
    for (size_t i = 0; i < n; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
        out[i] = ((float)(state >> 40) / (float)(1 << 24) - 0.5f) * range;
    }
}
