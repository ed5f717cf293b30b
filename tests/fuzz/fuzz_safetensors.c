/* The safetensors reader on arbitrary bytes, and on the same with the length that the header really has, so that a change of the
 * header's length is not the end: every layer's weights loaded as floats. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weights/load.h"
#include "weights/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load_all(const mseg_weights *weights)
{
    for (int i = 0; i < mseg_weights_count(weights); i++) {
        const mseg_tensor *t = mseg_weights_at(weights, i);
        mseg_layer_weights layer;
        char name[sizeof t->name];
        memcpy(name, t->name, sizeof name);
        char *end = strstr(name, ".weight");
        if (!end || t->rank != 4)
            continue;
        *end = 0;
        const mseg_status status = t->shape[0] == 1 ? mseg_weights_load_depthwise(&layer, weights, name, t->shape[3], NULL)
                                                    : mseg_weights_load(&layer, weights, name, 0, NULL);
        if (!status)
            mseg_layer_weights_free(&layer);
    }
}

static void open_and_load(const uint8_t *data, size_t size)
{
    mseg_weights *weights;
    mseg_error err;
    if (mseg_weights_open_memory(&weights, data, size, &err) == MSEG_OK)
        load_all(weights);
    mseg_weights_close(&weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_and_load(data, size);
    const uint8_t *end = size > 9 && data[8] == '{' ? memmem(data + 8, size - 8, "}}", 2) : NULL;
    if (!end)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    const uint64_t length = (uint64_t)(end + 2 - (data + 8));
    for (int i = 0; i < 8; i++)
        copy[i] = (uint8_t)(length >> 8 * i);
    open_and_load(copy, size);
    free(copy);
    return 0;
}
