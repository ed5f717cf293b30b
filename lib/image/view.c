#include "image/view.h"

#include <string.h>

#include "base/alloc.h"

int mseg_format_channels(mseg_format format)
{
    switch (format) {
    case MSEG_GRAY:
        return 1;
    case MSEG_RGB:
    case MSEG_BGR:
        return 3;
    case MSEG_RGBA:
    case MSEG_BGRA:
        return 4;
    }
    return 0;
}

mseg_status mseg_image_create(mseg_image *image, int width, int height, mseg_format format)
{
    const int channels = mseg_format_channels(format);
    memset(image, 0, sizeof *image);
    if (width < 1 || height < 1 || !channels)
        return MSEG_INVAL;
    size_t stride;
    if (!mseg_mul((size_t)width, (size_t)channels, &stride))
        return MSEG_NOMEM;
    image->data = mseg_alloc_array((size_t)height, stride);
    if (!image->data)
        return MSEG_NOMEM;
    image->width = width;
    image->height = height;
    image->format = format;
    image->stride = stride;
    return MSEG_OK;
}

void mseg_image_free(mseg_image *image)
{
    mseg_free(&image->data);
    memset(image, 0, sizeof *image);
}

mseg_view mseg_view_of(const mseg_image *image)
{
    if (!image)
        return (mseg_view){0};
    return (mseg_view){image->width, image->height, image->format, image->stride, image->data};
}

/* NULL: it is what is wanted; else what would be. */
static const char *refuse(mseg_format format, mseg_pixels wanted)
{
    switch (wanted) {
    case MSEG_PIXELS_PHOTO:
        return format != MSEG_GRAY ? NULL : "MSEG_RGB, MSEG_BGR, MSEG_RGBA or MSEG_BGRA is needed";
    case MSEG_PIXELS_LABELS:
        return format == MSEG_GRAY ? NULL : "MSEG_GRAY (ids of classes) is needed";
    default:
        return mseg_format_channels(format) < 4 ? NULL
                                                : "MSEG_GRAY, MSEG_RGB or MSEG_BGR is needed; mseg_image_to_rgb drops alpha";
    }
}

static mseg_status check_format(mseg_format format, mseg_pixels wanted, const char *what, mseg_error *err)
{
    static const char *const names[] = {[MSEG_GRAY] = "MSEG_GRAY",
                                        [MSEG_RGB] = "MSEG_RGB",
                                        [MSEG_BGR] = "MSEG_BGR",
                                        [MSEG_RGBA] = "MSEG_RGBA",
                                        [MSEG_BGRA] = "MSEG_BGRA"};
    if (!mseg_format_channels(format))
        return mseg_fail(err, MSEG_INVAL, "%s: format %d is not one of mseg_format", what, (int)format);
    const char *refusal = refuse(format, wanted);
    if (refusal)
        return mseg_fail(err, MSEG_INVAL, "%s: format is %s where %s", what, names[format], refusal);
    return MSEG_OK;
}

mseg_status mseg_view_check(mseg_view view, mseg_pixels wanted, const char *what, mseg_error *err)
{
    if (!view.data || view.width < 1 || view.height < 1)
        return mseg_fail(err, MSEG_INVAL, "%s: width %d and height %d with %s data: not an image", what, view.width, view.height,
                         view.data ? "some" : "no");
    if (check_format(view.format, wanted, what, err))
        return MSEG_INVAL;
    const int channels = mseg_format_channels(view.format);
    if (view.stride / (size_t)channels < (size_t)view.width)
        return mseg_fail(err, MSEG_INVAL, "%s: stride %zu is less than a row of %d pixels of %d bytes", what, view.stride,
                         view.width, channels);
    return MSEG_OK;
}

/* red, green, blue: where they are in the pixels of in, which are pixel bytes long. */
static void row_to_rgb(uint8_t *restrict out, const uint8_t *restrict in, int width, int pixel, int red, int green, int blue)
{
    for (int x = 0; x < width; x++, out += 3, in += pixel) {
        out[0] = in[red];
        out[1] = in[green];
        out[2] = in[blue];
    }
}

/* Of a view that has been checked. */
static mseg_status copy_as_rgb(mseg_image *rgb, mseg_view view, mseg_error *err)
{
    const int pixel = mseg_format_channels(view.format);
    const bool swap = view.format == MSEG_BGR || view.format == MSEG_BGRA;
    const int green = pixel > 1, blue = pixel == 1 || swap ? 0 : 2, red = swap ? 2 : 0;
    const mseg_status status = mseg_image_create(rgb, view.width, view.height, MSEG_RGB);
    if (status)
        return mseg_fail(err, status, NULL);
    for (int y = 0; y < view.height; y++)
        row_to_rgb(rgb->data + (size_t)y * rgb->stride, view.data + (size_t)y * view.stride, view.width, pixel, red, green, blue);
    return MSEG_OK;
}

mseg_status mseg_image_to_rgb(mseg_image *rgb, mseg_view view, mseg_error *err)
{
    const bool gray = view.format == MSEG_GRAY;
    *rgb = (mseg_image){0};
    if (mseg_view_check(view, gray ? MSEG_PIXELS_LABELS : MSEG_PIXELS_PHOTO, "image", err))
        return MSEG_INVAL;
    return copy_as_rgb(rgb, view, err);
}

mseg_status mseg_view_as_rgb(mseg_view *photo, mseg_image *copy, mseg_error *err)
{
    if (photo->format == MSEG_RGB)
        return MSEG_OK;
    const mseg_status status = copy_as_rgb(copy, *photo, err);
    *photo = mseg_view_of(copy);
    return status;
}
