#include "seg/judge/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/judge/labelmap.h"

/* ---- one image --------------------------------------------------------------------------------------------------------- */

/* pairs[truth][prediction]: pixels. */
static void count_pairs(uint64_t *pairs, mseg_view truth, mseg_view prediction)
{
    memset(pairs, 0, 65536 * sizeof *pairs);
    for (int y = 0; y < truth.height; y++) {
        const uint8_t *t = truth.data + (size_t)y * truth.stride, *p = prediction.data + (size_t)y * prediction.stride;
        for (int x = 0, t_end = 0, p_end = 0, end; x < truth.width; x = end) {
            t_end = t_end > x ? t_end : mseg_run_end(t, x, truth.width);
            p_end = p_end > x ? p_end : mseg_run_end(p, x, truth.width);
            end = t_end < p_end ? t_end : p_end;
            pairs[t[x] << 8 | p[x]] += (uint64_t)(end - x);
        }
    }
}

static mseg_status stray_pair(int t, int p, bool truth_is_stray, mseg_view truth, mseg_view prediction, uint64_t count,
                              mseg_error *err)
{
    int x = 0, y = 0;
    size_t pixels = (size_t)truth.width * (size_t)truth.height;
    for (size_t i = 0; i < pixels; i++) {
        x = (int)(i % (size_t)truth.width);
        y = (int)(i / (size_t)truth.width);
        if (truth.data[(size_t)y * truth.stride + (size_t)x] == t &&
            prediction.data[(size_t)y * prediction.stride + (size_t)x] == p)
            break;
    }
    return mseg_fail(err, MSEG_MISMATCH, "%s label %d is not a class: %llu pixel%s%s, the first at x %d, y %d",
                     truth_is_stray ? "ground truth" : "predicted", truth_is_stray ? t : p, (unsigned long long)count,
                     count == 1 ? "" : "s", truth_is_stray ? "" : " where the ground truth counts", x, y);
}

static mseg_status check_pairs(const mseg_counts *counts, mseg_view truth, mseg_view prediction, mseg_error *err)
{
    for (int t = 0; t < 256; t++)
        for (int p = 0; p < 256; p++) {
            const uint64_t count = counts->pairs[t << 8 | p];
            const int row = counts->place[t], column = counts->place[p];
            if (!count || row == MSEG_VOID || (row != MSEG_STRAY && column != MSEG_STRAY))
                continue;
            return stray_pair(t, p, row == MSEG_STRAY, truth, prediction, count, err);
        }
    return MSEG_OK;
}

/* Pixels of class place row that are predicted as column. */
static uint64_t pair(const mseg_counts *counts, int row, int column)
{
    return counts->pairs[counts->ids[row] << 8 | counts->ids[column]];
}

/* Pixels of class place row that are predicted as no class. */
static uint64_t void_pixels(const mseg_counts *counts, int row)
{
    uint64_t sum = 0;
    for (int p = 0; p < 256; p++)
        sum += counts->place[p] == MSEG_VOID ? counts->pairs[counts->ids[row] << 8 | p] : 0;
    return sum;
}

static void sum_pairs(mseg_class_counts *per_class, const mseg_counts *counts)
{
    for (int t = 0; t < counts->classes; t++) {
        if (counts->ignored[t])
            continue;
        per_class[t].truth += void_pixels(counts, t);
        per_class[t].hits += pair(counts, t, t);
        for (int p = 0; p < counts->classes; p++) {
            if (counts->ignored[p])
                continue;
            per_class[t].truth += pair(counts, t, p);
            per_class[p].predicted += pair(counts, t, p);
        }
    }
}

static void add_pairs(mseg_counts *counts)
{
    for (int t = 0; t < counts->classes; t++) {
        if (counts->ignored[t])
            continue;
        counts->voids[t] += void_pixels(counts, t);
        for (int p = 0; p < counts->classes; p++)
            counts->confusion[t * counts->classes + p] += counts->ignored[p] ? 0 : pair(counts, t, p);
    }
}

static mseg_status add_row(mseg_counts *counts, const char *id, int width, int height, const mseg_class_counts *per_class)
{
    mseg_image_row row;
    int present = 0, used = 0;
    for (int c = 0; c < counts->classes; c++)
        present += per_class[c].truth || per_class[c].predicted;
    if (mseg_image_row_create(&row, id, width, height, present))
        return MSEG_NOMEM;
    for (int c = 0; c < counts->classes; c++)
        if (per_class[c].truth || per_class[c].predicted) {
            row.places[used] = (uint8_t)c;
            row.counts[used++] = per_class[c];
        }
    return mseg_counts_append(counts, &row);
}

mseg_status mseg_counts_add(mseg_counts *counts, const char *id, mseg_view truth, mseg_view prediction, mseg_error *err)
{
    mseg_class_counts per_class[256] = {{0}};
    if (mseg_view_check(truth, MSEG_PIXELS_LABELS, "truth", err) ||
        mseg_view_check(prediction, MSEG_PIXELS_LABELS, "prediction", err))
        return MSEG_INVAL;
    if (truth.width != prediction.width || truth.height != prediction.height)
        return mseg_fail(err, MSEG_MISMATCH, "the prediction is %dx%d, the ground truth %dx%d%s", prediction.width,
                         prediction.height, truth.width, truth.height,
                         truth.width == prediction.height && truth.height == prediction.width
                             ? "; is a photo turned by EXIF on one side only? --orientation tells how to read photos"
                             : "");
    count_pairs(counts->pairs, truth, prediction);
    mseg_status status = check_pairs(counts, truth, prediction, err);
    if (status)
        return status;
    sum_pairs(per_class, counts);
    if (mseg_boundary_count(per_class, &counts->boundary, truth, prediction, counts->place, counts->ignore) ||
        add_row(counts, id, truth.width, truth.height, per_class))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    add_pairs(counts);
    return MSEG_OK;
}

/* ---- figures ----------------------------------------------------------------------------------------------------------- */

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

/* Mean of the numbers among the values that were added. */
typedef struct mean {
    double sum;
    uint64_t count;
} mean;

static void mean_add(mean *m, double value)
{
    if (isnan(value))
        return;
    m->sum += value;
    m->count++;
}

static double mean_of(mean m)
{
    return m.count ? m.sum / (double)m.count : NAN;
}

double mseg_iou_of(const mseg_class_counts *c)
{
    return ratio(c->hits, c->truth + c->predicted - c->hits);
}

static double boundary_iou_of(const mseg_class_counts *c)
{
    return ratio(c->boundary_hits, c->boundary_truth + c->boundary_predicted - c->boundary_hits);
}

static double dice_of(const mseg_class_counts *c)
{
    return ratio(2 * c->hits, c->truth + c->predicted);
}

static double recall_of(const mseg_class_counts *c)
{
    return ratio(c->hits, c->truth);
}

mseg_means mseg_means_of(const mseg_class_counts *totals, const bool *averaged, int classes)
{
    mean iou = {0}, dice = {0}, recall = {0}, boundary = {0};
    uint64_t hits = 0, pixels = 0;
    for (int c = 0; c < classes; c++) {
        hits += totals[c].hits;
        pixels += totals[c].truth;
        if (!averaged[c])
            continue;
        mean_add(&iou, mseg_iou_of(&totals[c]));
        mean_add(&dice, dice_of(&totals[c]));
        mean_add(&recall, recall_of(&totals[c]));
        mean_add(&boundary, boundary_iou_of(&totals[c]));
    }
    return (mseg_means){(int)iou.count, mean_of(iou), mean_of(dice), mean_of(recall), mean_of(boundary), ratio(hits, pixels)};
}

static void score_image(mseg_image_score *score, const mseg_score *set, const mseg_image_row *row)
{
    mean iou = {0}, boundary = {0};
    uint64_t pixels = 0, hits = 0;
    for (int i = 0; i < row->classes; i++) {
        if (set->per_class[row->places[i]].averaged) {
            mean_add(&iou, mseg_iou_of(&row->counts[i]));
            mean_add(&boundary, boundary_iou_of(&row->counts[i]));
        }
        pixels += row->counts[i].truth;
        hits += row->counts[i].hits;
    }
    *score = (mseg_image_score){row->id, row->width, row->height, pixels, mean_of(iou), ratio(hits, pixels), mean_of(boundary)};
}

static mseg_class_score score_class(const mseg_counts *counts, int place, const bool average[256])
{
    const mseg_class_counts *t = &counts->totals[place];
    const int id = counts->ids[place];
    return (mseg_class_score){
        .id = id,
        .name = counts->names[place],
        .ignored = counts->ignored[place],
        .averaged = !counts->ignored[place] && (!average || average[id]),
        .truth = t->truth,
        .predicted = t->predicted,
        .hits = t->hits,
        .voids = counts->voids[place],
        .iou = mseg_iou_of(t),
        .dice = dice_of(t),
        .precision = ratio(t->hits, t->predicted),
        .recall = recall_of(t),
        .boundary_iou = boundary_iou_of(t),
    };
}

static void score_classes(mseg_score *score, const mseg_counts *counts, const bool average[256])
{
    bool averaged[256];
    double weighted = 0;
    for (int c = 0; c < counts->classes; c++) {
        mseg_class_score *s = &score->per_class[c];
        *s = score_class(counts, c, average);
        averaged[c] = s->averaged;
        score->pixels += s->truth;
        score->void_pixels += s->voids;
        score->classes_averaged += s->averaged;
        if (s->truth)
            weighted += (double)s->truth * s->iou;
    }
    const mseg_means means = mseg_means_of(counts->totals, averaged, counts->classes);
    score->classes_present = means.classes_present;
    score->miou = means.miou;
    score->dice = means.dice;
    score->mean_accuracy = means.mean_accuracy;
    score->boundary_iou = means.boundary_iou;
    score->pixel_accuracy = means.pixel_accuracy;
    score->frequency_weighted_iou = score->pixels ? weighted / (double)score->pixels : NAN;
}

static void score_images(mseg_score *score, const mseg_counts *counts)
{
    mean miou = {0};
    for (size_t i = 0; i < counts->images; i++) {
        mseg_image_score *s = &score->per_image[i];
        score_image(s, score, &counts->rows[i]);
        mean_add(&miou, s->miou);
        score->ignored_pixels += (uint64_t)s->width * (uint64_t)s->height - s->pixels;
    }
    score->per_image_miou = mean_of(miou);
}

/* ---- warnings ---------------------------------------------------------------------------------------------------------- */

static bool warn(mseg_score *score, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* False when memory runs out. */
static bool warn(mseg_score *score, const char *format, ...)
{
    int i = 0;
    va_list args;
    while (score->warnings[i])
        i++;
    va_start(args, format);
    const bool ok = vasprintf(&score->warnings[i], format, args) >= 0;
    va_end(args);
    if (!ok)
        score->warnings[i] = NULL;
    return ok;
}

/* A class that the ground truth never has while much of it is ignored: masks of 0 and 255, mostly. */
static bool warn_of_ignored(mseg_score *score)
{
    const double share = ratio(score->ignored_pixels, score->ignored_pixels + score->pixels);
    const mseg_class_score *absent = NULL;
    int present = 0;
    for (int c = score->classes - 1; c >= 0; c--) {
        present += score->per_class[c].truth > 0;
        if (!score->per_class[c].truth && !score->per_class[c].ignored)
            absent = &score->per_class[c];
    }
    for (int c = 0; c < score->classes; c++)
        if (score->per_class[c].ignored) /* whoever leaves a class out knows */
            return true;
    if (!absent || !score->ignored_pixels || (share < 0.15 && present > 1))
        return true;
    return warn(
        score,
        "%.1f %% of the ground truth is ignored and class %d (%s) never occurs in it: if label %d is an object, map it to its "
        "class (--map)",
        100 * share, absent->id, absent->name, score->ignore);
}

static bool add_warnings(mseg_score *score)
{
    if (!warn_of_ignored(score))
        return false;
    return !score->void_pixels ||
           warn(score,
                "predictions have no class (the ignore label %d) at %llu pixel%s where the ground truth counts: scored as missed",
                score->ignore, (unsigned long long)score->void_pixels, score->void_pixels == 1 ? "" : "s");
}

_Static_assert(MSEG_PROBLEMS <= sizeof((mseg_score *)0)->problems / sizeof(uint64_t), "mseg_score has room for all problems");

mseg_status mseg_score_open(mseg_score *score, mseg_counts *counts, const bool average[256], mseg_error *err)
{
    *score = (mseg_score){0};
    mseg_status status = mseg_counts_sort(counts, NULL, err);
    if (status)
        return status;
    *score = (mseg_score){.classes = counts->classes, .ignore = counts->ignore, .images = counts->images};
    score->confusion = counts->confusion;
    score->settings = counts->settings;
    memcpy(score->problems, counts->problems, sizeof counts->problems);
    score->per_class = mseg_alloc_array((size_t)counts->classes, sizeof *score->per_class);
    score->per_image = mseg_alloc_array(counts->images, sizeof *score->per_image);
    if (!score->per_class || !score->per_image) {
        status = mseg_fail(err, MSEG_NOMEM, NULL);
        goto done;
    }
    score_classes(score, counts, average);
    score_images(score, counts);
    if (!score->classes_averaged)
        status = mseg_fail(err, MSEG_INVAL, "no class is left to average");
    else if (!add_warnings(score))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
done:
    if (status)
        mseg_score_close(score);
    return status;
}

void mseg_score_close(mseg_score *score)
{
    mseg_free(&score->per_class);
    mseg_free(&score->per_image);
    for (int i = 0; i < MSEG_WARNINGS; i++)
        free(score->warnings[i]);
    *score = (mseg_score){0};
}

bool mseg_score_has_mistakes(const mseg_score *score)
{
    for (int i = 0; i < MSEG_PROBLEM_missing_ignored; i++)
        if (score->problems[i])
            return true;
    return false;
}
