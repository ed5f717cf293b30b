#include "kernels/registry.h"

void mseg_u8_sums__scalar(const uint8_t *x, size_t stride, int k, int pixels, int32_t *out)
{
    for (int p = 0; p < pixels; p++, x += stride) {
        int32_t sum = 0;
        for (int i = 0; i < k; i++)
            sum += x[i];
        out[p] = sum;
    }
}
