#ifndef MSEG_IMAGE_IMAGE_H
#define MSEG_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "base/status.h"

/* What the bytes of a pixel are, in the order of memory; 8 bits each. */
typedef enum mseg_format {
    MSEG_GRAY, /* one: gray, or the id of a class */
    MSEG_RGB,
    MSEG_BGR,
    MSEG_RGBA,
    MSEG_BGRA
} mseg_format;

/** Bytes of a pixel, 1, 3 or 4; 0 for what is not a format. */
MSEG_API int mseg_format_channels(mseg_format format);

/* A picture that owns its pixels: rows top to bottom, channels interleaved. What mseg decodes, labels and draws is MSEG_GRAY or
 * MSEG_RGB. */
typedef struct mseg_image {
    int width, height;
    mseg_format format;
    size_t stride; /* bytes from row to row, >= width * channels */
    uint8_t *data; /* stride * height bytes */
} mseg_image;

/* The same for reading: pixels of an image, of a part of one, or of your own, which must be there as long as it is used. It owns
 * nothing; functions that only read pixels take it. */
typedef struct mseg_view {
    int width, height;
    mseg_format format;
    size_t stride;       /* bytes from row to row, >= width * channels */
    const uint8_t *data; /* the first row */
} mseg_view;

/** All of an image, as long as that is neither changed nor freed. NULL: an all-zero view, which has no pixels and is refused by
 * what takes one. */
MSEG_API mseg_view mseg_view_of(const mseg_image *image);

/* What a function asks of the pixels that it is given. */
typedef enum mseg_pixels {
    MSEG_PIXELS_PHOTO,  /* any format but MSEG_GRAY: to the same bits as in MSEG_RGB, which others are copied to; no alpha counts
                         */
    MSEG_PIXELS_LABELS, /* MSEG_GRAY: ids of classes */
    MSEG_PIXELS_OPAQUE  /* MSEG_GRAY, MSEG_RGB or MSEG_BGR */
} mseg_pixels;

/** MSEG_INVAL with a text that names the field, "what: ..." in front, unless the view has pixels, a format that is wanted and a
 * stride that holds a row: what every function that takes a view begins with. */
MSEG_API mseg_status mseg_view_check(mseg_view view, mseg_pixels wanted, const char *what, mseg_error *err);

/* Limits on what a file may ask for. */
typedef struct mseg_limits {
    size_t struct_size;  /* mseg_limits_init sets it, called with sizeof *limits before fields are set */
    uint64_t max_pixels; /* width * height */
    uint64_t max_file_bytes;
} mseg_limits;

/** 178,956,970 pixels (as Pillow's bomb limit) and 1 GiB. */
MSEG_API void mseg_limits_init(mseg_limits *limits, size_t struct_size);

/** A zeroed image of that size, stride = width * channels. Free with mseg_image_free. MSEG_INVAL for sizes below 1 and for what
 * is not a format, MSEG_NOMEM; *image is then all zero. */
MSEG_API mseg_status mseg_image_create(mseg_image *image, int width, int height, mseg_format format);

/** A copy of any view as MSEG_RGB: gray is repeated, alpha dropped, as with files. Free with mseg_image_free. Errors: MSEG_INVAL,
 * MSEG_NOMEM; *rgb is then all zero. */
MSEG_API mseg_status mseg_image_to_rgb(mseg_image *rgb, mseg_view view, mseg_error *err);

/** Frees the pixels and zeroes *image; safe on an all-zero image. */
MSEG_API void mseg_image_free(mseg_image *image);

/* So many of a file's first bytes tell what kind of picture it is. */
#define MSEG_IMAGE_HEAD 32

/** The kind of picture that a file starting with these bytes is, "PNG", "JPEG", "WebP" or "TIFF"; NULL when mseg_image_read would
 * not read it, or when they are too few to tell. */
MSEG_API const char *mseg_image_kind(const void *bytes, size_t size);

typedef enum mseg_orientation { MSEG_EXIF_APPLY, MSEG_EXIF_IGNORE } mseg_orientation;

/** Reads a PNG, JPEG, WebP (of an animation the first frame) or TIFF (the first page; 1 to 16 bits a sample, without sign), told
 * by its first bytes and not by its name, as RGB: gray is repeated, alpha dropped, palettes looked up, 16 bits scaled to 8 with
 * rounding, CMYK/YCCK/YCbCr converted. EXIF orientation, of TIFF the tag, is applied or ignored. Truncated or damaged files are
 * refused (MSEG_FORMAT), oversized ones too (MSEG_LIMIT); other kinds of picture are named in the text (MSEG_FORMAT, kinds of
 * TIFF MSEG_UNSUPPORTED). limits may be NULL (defaults). On failure *image is all zero. Thread safe. */
MSEG_API mseg_status mseg_image_read(mseg_image *image, const char *path, mseg_orientation orientation, const mseg_limits *limits,
                                     mseg_error *err);

/** The same from size bytes of such a file in memory, which are only read, and only during the call. MSEG_INVAL also when bytes
 * is NULL. */
MSEG_API mseg_status mseg_image_read_memory(mseg_image *image, const void *bytes, size_t size, mseg_orientation orientation,
                                            const mseg_limits *limits, mseg_error *err);

/* The colours that an indexed PNG holds, by index. */
typedef struct mseg_colors {
    int count; /* 1 to 256; 0: not indexed */
    uint8_t rgb[256][3];
} mseg_colors;

/** Reads a PNG without interpreting it: indexed -> MSEG_GRAY, palette indices as stored, gray (1 to 16 bits, unscaled) ->
 * MSEG_GRAY, RGB/RGBA 8 bits -> MSEG_RGB. *colors (may be NULL) is the palette of an indexed one. 16 bits: MSEG_UNSUPPORTED for
 * colours and for values above 255. For label maps: EXIF orientation is never applied. */
MSEG_API mseg_status mseg_image_read_labels(mseg_image *image, mseg_colors *colors, const char *path, const mseg_limits *limits,
                                            mseg_error *err);

/** The same from size bytes of such a file in memory, as mseg_image_read_memory. */
MSEG_API mseg_status mseg_image_read_labels_memory(mseg_image *image, mseg_colors *colors, const void *bytes, size_t size,
                                                   const mseg_limits *limits, mseg_error *err);

/** Writes an 8-bit indexed PNG: ids (MSEG_GRAY) are the stored indices, each of which must have one of the colours. Whole or not
 * at all, replacing an older file. Errors: MSEG_INVAL, MSEG_NOENT, MSEG_IO, MSEG_FULL, MSEG_NOMEM. */
MSEG_API mseg_status mseg_image_write_indexed(const char *path, mseg_view ids, const mseg_colors *colors, mseg_error *err);

/** Writes an 8-bit gray or RGB PNG of MSEG_GRAY, MSEG_RGB or MSEG_BGR; whole or not at all. Alpha is not written: MSEG_INVAL,
 * mseg_image_to_rgb drops it. Errors: as before. */
MSEG_API mseg_status mseg_image_write_png(const char *path, mseg_view image, mseg_error *err);

/** Encodes as PNG (colors neither NULL nor of count 0: indexed, of MSEG_GRAY; else gray or RGB) or JPEG (quality 1..100) in
 * memory, for reports. Formats: as mseg_image_write_png. The bytes are the caller's: mseg_bytes_free them. */
MSEG_API mseg_status mseg_image_encode_png(mseg_view image, const mseg_colors *colors, uint8_t **bytes, size_t *size,
                                           mseg_error *err);
MSEG_API mseg_status mseg_image_encode_jpeg(mseg_view image, int quality, uint8_t **bytes, size_t *size, mseg_error *err);

/** Frees bytes that the library made; NULL-safe; sets *bytes to NULL. */
MSEG_API void mseg_bytes_free(uint8_t **bytes);

/** Antialiased bilinear resize: triangle filter whose support grows with the downscale, rounded to 8 bits, bit for bit as
 * Pillow's Image.resize(BILINEAR). *out is created, in the format of in: MSEG_GRAY, MSEG_RGB or MSEG_BGR. Errors: MSEG_INVAL for
 * sizes below 1 and for alpha, whose pixels would have to be weighed by it, MSEG_NOMEM. Source: Pillow's Resample.c. */
MSEG_API mseg_status mseg_image_resize(mseg_image *out, mseg_view in, int width, int height, mseg_error *err);

#endif
