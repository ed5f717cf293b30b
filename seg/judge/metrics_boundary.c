#include "seg/judge/metrics.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/judge/labelmap.h"

void mseg_boundary_scratch_free(mseg_boundary_scratch *scratch)
{
    mseg_free(&scratch->truth);
    mseg_free(&scratch->prediction);
    mseg_free(&scratch->masked);
    mseg_free(&scratch->runs);
    mseg_free(&scratch->flat);
    *scratch = (mseg_boundary_scratch){0};
}

static mseg_status reserve(mseg_boundary_scratch *scratch, size_t pixels, size_t width)
{
    if (pixels <= scratch->pixels && width <= scratch->width)
        return MSEG_OK;
    mseg_boundary_scratch_free(scratch);
    scratch->truth = mseg_alloc(pixels);
    scratch->prediction = mseg_alloc(pixels);
    scratch->masked = mseg_alloc(pixels);
    scratch->runs = mseg_alloc_array(width, sizeof *scratch->runs);
    scratch->flat = mseg_alloc(width);
    if (!scratch->truth || !scratch->prediction || !scratch->masked || !scratch->runs || !scratch->flat) {
        mseg_boundary_scratch_free(scratch);
        return MSEG_NOMEM;
    }
    scratch->pixels = pixels;
    scratch->width = width;
    return MSEG_OK;
}

/* flat[x] = 1 where the ids from x - d to x + d are inside the row and equal. */
static void find_flat(uint8_t *flat, const uint8_t *ids, int width, int d)
{
    memset(flat, 0, (size_t)width);
    for (int begin = 0, end; begin < width; begin = end) {
        end = mseg_run_end(ids, begin, width);
        if (end - begin > 2 * d)
            memset(flat + begin + d, 1, (size_t)(end - begin - 2 * d));
    }
}

/* edge[pixel] = 1 within d (in the maximum norm) of another id or of the outside: for all classes at once. A pixel is inside its
 * region when 2d + 1 rows around it are flat with its id: runs counts them down each column. */
static void find_edges(uint8_t *edge, const uint8_t *ids, size_t stride, int width, int height, int d,
                       mseg_boundary_scratch *scratch)
{
    uint32_t *runs = scratch->runs, full = 2 * (uint32_t)d + 1;
    uint8_t *flat = scratch->flat;
    memset(edge, 1, (size_t)width * (size_t)height);
    memset(runs, 0, (size_t)width * sizeof *runs);
    for (int y = 0; y < height; y++) {
        const uint8_t *row = ids + (size_t)y * stride, *above = y ? row - stride : row;
        find_flat(flat, row, width, d);
        for (int x = 0; x < width; x++) {
            uint32_t longer = row[x] == above[x] ? runs[x] + 1 : 1;
            runs[x] = flat[x] ? longer : 0;
        }
        if (y < 2 * d)
            continue;
        uint8_t *middle = edge + (size_t)(y - d) * (size_t)width;
        for (int x = 0; x < width; x++)
            middle[x] = runs[x] < full;
    }
}

static int edge_width(int width, int height)
{
    double d = rint(0.02 * sqrt((double)width * width + (double)height * height));
    return d < 1 ? 1 : (int)d;
}

static void count_row(mseg_class_counts *per_class, const uint8_t *truth, const uint8_t *prediction, const uint8_t *truth_edge,
                      const uint8_t *prediction_edge, int width, const int16_t place[256])
{
    for (int x = 0; x < width; x++) {
        if (!truth_edge[x] && !prediction_edge[x]) { /* no strip is near for a while */
            x = mseg_run_end(truth_edge, x, mseg_run_end(prediction_edge, x, width)) - 1;
            continue;
        }
        const int t = place[truth[x]], p = place[prediction[x]];
        if (t < 0)
            continue;
        per_class[t].boundary_truth += truth_edge[x];
        per_class[t].boundary_hits += t == p && truth_edge[x] && prediction_edge[x];
        if (p >= 0)
            per_class[p].boundary_predicted += prediction_edge[x];
    }
}

mseg_status mseg_boundary_count(mseg_class_counts *per_class, mseg_boundary_scratch *scratch, mseg_view truth,
                                mseg_view prediction, const int16_t place[256], int ignore)
{
    int width = truth.width, height = truth.height, d = edge_width(width, height);
    const uint8_t hole = (uint8_t)ignore; /* what the prediction has where the truth is ignored, and where it is void itself */
    size_t pixels;
    if (!mseg_mul((size_t)width, (size_t)height, &pixels) || reserve(scratch, pixels, (size_t)width))
        return MSEG_NOMEM;
    for (int y = 0; y < height; y++) {
        const uint8_t *t = truth.data + (size_t)y * truth.stride, *p = prediction.data + (size_t)y * prediction.stride;
        uint8_t *masked = scratch->masked + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            masked[x] = place[t[x]] < 0 || place[p[x]] < 0 ? hole : p[x];
    }
    find_edges(scratch->truth, truth.data, truth.stride, width, height, d, scratch);
    find_edges(scratch->prediction, scratch->masked, (size_t)width, width, height, d, scratch);
    for (int y = 0; y < height; y++) {
        size_t at = (size_t)y * (size_t)width;
        count_row(per_class, truth.data + (size_t)y * truth.stride, scratch->masked + at, scratch->truth + at,
                  scratch->prediction + at, width, place);
    }
    return MSEG_OK;
}
