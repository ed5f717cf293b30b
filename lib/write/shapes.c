#include "write/shapes.h"

#include <math.h>

#include "base/alloc.h"

static mseg_write_size size_of(const mseg_net *net, const mseg_net_layer *layer, const mseg_write_size *sizes)
{
    if (layer->vector)
        return (mseg_write_size){1, 1};
    const mseg_write_size map = sizes[mseg_layer_map(net, layer)];
    const int stride = layer->stride > 1 ? layer->stride : 1;
    return (mseg_write_size){mseg_out_size(map.height, stride), mseg_out_size(map.width, stride)};
}

mseg_write_size *mseg_write_sizes(const mseg_net *net, int height, int width)
{
    mseg_write_size *sizes = mseg_alloc_array((size_t)net->count, sizeof *sizes);
    if (!sizes)
        return NULL;
    sizes[0] = (mseg_write_size){height, width};
    for (int i = 1; i < net->count; i++)
        sizes[i] = size_of(net, &net->layers[i], sizes);
    return sizes;
}

/* 10 bits of fraction below the leading one; below 2^-14 the last one is always 2^-24. */
uint16_t mseg_write_half(float value)
{
    static const float most = 65504;
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const float size = fminf(fabsf(value), most);
    int exponent;
    frexpf(size, &exponent);
    const int step = size > 0 && exponent - 11 > -24 ? exponent - 11 : -24;
    const int steps = (int)rintf(ldexpf(size, -step)); /* at most 2048 */
    if (step == -24)
        return (uint16_t)(sign | steps); /* 1024 steps are the first number that is not below 2^-14 */
    return (uint16_t)(sign | (((step + 24) << 10) + steps));
}
