#include "image/image.h"

#include <limits.h>
#include <string.h>

#include "image/decode.h"

static void print_count(char text[32], uint64_t count)
{
    if (count >= 1000000)
        snprintf(text, 32, "%.9g million", (double)count / 1e6);
    else
        snprintf(text, 32, "%d", (int)count);
}

mseg_status mseg_check_pixels(uint64_t width, uint64_t height, const mseg_limits *limits, mseg_error *err)
{
    char pixels[32], limit[32];
    uint64_t count = width * height; /* both fit in 32 bits */
    if (count <= limits->max_pixels && width <= INT_MAX && height <= INT_MAX)
        return MSEG_OK;
    print_count(pixels, count);
    print_count(limit, limits->max_pixels);
    return mseg_fail(err, MSEG_LIMIT, "%ux%u = %s pixels, over the limit of %s", (unsigned)width, (unsigned)height, pixels,
                     limit);
}

mseg_status mseg_decoder_open(mseg_decoder **decoder, mseg_source *in, bool labels, mseg_orientation orientation,
                              const mseg_limits *limits, mseg_error *err)
{
    mseg_kind kind;
    *decoder = NULL;
    mseg_status status = mseg_source_kind(in, &kind, err);
    if (status)
        return status;
    if (kind == MSEG_KIND_PNG)
        return mseg_png_open(decoder, in, labels, orientation, limits, err);
    if (labels && kind == MSEG_KIND_JPEG)
        return mseg_fail(err, MSEG_FORMAT, "a JPEG; label maps must be PNG, because JPEG changes the labels");
    if (labels)
        return mseg_fail(err, MSEG_FORMAT, "a %s; label maps must be PNG", kind == MSEG_KIND_WEBP ? "WebP" : "TIFF");
    switch (kind) {
    case MSEG_KIND_WEBP:
        return mseg_webp_open(decoder, in, orientation, limits, err);
    case MSEG_KIND_TIFF:
        return mseg_tiff_open(decoder, in, orientation, limits, err);
    default:
        return mseg_jpeg_open(decoder, in, orientation, limits, err);
    }
}

void mseg_decoder_close(mseg_decoder **decoder)
{
    if (*decoder)
        (*decoder)->close(*decoder);
    *decoder = NULL;
}

mseg_status mseg_decoder_read_all(mseg_decoder *decoder, mseg_image *image, mseg_error *err)
{
    mseg_status status = mseg_image_create(image, decoder->width, decoder->height, decoder->format);
    if (status)
        return mseg_fail(err, status, "out of memory");
    status = decoder->read(decoder, image->data, image->stride, image->height, err);
    if (!status && (status = mseg_image_orient(image, decoder->orientation)))
        mseg_fail(err, status, "out of memory");
    if (status)
        mseg_image_free(image);
    return status;
}

static mseg_status read_source(mseg_image *image, mseg_colors *colors, mseg_source in, bool labels, mseg_orientation orientation,
                               const mseg_limits *limits, mseg_error *err)
{
    mseg_limits used;
    mseg_decoder *decoder = NULL;
    memset(image, 0, sizeof *image);
    mseg_status status = mseg_limits_take(&used, limits, err);
    if (status)
        return status;
    status = mseg_source_open(&in, used.max_file_bytes, err);
    if (!status)
        status = mseg_decoder_open(&decoder, &in, labels, orientation, &used, err);
    if (!status)
        status = mseg_decoder_read_all(decoder, image, err);
    if (!status && colors)
        *colors = decoder->colors;
    mseg_decoder_close(&decoder);
    mseg_source_close(&in);
    return status;
}

mseg_status mseg_image_read(mseg_image *image, const char *path, mseg_orientation orientation, const mseg_limits *limits,
                            mseg_error *err)
{
    return read_source(image, NULL, (mseg_source){.path = path}, false, orientation, limits, err);
}

mseg_status mseg_image_read_memory(mseg_image *image, const void *bytes, size_t size, mseg_orientation orientation,
                                   const mseg_limits *limits, mseg_error *err)
{
    return read_source(image, NULL, (mseg_source){.bytes = bytes, .size = size}, false, orientation, limits, err);
}

mseg_status mseg_image_read_labels(mseg_image *image, mseg_colors *colors, const char *path, const mseg_limits *limits,
                                   mseg_error *err)
{
    return read_source(image, colors, (mseg_source){.path = path}, true, MSEG_EXIF_IGNORE, limits, err);
}

mseg_status mseg_image_read_labels_memory(mseg_image *image, mseg_colors *colors, const void *bytes, size_t size,
                                          const mseg_limits *limits, mseg_error *err)
{
    return read_source(image, colors, (mseg_source){.bytes = bytes, .size = size}, true, MSEG_EXIF_IGNORE, limits, err);
}
