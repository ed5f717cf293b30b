#include "image/decode.h"

static int divide_255(int product)
{
    int t = product + 128;
    return (t + (t >> 8)) >> 8;
}

void mseg_cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, int width, int flip)
{
    for (int x = 0; x < width; x++, cmyk += 4, rgb += 3) {
        int light = 255 - (cmyk[3] ^ flip);
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(light - divide_255((cmyk[c] ^ flip) * light));
    }
}
