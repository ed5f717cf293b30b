#ifndef MSEG_BASE_TEXT_FILE_H
#define MSEG_BASE_TEXT_FILE_H

#include <stddef.h>

#include "base/status.h"

/** Reads a whole file or pipe of at most max_bytes into *text, to be freed with free(); (*text)[*size] is 0. A byte order mark at
 * the start is left out. NULL on failure.
 * Errors: MSEG_NOENT, MSEG_IO (folder, device, no permission), MSEG_LIMIT, MSEG_NOMEM. */
mseg_status mseg_text_file_read(char **text, size_t *size, const char *path, size_t max_bytes, mseg_error *err);

#endif
