#include "image/resize.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "image/view.h"

/* Pillow's fixed point for 8-bit pictures: weights have 22 fraction bits, each pass rounds to 8 bits. Kernels take them in halves
 * of WEIGHT_BITS. */
enum { FRACTION_BITS = 22, HALF = 1 << (FRACTION_BITS - 1), WEIGHT_BITS = FRACTION_BITS / 2 };

/* The filter of one axis: output i is the sum of weights[i * taps + t] * input[first[i] + t] over t < taps. */
typedef struct axis {
    int taps; /* equal for all outputs; spare ones weigh 0 and still lie inside the input */
    int *first;
    uint32_t *weights;
} axis;

/* The triangle filter around output i, normalised in double, then rounded to fixed point. scratch: taps doubles. */
static void plan_output(axis *a, int i, int in, double scale, double *scratch)
{
    double stretch = scale > 1 ? scale : 1, center = (i + 0.5) * scale, sum = 0;
    int low = (int)(center - stretch + 0.5), high = (int)(center + stretch + 0.5);
    low = low < 0 ? 0 : low;
    high = high > in ? in : high;
    high = high > low + a->taps ? low + a->taps : high; /* an upscale's third tap, there by rounding only, weighs nothing */
    for (int x = low; x < high; x++) {
        double d = fabs((x - center + 0.5) * (1 / stretch));
        scratch[x - low] = d < 1 ? 1 - d : 0;
        sum += scratch[x - low];
    }
    a->first[i] = low + a->taps <= in ? low : in - a->taps;
    uint32_t *weights = a->weights + (size_t)i * (size_t)a->taps + (low - a->first[i]);
    for (int t = 0; t < high - low; t++)
        weights[t] = (uint32_t)(0.5 + (sum != 0 ? scratch[t] / sum : scratch[t]) * (1 << FRACTION_BITS));
}

static mseg_status plan_axis(axis *a, int in, int out)
{
    double scale = (double)in / out, stretch = scale > 1 ? scale : 1;
    double taps = scale > 1 ? ceil(stretch) * 2 + 1 : 2;
    a->taps = taps < in ? (int)taps : in;
    a->first = mseg_alloc_array((size_t)out, sizeof *a->first);
    a->weights = mseg_alloc_array((size_t)out * (size_t)a->taps, sizeof *a->weights);
    double *scratch = mseg_alloc_array((size_t)a->taps, sizeof *scratch);
    if (a->first && a->weights && scratch)
        for (int i = 0; i < out; i++)
            plan_output(a, i, in, scale, scratch);
    mseg_status status = a->first && a->weights && scratch ? MSEG_OK : MSEG_NOMEM;
    mseg_free(&scratch);
    return status;
}

static void free_axis(axis *a)
{
    mseg_free(&a->first);
    mseg_free(&a->weights);
}

static uint8_t to_8_bits(uint32_t sum)
{
    uint32_t v = sum >> FRACTION_BITS;
    return (uint8_t)(v < 255 ? v : 255);
}

static void resize_row_rgb(uint8_t *restrict out, const uint8_t *restrict in, const axis *a, int width)
{
    const uint32_t *k = a->weights;
    for (int x = 0; x < width; x++, out += 3, k += a->taps) {
        const uint8_t *p = in + (size_t)3 * (size_t)a->first[x];
        uint32_t red = HALF, green = HALF, blue = HALF;
        for (int t = 0; t < a->taps; t++, p += 3) {
            red += k[t] * p[0];
            green += k[t] * p[1];
            blue += k[t] * p[2];
        }
        out[0] = to_8_bits(red);
        out[1] = to_8_bits(green);
        out[2] = to_8_bits(blue);
    }
}

static void resize_row_gray(uint8_t *restrict out, const uint8_t *restrict in, const axis *a, int width)
{
    const uint32_t *k = a->weights;
    for (int x = 0; x < width; x++, k += a->taps) {
        const uint8_t *p = in + a->first[x];
        uint32_t sum = HALF;
        for (int t = 0; t < a->taps; t++)
            sum += k[t] * p[t];
        out[x] = to_8_bits(sum);
    }
}

/* Every output of a longer row lies between two inputs, or is one. A group of bytes is of four pixels at most, so its inputs of
 * five, and 16 bytes hold them. */
enum { GROUP = 8, WINDOW = 16 };

static void plan_byte(mseg_stretch_group *group, int i, const axis *a, int x, size_t byte, size_t channels)
{
    const uint32_t *weights = a->weights + (size_t)x * (size_t)a->taps;
    for (int t = 0; t < a->taps; t++) {
        group->pick[2 * i + t] = (uint8_t)(byte + (size_t)t * channels - group->at);
        group->high[2 * i + t] = (int16_t)(weights[t] >> WEIGHT_BITS);
        group->low[2 * i + t] = (int16_t)(weights[t] & ((1 << WEIGHT_BITS) - 1));
    }
}

/* row: the bytes of an input row, at least WINDOW. */
static void plan_groups(mseg_stretch_group *groups, size_t n_groups, const axis *a, size_t width, size_t row, size_t channels)
{
    for (size_t g = 0; g < n_groups; g++) {
        const size_t at = (size_t)a->first[g * GROUP / channels] * channels;
        groups[g].at = at + WINDOW <= row ? at : row - WINDOW;
        for (size_t i = 0; i < GROUP && g * GROUP + i < width * channels; i++) {
            const size_t x = (g * GROUP + i) / channels, channel = (g * GROUP + i) % channels;
            plan_byte(&groups[g], (int)i, a, (int)x, (size_t)a->first[x] * channels + channel, channels);
        }
    }
}

/* Both passes, row by row: of the horizontally resized picture only the rows under the vertical filter exist, in a ring. */
typedef struct resizer {
    mseg_view in;
    const mseg_image *out;
    const mseg_kernels *kernels;
    axis x, y;
    mseg_stretch_group *groups; /* NULL: the filter has more than two taps */
    size_t n_groups;
    uint8_t *ring; /* y.taps rows of whole groups */
    size_t ring_stride;
    const uint8_t **rows; /* y.taps pointers, for one output row */
} resizer;

static mseg_status open_resizer(resizer *r)
{
    const size_t channels = (size_t)mseg_format_channels(r->in.format), width = (size_t)r->out->width;
    const size_t row = (size_t)r->in.width * channels;
    mseg_status status = plan_axis(&r->x, r->in.width, r->out->width);
    if (!status)
        status = plan_axis(&r->y, r->in.height, r->out->height);
    if (status)
        return status;
    r->ring_stride = mseg_round_up(width * channels, MSEG_ALIGN);
    r->ring = mseg_alloc_array((size_t)r->y.taps, r->ring_stride);
    r->rows = mseg_alloc_array((size_t)r->y.taps, sizeof *r->rows);
    if (!r->ring || !r->rows)
        return MSEG_NOMEM;
    if (r->x.taps > 2)
        return MSEG_OK;
    r->n_groups = (width * channels + GROUP - 1) / GROUP;
    r->groups = mseg_alloc_array(r->n_groups, sizeof *r->groups);
    if (!r->groups)
        return MSEG_NOMEM;
    plan_groups(r->groups, r->n_groups, &r->x, width, row < WINDOW ? WINDOW : row, channels);
    return MSEG_OK;
}

static void close_resizer(resizer *r)
{
    free_axis(&r->x);
    free_axis(&r->y);
    mseg_free(&r->groups);
    mseg_free(&r->ring);
    mseg_free(&r->rows);
}

/* One row of the horizontal pass. */
static void resize_row(const resizer *r, uint8_t *out, const uint8_t *in)
{
    const size_t row = (size_t)r->in.width * (size_t)mseg_format_channels(r->in.format);
    uint8_t window[WINDOW] = {0};
    if (r->in.width == r->out->width) {
        memcpy(out, in, row);
    } else if (r->groups) {
        if (row < WINDOW)
            in = memcpy(window, in, row);
        r->kernels->stretch(in, r->groups, (int)r->n_groups, out);
    } else if (r->in.format == MSEG_GRAY) {
        resize_row_gray(out, in, &r->x, r->out->width);
    } else {
        resize_row_rgb(out, in, &r->x, r->out->width);
    }
}

static void run(resizer *r)
{
    const size_t n = (size_t)r->out->width * (size_t)mseg_format_channels(r->in.format), taps = (size_t)r->y.taps;
    int done = 0; /* input rows resized so far */
    for (int y = 0; y < r->out->height; y++) {
        int first = r->y.first[y];
        for (int row = done > first ? done : first; row < first + r->y.taps; row++) {
            resize_row(r, r->ring + (size_t)row % taps * r->ring_stride, r->in.data + (size_t)row * r->in.stride);
            done = row + 1;
        }
        for (size_t t = 0; t < taps; t++)
            r->rows[t] = r->ring + ((size_t)first + t) % taps * r->ring_stride;
        r->kernels->blend(r->rows, r->y.weights + (size_t)y * taps, r->y.taps, r->out->data + (size_t)y * r->out->stride, n);
    }
}

mseg_status mseg_image_resize_to(const mseg_image *out, mseg_view in, const mseg_kernels *kernels)
{
    resizer r = {.in = in, .out = out, .kernels = kernels};
    const mseg_status status = open_resizer(&r);
    if (!status)
        run(&r);
    close_resizer(&r);
    return status;
}

mseg_status mseg_image_resize(mseg_image *out, mseg_view in, int width, int height, mseg_error *err)
{
    memset(out, 0, sizeof *out);
    if (mseg_view_check(in, MSEG_PIXELS_OPAQUE, "image", err))
        return MSEG_INVAL;
    if (width < 1 || height < 1)
        return mseg_fail(err, MSEG_INVAL, "cannot resize %dx%d to %dx%d", in.width, in.height, width, height);
    const mseg_cpu cpu = mseg_cpu_detect();
    const mseg_kernels kernels = mseg_kernels_for(&cpu);
    mseg_status status = mseg_image_create(out, width, height, in.format);
    if (!status)
        status = mseg_image_resize_to(out, in, &kernels);
    if (status) {
        mseg_image_free(out);
        mseg_fail(err, status, NULL);
    }
    return status;
}
