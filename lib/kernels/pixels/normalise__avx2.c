#include "kernels/pixels/normalise.h"
#include "kernels/registry.h"

void mseg_pixels_normalise__avx2(const uint8_t *in, float *out, int pixels, const float scale[3], const float offset[3])
{
    normalise(in, out, pixels, scale, offset);
}
