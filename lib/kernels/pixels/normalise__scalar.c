#include "kernels/registry.h"
#include "kernels/pixels/normalise.h"

void mseg_u8_f32_normalise__scalar(const uint8_t *in, float *out, int n)
{
    normalise(in, out, n);
}
