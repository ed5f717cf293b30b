#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/train/data_inside.h"

/* ---- drawing ------------------------------------------------------------------------------------------------------------ */

static uint64_t next(uint64_t *state)
{
    return mseg_train_scramble(*state += MSEG_TRAIN_GOLDEN);
}

static double uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * ((double)(next(state) >> 11) * 0x1p-53);
}

/* Saturation, contrast, gains of channels, brightness; few become gray. */
static void draw_colors(mseg_train_colors *colors, uint64_t *state)
{
    static const double gray[3] = {0.299, 0.587, 0.114};
    double saturation = uniform(state, 0.6, 1.4);
    const double contrast = uniform(state, 0.7, 1.3), brightness = uniform(state, -32, 32);
    if (uniform(state, 0, 1) < 0.04)
        saturation = 0;
    for (int c = 0; c < 3; c++) {
        const double gain = contrast * uniform(state, 0.92, 1.08);
        for (int i = 0; i < 3; i++)
            colors->matrix[c][i] = (float)(gain * (saturation * (i == c) + (1 - saturation) * gray[i]));
        colors->matrix[c][3] = (float)(127.5 * (1 - contrast) + brightness);
    }
}

void mseg_train_draw(const mseg_train_data_options *o, int64_t n, int size, mseg_train_crop *crop, mseg_train_colors *colors)
{
    uint64_t state = o->seed;
    state = next(&state) + (uint64_t)n;
    state = next(&state);
    const double whole = o->classifier ? 1 : 0, low = fmax(whole, o->scale_min), high = fmax(low, o->scale_max);
    const double scale = exp(uniform(&state, log(low), log(high)));
    const double aspect = exp(uniform(&state, -0.06, 0.06)), narrow = low < high ? aspect : 1;
    const int longer = crop->width > crop->height ? crop->width : crop->height;
    crop->scale_x = fmax(whole, scale * narrow) * size / (o->classifier ? crop->width : longer);
    crop->scale_y = fmax(whole, scale / narrow) * size / (o->classifier ? crop->height : longer);
    /* Where the photo is larger, the crop moves over it; where it is smaller, it moves over the crop. */
    crop->left = uniform(&state, 0, 1) * (crop->width * crop->scale_x - size);
    crop->top = uniform(&state, 0, 1) * (crop->height * crop->scale_y - size);
    crop->flipped = uniform(&state, 0, 1) < 0.5 && o->flip;
    colors->change = o->color;
    draw_colors(colors, &state);
}

/* ---- one axis ----------------------------------------------------------------------------------------------------------- */

/* Pixels begin <= i < end of a crop show the photo: i is the sum of weights[i * taps + t] * stored[first[i] + t] over t < taps:
 * a triangle whose support grows with the downscale. Its label is that of nearest[i]. */
typedef struct axis {
    int begin, end, taps;
    int low, high; /* stored pixels that are read */
    int *first, *nearest;
    float *weights;
} axis;

static void plan_pixel(axis *a, int i, double at, int stored, double stretch)
{
    float *weights = a->weights + (size_t)i * (size_t)a->taps;
    int first = (int)floor(at - stretch - 0.5) + 1;
    double sum = 0;
    first = first > stored - a->taps ? stored - a->taps : first < 0 ? 0 : first;
    for (int pass = 0; pass < 2; pass++)
        for (int t = 0; t < a->taps; t++) {
            const double weight = fmax(0, 1 - fabs(first + t + 0.5 - at) / stretch);
            if (pass)
                weights[t] = (float)(weight / sum);
            else
                sum += weight;
        }
    a->first[i] = first;
    a->nearest[i] = (int)at;
    a->low = first < a->low ? first : a->low;
    a->high = first + a->taps > a->high ? first + a->taps : a->high;
}

/* Of stored pixels that a photo of length was shrunk to. Pixel i shows (i + 0.5 + offset) / scale of it, turned: counted from the
 * end. */
static mseg_status open_axis(axis *a, int size, int stored, int length, double scale, double offset, bool turned)
{
    const double step = stored / (length * scale), stretch = step > 1 ? step : 1, taps = ceil(2 * stretch);
    a->taps = taps < stored ? (int)taps : stored;
    a->begin = size;
    a->low = INT_MAX;
    a->first = mseg_alloc_array((size_t)size, sizeof *a->first);
    a->nearest = mseg_alloc_array((size_t)size, sizeof *a->nearest);
    a->weights = mseg_alloc_array((size_t)size * (size_t)a->taps, sizeof *a->weights);
    if (!a->first || !a->nearest || !a->weights)
        return MSEG_NOMEM;
    for (int i = 0; i < size; i++) {
        const double at = ((turned ? size - 1 - i : i) + 0.5 + offset) * step;
        if (at < 0 || at >= stored)
            continue;
        a->begin = a->begin < i ? a->begin : i;
        a->end = i + 1;
        plan_pixel(a, i, at, stored, stretch);
    }
    return MSEG_OK;
}

static void close_axis(axis *a)
{
    mseg_free(&a->first);
    mseg_free(&a->nearest);
    mseg_free(&a->weights);
}

/* ---- pixels ------------------------------------------------------------------------------------------------------------- */

/* A pixel of three floats and one that belongs to its neighbour: four are loaded and stored at once. */
typedef float quad __attribute__((vector_size(16)));
typedef int quad_mask __attribute__((vector_size(16)));

typedef struct cutter {
    axis x, y;
    quad colors[4]; /* the matrix' columns */
    quad scale, offset;
    bool change;
    float *row; /* of the photo's columns x.low .. x.high, filtered down; 1 to spare */
} cutter;

static void open_colors(cutter *c, const mseg_input *input, const mseg_train_colors *colors)
{
    c->change = colors->change;
    for (int i = 0; i < 3; i++) {
        c->scale[i] = input->scale[i];
        c->offset[i] = input->offset[i];
        for (int k = 0; k < 4; k++)
            c->colors[k][i] = colors->matrix[i][k];
    }
}

/* sum = [sum +] a * wa + b * wb. */
static void blend(float *restrict sum, const uint8_t *restrict a, const uint8_t *restrict b, float wa, float wb, int n, bool more)
{
    if (more)
        for (int i = 0; i < n; i++)
            sum[i] += (float)a[i] * wa + (float)b[i] * wb;
    else
        for (int i = 0; i < n; i++)
            sum[i] = (float)a[i] * wa + (float)b[i] * wb;
}

/* The columns that row y of the crop needs, of all rows under its filter. */
static void filter_down(cutter *c, const mseg_image *photo, int y)
{
    const float *weights = c->y.weights + (size_t)y * (size_t)c->y.taps;
    const uint8_t *top = photo->data + (size_t)c->y.first[y] * photo->stride + 3 * (size_t)c->x.low;
    for (int t = 0; t < c->y.taps; t += 2) {
        const uint8_t *a = top + (size_t)t * photo->stride;
        const bool both = t + 1 < c->y.taps;
        blend(c->row, a, both ? a + photo->stride : a, weights[t], both ? weights[t + 1] : 0, 3 * (c->x.high - c->x.low), t > 0);
    }
}

static quad filter_across(const cutter *c, int x)
{
    const float *weights = c->x.weights + (size_t)x * (size_t)c->x.taps;
    const float *in = c->row + 3 * (size_t)(c->x.first[x] - c->x.low);
    quad sum = {0};
    for (int t = 0; t < c->x.taps; t++) {
        quad pixel;
        memcpy(&pixel, in + 3 * (size_t)t, sizeof pixel);
        sum += pixel * weights[t];
    }
    return sum;
}

static quad clamp(quad v)
{
    const quad none = {0}, most = {255, 255, 255, 255};
    const quad_mask over = v > most;
    v = (quad)(((quad_mask)v & ~over) | ((quad_mask)most & over));
    return (quad)((quad_mask)v & (v > none));
}

static quad finish(const cutter *c, quad v)
{
    if (c->change)
        v = clamp(c->colors[0] * v[0] + c->colors[1] * v[1] + c->colors[2] * v[2] + c->colors[3]);
    return v * c->scale + c->offset;
}

static void cut_row(cutter *c, const mseg_image *photo, int y, mseg_real *out)
{
    const int last = c->x.end - 1;
    filter_down(c, photo, y);
    for (int x = c->x.begin; x < last; x++) {
        const quad v = finish(c, filter_across(c, x));
        memcpy(out + 3 * (size_t)x, &v, sizeof v);
    }
    const quad v = finish(c, filter_across(c, last));
    memcpy(out + 3 * (size_t)last, &v, 3 * sizeof *out);
}

static void cut(cutter *c, const mseg_train_pair *pair, const mseg_input *input, uint8_t ignore, int size, mseg_real *picture,
                uint8_t *labels)
{
    for (int y = 0; y < size; y++) {
        mseg_real *out = picture + (size_t)y * (size_t)size * 3;
        uint8_t *label = labels + (size_t)y * (size_t)size;
        const bool seen = y >= c->y.begin && y < c->y.end && c->x.begin < c->x.end;
        memset(label, ignore, (size_t)size);
        if (seen)
            cut_row(c, &pair->photo, y, out);
        for (int x = 0; x < size; x++)
            if (!seen || x < c->x.begin || x >= c->x.end)
                memcpy(out + 3 * (size_t)x, input->pad, sizeof input->pad);
        if (!seen || !pair->mask.data)
            continue;
        const uint8_t *row = pair->mask.data + (size_t)c->y.nearest[y] * pair->mask.stride;
        for (int x = c->x.begin; x < c->x.end; x++)
            label[x] = row[c->x.nearest[x]];
    }
}

mseg_status mseg_train_cut(const mseg_input *input, const mseg_train_pair *pair, uint8_t ignore, const mseg_train_crop *crop,
                           const mseg_train_colors *colors, int size, mseg_real *picture, uint8_t *labels)
{
    cutter c = {0};
    mseg_status status = open_axis(&c.x, size, pair->photo.width, crop->width, crop->scale_x, crop->left, crop->flipped);
    if (!status)
        status = open_axis(&c.y, size, pair->photo.height, crop->height, crop->scale_y, crop->top, false);
    if (!status && c.x.begin < c.x.end) {
        c.row = mseg_alloc_array(3 * (size_t)(c.x.high - c.x.low) + 1, sizeof *c.row);
        status = c.row ? MSEG_OK : MSEG_NOMEM;
    }
    if (!status) {
        open_colors(&c, input, colors);
        cut(&c, pair, input, ignore, size, picture, labels);
    }
    close_axis(&c.x);
    close_axis(&c.y);
    mseg_free(&c.row);
    return status;
}
