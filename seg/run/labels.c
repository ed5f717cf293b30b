#include "seg/run/labels.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "seg/run/sampling.h"

typedef struct label_job {
    const mseg_logits *logits;
    const mseg_kernels *kernels;
    mseg_axis rows;
    int first, count; /* the rows to do */
    mseg_columns columns;
    int parts;
    float *lines;        /* per part: a row of interpolated logits [columns][classes], or label_planar's scratch */
    int32_t *byte_lines; /* the same of bytes, times 2048 */
    size_t line;
    mseg_image *labels;
} label_job;

void mseg_logits_between(const mseg_logits *l, int top, int bottom, float f, float *line)
{
    const size_t n = (size_t)l->width * (size_t)l->classes;
    const float *a = l->data + (size_t)(top - l->first_row) * n, *b = l->data + (size_t)(bottom - l->first_row) * n;
    for (size_t i = 0; i < n; i++)
        line[i] = a[i] + (b[i] - a[i]) * f;
}

/* The row that lies lower 2048ths of the way between two rows of n bytes, times 2048. */
static void bytes_between(const uint8_t *restrict top, const uint8_t *restrict bottom, int16_t lower, int32_t *restrict line,
                          size_t n)
{
    const int16_t upper = (int16_t)(2048 - lower);
    for (size_t i = 0; i < n; i++)
        line[i] = (int16_t)top[i] * upper + (int16_t)bottom[i] * lower;
}

/* Labels a row of pixels from a planar map, class by class. scratch: the map's width and the labels' in floats. */
static void label_planar(const label_job *job, int top, int bottom, float f, float *scratch, uint8_t *labels)
{
    const mseg_logits *l = job->logits;
    const size_t width = (size_t)l->width, plane = width * (size_t)l->height;
    float *line = scratch, *best = scratch + width;
    for (int c = 0; c < l->classes; c++) {
        const float *a = l->data + (size_t)c * plane + (size_t)top * width,
                    *b = l->data + (size_t)c * plane + (size_t)bottom * width;
        for (size_t x = 0; x < width; x++)
            line[x] = a[x] + (b[x] - a[x]) * f;
        for (int r = 0; r < job->columns.n_runs; r++) {
            const mseg_column_run run = job->columns.runs[r];
            const float left = line[run.left], step = line[run.right] - left;
            for (int x = run.x0; x < run.x1; x++) {
                const float y = left + step * job->columns.fraction[x];
                if (c == 0 || y > best[x]) {
                    best[x] = y;
                    labels[x] = (uint8_t)c;
                }
            }
        }
    }
}

/* As label_planar where every pixel has a position of its own. */
static void label_same_size(const mseg_logits *l, int y, float *restrict best, uint8_t *restrict labels)
{
    const size_t width = (size_t)l->width, plane = width * (size_t)l->height;
    const float *restrict first = l->data + (size_t)y * width;
    memcpy(best, first, width * sizeof *best);
    memset(labels, 0, width);
    for (int c = 1; c < l->classes; c++) {
        const float *restrict value = first + (size_t)c * plane;
        for (size_t x = 0; x < width; x++) {
            const bool larger = value[x] > best[x];
            best[x] = larger ? value[x] : best[x];
            labels[x] = larger ? (uint8_t)c : labels[x];
        }
    }
}

/* Row y of the image, by the scratch of a part. */
static void label_row(const label_job *job, int y, float *line, uint8_t *labels)
{
    const mseg_logits *l = job->logits;
    int top, bottom;
    float f;
    mseg_axis_at(&job->rows, y, &top, &bottom, &f);
    if (l->planar && l->width == job->labels->width && l->height == job->rows.n) {
        label_same_size(l, y, line, labels);
    } else if (l->planar) {
        label_planar(job, top, bottom, f, line, labels);
    } else {
        mseg_logits_between(l, top, bottom, f, line);
        job->kernels->argmax(line, l->classes, job->columns.runs, job->columns.n_runs, job->columns.fraction, labels);
    }
}

static void label_row_of_bytes(const label_job *job, int y, int32_t *line, uint8_t *labels)
{
    const mseg_logits *l = job->logits;
    int top, bottom;
    int32_t lower;
    mseg_axis_part_at(&job->rows, y, &top, &bottom, &lower);
    bytes_between(l->bytes + (size_t)(top - l->first_row) * job->line, l->bytes + (size_t)(bottom - l->first_row) * job->line,
                  (int16_t)lower, line, job->line);
    job->kernels->u8.argmax(line, l->classes, job->columns.runs, job->columns.n_runs, job->columns.parts, labels);
}

static void run_rows(void *context, int part, int worker)
{
    (void)worker;
    const label_job *job = context;
    const size_t line = (size_t)part * job->line;
    const int y0 = (int)((long)job->count * part / job->parts), y1 = (int)((long)job->count * (part + 1) / job->parts);
    for (int y = y0; y < y1; y++) {
        uint8_t *labels = job->labels->data + (size_t)y * job->labels->stride;
        if (job->logits->bytes)
            label_row_of_bytes(job, job->first + y, job->byte_lines + line, labels);
        else
            label_row(job, job->first + y, job->lines + line, labels);
    }
}

static mseg_status run(label_job *job, int width, int height, const mseg_logits *l, mseg_pool *pool)
{
    const mseg_axis across = {width, l->scaled_width, l->canvas_width, l->width, l->mirrored, l->sampling};
    job->logits = l;
    job->rows = (mseg_axis){height, l->scaled_height, l->canvas_height, l->height, false, l->sampling};
    job->parts = mseg_pool_threads(pool);
    job->line = l->planar ? (size_t)l->width + (size_t)width : (size_t)l->width * (size_t)l->classes;
    if (l->bytes)
        job->byte_lines = mseg_alloc_array(job->line, (size_t)job->parts * sizeof *job->byte_lines);
    else
        job->lines = mseg_alloc_array(job->line, (size_t)job->parts * sizeof *job->lines);
    mseg_status status = l->bytes ? mseg_columns_in_parts(&job->columns, &across) : mseg_columns_of(&job->columns, &across);
    if (!status && !job->lines && !job->byte_lines)
        status = MSEG_NOMEM;
    if (!status)
        mseg_pool_for(pool, job->parts, run_rows, job);
    mseg_columns_free(&job->columns);
    mseg_free(&job->lines);
    mseg_free(&job->byte_lines);
    return status;
}

mseg_status mseg_label_rows(mseg_image *labels, int first, int height, const mseg_logits *logits, const mseg_kernels *kernels,
                            mseg_pool *pool)
{
    label_job job = {.kernels = kernels, .labels = labels, .first = first, .count = labels->height};
    return run(&job, labels->width, height, logits, pool);
}

mseg_status mseg_labels(mseg_image *labels, const mseg_logits *logits, const mseg_kernels *kernels, mseg_pool *pool)
{
    return mseg_label_rows(labels, 0, labels->height, logits, kernels, pool);
}

typedef struct sum_job {
    float *sums;
    const mseg_logits *maps;
    mseg_columns *columns; /* per map */
    int n, parts;
    float *lines; /* per part, a row of the widest map */
    size_t line;
    const mseg_kernels *kernels;
} sum_job;

/* Rows of the sums: each is made by all maps before the next, and so stays in the cache. */
static void sum_rows(void *context, int part, int worker)
{
    (void)worker;
    const sum_job *job = context;
    const int width = job->maps[0].scaled_width, height = job->maps[0].scaled_height, classes = job->maps[0].classes;
    const size_t plane = (size_t)width * (size_t)height;
    float *line = job->lines + (size_t)part * job->line;
    const int y0 = (int)((long)height * part / job->parts), y1 = (int)((long)height * (part + 1) / job->parts);
    for (int y = y0; y < y1; y++) {
        float *row = job->sums + (size_t)y * (size_t)width;
        for (int c = 0; c < classes; c++)
            memset(row + (size_t)c * plane, 0, (size_t)width * sizeof *row);
        for (int i = 0; i < job->n; i++) {
            const mseg_logits *l = &job->maps[i];
            const mseg_axis rows = {height, height, l->canvas_height, l->height, false, l->sampling};
            int top, bottom;
            float f;
            mseg_axis_at(&rows, y, &top, &bottom, &f);
            mseg_logits_between(l, top, bottom, f, line);
            job->kernels->softmax(line, classes, job->columns[i].runs, job->columns[i].n_runs, job->columns[i].fraction, row,
                                  plane);
        }
    }
}

mseg_status mseg_sum_probabilities(float *sums, const mseg_logits *maps, int n, const mseg_kernels *kernels, mseg_pool *pool)
{
    sum_job job = {.sums = sums, .maps = maps, .n = n, .parts = mseg_pool_threads(pool), .kernels = kernels};
    mseg_status status = MSEG_OK;
    job.columns = mseg_alloc_array((size_t)n, sizeof *job.columns);
    for (int i = 0; i < n; i++) {
        const size_t line = (size_t)maps[i].width * (size_t)maps[i].classes;
        job.line = line > job.line ? line : job.line;
    }
    job.lines = mseg_alloc_array(job.line, (size_t)job.parts * sizeof *job.lines);
    if (!job.columns || !job.lines)
        status = MSEG_NOMEM;
    for (int i = 0; i < n && !status; i++) {
        const mseg_logits *l = &maps[i];
        status = mseg_columns_of(
            &job.columns[i], &(mseg_axis){l->scaled_width, l->scaled_width, l->canvas_width, l->width, l->mirrored, l->sampling});
    }
    if (!status)
        mseg_pool_for(pool, job.parts, sum_rows, &job);
    for (int i = 0; i < n && job.columns; i++)
        mseg_columns_free(&job.columns[i]);
    mseg_free(&job.columns);
    mseg_free(&job.lines);
    return status;
}
