#include "kernels/registry.h"

/* Without vector instructions asked for, a multiply and an add of what bytes are widened to, on whatever the compiler's baseline
 * makes of them. It is not to know the factors. */
void mseg_u8_dot_peak__scalar(long rounds)
{
    enum { SUMS = 32 };
    int32_t sums[SUMS] = {0};
    int16_t a = 3, b[SUMS] = {0};
    __asm__ volatile("" : "+m"(b));
    for (long i = 0; i < rounds; i++) {
        __asm__ volatile("" : "+r"(a));
        for (int j = 0; j < SUMS; j++)
            sums[j] += a * b[j];
    }
    __asm__ volatile("" ::"m"(sums));
}
