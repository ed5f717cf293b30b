#ifndef MSEG_KERNELS_U8_ROUND_H
#define MSEG_KERNELS_U8_ROUND_H

#include <math.h>

#include "kernels/kernels.h"

static inline int mseg_u8_clamp(int value, int min, int max)
{
    return value < min ? min : value > max ? max : value;
}

/* An exact sum as a byte: XNNPACK's fp32 requantisation. */
static inline int mseg_u8_requantise(int32_t sum, float scale, int zero, int min, int max)
{
    return mseg_u8_clamp((int)lrintf((float)sum * scale) + zero, min, max);
}

static inline int mseg_u8_sum(const mseg_u8_add *how, int x, int y)
{
    return mseg_u8_clamp(((x * how->x_mul + y * how->y_mul + how->bias) >> how->shift) + how->zero, how->min, how->max);
}

#endif
