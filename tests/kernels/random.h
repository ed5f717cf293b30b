#ifndef MSEG_TESTS_RANDOM_H
#define MSEG_TESTS_RANDOM_H

#include <stdint.h>

/* Value index of the stream seed: splitmix64 (Steele, Lea, Flood 2014), which make_goldens.py computes likewise. */
static inline uint64_t random_bits(uint64_t seed, uint64_t index)
{
    uint64_t z = seed * UINT64_C(0xD1342543DE82EF95) + (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* -0.5 <= value < 0.5, exact in 24 bits. */
static inline float random_value(uint64_t seed, uint64_t index)
{
    return (float)(random_bits(seed, index) >> 40) / (float)(1 << 24) - 0.5f;
}

/* low <= value <= high, the next of the stream that *state counts. */
static inline int random_int(uint64_t *state, int low, int high)
{
    return low + (int)(random_bits(77, (*state)++) % (uint64_t)(high - low + 1));
}

#endif
