/* The picture readers on arbitrary bytes. */

#include <stdint.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mseg_limits limits = {.struct_size = sizeof limits, .max_pixels = 1 << 20, .max_file_bytes = 1 << 20};
    mseg_error err;
    for (int labels = 0; labels < 2; labels++) {
        mseg_image image, small;
        mseg_status status = labels ? mseg_image_read_labels_memory(&image, NULL, data, size, &limits, &err)
                                    : mseg_image_read_memory(&image, data, size, MSEG_EXIF_APPLY, &limits, &err);
        if (!status && !mseg_image_resize(&small, mseg_view_of(&image), 1 + image.width / 3, image.height + 1, &err))
            mseg_image_free(&small);
        mseg_image_free(&image);
    }
    return 0;
}
