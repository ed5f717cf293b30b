#include "kernels/kernels.h"

/* The body of the mseg_pixels_normalise kernels, vectorised by the compiler for the instruction set of the includer. */
static inline void normalise(const uint8_t *restrict in, float *restrict out, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (float)in[i] * (2.0f / 255.0f) - 1.0f;
}
