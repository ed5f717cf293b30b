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

int32_t mseg_sampling_parts(float fraction)
{
    return (int32_t)lrintf(fraction * 2048);
}

void mseg_sampling_u8(mseg_sampling sampling, int x, int n, int k, int *low, int *high, int32_t *part)
{
    const int ends = sampling == MSEG_ALIGN_CORNERS && n > 1;
    const float scale = (float)(k - ends) / (float)(n - ends), last = (float)(k - 1);
    float at = (float)x * scale;
    if (sampling == MSEG_HALF_PIXEL) {
        at += 0.5f * scale - 0.5f;
        at = at < 0 ? 0 : at > last ? last : at;
    }
    *low = (int)at < k - 1 ? (int)at : k - 1;
    *high = *low + 1 < k ? *low + 1 : k - 1;
    *part = mseg_sampling_parts(at - (float)*low);
}
