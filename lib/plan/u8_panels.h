#ifndef MSEG_PLAN_U8_PANELS_H
#define MSEG_PLAN_U8_PANELS_H

#include "kernels/kernels.h"
#include "net/net.h"
#include "plan/panels.h"

/* Weights in 8 bits in the order in which a gemm kernel reads them. In: differences of bytes, -255 to 255. Out: panels whose
 * terms add up to them, whatever the kernel's weights can hold. */

/* Where in the weights of an output channel, row of them in all, the k inputs of each tap are, one tap per map and kernel
 * position (or kernel row), and those of the vector vector_in (-1: none) beside them. */
typedef struct mseg_conv_taps {
    size_t offsets[MSEG_MAX_TAPS], row;
    int n, k;
    mseg_value vector_in;
    size_t vector_offset;
} mseg_conv_taps;

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

/** Packs weights [n][taps->row], which it sets to 0 where they are packed. Free with mseg_u8_panels_free, also after an error.
 * Errors: MSEG_NOMEM, MSEG_UNSUPPORTED (more terms than a panel may have). */
mseg_status mseg_u8_panels_pack(mseg_u8_panels *panels, const mseg_u8_gemm_kernel *kernel, int16_t *weights,
                                const mseg_conv_taps *taps, int n);
void mseg_u8_panels_free(mseg_u8_panels *panels);

#endif
