#include <string.h>

#include "graph/stage.h"

void mseg_clear_pads(const mseg_rows *out, float *row)
{
    const size_t pad = (size_t)out->pad * out->pixel;
    if (pad) {
        memset(row - pad, 0, pad * sizeof *row);
        memset(row + (size_t)out->width * out->pixel, 0, pad * sizeof *row);
    }
}
