#ifndef MSEG_SEG_QUANTISE_CHOOSE_H
#define MSEG_SEG_QUANTISE_CHOOSE_H

#include "seg/quantise/maps.h"

/** Fills in how the net's layers are held in signed bytes (quant, sum, bounds, mean; input.quant is there already), from what
 * pictures have shown of their maps times factors [net->count][channels]: maps that one layer concatenates are held alike.
 * Errors: MSEG_NOMEM, MSEG_UNSUPPORTED (a layer that cannot run in 8 bits, named). */
mseg_status mseg_choose_quants(mseg_net *net, const mseg_map_stats *stats, double *const *factors, mseg_error *err);

/** Makes the bytes of what a layer makes before it adds at least that coarse, and where it adds nothing those of all maps that
 * must be held alike. Errors: MSEG_NOMEM. */
mseg_status mseg_choose_coarser(mseg_net *net, mseg_value value, float least);

/** How what a layer's readers see is held: with what it adds. */
mseg_quant mseg_held(const mseg_net *net, mseg_value value);

#endif
