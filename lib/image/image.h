#ifndef MSEG_IMAGE_IMAGE_H
#define MSEG_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "base/status.h"

/* An 8-bit picture in memory, rows top to bottom, channels interleaved. */
typedef struct mseg_image {
    int width, height;
    int channels;  /* 1 (gray or ids) or 3 (RGB) */
    size_t stride; /* bytes from row to row, >= width * channels */
    uint8_t *data; /* stride * height bytes */
} mseg_image;

/* Limits on what a file may ask for. */
typedef struct mseg_limits {
    size_t struct_size;  /* mseg_limits_init sets it, called with sizeof *limits before fields are set */
    uint64_t max_pixels; /* width * height */
    uint64_t max_file_bytes;
} mseg_limits;

/** 178,956,970 pixels (as Pillow's bomb limit) and 1 GiB. */
MSEG_API void mseg_limits_init(mseg_limits *limits, size_t struct_size);

/** A zeroed image of that size, stride = width * channels. Free with mseg_image_free. MSEG_INVAL for sizes below 1. */
MSEG_API mseg_status mseg_image_create(mseg_image *image, int width, int height, int channels);

/** MSEG_INVAL with a text that names the field, "what: ..." in front, unless the image has pixels, channels of them (0: 1 or 3)
 * and a stride that holds a row. */
MSEG_API mseg_status mseg_image_check(const mseg_image *image, int channels, const char *what, mseg_error *err);

/** Frees the pixels and zeroes *image; safe on an all-zero image. */
MSEG_API void mseg_image_free(mseg_image *image);

typedef enum mseg_orientation { MSEG_EXIF_APPLY, MSEG_EXIF_IGNORE } mseg_orientation;

/** Reads a PNG or JPEG, told by its first bytes and not by its name, as RGB: gray is repeated, alpha dropped, palettes looked up,
 * 16 bits scaled to 8 with rounding, CMYK/YCCK converted. EXIF orientation (JPEG, PNG) is applied or ignored. Truncated or
 * damaged files are refused (MSEG_FORMAT), oversized ones too (MSEG_LIMIT); other kinds of picture are named in the text
 * (MSEG_FORMAT). limits may be NULL (defaults). On failure *image is all zero. Thread safe. */
MSEG_API mseg_status mseg_image_read(mseg_image *image, const char *path, mseg_orientation orientation, const mseg_limits *limits,
                                     mseg_error *err);

/** The same from size bytes of such a file in memory, which are only read, and only during the call. MSEG_INVAL also when bytes
 * is NULL. */
MSEG_API mseg_status mseg_image_read_memory(mseg_image *image, const void *bytes, size_t size, mseg_orientation orientation,
                                            const mseg_limits *limits, mseg_error *err);

/* The colours that an indexed PNG holds. */
typedef struct mseg_colors {
    int count; /* 0: not indexed */
    uint8_t rgb[256][3];
} mseg_colors;

/** Reads a PNG without interpreting it: indexed -> 1 channel of palette indices as stored, gray (1 to 16 bits, unscaled) -> 1
 * channel, RGB/RGBA 8 bits -> 3 channels. *colors (may be NULL) is the palette of an indexed one. 16 bits: MSEG_UNSUPPORTED for
 * colours and for values above 255. For label maps: EXIF orientation is never applied. */
MSEG_API mseg_status mseg_image_read_labels(mseg_image *image, mseg_colors *colors, const char *path, const mseg_limits *limits,
                                            mseg_error *err);

/** The same from size bytes of such a file in memory, as mseg_image_read_memory. */
MSEG_API mseg_status mseg_image_read_labels_memory(mseg_image *image, mseg_colors *colors, const void *bytes, size_t size,
                                                   const mseg_limits *limits, mseg_error *err);

/** Writes an 8-bit indexed PNG: ids are the stored indices (1 channel), palette gives r, g, b for each of entries ids (<= 256).
 * Whole or not at all, replacing an older file. Strict C before C23 (-pedantic) wants a cast for a palette that is not const. */
MSEG_API mseg_status mseg_image_write_indexed(const char *path, const mseg_image *ids, const uint8_t (*palette)[3], int entries,
                                              mseg_error *err);

/** Writes an 8-bit gray or RGB PNG; whole or not at all. */
MSEG_API mseg_status mseg_image_write_png(const char *path, const mseg_image *image, mseg_error *err);

/** Encodes as PNG (entries > 0: indexed, else gray or RGB) or JPEG (quality 1..100) in memory, for reports. The bytes are the
 * caller's: mseg_bytes_free them. */
MSEG_API mseg_status mseg_image_encode_png(const mseg_image *image, const uint8_t (*palette)[3], int entries, uint8_t **bytes,
                                           size_t *size, mseg_error *err);
MSEG_API mseg_status mseg_image_encode_jpeg(const mseg_image *image, int quality, uint8_t **bytes, size_t *size, mseg_error *err);

/** Frees bytes that the library made; NULL-safe; sets *bytes to NULL. */
MSEG_API void mseg_bytes_free(uint8_t **bytes);

/** Antialiased bilinear resize: triangle filter whose support grows with the downscale, rounded to 8 bits, bit for bit as
 * Pillow's Image.resize(BILINEAR). *out is created (same channels). Errors: MSEG_INVAL for sizes below 1, MSEG_NOMEM. Source:
 * Pillow's Resample.c. */
MSEG_API mseg_status mseg_image_resize(mseg_image *out, const mseg_image *in, int width, int height, mseg_error *err);

#endif
