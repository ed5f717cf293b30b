#ifndef MSEG_IMAGE_SOURCE_H
#define MSEG_IMAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* The bytes of a picture file, on disk or in memory. Set path, or bytes and size, and nothing else; then open it. Both belong to
 * the caller: path is used while opening, bytes until closed. */
typedef struct mseg_source {
    const char *path; /* NULL: in memory */
    const uint8_t *bytes;
    size_t size, at; /* at: the next byte */
    FILE *file;
} mseg_source;

/** Of at most max_bytes. Errors: those of mseg_file_open, MSEG_INVAL when bytes is NULL. */
mseg_status mseg_source_open(mseg_source *source, uint64_t max_bytes, mseg_error *err);

/** Safe on one that is not open. */
void mseg_source_close(mseg_source *source);

/** Reads the next n bytes; returns how many came, fewer at the end and when reading fails. */
size_t mseg_source_read(mseg_source *source, void *to, size_t n);

/** Whether reading failed since the last rewind. */
bool mseg_source_failed(const mseg_source *source);

/** Leaves out the next n bytes, which need not be there; whether that worked. */
bool mseg_source_skip(mseg_source *source, uint32_t n);

/** To the byte at offset, which need not be there; whether that worked. */
bool mseg_source_seek(mseg_source *source, uint64_t offset);

/** How many bytes there are; 0 when that cannot be told. */
uint64_t mseg_source_size(const mseg_source *source);

/** Back to the first byte; whether that worked. */
bool mseg_source_rewind(mseg_source *source);

#endif
