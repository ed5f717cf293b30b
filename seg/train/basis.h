#ifndef MSEG_SEG_TRAIN_BASIS_H
#define MSEG_SEG_TRAIN_BASIS_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/status.h"

/* In: samples of a map of many channels. Out: its principal components, half whitened: number k of a point is its part along
 * direction k less the mean's, divided by the root of its standard deviation, all by one factor so that the mean square over
 * samples and components is 1. */
enum { MSEG_BASIS_MOST = 64 /* components */, MSEG_BASIS_ZERO = 128 };

typedef struct mseg_basis {
    int channels, parts;
    float *mean;       /* [channels] */
    float *directions; /* [channels][parts], of such a length that a byte's worth is 1; 0 where nothing varies any more */
    float *steps;      /* [parts]: what a byte is worth */
} mseg_basis;

/** Finds it from samples [n][channels], n > 0. parts: at most channels and MSEG_BASIS_MOST. The same bits for any pool (NULL: one
 * thread). On failure *basis is all zero. Errors: MSEG_NOMEM. */
mseg_status mseg_basis_open(mseg_basis *basis, const float *samples, size_t n, int channels, int parts, mseg_pool *pool);

/** Safe on an all-zero one, which it leaves. */
void mseg_basis_close(mseg_basis *basis);

/** The numbers of a point [channels] in bytes [parts], within eight standard deviations: number k is (bytes[k] - MSEG_BASIS_ZERO)
 * * steps[k]. Thread safe. */
void mseg_basis_take(const mseg_basis *basis, const float *point, uint8_t *bytes);

#endif
