#include "image/tiff_samples.h"

#include <string.h>

#include "image/decode.h"

int mseg_tiff_colors(mseg_tiff_color color)
{
    return color == MSEG_TIFF_RGB ? 3 : color == MSEG_TIFF_CMYK ? 4 : 1;
}

void mseg_tiff_unpack(uint8_t *out, const uint8_t *in, size_t n, int bits)
{
    if (bits == 8) {
        memcpy(out, in, n);
    } else if (bits == 16) {
        for (size_t i = 0; i < n; i++) {
            uint16_t value;
            memcpy(&value, in + 2 * i, sizeof value);
            out[i] = (uint8_t)((value * 255u + 32895) >> 16);
        }
    } else {
        const unsigned per_byte = 8u / (unsigned)bits, mask = (1u << bits) - 1;
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)(in[i / per_byte] >> (8 - (unsigned)bits * (unsigned)(i % per_byte + 1)) & mask);
    }
}

/* Colours that were multiplied by alpha, as they were before, as Pillow does it. */
static void divide_by_alpha(uint8_t *rgb, const uint8_t *alpha, int width, int step)
{
    for (int x = 0; x < width; x++, rgb += 3, alpha += step)
        for (int c = 0; c < 3; c++) {
            const int value = *alpha ? 255 * rgb[c] / *alpha : 0;
            rgb[c] = (uint8_t)(value < 255 ? value : 255);
        }
}

static void look_up(uint8_t *rgb, const uint8_t *samples, int width, int step, const uint8_t table[256][3])
{
    for (int x = 0; x < width; x++, rgb += 3, samples += step)
        memcpy(rgb, table[*samples], 3);
}

static void copy_colors(uint8_t *rgb, const uint8_t *samples, int width, int step)
{
    for (int x = 0; x < width; x++, rgb += 3, samples += step)
        memcpy(rgb, samples, 3);
}

static void convert_inks(uint8_t *rgb, const uint8_t *samples, int width, int step)
{
    for (int x = 0; x < width; x++, rgb += 3, samples += step)
        mseg_cmyk_to_rgb(rgb, samples, 1, 0);
}

void mseg_tiff_to_rgb(uint8_t *rgb, const uint8_t *samples, int width, const mseg_tiff_pixels *pixels)
{
    if (pixels->color == MSEG_TIFF_RGB)
        copy_colors(rgb, samples, width, pixels->count);
    else if (pixels->color == MSEG_TIFF_CMYK)
        convert_inks(rgb, samples, width, pixels->count);
    else
        look_up(rgb, samples, width, pixels->count, pixels->table);
    if (pixels->alpha)
        divide_by_alpha(rgb, samples + pixels->alpha, width, pixels->count);
}
