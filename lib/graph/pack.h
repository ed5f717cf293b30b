#ifndef MSEG_GRAPH_PACK_H
#define MSEG_GRAPH_PACK_H

#include "base/status.h"
#include "kernels/kernels.h"

/* Convolution weights in the order in which a gemm kernel reads them: panels of nr output channels (the last one n % nr, rounded
 * up to vec), in a panel the taps, in a tap k rows of the panel's width. */
typedef struct mseg_packed {
    float *data;
    size_t bytes;
    int taps, k, n;
    int nr, vec;
} mseg_packed;

/** Packs src, whose output channel j holds tap t's k inputs at src[j * row + offsets[t]]. Free data with mseg_free. */
mseg_status mseg_pack(mseg_packed *packed, const mseg_gemm_kernel *kernel, const float *src, size_t row, const size_t *offsets,
                      int taps, int k, int n);

/** The width of the panel that starts at output channel n0, and the weights of one tap of it from input k0 on. */
int mseg_panel_width(const mseg_packed *packed, int n0);
const float *mseg_panel(const mseg_packed *packed, int n0, int tap, int k0);

/** Depthwise 3x3 weights [9][channels] as [channels / vec][9][vec], zeros behind the last channel. NULL without memory. */
float *mseg_pack_depthwise(const float *src, int channels, int vec);

/** n floats followed by zeros up to a multiple of vec; src NULL gives zeros. */
float *mseg_pack_bias(const float *src, int n, int vec);

#endif
