#ifndef MSEG_NET_SAMPLING_H
#define MSEG_NET_SAMPLING_H

#include <stdint.h>

#include "net/input.h"

/** Where position at of an axis of n elements lies on one of k over the same picture, between 0 and k - 1. */
double mseg_sampling_at(mseg_sampling sampling, double at, int n, int k);

/** The elements that *low and *high are, *fraction of the way between which at lies; at is between 0 and k - 1. */
void mseg_sampling_between(double at, int k, int *low, int *high, float *fraction);

/** A way of 0 to 1 in 2048ths, to the nearest, halves to even: the weights of bytes. */
int32_t mseg_sampling_parts(float fraction);

/** Where TensorFlow Lite's XNNPACK, resizing k elements of 8 bits to n, puts element x of those: between elements *low and *high,
 * *part 2048ths of the way. In float, as there (docs/numerics.md, "Labels in 8 bits"). 0 <= x < n. */
void mseg_sampling_u8(mseg_sampling sampling, int x, int n, int k, int *low, int *high, int32_t *part);

#endif
