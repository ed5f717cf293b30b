#ifndef MSEG_PLAN_U8_H
#define MSEG_PLAN_U8_H

#include "kernels/kernels.h"
#include "net/net.h"
#include "plan/panels.h"
#include "weights/weights.h"

/* In: layers of a net in 8 bits and their tensors. Out: numbers as the kernels of lib/kernels/u8 read them, zero points folded
 * into biases. The arithmetic is TensorFlow Lite's (docs/numerics.md, "8 bits"). */

/* Inputs first ... first + k - 1 of a tap, times the weights that begin at byte at. Panels have a term for each tap, of all its
 * inputs; what signed bytes cannot hold of a weight is in further ones. */
typedef struct mseg_u8_term {
    int tap, first, k;
    size_t at;
} mseg_u8_term;

/* A convolution's weights: panels of nr output channels (the last one n % nr, rounded up to vec), each a sum of terms. */
typedef struct mseg_u8_panels {
    uint8_t *data;
    int taps, k, n;
    int nr, vec, kr;     /* of the kernel they are for */
    mseg_u8_term *terms; /* of all panels, one after the other */
    int *ends;           /* how many terms there are to the end of each panel */
    size_t bytes;        /* of data */
} mseg_u8_panels;

enum { MSEG_U8_MAX_TERMS = 512 /* of a panel */ };

/* A layer; which members there are follows from its kind. Free with mseg_packed_u8_free. */
typedef struct mseg_packed_u8 {
    mseg_u8_panels panels; /* convolution: over its maps, or over its vectors when there are only such */
    int16_t *vector;       /* convolution: [channels][vector_k], over the one vector beside maps */
    int vector_k, vector_zero;
    void *depthwise;
    size_t depthwise_bytes;
    int32_t *bias;    /* the sum of what no pixel changes, all taps being inside the map; rounded up to vectors, as scale */
    int32_t *outside; /* [taps][channels]: what is to be subtracted from it for a tap that is outside */
    float *scale;     /* from sums to steps of the output */
    int zero, min, max;
    bool adds;
    mseg_u8_add how;
    bool translates, join_translates; /* readers hold it in other bytes, by the table: it goes through at once, or in a join */
    uint8_t table[256];
} mseg_packed_u8;

/** How bytes stand for what a layer reads as its input in[i], and for what readers of one map see of a value. */
mseg_quant mseg_u8_input(const mseg_net *net, const mseg_net_layer *layer, int i);
mseg_quant mseg_u8_value(const mseg_net *net, mseg_value value);

/** The byte that stands for a real number, saturated: rounded to the nearest step, ties to even. */
uint8_t mseg_u8_byte(mseg_quant quant, float real);

/* Where in the weights of an output channel, row of them in all, the k inputs of each tap are, one tap per map and kernel
 * position (or kernel row), and those of the vector vector_in (-1: none) beside them. */
typedef struct mseg_conv_taps {
    size_t offsets[MSEG_MAX_TAPS], row;
    int n, k;
    mseg_value vector_in;
    size_t vector_offset;
} mseg_conv_taps;

/** Packs convolution or depthwise layer index of net. Errors: MSEG_NOMEM, MSEG_MISMATCH, MSEG_UNSUPPORTED (quantisation that sums
 * of 32 bits cannot follow). */
mseg_status mseg_u8_pack_conv(mseg_packed_u8 *packed, const mseg_net *net, mseg_value index, const mseg_weights *weights,
                              const mseg_u8_gemm_kernel *kernel, const mseg_conv_taps *taps, mseg_error *err);
mseg_status mseg_u8_pack_depthwise(mseg_packed_u8 *packed, const mseg_net *net, mseg_value index, const mseg_weights *weights,
                                   const mseg_u8_dwconv_kernel *kernel, mseg_error *err);

void mseg_packed_u8_free(mseg_packed_u8 *packed);

#endif
