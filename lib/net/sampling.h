#ifndef MSEG_NET_SAMPLING_H
#define MSEG_NET_SAMPLING_H

#include "net/input.h"

/** Where position at of an axis of n elements lies on one of k over the same picture, between 0 and k - 1. */
double mseg_sampling_at(mseg_sampling sampling, double at, int n, int k);

/** The elements that *low and *high are, *fraction of the way between which at lies; at is between 0 and k - 1. */
void mseg_sampling_between(double at, int k, int *low, int *high, float *fraction);

#endif
