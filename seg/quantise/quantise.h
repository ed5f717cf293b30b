#ifndef MSEG_SEG_QUANTISE_QUANTISE_H
#define MSEG_SEG_QUANTISE_QUANTISE_H

#include "seg/opened.h"
#include "seg/quantise/maps.h"
#include "seg/quantise/round.h"
#include "write/write.h"

/* In: a network in floats and pictures. Out: the same network in 8 bits. */

/* A net whose layers say how they are held, and its convolutions. */
typedef struct mseg_quantised {
    mseg_net net;
    mseg_padding padding;  /* the weights' */
    mseg_rounded *rounded; /* [net.count]; all zero: no convolution */
    double **factors;      /* [net.count][channels]: how much larger its maps are than those of the net in floats */
} mseg_quantised;

void mseg_quantised_free(mseg_quantised *quantised);

/** The network in 8 bits. stats: of its maps. Errors: MSEG_NOMEM, MSEG_UNSUPPORTED. On failure *out is all zero. */
mseg_status mseg_quantise_net(mseg_quantised *out, const mseg_net *net, const mseg_weights *weights, const mseg_map_stats *stats,
                              mseg_error *err);

/** Its convolutions as weights that mseg runs. Errors: MSEG_NOMEM. */
mseg_status mseg_quantised_weights(mseg_weights **weights, const mseg_quantised *quantised, mseg_error *err);

/** Shifts each bias, layer after layer, by what the mean of the layer's channel is short of with the pictures. floats: the same
 * net's maps in floats. */
mseg_status mseg_correct_biases(mseg_quantised *quantised, const mseg_maps *floats, const mseg_machine *machine,
                                const mseg_image *pictures, int n, mseg_error *err);

/* What a layer's map has lost. */
typedef struct mseg_loss {
    double signal, noise; /* sums of squares */
} mseg_loss;

/** losses [net->count], of layer 0 zero: the maps of both for the pictures. */
mseg_status mseg_compare_maps(mseg_loss *losses, const mseg_quantised *quantised, const mseg_maps *floats, const mseg_maps *bytes,
                              const mseg_image *pictures, int n, mseg_error *err);

#endif
