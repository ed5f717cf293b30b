#include "seg/judge/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ----------------------------------------------------------------------------------------------------------- */

/* The increment of stream 54, which PCG's own demonstration and its published output use. */
static const uint64_t increment = 54 << 1 | 1, multiplier = 6364136223846793005u;

static void step(mseg_random *random)
{
    random->state = random->state * multiplier + increment;
}

mseg_random mseg_random_seeded(uint64_t seed)
{
    mseg_random random = {0};
    step(&random);
    random.state += seed;
    step(&random);
    return random;
}

uint32_t mseg_random_next(mseg_random *random)
{
    const uint64_t old = random->state;
    step(random);
    const uint32_t bits = (uint32_t)((old >> 18 ^ old) >> 27);
    const unsigned turn = (unsigned)(old >> 59);
    return bits >> turn | bits << (-turn & 31);
}

uint32_t mseg_random_below(mseg_random *random, uint32_t below)
{
    const uint32_t surplus = -below % below; /* 2^32 modulo below */
    uint32_t bits;
    do
        bits = mseg_random_next(random);
    while (bits < surplus);
    return bits % below;
}

void mseg_draw(uint32_t *times, uint32_t n, mseg_random *random)
{
    memset(times, 0, n * sizeof *times);
    for (uint32_t i = 0; i < n; i++)
        times[mseg_random_below(random, n)]++;
}

/* ---- intervals --------------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return (isnan(x) != 0) - (isnan(y) != 0);
    return (x > y) - (x < y);
}

int mseg_middle_95(double *values, int n, double *low, double *high)
{
    *low = *high = NAN;
    if (n > 0)
        qsort(values, (size_t)n, sizeof *values, ascending);
    while (n > 0 && isnan(values[n - 1]))
        n--;
    if (n < 1)
        return 0;
    /* The upper bound is counted from the upper end, so that both are mirror images. */
    const double place = 0.025 * (n - 1), part = place - floor(place);
    const int under = (int)place, over = n - 1 - under;
    const int inner = under + 1 < n ? 1 : 0;
    *low = values[under] + part * (values[under + inner] - values[under]);
    *high = values[over] - part * (values[over] - values[over - inner]);
    return n;
}
