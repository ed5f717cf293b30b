#include "net/sampling.h"

#include <math.h>

double mseg_sampling_at(mseg_sampling sampling, double at, int n, int k)
{
    switch (sampling) {
    case MSEG_HALF_PIXEL:
        at = (at + 0.5) * k / n - 0.5;
        return at < 0 ? 0 : at > k - 1 ? k - 1 : at;
    case MSEG_LEGACY:
        at = at * k / n;
        return at > k - 1 ? k - 1 : at;
    default:
        return n > 1 ? at * (k - 1) / (n - 1) : 0;
    }
}

void mseg_sampling_between(double at, int k, int *low, int *high, float *fraction)
{
    *low = (int)floor(at);
    *low = *low > k - 1 ? k - 1 : *low;
    *high = *low + 1 < k ? *low + 1 : k - 1;
    *fraction = (float)(at - *low);
}
