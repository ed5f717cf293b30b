#include "image/resize.h"
#include "image/view.h"
#include "seg/run/options.h"

/* How a photo's part is laid on the canvas. */
static mseg_status lay_out(mseg_geometry *g, mseg_view *photo, const mseg_model_info *info, int side, mseg_error *err)
{
    const mseg_canvas_rule rule = {info->output_stride, info->sampling};
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.size = side;
    if (info->classifier) {
        options.resize = MSEG_RESIZE_STRETCH;
        *photo = mseg_central_part(*photo, 0.875);
    }
    return mseg_geometry_plan(g, photo->width, photo->height, &rule, &options, err);
}

mseg_status mseg_see_photo(mseg_image *seen, mseg_view photo, const mseg_model_info *info, int side, const mseg_kernels *kernels,
                           mseg_error *err)
{
    mseg_image copy = {0};
    mseg_geometry g;
    *seen = (mseg_image){0};
    mseg_status status = mseg_view_check(photo, MSEG_PIXELS_PHOTO, "photo", err);
    if (!status)
        status = mseg_view_as_rgb(&photo, &copy, err);
    if (!status)
        status = lay_out(&g, &photo, info, side, err);
    if (!status) {
        status = mseg_image_create(seen, g.scaled_width, g.scaled_height, MSEG_RGB);
        status = status ? status : mseg_image_resize_to(seen, photo, kernels);
        if (status)
            mseg_fail(err, status, NULL);
    }
    if (status)
        mseg_image_free(seen);
    mseg_image_free(&copy);
    return status;
}
