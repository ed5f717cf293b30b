#ifndef MSEG_IMAGE_RESIZE_H
#define MSEG_IMAGE_RESIZE_H

/* In: a picture. Out: the same in another size, in memory of the caller. */

#include "image/image.h"
#include "kernels/kernels.h"

/** mseg_image_resize into a picture that the caller made, of the format of in, whose pixels need not be zero. The kernels do not
 * change the bits. What mseg_image_resize refuses must not come here. Errors: MSEG_NOMEM. Thread safe. */
mseg_status mseg_image_resize_to(const mseg_image *out, mseg_view in, const mseg_kernels *kernels);

#endif
