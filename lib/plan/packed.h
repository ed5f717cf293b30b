#ifndef MSEG_PLAN_PACKED_H
#define MSEG_PLAN_PACKED_H

#include "kernels/kernels.h"
#include "net/net.h"
#include "plan/panels.h"
#include "plan/u8.h"
#include "weights/weights.h"

/* In: a net and the values of its parameters. Out: the same made ready for one kernel set, for plans of any size. Read-only and
 * thread safe once it is open. */

/* What a layer's stages read; which members there are follows from its kind. */
typedef struct mseg_packed_layer {
    mseg_panels panels;   /* convolution: over its maps, or over its vectors when there are only such */
    mseg_panels vector;   /* convolution: over the one vector beside maps */
    mseg_value vector_in; /* that vector, -1: none */
    bool merged_columns;  /* convolution: a tap is a whole kernel row of pixels */
    float *depthwise;
    float *bias;
    mseg_packed_u8 u8; /* all of it, of a net in 8 bits, but for vector_in and merged_columns */
} mseg_packed_layer;

/* A line of reports: a layer of the net as it was given, or the layers of one block. */
typedef struct mseg_report_line {
    int first, end; /* layers first ... end - 1 */
    int run;        /* the layer of run whose step is the line's: that of its depthwise convolution, or of its only layer */
} mseg_report_line;

typedef struct mseg_packed_net {
    mseg_net net;              /* as it was given */
    mseg_net run;              /* as it is run: folded unless unfused */
    mseg_packed_layer *layers; /* of run */
    mseg_report_line *lines;
    int n_lines;
    int *line_of; /* the line that each layer of run works for */
    const mseg_kernels *kernels;
    bool unfused;
    bool integers; /* maps and weights are in 8 bits */
    size_t bytes;  /* of packed weights */
} mseg_packed_net;

/** Copies net and packs the weights that its layers name. unfused: as plans for reference, layer by layer. integers: in 8 bits,
 * as the net's layers say how. Errors: MSEG_NOMEM, MSEG_MISMATCH (weights of other shapes), MSEG_UNSUPPORTED. On failure *packed
 * is NULL. */
mseg_status mseg_packed_net_open(mseg_packed_net **packed, const mseg_net *net, const mseg_weights *weights,
                                 const mseg_kernels *kernels, bool unfused, bool integers, mseg_error *err);

/** Fills in lines and line_of of a net that has its layers (layers.c). Errors: MSEG_NOMEM. */
mseg_status mseg_packed_net_line_up(mseg_packed_net *packed);

/** NULL-safe; sets *packed to NULL. */
void mseg_packed_net_close(mseg_packed_net **packed);

#endif
