#ifndef MSEG_KERNELS_U8_DWCONV_PACK_H
#define MSEG_KERNELS_U8_DWCONV_PACK_H

#include <string.h>

#include "kernels/kernels.h"

/* Weights of the depthwise kernels that multiply four bytes at once. Differences of bytes, -255 to 255, are the sum of one to
 * three signed bytes, as many as a block of vec channels needs: a byte a block says how many, padded to 64, and behind them stand
 * int8_t [blocks][3 parts][3 taps of a row][vec][4], where the fourth byte is 0 and the others are the weights of the three rows.
 */
typedef struct mseg_u8_dwconv_packed {
    const uint8_t *parts;
    const int8_t *weights;
    size_t block; /* bytes */
} mseg_u8_dwconv_packed;

enum { MSEG_U8_DWCONV_PARTS = 3 };

static inline size_t mseg_u8_dwconv_blocks(int channels, int vec)
{
    return (size_t)(channels + vec - 1) / (size_t)vec;
}

static inline mseg_u8_dwconv_packed mseg_u8_dwconv_unpack(const void *weights, int channels, int vec)
{
    const size_t head = (mseg_u8_dwconv_blocks(channels, vec) + 63) / 64 * 64;
    return (mseg_u8_dwconv_packed){weights, (const int8_t *)weights + head, (size_t)vec * 3 * 4 * MSEG_U8_DWCONV_PARTS};
}

static inline size_t mseg_u8_dwconv_bytes(int channels, int vec)
{
    const mseg_u8_dwconv_packed packed = mseg_u8_dwconv_unpack(NULL, channels, vec);
    const size_t blocks = mseg_u8_dwconv_blocks(channels, vec);
    return (blocks + 63) / 64 * 64 + blocks * packed.block;
}

/* Splits one weight, part by part; gives the number of parts. */
static inline int mseg_u8_dwconv_split(int weight, int8_t *to, size_t part_step)
{
    int parts = 0;
    for (; weight || !parts; parts++) {
        const int part = weight < -128 ? -128 : weight > 127 ? 127 : weight;
        to[(size_t)parts * part_step] = (int8_t)part;
        weight -= part;
    }
    return parts;
}

static inline void mseg_u8_dwconv_pack(void *to, const int16_t *weights, int channels, int vec)
{
    const mseg_u8_dwconv_packed packed = mseg_u8_dwconv_unpack(to, channels, vec);
    uint8_t *counts = to;
    int8_t *first = (int8_t *)to + (packed.weights - (const int8_t *)to);
    memset(to, 0, mseg_u8_dwconv_bytes(channels, vec));
    for (int c = 0; c < channels; c++)
        for (int tap = 0; tap < 9; tap++) {
            int8_t *at = first + (size_t)(c / vec) * packed.block + (size_t)(tap % 3 * vec + c % vec) * 4 + tap / 3;
            const int parts = mseg_u8_dwconv_split(weights[tap * channels + c], at, (size_t)vec * 3 * 4);
            if (parts > counts[c / vec])
                counts[c / vec] = (uint8_t)parts;
        }
}

/* Where the taps of a row stand whole pixels apart, every so many pixels share all but one of their columns. */
static inline int mseg_u8_dwconv_phases(const mseg_u8_dwconv_args *g)
{
    return g->tap_step % g->pixel_step ? 1 : (int)(g->tap_step / g->pixel_step);
}

#endif
