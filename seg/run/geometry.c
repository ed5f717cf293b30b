#include "seg/run/geometry.h"

#include <math.h>

#include "plan/plan.h"

/* The smallest side that suits and is at least length. */
static int64_t crop_size(int64_t length, const mseg_canvas_rule *rule)
{
    const int step = rule->output_stride, more = rule->sampling == MSEG_ALIGN_CORNERS;
    return (length - more + step - 1) / step * step + more;
}

bool mseg_side_suits(int side, const mseg_canvas_rule *rule)
{
    return side >= 1 && (rule->sampling != MSEG_ALIGN_CORNERS || (side - 1) % rule->output_stride == 0);
}

static int scaled(int length, double scale)
{
    double value = floor(length * scale + 0.5);
    return value < 1 ? 1 : (int)value;
}

/* A canvas of w x h pixels, if it may be so large. */
static mseg_status to_sides(int *width, int *height, int64_t w, int64_t h, mseg_error *err)
{
    if (w * h > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a canvas of %lld x %lld pixels is over the limit of 2^30", (long long)w, (long long)h);
    *width = (int)w;
    *height = (int)h;
    return MSEG_OK;
}

mseg_status mseg_geometry_plan(mseg_geometry *g, int width, int height, const mseg_canvas_rule *rule,
                               const mseg_run_options *options, mseg_error *err)
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
        w = crop_size(g->scaled_width, rule);
        h = crop_size(g->scaled_height, rule);
    } else {
        int64_t holds = options->resize == MSEG_RESIZE_NONE ? crop_size(longer, rule) : 0;
        w = h = holds > options->size ? holds : options->size;
    }
    return to_sides(&g->canvas_width, &g->canvas_height, w, h, err);
}

int64_t mseg_side_at_scale(int side, double scale, mseg_sampling sampling)
{
    if (sampling == MSEG_ALIGN_CORNERS)
        return (int64_t)((side - 1) * scale + 1);
    return side * scale < 1 ? 1 : (int64_t)(side * scale);
}

mseg_status mseg_geometry_largest(const mseg_geometry *g, const mseg_canvas_rule *rule, const mseg_run_options *options,
                                  int *width, int *height, mseg_error *err)
{
    double most = options->n_scales ? options->scales[0] : 1;
    for (int i = 1; i < options->n_scales; i++)
        most = fmax(most, options->scales[i]);
    return to_sides(width, height, mseg_side_at_scale(g->canvas_width, most, rule->sampling),
                    mseg_side_at_scale(g->canvas_height, most, rule->sampling), err);
}
