#ifndef MSEG_IMAGE_READER_H
#define MSEG_IMAGE_READER_H

#include "base/api.h"

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

/* An RGB picture read a few rows at a time, everything as mseg_image_read does it. Memory is a few rows for PNG without
 * interlacing and baseline JPEG and those of a strip or of a row of tiles for TIFF; a progressive JPEG takes 2 bytes per sample
 * of libjpeg's (3 to 6 a pixel), and a picture that is interlaced, turned by its orientation, WebP, or a TIFF in YCbCr that is
 * not compressed as JPEG is held whole (3 a pixel, 6 while it is turned; WebP without loss 7, and its file; that TIFF 7). */
typedef struct mseg_image_reader mseg_image_reader;

/** Reads the header. limits may be NULL (defaults). On failure *reader is NULL. Errors: as mseg_image_read. */
MSEG_API mseg_status mseg_image_reader_open(mseg_image_reader **reader, const char *path, mseg_orientation orientation,
                                            const mseg_limits *limits, mseg_error *err);

/** The same from size bytes of such a file in memory, which stay the caller's and must outlive the reader. MSEG_INVAL also when
 * bytes is NULL. */
MSEG_API mseg_status mseg_image_reader_open_memory(mseg_image_reader **reader, const void *bytes, size_t size,
                                                   mseg_orientation orientation, const mseg_limits *limits, mseg_error *err);

MSEG_API int mseg_image_reader_width(const mseg_image_reader *reader);
MSEG_API int mseg_image_reader_height(const mseg_image_reader *reader);

/** Reads the next n rows to rows, stride bytes apart. With the last row of the picture the end of the file is checked, too. After
 * a failure only closing is left. Errors: as mseg_image_read; MSEG_INVAL when there are fewer than n. */
MSEG_API mseg_status mseg_image_reader_rows(mseg_image_reader *reader, uint8_t *rows, size_t stride, int n, mseg_error *err);

/** NULL-safe; sets *reader to NULL. */
MSEG_API void mseg_image_reader_close(mseg_image_reader **reader);

#endif
