/* The picture readers on arbitrary bytes. */

#include <stdint.h>
#include <stdio.h>

#include "image/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mseg_limits limits = {.struct_size = sizeof limits, .max_pixels = 1 << 20, .max_file_bytes = 1 << 20};
    mseg_error err;
    union {
        const uint8_t *in;
        void *out;
    } cast = {data}; /* fmemopen takes a writable pointer, but only reads in this mode */
    for (int labels = 0; labels < 2 && size; labels++) {
        mseg_image image, small;
        FILE *in = fmemopen(cast.out, size, "rb");
        if (!in)
            return 0;
        mseg_status status = labels ? mseg_image_decode_labels(&image, NULL, in, &limits, &err)
                                    : mseg_image_decode(&image, in, MSEG_EXIF_APPLY, &limits, &err);
        if (!status && !mseg_image_resize(&small, &image, 1 + image.width / 3, image.height + 1, &err))
            mseg_image_free(&small);
        mseg_image_free(&image);
        fclose(in);
    }
    return 0;
}
