#ifndef MSEG_IMAGE_TIFF_H
#define MSEG_IMAGE_TIFF_H

#include <tiffio.h>

#include "image/decode.h"
#include "image/tiff_samples.h"

/* The most samples a pixel that are read past; colours and alpha are few of them. */
enum { MSEG_TIFF_MAX_SAMPLES = 16 };

typedef struct mseg_tiff_reader {
    mseg_decoder decoder;
    TIFF *tiff;
    mseg_source *in;
    uint64_t at, size;  /* of in: the next byte, all */
    uint64_t max_bytes; /* of what a header may ask memory for */
    /* What libtiff says of the call in progress. */
    bool failed, cut, starved; /* cut: bytes were wanted behind the end */
    char text[160];            /* the first error */
    /* The rows. */
    mseg_tiff_pixels pixels;
    bool tiled, separate; /* separate: each sample of a pixel in a plane of its own */
    bool converted;       /* by libtiff, whole */
    uint32_t block_width, block_height;
    uint8_t *block; /* as stored: a row, or a tile or strip */
    size_t block_size, block_row;
    uint8_t *samples; /* a row of the block, unpacked */
    uint8_t *band;    /* rows of the picture, unpacked, pixels.count samples a pixel; NULL: read row by row */
    int band_y, band_rows;
    int y; /* the next row */
} mseg_tiff_reader;

/** Before each use of libtiff. */
void mseg_tiff_begin(mseg_tiff_reader *r);

/** What libtiff has said, as a refusal. */
mseg_status mseg_tiff_refuse(const mseg_tiff_reader *r, mseg_error *err);

/** From an open file with checked pixels: takes the memory for rows. Errors: MSEG_LIMIT, MSEG_NOMEM. */
mseg_status mseg_tiff_prepare(mseg_tiff_reader *r, mseg_error *err);

/** The next n rows. */
mseg_status mseg_tiff_rows(mseg_tiff_reader *r, uint8_t *rows, size_t stride, int n, mseg_error *err);

#endif
