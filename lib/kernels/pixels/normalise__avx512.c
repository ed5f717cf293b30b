#include "kernels/pixels/normalise.h"
#include "kernels/registry.h"

void mseg_pixels_normalise__avx512(const uint8_t *in, float *out, int n)
{
    normalise(in, out, n);
}
