/* The reader of TensorFlow graphs on arbitrary bytes. */

#include "fuzz/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return mseg_graphdef_probe(data, size) ? read_model(data, size) : 0;
}
