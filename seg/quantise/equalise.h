#ifndef MSEG_SEG_QUANTISE_EQUALISE_H
#define MSEG_SEG_QUANTISE_EQUALISE_H

#include "seg/quantise/maps.h"
#include "weights/load.h"

/* A map in 8 bits has one scale for all of its channels, however much larger one is than another. In: a net's layers and what
 * pictures have shown of them. Out: factors, a channel each, by which maps of the same network are multiplied where they are made
 * and divided where they are read, so that their channels become alike (arXiv 1906.04721, section 4.1, with measured ranges). */

/** factors [net->count][channels] of all layers; that of the picture and of outputs are 1. NULL without memory. */
double **mseg_equalise(const mseg_net *net, const mseg_map_stats *stats);
void mseg_equalise_free(double ***factors, int count);

/** Makes convolution value's weights such that it reads and makes maps times their factors. */
void mseg_equalise_layer(mseg_layer_weights *weights, const mseg_net *net, mseg_value value, double *const *factors);

#endif
