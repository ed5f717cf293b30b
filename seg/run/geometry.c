#include "seg/run/geometry.h"

#include <math.h>

#include "graph/plan.h"

mseg_run_options mseg_run_options_default(void)
{
    return (mseg_run_options){.resize = MSEG_RESIZE_FIT, .pad = MSEG_PAD_SQUARE, .size = 513};
}

/* The smallest k * step + 1 that is at least length. */
static int64_t crop_size(int64_t length, int step)
{
    return (length - 1 + step - 1) / step * step + 1;
}

static int scaled(int length, double scale)
{
    double value = floor(length * scale + 0.5);
    return value < 1 ? 1 : (int)value;
}

mseg_status mseg_geometry_plan(mseg_geometry *g, int width, int height, int output_stride, const mseg_run_options *options,
                               mseg_error *err)
{
    if (width < 1 || height < 1 || options->size < 1)
        return mseg_fail(err, MSEG_INVAL, "cannot lay %d x %d pixels on a canvas of side %d", width, height, options->size);
    *g = (mseg_geometry){.scaled_width = width, .scaled_height = height};
    if (options->resize == MSEG_RESIZE_STRETCH) {
        g->scaled_width = g->scaled_height = options->size;
    } else if (options->resize == MSEG_RESIZE_FIT) {
        double scale = (double)options->size / (width > height ? width : height);
        g->scaled_width = scaled(width, scale);
        g->scaled_height = scaled(height, scale);
    }
    int longer = g->scaled_width > g->scaled_height ? g->scaled_width : g->scaled_height;
    int64_t w, h;
    if (options->pad == MSEG_PAD_TIGHT) {
        w = crop_size(g->scaled_width, output_stride);
        h = crop_size(g->scaled_height, output_stride);
    } else {
        int64_t holds = options->resize == MSEG_RESIZE_NONE ? crop_size(longer, output_stride) : 0;
        w = h = holds > options->size ? holds : options->size;
    }
    if (w * h > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a canvas of %lld x %lld pixels is over the limit of 2^30", (long long)w, (long long)h);
    g->canvas_width = (int)w;
    g->canvas_height = (int)h;
    return MSEG_OK;
}
