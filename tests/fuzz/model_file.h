#ifndef MSEG_FUZZ_MODEL_FILE_H
#define MSEG_FUZZ_MODEL_FILE_H

/* What fuzzers of a model file's readers do with arbitrary bytes. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "weights/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opens them as a model and takes all numbers out. */
static int read_model(const uint8_t *data, size_t size)
{
    mseg_weights *weights;
    mseg_error err;
    if (mseg_weights_open_memory(&weights, data, size, &err) != MSEG_OK)
        return 0;
    for (int i = 0; i < mseg_weights_count(weights); i++) {
        const mseg_tensor *t = mseg_weights_at(weights, i);
        float *values = malloc(mseg_tensor_elements(t) * sizeof *values);
        if (values)
            mseg_tensor_to_f32(t, values);
        free(values);
    }
    mseg_weights_close(&weights);
    return 0;
}

#endif
