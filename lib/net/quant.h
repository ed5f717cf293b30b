#ifndef MSEG_NET_QUANT_H
#define MSEG_NET_QUANT_H

#include <stdbool.h>
#include <stdint.h>

/* How bytes stand for real numbers: real = (byte - zero) * scale. Signed bytes are read as unsigned ones, 128 more, and so is
 * their zero point: is_signed keeps what rounds otherwise for them. scale 0: not in 8 bits. */
typedef struct mseg_quant {
    float scale;
    int zero; /* 0 to 255 */
    bool is_signed;
} mseg_quant;

/* The bytes that an activation leaves, as TensorFlow Lite clamps them; most 0: all. A ReLU that is one only by what the bytes can
 * hold has no bounds. */
typedef struct mseg_quant_bounds {
    uint8_t least, most;
} mseg_quant_bounds;

/** Whether the same bytes stand for the same numbers. */
static inline bool mseg_quant_same(mseg_quant a, mseg_quant b)
{
    return !(a.scale < b.scale) && !(a.scale > b.scale) && a.zero == b.zero;
}

#endif
