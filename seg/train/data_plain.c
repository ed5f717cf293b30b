#include <string.h>

#include "image/resize.h"
#include "seg/run/options.h"
#include "seg/train/data_inside.h"

void mseg_train_nearest(uint8_t *out, int n, const uint8_t *row, int width)
{
    for (int x = 0; x < n; x++)
        out[x] = row[(2 * (int64_t)x + 1) * width / (2 * (int64_t)n)];
}

/* What of a photo is seen, and how large on the canvas. */
static mseg_status lay_out(mseg_geometry *g, mseg_view *photo, bool classifier, int size)
{
    const mseg_canvas_rule rule = {1, MSEG_ALIGN_CORNERS};
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.size = size;
    if (classifier) {
        options.resize = MSEG_RESIZE_STRETCH;
        *photo = mseg_central_part(*photo, 0.875);
    }
    return mseg_geometry_plan(g, photo->width, photo->height, &rule, &options, NULL);
}

mseg_status mseg_train_fit(const mseg_train_data *data, const mseg_train_pair *pair, mseg_train_crop *crop, int size,
                           mseg_real *picture, uint8_t *labels)
{
    const mseg_input *input = &data->options.input;
    mseg_view photo = mseg_view_of(&pair->photo);
    mseg_image scaled = {0};
    mseg_geometry g;
    mseg_status status = lay_out(&g, &photo, data->options.classifier, size);
    if (!status)
        status = mseg_image_create(&scaled, g.scaled_width, g.scaled_height, MSEG_RGB);
    if (!status)
        status = mseg_image_resize_to(&scaled, photo, &data->kernels);
    for (int y = 0; y < size && !status; y++) {
        const int seen = y < scaled.height ? scaled.width : 0;
        mseg_real *row = picture + (size_t)y * (size_t)size * 3;
        uint8_t *label = labels + (size_t)y * (size_t)size;
        if (seen)
            data->kernels.normalise(scaled.data + (size_t)y * scaled.stride, row, seen, input->scale, input->offset);
        for (int x = seen; x < size; x++)
            memcpy(row + 3 * (size_t)x, input->pad, sizeof input->pad);
        memset(label, data->ignore, (size_t)size);
        if (seen && pair->mask.data)
            mseg_train_nearest(label, seen,
                               pair->mask.data +
                                   (size_t)((2 * (int64_t)y + 1) * pair->mask.height / (2 * (int64_t)scaled.height)) *
                                       pair->mask.stride,
                               pair->mask.width);
    }
    if (!status) {
        crop->scale_x = (double)scaled.width / photo.width;
        crop->scale_y = (double)scaled.height / photo.height;
        crop->left = (pair->photo.width - photo.width) / 2 * crop->scale_x;
        crop->top = (pair->photo.height - photo.height) / 2 * crop->scale_y;
    }
    mseg_image_free(&scaled);
    return status;
}
