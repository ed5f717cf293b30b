#ifndef MSEG_IMAGE_VIEW_H
#define MSEG_IMAGE_VIEW_H

#include "image/image.h"

/** Makes *photo, which mseg_view_check has passed, one in MSEG_RGB: leaves it when it is, else it becomes that of a copy, *copy,
 * which is all zero before and to be freed in any case. Errors: MSEG_NOMEM. */
mseg_status mseg_view_as_rgb(mseg_view *photo, mseg_image *copy, mseg_error *err);

#endif
