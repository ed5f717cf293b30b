#ifndef MSEG_NET_QUANT_H
#define MSEG_NET_QUANT_H

#include <stdbool.h>

/* How bytes stand for real numbers: real = (byte - zero) * scale. Signed bytes are read as unsigned ones, 128 more, and so is
 * their zero point: is_signed keeps what rounds otherwise for them. scale 0: not in 8 bits. */
typedef struct mseg_quant {
    float scale;
    int zero; /* 0 to 255 */
    bool is_signed;
} mseg_quant;

#endif
