#include "kernels/kernels.h"

/* The body of the mseg_pixels_normalise kernels, vectorised by the compiler for the instruction set of the includer: blocks of
 * whole pixels and whole vectors, for which the rule is spread out. */
static inline void normalise(const uint8_t *restrict in, float *restrict out, int pixels, const float scale[3],
                             const float offset[3])
{
    enum { BLOCK = 3 * 16 };
    float scales[BLOCK], offsets[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        scales[i] = scale[i % 3];
        offsets[i] = offset[i % 3];
    }
    int left = 3 * pixels;
    for (; left >= BLOCK; left -= BLOCK, in += BLOCK, out += BLOCK)
        for (int i = 0; i < BLOCK; i++)
            out[i] = (float)in[i] * scales[i] + offsets[i];
    for (int i = 0; i < left; i++)
        out[i] = (float)in[i] * scales[i] + offsets[i];
}
