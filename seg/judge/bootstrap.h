#ifndef MSEG_SEG_JUDGE_BOOTSTRAP_H
#define MSEG_SEG_JUDGE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/* PCG32: 64-bit linear congruential state, 32 bits out (XSH-RR), one fixed stream. The same numbers on every machine. Source:
 * O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random Number Generation", 2014. */
typedef struct mseg_random {
    uint64_t state;
} mseg_random;

mseg_random mseg_random_seeded(uint64_t seed);

/** The next 32 bits. */
uint32_t mseg_random_next(mseg_random *random);

/** A number from 0 to below - 1 (below > 0), all equally likely: what would favour some of them is drawn again. */
uint32_t mseg_random_below(mseg_random *random, uint32_t below);

/** One resample of n things: draws n of them with replacement; times[n] is how often each was drawn. */
void mseg_draw(uint32_t *times, uint32_t n, mseg_random *random);

/** The bounds between which the middle 95 % of the numbers among values[n] lie (2.5th and 97.5th percentile, linear between
 * neighbours: NumPy's default); sorts values, NaNs to the end. Both NaN when there are none. Negated values give exactly negated
 * bounds. Returns how many numbers there are. Source: the percentile interval of Efron and Tibshirani, "An Introduction to the
 * Bootstrap", 1993, chapter 13. */
int mseg_middle_95(double *values, int n, double *low, double *high);

#endif
