#ifndef MSEG_SEG_TRAIN_WIDEN_H
#define MSEG_SEG_TRAIN_WIDEN_H

#include <stdint.h>

#include "net/net.h"
#include "weights/weights.h"

/* A network in a wider one of the same layers, to go on learning from (Chen et al. 2016, Net2Net: Net2WiderNet). */

/** Gives net the channels of wide, whose layers have to be net's, none of them narrower; its outputs keep theirs. Errors:
 * MSEG_MISMATCH, then net is as before. */
mseg_status mseg_widen_net(mseg_net *net, const mseg_net *wide, mseg_error *err);

/** The numbers of narrow's weights in wide, which has its layers with more channels: a channel too many is a copy of one that
 * was there, and who reads copies has their weights in unequal shares, whose sum is the one weight. noise: deviation of a factor
 * of each weight that makes a copy, so that copies part as they learn; 0: wide computes what narrow does. Close with
 * mseg_weights_close. Errors: MSEG_NOMEM, MSEG_MISMATCH, MSEG_UNSUPPORTED (maps that are joined); *weights is then NULL. Thread
 * safe. */
mseg_status mseg_widen_weights(mseg_weights **weights, const mseg_net *wide, const mseg_net *narrow,
                               const mseg_weights *narrow_weights, double noise, uint64_t seed, mseg_error *err);

#endif
