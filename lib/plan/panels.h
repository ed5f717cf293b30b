#ifndef MSEG_PLAN_PANELS_H
#define MSEG_PLAN_PANELS_H

#include "base/status.h"
#include "kernels/kernels.h"

/* Convolution weights in the order in which a gemm kernel reads them: panels of nr output channels (the last one n % nr, rounded
 * up to vec), in a panel the taps, in a tap k rows of the panel's width. */
typedef struct mseg_panels {
    float *data;
    size_t bytes;
    int taps, k, n;
    int nr, vec;
    /* For a kernel that works by pairs (scale is not NULL): in every panel, channels that paired() counts hold weights divided by
     * their scale, a power of two, and of every four inputs the last one's with the other sign. pairs: per tap and channel minus
     * the sum of mseg_pair_sums_fn over the weights so divided. */
    int (*paired)(int n);
    float *scale, *pairs;
} mseg_panels;

/* The most taps of a convolution (a 7x7 one of four maps), and the widest panel. */
enum { MSEG_MAX_TAPS = 196, MSEG_MAX_NR = 64 };

/** Packs src, whose output channel j holds tap t's k inputs at src[j * row + offsets[t]]. Free data with mseg_free. */
mseg_status mseg_panels_pack(mseg_panels *panels, const mseg_gemm_kernel *kernel, const float *src, size_t row,
                             const size_t *offsets, int taps, int k, int n);

/* About the root mean square of a layer's inputs, which scales make that of its weights. As long as the largest pixel's is
 * roughly within a factor of MSEG_PAIRS_RANGE of it, the error of sums by pairs is bounded as that of others is, up to a small
 * factor (R. P. Brent, Error analysis of algorithms for matrix multiplication, 1970). */
enum { MSEG_PAIRS_INPUT = 4, MSEG_PAIRS_RANGE = 16 };

/** The width of the panel that starts at output channel n0, and the weights of one tap of it from input k0 on. */
int mseg_panel_width(const mseg_panels *panels, int n0);
const float *mseg_panel(const mseg_panels *panels, int n0, int tap, int k0);
/** The weight of input k of a tap and output channel n, as it was packed. */
float mseg_panels_weight(const mseg_panels *panels, int tap, int k, int n);
/** The pairs of the panel's channels for inputs k0 .. k0 + k of a tap, k0 a multiple of 4; in buffer (nr floats) if these are not
 * all of its inputs. */
const float *mseg_panel_pairs(const mseg_panels *panels, int n0, int tap, int k0, int k, float *buffer);

/** Depthwise 3x3 weights [9][channels] as [channels / vec][9][vec], zeros behind the last channel. NULL without memory. */
float *mseg_depthwise_pack(const float *src, int channels, int vec);

/** n floats followed by zeros up to a multiple of vec; src NULL gives zeros. */
float *mseg_bias_pack(const float *src, int n, int vec);

#endif
