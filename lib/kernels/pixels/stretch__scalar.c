#include "kernels/registry.h"

void mseg_pixels_stretch__scalar(const uint8_t *in, const mseg_stretch_group *groups, int n_groups, uint8_t *out)
{
    for (int g = 0; g < n_groups; g++, out += 8) {
        const mseg_stretch_group *group = &groups[g];
        const uint8_t *from = in + group->at;
        for (int i = 0; i < 8; i++) {
            const int j = 2 * i, a = from[group->pick[j]], b = from[group->pick[j + 1]];
            const int high = a * group->high[j] + b * group->high[j + 1], low = a * group->low[j] + b * group->low[j + 1];
            out[i] = (uint8_t)(((high << 11) + low + (1 << 21)) >> 22);
        }
    }
}
