#include "seg/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/labelmap.h"

/* ---- one image --------------------------------------------------------------------------------------------------------- */

/* pairs[truth][prediction]: pixels. */
static void count_pairs(uint64_t *pairs, const mseg_image *truth, const mseg_image *prediction)
{
    memset(pairs, 0, 65536 * sizeof *pairs);
    for (int y = 0; y < truth->height; y++) {
        const uint8_t *t = truth->data + (size_t)y * truth->stride, *p = prediction->data + (size_t)y * prediction->stride;
        for (int x = 0, t_end = 0, p_end = 0, end; x < truth->width; x = end) {
            t_end = t_end > x ? t_end : mseg_run_end(t, x, truth->width);
            p_end = p_end > x ? p_end : mseg_run_end(p, x, truth->width);
            end = t_end < p_end ? t_end : p_end;
            pairs[t[x] << 8 | p[x]] += (uint64_t)(end - x);
        }
    }
}

static mseg_status stray_pair(int t, int p, bool truth_is_stray, const mseg_image *truth, const mseg_image *prediction,
                              uint64_t count, mseg_error *err)
{
    int x = 0, y = 0;
    size_t pixels = (size_t)truth->width * (size_t)truth->height;
    for (size_t i = 0; i < pixels; i++) {
        x = (int)(i % (size_t)truth->width);
        y = (int)(i / (size_t)truth->width);
        if (truth->data[(size_t)y * truth->stride + (size_t)x] == t &&
            prediction->data[(size_t)y * prediction->stride + (size_t)x] == p)
            break;
    }
    return mseg_fail(err, MSEG_MISMATCH, "%s label %d is not a class: %llu pixel%s%s, the first at x %d, y %d",
                     truth_is_stray ? "ground truth" : "predicted", truth_is_stray ? t : p, (unsigned long long)count,
                     count == 1 ? "" : "s", truth_is_stray ? "" : " where the ground truth counts", x, y);
}

static mseg_status check_pairs(const mseg_counts *counts, const mseg_image *truth, const mseg_image *prediction, mseg_error *err)
{
    for (int t = 0; t < 256; t++)
        for (int p = 0; p < 256; p++) {
            uint64_t count = counts->pairs[t << 8 | p];
            if (!count || t == counts->ignore || (t < counts->classes && p < counts->classes))
                continue;
            return stray_pair(t, p, t >= counts->classes, truth, prediction, count, err);
        }
    return MSEG_OK;
}

static void sum_pairs(mseg_class_counts per_class[256], const mseg_counts *counts)
{
    for (int t = 0; t < counts->classes; t++)
        for (int p = 0; p < counts->classes && t != counts->ignore; p++) {
            uint64_t count = counts->pairs[t << 8 | p];
            per_class[t].truth += count;
            per_class[p].predicted += count;
            if (t == p)
                per_class[t].hits += count;
        }
}

static mseg_status add_row(mseg_counts *counts, const char *id, int width, int height, const mseg_class_counts per_class[256])
{
    mseg_image_row row;
    int present = 0, used = 0;
    for (int c = 0; c < counts->classes; c++)
        present += per_class[c].truth || per_class[c].predicted;
    if (mseg_image_row_create(&row, id, width, height, present))
        return MSEG_NOMEM;
    for (int c = 0; c < counts->classes; c++)
        if (per_class[c].truth || per_class[c].predicted) {
            row.class_ids[used] = (uint8_t)c;
            row.counts[used++] = per_class[c];
        }
    return mseg_counts_append(counts, &row);
}

mseg_status mseg_counts_add(mseg_counts *counts, const char *id, const mseg_image *truth, const mseg_image *prediction,
                            mseg_error *err)
{
    mseg_class_counts per_class[256] = {{0}};
    if (mseg_image_check(truth, 1, "truth", err) || mseg_image_check(prediction, 1, "prediction", err))
        return MSEG_INVAL;
    if (truth->width != prediction->width || truth->height != prediction->height)
        return mseg_fail(err, MSEG_MISMATCH, "the prediction is %dx%d, the ground truth %dx%d", prediction->width,
                         prediction->height, truth->width, truth->height);
    count_pairs(counts->pairs, truth, prediction);
    mseg_status status = check_pairs(counts, truth, prediction, err);
    if (status)
        return status;
    sum_pairs(per_class, counts);
    if (mseg_boundary_count(per_class, &counts->boundary, truth, prediction, counts->ignore) ||
        add_row(counts, id, truth->width, truth->height, per_class))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int t = 0; t < counts->classes; t++)
        for (int p = 0; p < counts->classes && t != counts->ignore; p++)
            counts->confusion[t * counts->classes + p] += counts->pairs[t << 8 | p];
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

static double iou_of(const mseg_class_counts *c)
{
    return ratio(c->hits, c->truth + c->predicted - c->hits);
}

static double boundary_iou_of(const mseg_class_counts *c)
{
    return ratio(c->boundary_hits, c->boundary_truth + c->boundary_predicted - c->boundary_hits);
}

static void score_image(mseg_image_score *score, const mseg_image_row *row)
{
    mean iou = {0}, boundary = {0};
    uint64_t pixels = 0, hits = 0;
    for (int i = 0; i < row->classes; i++) {
        mean_add(&iou, iou_of(&row->counts[i]));
        mean_add(&boundary, boundary_iou_of(&row->counts[i]));
        pixels += row->counts[i].truth;
        hits += row->counts[i].hits;
    }
    *score = (mseg_image_score){row->id, row->width, row->height, pixels, mean_of(iou), ratio(hits, pixels), mean_of(boundary)};
}

static void score_classes(mseg_score *score, const mseg_counts *counts)
{
    mean iou = {0}, recall = {0}, boundary = {0};
    uint64_t hits = 0;
    for (int c = 0; c < counts->classes; c++) {
        const mseg_class_counts *t = &counts->totals[c];
        mseg_class_score *s = &score->per_class[c];
        *s = (mseg_class_score){
            counts->names[c],         t->truth,          t->predicted, t->hits, iou_of(t), ratio(t->hits, t->predicted),
            ratio(t->hits, t->truth), boundary_iou_of(t)};
        mean_add(&iou, s->iou);
        mean_add(&recall, s->recall);
        mean_add(&boundary, s->boundary_iou);
        score->pixels += t->truth;
        hits += t->hits;
    }
    double weighted = 0;
    for (int c = 0; c < counts->classes; c++)
        if (score->per_class[c].truth)
            weighted += (double)score->per_class[c].truth * score->per_class[c].iou;
    score->classes_present = (int)iou.count;
    score->miou = mean_of(iou);
    score->mean_accuracy = mean_of(recall);
    score->boundary_iou = mean_of(boundary);
    score->pixel_accuracy = ratio(hits, score->pixels);
    score->frequency_weighted_iou = score->pixels ? weighted / (double)score->pixels : NAN;
}

mseg_status mseg_score_open(mseg_score *score, mseg_counts *counts, mseg_error *err)
{
    *score = (mseg_score){.classes = counts->classes, .ignore = counts->ignore, .images = counts->images};
    mseg_status status = mseg_counts_sort(counts, NULL, err);
    if (status)
        return status;
    score->confusion = counts->confusion;
    score->settings = counts->settings;
    memcpy(score->problems, counts->problems, sizeof score->problems);
    score->per_class = mseg_alloc_array((size_t)counts->classes, sizeof *score->per_class);
    score->per_image = mseg_alloc_array(counts->images, sizeof *score->per_image);
    if (!score->per_class || !score->per_image) {
        mseg_score_close(score);
        return mseg_fail(err, MSEG_NOMEM, NULL);
    }
    score_classes(score, counts);
    mean miou = {0};
    for (size_t i = 0; i < counts->images; i++) {
        score_image(&score->per_image[i], &counts->rows[i]);
        mean_add(&miou, score->per_image[i].miou);
    }
    score->per_image_miou = mean_of(miou);
    return MSEG_OK;
}

void mseg_score_close(mseg_score *score)
{
    mseg_free(&score->per_class);
    mseg_free(&score->per_image);
    *score = (mseg_score){0};
}

bool mseg_score_has_mistakes(const mseg_score *score)
{
    for (int i = 0; i < MSEG_PROBLEM_missing_ignored; i++)
        if (score->problems[i])
            return true;
    return false;
}
