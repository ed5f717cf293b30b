#include "kernels/registry.h"

static uint8_t round_sum(uint32_t sum)
{
    const uint32_t v = sum >> 22;
    return (uint8_t)(v < 255 ? v : 255);
}

/* What a resize to a larger picture asks for. */
static void blend_two(const uint8_t *restrict a, const uint8_t *restrict b, uint32_t ka, uint32_t kb, uint8_t *restrict out,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = round_sum((1u << 21) + a[i] * ka + b[i] * kb);
}

void mseg_pixels_blend__scalar(const uint8_t *const *rows, const uint32_t *weights, int n_rows, uint8_t *out, size_t n)
{
    enum { BLOCK = 256 };
    uint32_t sums[BLOCK];
    if (n_rows == 2) {
        blend_two(rows[0], rows[1], weights[0], weights[1], out, n);
        return;
    }
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t length = n - at < BLOCK ? n - at : BLOCK;
        for (size_t i = 0; i < length; i++)
            sums[i] = 1u << 21;
        for (int r = 0; r < n_rows; r++) {
            const uint8_t *row = rows[r] + at;
            const uint32_t weight = weights[r];
            for (size_t i = 0; i < length; i++)
                sums[i] += row[i] * weight;
        }
        for (size_t i = 0; i < length; i++)
            out[at + i] = round_sum(sums[i]);
    }
}
