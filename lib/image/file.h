#ifndef MSEG_IMAGE_FILE_H
#define MSEG_IMAGE_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/** Opens a regular, non-empty file of at most max_bytes for reading; never blocks on a pipe. The caller closes *in with fclose;
 * it is NULL on failure. Errors: MSEG_NOENT, MSEG_IO (folder, device, no permission), MSEG_FORMAT (zero bytes), MSEG_LIMIT. */
mseg_status mseg_file_open(FILE **in, const char *path, uint64_t max_bytes, mseg_error *err);

/** MSEG_FORMAT for zero bytes, MSEG_LIMIT for more than max_bytes. */
mseg_status mseg_file_check_size(uint64_t bytes, uint64_t max_bytes, mseg_error *err);

#endif
