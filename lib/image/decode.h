#ifndef MSEG_IMAGE_DECODE_H
#define MSEG_IMAGE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "image/source.h"

/* A picture being decoded, the first field of each codec's own struct. */
typedef struct mseg_decoder {
    int width, height; /* as stored, before turning */
    mseg_format format;
    int orientation;    /* EXIF's, 1..8; 1 when it is to be ignored */
    bool at_once;       /* interlaced and the like: all rows in one call */
    mseg_colors colors; /* of an indexed picture that is read for its labels */
    /* The next n rows, stride bytes apart; after the last one the end of the file is checked, too. Not to be called again after
     * a failure. */
    mseg_status (*read)(struct mseg_decoder *decoder, uint8_t *rows, size_t stride, int n, mseg_error *err);
    void (*close)(struct mseg_decoder *decoder);
} mseg_decoder;

typedef enum mseg_kind { MSEG_KIND_PNG, MSEG_KIND_JPEG, MSEG_KIND_WEBP, MSEG_KIND_TIFF, MSEG_KIND_OTHER } mseg_kind;

/** What the first bytes of in say it is, never MSEG_KIND_OTHER, and back to the first one. Other pictures are refused by name
 * (MSEG_FORMAT). */
mseg_status mseg_source_kind(mseg_source *in, mseg_kind *kind, mseg_error *err);

/** Tells the kind of picture and reads its header. labels: samples as mseg_image_read_labels wants them, else RGB. in, which the
 * decoder reads from until closed, stays the caller's. On failure *decoder is NULL. */
mseg_status mseg_decoder_open(mseg_decoder **decoder, mseg_source *in, bool labels, mseg_orientation orientation,
                              const mseg_limits *limits, mseg_error *err);

/** NULL-safe; sets *decoder to NULL. */
void mseg_decoder_close(mseg_decoder **decoder);

/** The whole picture, turned as its orientation asks, from a decoder that has read no rows yet. On failure *image is all zero. */
mseg_status mseg_decoder_read_all(mseg_decoder *decoder, mseg_image *image, mseg_error *err);

/* The codecs; in stands at the start of the file. */
mseg_status mseg_png_open(mseg_decoder **decoder, mseg_source *in, bool labels, mseg_orientation orientation,
                          const mseg_limits *limits, mseg_error *err);
mseg_status mseg_jpeg_open(mseg_decoder **decoder, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                           mseg_error *err);
mseg_status mseg_webp_open(mseg_decoder **decoder, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                           mseg_error *err);
mseg_status mseg_tiff_open(mseg_decoder **decoder, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                           mseg_error *err);

/** A row of CMYK to RGB: each of r, g, b = (255 - black) * (255 - ink) / 255. flip: 0, or 255 when 255 - ink is stored. */
void mseg_cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, int width, int flip);

/** What a caller gave (NULL: the defaults). Errors: those of mseg_options_take. */
mseg_status mseg_limits_take(mseg_limits *used, const mseg_limits *given, mseg_error *err);

/** MSEG_LIMIT with a text when width x height is over the limit. */
mseg_status mseg_check_pixels(uint64_t width, uint64_t height, const mseg_limits *limits, mseg_error *err);

/** EXIF orientation 1..8 in the payload of a JPEG APP1 marker ("Exif\0\0" and a TIFF structure); 0 when it is not EXIF, 1 when it
 * has none or is damaged. Source: Exif 2.3 (CIPA DC-008), TIFF 6.0. */
int mseg_exif_orientation(const uint8_t *bytes, size_t size);

/** The same in a block that should be bare, but has "Exif\0\0" in front from some writers; 1 when it has none or is damaged. */
int mseg_exif_block_orientation(const uint8_t *bytes, size_t size);

/** The same in a bare TIFF structure; 1 when it has none or is damaged. */
int mseg_tiff_orientation(const uint8_t *bytes, size_t size);

/** The same in the eXIf chunk of a PNG file, wherever that stands; 1 when there is none or it is damaged, by its checksum too.
 * Leaves in at the start of the file. Source: PNG, third edition, 11.3.4.5. */
int mseg_png_orientation(mseg_source *in);

/** Turns the picture the way EXIF orientation 1..8 asks for. MSEG_NOMEM. */
mseg_status mseg_image_orient(mseg_image *image, int orientation);

#endif
