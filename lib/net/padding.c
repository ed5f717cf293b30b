#include "net/padding.h"

#include <stdint.h>

int mseg_out_size(int in, int stride)
{
    return (int)(((int64_t)in + stride - 1) / stride);
}

int mseg_pad_before(mseg_padding padding, int in, int kernel, int stride, int rate)
{
    if (padding == MSEG_SYMMETRIC)
        return (kernel - 1) / 2 * rate;
    int64_t total = ((int64_t)mseg_out_size(in, stride) - 1) * stride + (int64_t)(kernel - 1) * rate + 1 - in;
    return total > 0 ? (int)(total / 2) : 0;
}
