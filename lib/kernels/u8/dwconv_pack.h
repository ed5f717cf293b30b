#ifndef MSEG_KERNELS_U8_DWCONV_PACK_H
#define MSEG_KERNELS_U8_DWCONV_PACK_H

#include <string.h>

#include "kernels/kernels.h"

/* Weights of the depthwise kernels that multiply four bytes at once, in blocks of 16 channels. Differences of bytes, -255 to 255,
 * are the sum of one to three signed bytes, as many as a block needs: a byte a block says how many, padded to 64, and behind them
 * stand int8_t [blocks][3 parts][3 taps of a row][16][4], where the last are the weights of the three rows and 0. */
enum { MSEG_U8_DWCONV_VEC = 16, MSEG_U8_DWCONV_PARTS = 3, MSEG_U8_DWCONV_TAP = MSEG_U8_DWCONV_VEC * 4 };

static inline size_t mseg_u8_dwconv_blocks(int channels)
{
    return (size_t)(channels + MSEG_U8_DWCONV_VEC - 1) / MSEG_U8_DWCONV_VEC;
}

static inline int mseg_u8_dwconv_parts(const void *packed, int block)
{
    return ((const uint8_t *)packed)[block];
}

/* Where a block's weights begin, in bytes; block may be one behind the last. */
static inline size_t mseg_u8_dwconv_block(int channels, size_t block)
{
    return (mseg_u8_dwconv_blocks(channels) + 63) / 64 * 64 + block * MSEG_U8_DWCONV_PARTS * 3 * MSEG_U8_DWCONV_TAP;
}

static inline size_t mseg_u8_dwconv_bytes(int channels)
{
    return mseg_u8_dwconv_block(channels, mseg_u8_dwconv_blocks(channels));
}

/* Splits one weight, part by part; gives the number of parts. */
static inline int mseg_u8_dwconv_split(int weight, int8_t *to)
{
    int parts = 0;
    for (; weight || !parts; parts++) {
        const int part = weight < -128 ? -128 : weight > 127 ? 127 : weight;
        to[parts * 3 * MSEG_U8_DWCONV_TAP] = (int8_t)part;
        weight -= part;
    }
    return parts;
}

static inline void mseg_u8_dwconv_pack(void *to, const int16_t *weights, int channels)
{
    uint8_t *counts = to;
    memset(to, 0, mseg_u8_dwconv_bytes(channels));
    for (int c = 0; c < channels; c++)
        for (int tap = 0; tap < 9; tap++) {
            const int block = c / MSEG_U8_DWCONV_VEC, at = tap % 3 * MSEG_U8_DWCONV_TAP + c % MSEG_U8_DWCONV_VEC * 4 + tap / 3;
            int8_t *first = (int8_t *)to + mseg_u8_dwconv_block(channels, (size_t)block) + at;
            const int parts = mseg_u8_dwconv_split(weights[tap * channels + c], first);
            if (parts > counts[block])
                counts[block] = (uint8_t)parts;
        }
}

#endif
