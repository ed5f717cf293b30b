#ifndef MSEG_IMAGE_ROW_WRITER_H
#define MSEG_IMAGE_ROW_WRITER_H

#include "base/api.h"

#include <stdint.h>

#include "image/image.h"

/* What a PNG is to be; 8 bits a sample. */
typedef struct mseg_png_format {
    int width, height;
    mseg_format format;        /* MSEG_GRAY or MSEG_RGB */
    const mseg_colors *colors; /* of MSEG_GRAY: indexed; NULL or count 0: not so. Needed only while opening */
    /* Up to 255 characters of ASCII from space to tilde, which the file carries as a text called "mseg" before its picture
     * (mseg_png_mark reads it); NULL: none. Needed only while opening */
    const char *mark;
} mseg_png_format;

/* A PNG file written a few rows at a time: memory for two rows, whatever the height. Whole or not at all: an older file is
 * replaced when it is committed. */
typedef struct mseg_row_writer mseg_row_writer;

/** On failure *writer is NULL. Its folder must exist. Errors: MSEG_NOENT, MSEG_IO, MSEG_FULL, MSEG_INVAL,
 * MSEG_NOMEM. */
MSEG_API mseg_status mseg_row_writer_open(mseg_row_writer **writer, const char *path, const mseg_png_format *format,
                                          mseg_error *err);

/** Writes the next rows.height rows, of the PNG's width and format; MSEG_BGR is written as MSEG_RGB. After a failure only
 * discarding is left. Errors: MSEG_IO, MSEG_FULL, MSEG_NOMEM, MSEG_INVAL for rows of another kind, too many of them or ids
 * without a colour.
 */
MSEG_API mseg_status mseg_row_writer_put(mseg_row_writer *writer, mseg_view rows, mseg_error *err);

/** Puts the file in place. *writer is NULL afterwards, whatever happened. MSEG_INVAL when rows are missing and when there is no
 * writer. */
MSEG_API mseg_status mseg_row_writer_commit(mseg_row_writer **writer, mseg_error *err);

/** The same, but a file that has come to stand there since the writer was opened stays: MSEG_IO. */
MSEG_API mseg_status mseg_row_writer_commit_new(mseg_row_writer **writer, mseg_error *err);

/** Throws the file away; NULL-safe; sets *writer to NULL. */
MSEG_API void mseg_row_writer_discard(mseg_row_writer **writer);

#endif
