#ifndef MSEG_WEIGHTS_FOREIGN_H
#define MSEG_WEIGHTS_FOREIGN_H

/* Inside lib/weights only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/** For bytes that no reader takes: fills *err (may be NULL) with what they are, as far as they tell it, and what to give instead.
 * size is at least 1. Returns MSEG_UNSUPPORTED for models of other formats and archives, MSEG_FORMAT for everything else. */
mseg_status mseg_foreign(const uint8_t *data, size_t size, mseg_error *err);

/** Whether pattern stands somewhere in the first 1024 bytes. */
bool mseg_mentions(const uint8_t *data, size_t size, const char *pattern);

#endif
