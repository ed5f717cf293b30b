#include "kernels/registry.h"

/* Without vector instructions asked for, a multiply and an add on whatever the compiler's baseline makes of four lanes. */
void mseg_f32_fma_peak__scalar(long rounds)
{
    enum { LANES = 4, SUMS = 8 };
    float sums[SUMS * LANES] = {0};
    volatile float seed = 0.5f;
    const float a = seed;
    for (long i = 0; i < rounds; i++) {
        for (int k = 0; k < SUMS * LANES; k++)
            sums[k] = sums[k] * a + a;
        __asm__ volatile("" ::: "memory");
    }
    for (int k = 0; k < SUMS * LANES; k++)
        seed = sums[k];
}
