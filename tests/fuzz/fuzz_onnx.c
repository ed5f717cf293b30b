/* The ONNX reader on arbitrary bytes. */

#include "fuzz/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return read_model(data, size);
}
