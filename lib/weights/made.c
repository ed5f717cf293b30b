#include "weights/made.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/reader.h"

mseg_status mseg_weights_made(mseg_weights **weights)
{
    *weights = mseg_alloc(sizeof **weights);
    if (!*weights)
        return MSEG_NOMEM;
    (*weights)->size = SIZE_MAX / 4; /* no file limits them */
    (*weights)->origin.format = "made";
    (*weights)->input = mseg_input_deeplab;
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

mseg_status mseg_weights_made_add(mseg_weights *weights, const char *layer, const int shape[4], bool depthwise,
                                  const int8_t *weight, const int32_t *bias, const float *scale, mseg_error *err)
{
    const int axis = depthwise ? 3 : 0;
    const size_t channels = (size_t)shape[axis];
    mseg_tensor w = {.dtype = MSEG_S8, .rank = 4, .bytes = 1, .n_scales = shape[axis], .axis = axis};
    mseg_tensor b = {.dtype = MSEG_S32, .rank = 1, .shape = {shape[axis]}, .bytes = 4 * channels, .n_scales = shape[axis]};
    for (int i = 0; i < 4; i++) {
        w.shape[i] = shape[i];
        if (shape[i] < 1 || !mseg_mul(w.bytes, (size_t)shape[i], &w.bytes))
            return mseg_fail(err, MSEG_FORMAT, "%s.weight has no shape of a tensor", layer);
    }
    snprintf(w.name, sizeof w.name, "%s.weight", layer);
    snprintf(b.name, sizeof b.name, "%s.bias", layer);
    uint8_t *bytes = mseg_weights_room(weights, w.bytes, err);
    w.scales = b.scales = keep_words(weights, scale, channels, err);
    b.data = keep_words(weights, bias, channels, err);
    if (!bytes || !w.scales || !b.data)
        return MSEG_NOMEM;
    memcpy(bytes, weight, w.bytes);
    w.data = bytes;
    mseg_status status = mseg_weights_add(weights, &w, err);
    return status ? status : mseg_weights_add(weights, &b, err);
}
