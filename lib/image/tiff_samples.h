#ifndef MSEG_IMAGE_TIFF_SAMPLES_H
#define MSEG_IMAGE_TIFF_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mseg_tiff_color {
    MSEG_TIFF_GRAY,
    MSEG_TIFF_PALETTE,
    MSEG_TIFF_RGB,
    MSEG_TIFF_CMYK,
} mseg_tiff_color;

/* How pixels become RGB. */
typedef struct mseg_tiff_pixels {
    mseg_tiff_color color;
    int bits;              /* of a sample: 1, 2, 4, 8 or 16 */
    int count;             /* samples a pixel, the colours first */
    int alpha;             /* the sample that the colours have been multiplied by; 0: none */
    uint8_t table[256][3]; /* of MSEG_TIFF_GRAY and _PALETTE: what each 8-bit sample shows */
} mseg_tiff_pixels;

/** How many samples the colours are. */
int mseg_tiff_colors(mseg_tiff_color color);

/** n samples of a row, 16 bits in the machine's order, to one byte each: fewer bits as they are, 16 scaled with rounding. */
void mseg_tiff_unpack(uint8_t *out, const uint8_t *in, size_t n, int bits);

/** A row of unpacked samples, count of them a pixel. */
void mseg_tiff_to_rgb(uint8_t *rgb, const uint8_t *samples, int width, const mseg_tiff_pixels *pixels);

#endif
