#include "kernels/registry.h"

void mseg_u8_dot_peak__scalar(long rounds)
{
    enum { SUMS = 32 };
    int32_t sums[SUMS] = {0};
    for (long i = 0; i < rounds; i++) {
        for (int j = 0; j < SUMS; j++)
            sums[j] += j * 3;
        __asm__ volatile("" : "+m"(sums));
    }
}
