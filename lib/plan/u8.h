#ifndef MSEG_PLAN_U8_H
#define MSEG_PLAN_U8_H

#include "plan/u8_panels.h"
#include "weights/weights.h"

/* In: layers of a net in 8 bits and their tensors. Out: numbers as the kernels of lib/kernels/u8 read them, zero points folded
 * into biases. The arithmetic is TensorFlow Lite's (docs/numerics.md, "8 bits"). */

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

/** Packs convolution or depthwise layer index of net. Errors: MSEG_NOMEM, MSEG_MISMATCH, MSEG_UNSUPPORTED (quantisation that sums
 * of 32 bits cannot follow). */
mseg_status mseg_u8_pack_conv(mseg_packed_u8 *packed, const mseg_net *net, mseg_value index, const mseg_weights *weights,
                              const mseg_u8_gemm_kernel *kernel, const mseg_conv_taps *taps, mseg_error *err);
mseg_status mseg_u8_pack_depthwise(mseg_packed_u8 *packed, const mseg_net *net, mseg_value index, const mseg_weights *weights,
                                   const mseg_u8_dwconv_kernel *kernel, mseg_error *err);

void mseg_packed_u8_free(mseg_packed_u8 *packed);

#endif
