#ifndef MSEG_BASE_OPTIONS_H
#define MSEG_BASE_OPTIONS_H

#include <stddef.h>

#include "base/status.h"

/* Options that callers fill in and that may get fields later: their first member is size_t struct_size, what sizeof was where the
 * caller was compiled. Fields that a caller does not know have their defaults. */

/** Fills struct_size bytes of options with the defaults, as many as there are, and zeros. defaults: size bytes. */
void mseg_options_init(void *options, size_t struct_size, const void *defaults, size_t size);

/** Copies what given holds over *own, which holds size bytes of defaults; given NULL: nothing. Errors: MSEG_INVAL when
 * struct_size cannot be right (init: the function that sets it), MSEG_UNSUPPORTED when a field that this library does not know is
 * set. */
mseg_status mseg_options_take(void *own, size_t size, const void *given, const char *init, mseg_error *err);

#endif
