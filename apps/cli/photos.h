#ifndef CLI_PHOTOS_H
#define CLI_PHOTOS_H

#include "cli/inputs.h"

typedef mseg_status (*cli_photo_fn)(void *context, mseg_view photo, mseg_error *err);

/** Reads one photo after the other, turned as EXIF asks, and calls fn with it, behind a progress bar unless quiet. Returns how
 * many failed, each with a line of error. */
size_t cli_photos_each(const cli_inputs *inputs, bool quiet, cli_photo_fn fn, void *context);

#endif
