#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/judge/bootstrap.h"
#include "seg/judge/metrics.h"

/* ---- do they belong together? ------------------------------------------------------------------------------------------- */

/* Both sorted by id. */
static mseg_status check_images(const mseg_counts *a, const mseg_counts *b, mseg_error *err)
{
    size_t missing = 0, extra = 0;
    const char *first_missing = "", *first_extra = "";
    for (size_t i = 0, k = 0; i < a->images || k < b->images;) {
        const int order = i == a->images ? 1 : k == b->images ? -1 : strcmp(a->rows[i].id, b->rows[k].id);
        if (order < 0 && !missing++)
            first_missing = a->rows[i].id;
        if (order > 0 && !extra++)
            first_extra = b->rows[k].id;
        i += order <= 0;
        k += order >= 0;
    }
    if (missing && extra)
        return mseg_fail(err, MSEG_MISMATCH, "not the images of the other: %zu missing (%.50s), %zu more (%.50s); score one list",
                         missing, first_missing, extra, first_extra);
    if (missing || extra)
        return mseg_fail(err, MSEG_MISMATCH, "not the images of the other: %zu %s (%.100s); score one list",
                         missing ? missing : extra, missing ? "missing" : "more", missing ? first_missing : first_extra);
    return MSEG_OK;
}

/* Both sorted by id and of the same images. */
static mseg_status check_truth(const mseg_counts *a, const mseg_counts *b, mseg_error *err)
{
    for (size_t i = 0; i < a->images; i++) {
        const mseg_image_row *x = &a->rows[i], *y = &b->rows[i];
        mseg_class_counts truth[2][256] = {0};
        for (int c = 0; c < x->classes; c++)
            truth[0][x->places[c]] = x->counts[c];
        for (int c = 0; c < y->classes; c++)
            truth[1][y->places[c]] = y->counts[c];
        if (x->width != y->width || x->height != y->height)
            return mseg_fail(err, MSEG_MISMATCH, "image %.100s has %dx%d pixels, in the other %dx%d", x->id, y->width, y->height,
                             x->width, x->height);
        for (int c = 0; c < a->classes; c++)
            if (truth[0][c].truth != truth[1][c].truth || truth[0][c].boundary_truth != truth[1][c].boundary_truth)
                return mseg_fail(err, MSEG_MISMATCH, "image %.100s has another ground truth in it: class %d, %.60s, differs",
                                 x->id, a->ids[c], a->names[c]);
    }
    return MSEG_OK;
}

/* Whether sums over any resample fit into 64 bits. */
static bool sums_fit(const mseg_counts *counts)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < counts->images; i++)
        for (int c = 0; c < counts->rows[i].classes; c++) {
            const mseg_class_counts *n = &counts->rows[i].counts[c];
            largest = n->truth > largest ? n->truth : largest;
            largest = n->predicted > largest ? n->predicted : largest;
        }
    return counts->images <= INT32_MAX && largest <= UINT64_MAX / 1024 / (counts->images + 1); /* of up to 256 classes */
}

static mseg_status check_both(mseg_counts *a, mseg_counts *b, mseg_error *err)
{
    mseg_status status = check_images(a, b, err);
    if (!status)
        status = check_truth(a, b, err);
    if (!status && !a->images)
        status = mseg_fail(err, MSEG_INVAL, "no images to compare");
    if (!status && (!sums_fit(a) || !sums_fit(b)))
        status = mseg_fail(err, MSEG_LIMIT, "too many pixels for a bootstrap");
    return status;
}

/* ---- figures ----------------------------------------------------------------------------------------------------------- */

static int most_improved(const void *a, const void *b)
{
    const mseg_image_difference *x = a, *y = b;
    const bool no_x = isnan(x->change), no_y = isnan(y->change);
    if (no_x != no_y)
        return no_x - no_y;
    if (!no_x && x->change != y->change)
        return x->change < y->change ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void compare_images(mseg_comparison *out)
{
    for (size_t i = 0; i < out->images; i++) {
        const mseg_image_score *a = &out->a.per_image[i], *b = &out->b.per_image[i];
        out->per_image[i] = (mseg_image_difference){a->id, a->miou, b->miou, b->miou - a->miou};
        out->better += b->miou > a->miou;
        out->worse += b->miou < a->miou;
        out->same += b->miou == a->miou;
    }
    qsort(out->per_image, out->images, sizeof *out->per_image, most_improved);
}

static mseg_difference differ(double a, double b)
{
    return (mseg_difference){a, b, b - a, NAN, NAN, 0};
}

static void compare_figures(mseg_comparison *out, const mseg_counts *a)
{
    out->miou = differ(out->a.miou, out->b.miou);
    out->dice = differ(out->a.dice, out->b.dice);
    out->pixel_accuracy = differ(out->a.pixel_accuracy, out->b.pixel_accuracy);
    out->boundary_iou = differ(out->a.boundary_iou, out->b.boundary_iou);
    for (int c = 0; c < out->classes; c++) {
        const mseg_class_score *x = &out->a.per_class[c], *y = &out->b.per_class[c];
        out->per_class[c] = (mseg_class_difference){x->id, x->name, x->ignored, x->averaged, 0, differ(x->iou, y->iou)};
    }
    for (size_t i = 0; i < a->images; i++)
        for (int c = 0; c < a->rows[i].classes; c++)
            out->per_class[a->rows[i].places[c]].images += a->rows[i].counts[c].truth > 0;
}

/* ---- bootstrap --------------------------------------------------------------------------------------------------------- */

enum { MIOU, DICE, PIXEL_ACCURACY, BOUNDARY_IOU, MEANS }; /* rows of the changes, before those of the classes */

static void sum_rows(mseg_class_counts *totals, const mseg_counts *counts, const uint32_t *times)
{
    memset(totals, 0, (size_t)counts->classes * sizeof *totals);
    for (size_t i = 0; i < counts->images; i++)
        for (int c = 0; times[i] && c < counts->rows[i].classes; c++)
            mseg_class_counts_add(&totals[counts->rows[i].places[c]], &counts->rows[i].counts[c], times[i]);
}

/* changes[MEANS + classes, samples], of which this fills a column. */
static void store_changes(double *changes, const mseg_comparison *out, const mseg_class_counts *a, const mseg_class_counts *b,
                          const bool *averaged)
{
    const size_t row = (size_t)out->samples;
    const mseg_means x = mseg_means_of(a, averaged, out->classes), y = mseg_means_of(b, averaged, out->classes);
    changes[MIOU * row] = y.miou - x.miou;
    changes[DICE * row] = y.dice - x.dice;
    changes[PIXEL_ACCURACY * row] = y.pixel_accuracy - x.pixel_accuracy;
    changes[BOUNDARY_IOU * row] = y.boundary_iou - x.boundary_iou;
    for (int c = 0; c < out->classes; c++)
        changes[(size_t)(MEANS + c) * row] = mseg_iou_of(&b[c]) - mseg_iou_of(&a[c]);
}

static void set_interval(mseg_difference *difference, double *changes, int samples, size_t images)
{
    double low, high;
    const int defined = mseg_middle_95(changes, samples, &low, &high);
    if (images < MSEG_INTERVAL_IMAGES || isnan(difference->change))
        return;
    difference->samples = defined;
    difference->low = low;
    difference->high = high;
}

static mseg_status bootstrap(mseg_comparison *out, const mseg_counts *a, const mseg_counts *b, mseg_error *err)
{
    const size_t rows = MEANS + (size_t)out->classes, samples = (size_t)out->samples;
    double *changes = mseg_alloc_array(rows * samples, sizeof *changes);
    uint32_t *times = mseg_alloc_array(out->images, sizeof *times);
    mseg_class_counts *totals = mseg_alloc_array(2 * (size_t)out->classes, sizeof *totals);
    mseg_status status = changes && times && totals ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
    if (status)
        goto done;
    bool averaged[256];
    for (int c = 0; c < out->classes; c++)
        averaged[c] = out->per_class[c].averaged;
    mseg_random random = mseg_random_seeded(out->seed);
    for (size_t s = 0; s < samples; s++) {
        mseg_draw(times, (uint32_t)out->images, &random);
        sum_rows(totals, a, times);
        sum_rows(totals + out->classes, b, times);
        store_changes(changes + s, out, totals, totals + out->classes, averaged);
    }
    mseg_difference *means[MEANS] = {&out->miou, &out->dice, &out->pixel_accuracy, &out->boundary_iou};
    for (size_t i = 0; i < MEANS; i++)
        set_interval(means[i], changes + i * samples, out->samples, out->images);
    for (int c = 0; c < out->classes; c++)
        set_interval(&out->per_class[c].iou, changes + (size_t)(MEANS + c) * samples, out->samples, out->per_class[c].images);
done:
    mseg_free(&changes);
    mseg_free(&times);
    mseg_free(&totals);
    return status;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

mseg_status mseg_comparison_open(mseg_comparison *out, mseg_counts *a, mseg_counts *b, const bool average[256], int samples,
                                 uint64_t seed, mseg_error *err)
{
    *out = (mseg_comparison){.samples = samples, .seed = seed, .classes = a->classes, .images = a->images};
    mseg_status status = MSEG_OK;
    if (samples < MSEG_SAMPLES_MIN || samples > MSEG_SAMPLES_MAX)
        status = mseg_fail(err, MSEG_INVAL, "%d resamples: not from %d to %d", samples, MSEG_SAMPLES_MIN, MSEG_SAMPLES_MAX);
    if (!status)
        status = mseg_counts_same_classes(a, b, err);
    if (!status)
        status = mseg_score_open(&out->a, a, average, err);
    if (!status)
        status = mseg_score_open(&out->b, b, average, err); /* both are sorted now */
    if (!status)
        status = check_both(a, b, err);
    if (status)
        goto done;
    out->per_class = mseg_alloc_array((size_t)out->classes, sizeof *out->per_class);
    out->per_image = mseg_alloc_array(out->images, sizeof *out->per_image);
    if (!out->per_class || !out->per_image) {
        status = mseg_fail(err, MSEG_NOMEM, NULL);
        goto done;
    }
    compare_figures(out, a);
    compare_images(out);
    status = bootstrap(out, a, b, err);
done:
    if (status)
        mseg_comparison_close(out);
    return status;
}

void mseg_comparison_close(mseg_comparison *comparison)
{
    mseg_score_close(&comparison->a);
    mseg_score_close(&comparison->b);
    mseg_free(&comparison->per_class);
    mseg_free(&comparison->per_image);
    *comparison = (mseg_comparison){0};
}

int mseg_difference_sign(const mseg_difference *difference)
{
    return (difference->low > 0) - (difference->high < 0); /* NaN: neither */
}
