#include "weights/made.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/reader.h"

mseg_status mseg_weights_made(mseg_weights **weights, mseg_padding padding)
{
    *weights = mseg_alloc(sizeof **weights);
    if (!*weights)
        return MSEG_NOMEM;
    (*weights)->size = SIZE_MAX / 4; /* no file limits them */
    (*weights)->origin.format = "made";
    (*weights)->input = mseg_input_deeplab;
    (*weights)->padding = padding;
    return MSEG_OK;
}

/* A copy of n words of 32 bits, lowest byte first as files have them; NULL without memory. */
static const uint8_t *keep_words(mseg_weights *weights, const void *words, size_t n, mseg_error *err)
{
    uint8_t *kept = mseg_weights_room(weights, 4 * n, err);
    for (size_t i = 0; kept && i < n; i++) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)words + 4 * i, sizeof word);
        for (int byte = 0; byte < 4; byte++)
            kept[4 * i + (size_t)byte] = (uint8_t)(word >> 8 * byte);
    }
    return kept;
}

/* Names the layer's tensors and checks the weights' shape; *elements of it. */
static mseg_status describe(mseg_tensor *w, mseg_tensor *b, const char *layer, const int shape[4], bool depthwise,
                            size_t *elements, mseg_error *err)
{
    *elements = 1;
    w->rank = 4;
    b->rank = 1;
    b->shape[0] = shape[depthwise ? 3 : 0];
    for (int i = 0; i < 4; i++) {
        w->shape[i] = shape[i];
        if (shape[i] < 1 || !mseg_mul(*elements, (size_t)shape[i], elements))
            return mseg_fail(err, MSEG_FORMAT, "%s.weight has no shape of a tensor", layer);
    }
    snprintf(w->name, sizeof w->name, "%s.weight", layer);
    snprintf(b->name, sizeof b->name, "%s.bias", layer);
    return MSEG_OK;
}

static mseg_status add_both(mseg_weights *weights, const mseg_tensor *w, const mseg_tensor *b, mseg_error *err)
{
    mseg_status status = mseg_weights_add(weights, w, err);
    return status ? status : mseg_weights_add(weights, b, err);
}

mseg_status mseg_weights_made_add(mseg_weights *weights, const char *layer, const int shape[4], bool depthwise,
                                  const int8_t *weight, const int32_t *bias, const float *scale, mseg_error *err)
{
    const int axis = depthwise ? 3 : 0;
    const size_t channels = (size_t)shape[axis];
    mseg_tensor w = {.dtype = MSEG_S8, .n_scales = shape[axis], .axis = axis};
    mseg_tensor b = {.dtype = MSEG_S32, .bytes = 4 * channels, .n_scales = shape[axis]};
    mseg_status status = describe(&w, &b, layer, shape, depthwise, &w.bytes, err);
    if (status)
        return status;
    uint8_t *bytes = mseg_weights_room(weights, w.bytes, err);
    w.scales = b.scales = keep_words(weights, scale, channels, err);
    b.data = keep_words(weights, bias, channels, err);
    if (!bytes || !w.scales || !b.data)
        return MSEG_NOMEM;
    memcpy(bytes, weight, w.bytes);
    w.data = bytes;
    return add_both(weights, &w, &b, err);
}

mseg_status mseg_weights_made_add_floats(mseg_weights *weights, const char *layer, const int shape[4], bool depthwise,
                                         const float *weight, const float *bias, mseg_error *err)
{
    size_t elements;
    mseg_tensor w = {.dtype = MSEG_F32}, b = {.dtype = MSEG_F32};
    mseg_status status = describe(&w, &b, layer, shape, depthwise, &elements, err);
    if (status)
        return status;
    w.bytes = 4 * elements;
    b.bytes = 4 * (size_t)b.shape[0];
    w.data = keep_words(weights, weight, elements, err);
    b.data = keep_words(weights, bias, (size_t)b.shape[0], err);
    return w.data && b.data ? add_both(weights, &w, &b, err) : MSEG_NOMEM;
}
