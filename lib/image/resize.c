#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "image/image.h"

/* Pillow's fixed point for 8-bit pictures: weights have 22 fraction bits, each pass rounds to 8 bits. */
enum { FRACTION_BITS = 22, HALF = 1 << (FRACTION_BITS - 1), CHUNK = 256 };

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

static void resize_row_rgb_2(uint8_t *restrict out, const uint8_t *restrict in, const axis *a, int width)
{
    for (int x = 0; x < width; x++, out += 3) {
        const uint8_t *p = in + 3 * a->first[x];
        uint32_t k0 = a->weights[2 * x], k1 = a->weights[2 * x + 1];
        out[0] = to_8_bits(HALF + k0 * p[0] + k1 * p[3]);
        out[1] = to_8_bits(HALF + k0 * p[1] + k1 * p[4]);
        out[2] = to_8_bits(HALF + k0 * p[2] + k1 * p[5]);
    }
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

/* One row of the horizontal pass. */
static void resize_row(uint8_t *out, const uint8_t *in, const axis *a, int width, mseg_format format)
{
    if (format == MSEG_GRAY)
        resize_row_gray(out, in, a, width);
    else if (a->taps == 2)
        resize_row_rgb_2(out, in, a, width);
    else
        resize_row_rgb(out, in, a, width);
}

/* The vertical pass. A weight is split into 16 low and 7 high bits: products of 16 bits are what plain SSE2 has, and the sum of
 * the high parts fits 16 bits as well (the weights add up to 64 of them). */
typedef struct split_weight {
    uint16_t low, high;
} split_weight;

static split_weight split(uint32_t weight)
{
    return (split_weight){(uint16_t)weight, (uint16_t)(weight >> 16)};
}

static uint32_t join(uint32_t low, uint16_t high)
{
    return low + ((uint32_t)high << 16);
}

/* out = k[0] * a + k[1] * b, n bytes. */
static void blend_two_rows(uint8_t *restrict out, const uint8_t *restrict a, const uint8_t *restrict b, const uint32_t *k,
                           size_t n)
{
    const split_weight ka = split(k[0]), kb = split(k[1]);
    for (size_t i = 0; i < n; i++) {
        uint32_t low = HALF + (uint32_t)(uint16_t)a[i] * ka.low + (uint32_t)(uint16_t)b[i] * kb.low;
        uint16_t high = (uint16_t)((uint16_t)(a[i] * ka.high) + (uint16_t)(b[i] * kb.high));
        out[i] = to_8_bits(join(low, high));
    }
}

/* out = the weighted sum of taps rows, n bytes each. */
static void blend_rows(uint8_t *restrict out, const uint8_t *const *rows, const uint32_t *weights, int taps, size_t n)
{
    uint32_t low[CHUNK];
    uint16_t high[CHUNK];
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t length = n - at < CHUNK ? n - at : CHUNK;
        for (size_t i = 0; i < CHUNK; i++) {
            low[i] = HALF;
            high[i] = 0;
        }
        for (int t = 0; t < taps; t++) {
            const uint8_t *restrict row = rows[t] + at;
            const split_weight k = split(weights[t]);
            for (size_t i = 0; i < length; i++) {
                low[i] += (uint32_t)(uint16_t)row[i] * k.low;
                high[i] = (uint16_t)(high[i] + (uint16_t)(row[i] * k.high));
            }
        }
        for (size_t i = 0; i < length; i++)
            out[at + i] = to_8_bits(join(low[i], high[i]));
    }
}

/* Both passes, row by row: of the horizontally resized picture only the rows under the vertical filter exist, in a ring. */
typedef struct resizer {
    mseg_view in;
    mseg_image *out;
    axis x, y;
    uint8_t *ring;        /* y.taps rows */
    const uint8_t **rows; /* y.taps pointers, for one output row */
} resizer;

static void run(resizer *r)
{
    const size_t n = r->out->stride;
    int done = 0; /* input rows resized so far */
    for (int y = 0; y < r->out->height; y++) {
        int first = r->y.first[y];
        for (int row = done > first ? done : first; row < first + r->y.taps; row++) {
            uint8_t *to = r->ring + (size_t)(row % r->y.taps) * n;
            const uint8_t *from = r->in.data + (size_t)row * r->in.stride;
            if (r->in.width == r->out->width)
                memcpy(to, from, n);
            else
                resize_row(to, from, &r->x, r->out->width, r->in.format);
            done = row + 1;
        }
        for (int t = 0; t < r->y.taps; t++)
            r->rows[t] = r->ring + (size_t)((first + t) % r->y.taps) * n;
        const uint32_t *weights = r->y.weights + (size_t)y * (size_t)r->y.taps;
        uint8_t *out = r->out->data + (size_t)y * n;
        if (r->y.taps == 2)
            blend_two_rows(out, r->rows[0], r->rows[1], weights, n);
        else
            blend_rows(out, r->rows, weights, r->y.taps, n);
    }
}

mseg_status mseg_image_resize(mseg_image *out, mseg_view in, int width, int height, mseg_error *err)
{
    resizer r = {.in = in, .out = out};
    memset(out, 0, sizeof *out);
    if (mseg_view_check(in, MSEG_PIXELS_OPAQUE, "image", err))
        return MSEG_INVAL;
    if (width < 1 || height < 1)
        return mseg_fail(err, MSEG_INVAL, "cannot resize %dx%d to %dx%d", in.width, in.height, width, height);
    mseg_status status = mseg_image_create(out, width, height, in.format);
    if (status)
        goto done;
    status = plan_axis(&r.x, in.width, width);
    if (!status)
        status = plan_axis(&r.y, in.height, height);
    if (status)
        goto done;
    r.ring = mseg_alloc_array((size_t)r.y.taps, out->stride);
    r.rows = mseg_alloc_array((size_t)r.y.taps, sizeof *r.rows);
    if (r.ring && r.rows)
        run(&r);
    else
        status = MSEG_NOMEM;
done:
    free_axis(&r.x);
    free_axis(&r.y);
    mseg_free(&r.ring);
    mseg_free(&r.rows);
    if (status) {
        mseg_image_free(out);
        mseg_fail(err, status, NULL);
    }
    return status;
}
