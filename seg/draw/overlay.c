#include <math.h>

#include "image/view.h"
#include "seg/mseg.h"

/* Fixed point of the blend: 256 parts. */
enum { ONE = 256 };

/* parts: of the colour, by id. */
static void blend_row(uint8_t *out, const uint8_t *photo, const uint8_t *labels, int width, const uint8_t (*rgb)[3],
                      const int parts[256])
{
    for (int x = 0; x < width; x++, out += 3, photo += 3) {
        const int k = parts[labels[x]];
        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)((photo[c] * (ONE - k) + rgb[labels[x]][c] * k + ONE / 2) / ONE);
    }
}

/* Pixels whose right or lower neighbour has another label become black on light ground and white on dark, so that the line shows
 * everywhere. below: the next row, or labels itself at the last. */
static void draw_boundary(uint8_t *out, const uint8_t *labels, const uint8_t *below, int width)
{
    for (int x = 0; x < width; x++, out += 3) {
        int right = x + 1 < width ? labels[x + 1] : labels[x];
        if (labels[x] == right && labels[x] == below[x])
            continue;
        int luma = (77 * out[0] + 150 * out[1] + 29 * out[2]) / 256;
        out[0] = out[1] = out[2] = luma < 160 ? 255 : 0;
    }
}

mseg_status mseg_overlay_rows(mseg_image *out, mseg_view photo, mseg_view labels, const uint8_t *below,
                              const mseg_palette *palette, double alpha, mseg_error *err)
{
    *out = (mseg_image){0};
    if (mseg_view_check(photo, MSEG_PIXELS_PHOTO, "photo", err) || mseg_view_check(labels, MSEG_PIXELS_LABELS, "labels", err))
        return MSEG_INVAL;
    if (photo.width != labels.width || photo.height != labels.height)
        return mseg_fail(err, MSEG_MISMATCH, "the photo is %dx%d, its labels are %dx%d", photo.width, photo.height, labels.width,
                         labels.height);
    if (!(alpha >= 0 && alpha <= 1))
        return mseg_fail(err, MSEG_INVAL, "alpha %g is not between 0 and 1", alpha);
    mseg_image copy = {0};
    mseg_status status = mseg_view_as_rgb(&photo, &copy, err);
    if (!status && (status = mseg_image_create(out, photo.width, photo.height, MSEG_RGB)))
        mseg_fail(err, status, NULL);
    int parts[256];
    for (int id = 0; id < 256; id++)
        parts[id] = mseg_is_background(palette->names[id]) ? 0 : (int)lround(alpha * ONE);
    for (int y = 0; y < out->height; y++) {
        uint8_t *row = out->data + (size_t)y * out->stride;
        const uint8_t *ids = labels.data + (size_t)y * labels.stride;
        const uint8_t *next = y + 1 < out->height ? ids + labels.stride : below ? below : ids;
        blend_row(row, photo.data + (size_t)y * photo.stride, ids, out->width, palette->colors.rgb, parts);
        draw_boundary(row, ids, next, out->width);
    }
    mseg_image_free(&copy);
    return status;
}

mseg_status mseg_overlay(mseg_image *out, mseg_view photo, mseg_view labels, const mseg_palette *palette, double alpha,
                         mseg_error *err)
{
    return mseg_overlay_rows(out, photo, labels, NULL, palette, alpha, err);
}
