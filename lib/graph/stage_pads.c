#include <string.h>

#include "graph/stage.h"

void mseg_clear_pads(const mseg_rows *out, float *row, int channels)
{
    size_t pad = (size_t)out->pad * out->pixel * sizeof(float);
    if (pad) {
        memset(row - (size_t)out->pad * out->pixel, 0, pad);
        memset(row + (size_t)out->width * out->pixel, 0, pad);
    }
    size_t spare = (out->channels - (size_t)channels) * sizeof(float);
    for (int x = 0; spare && x < out->width; x++)
        memset(row + (size_t)x * out->pixel + channels, 0, spare);
}
