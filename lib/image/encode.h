#ifndef MSEG_IMAGE_ENCODE_H
#define MSEG_IMAGE_ENCODE_H

#include <stdbool.h>
#include <stdio.h>

#include "image/row_writer.h"

/* A PNG being written row by row. */
typedef struct mseg_png_encoder mseg_png_encoder;

/** Writes the header to out, which stays the caller's. On failure *encoder is NULL. Errors: MSEG_INVAL, MSEG_NOMEM, MSEG_IO,
 * MSEG_FULL. */
mseg_status mseg_png_encoder_open(mseg_png_encoder **encoder, FILE *out, const mseg_png_format *format, mseg_error *err);

/** Writes the next rows; after the last one of the picture its end, too. Not to be called again after a failure. Errors: as
 * mseg_row_writer_put. */
mseg_status mseg_png_encoder_put(mseg_png_encoder *encoder, mseg_view rows, mseg_error *err);

/** Whether all rows have been put. */
bool mseg_png_encoder_is_complete(const mseg_png_encoder *encoder);

/** NULL-safe; sets *encoder to NULL. */
void mseg_png_encoder_close(mseg_png_encoder **encoder);

#endif
