#include "seg/labels.h"

#include "base/alloc.h"
#include "seg/sampling.h"

typedef struct label_job {
    const mseg_logits *logits;
    const mseg_kernels *kernels;
    mseg_axis rows;
    int first, count; /* the rows to do */
    mseg_columns columns;
    int parts;
    float *lines;       /* per part, one row of interpolated logits [columns][classes] */
    mseg_image *labels; /* either label */
    float *sums;        /* or add probabilities */
} label_job;

static void interpolate(const mseg_logits *l, int top, int bottom, float f, float *line)
{
    const size_t width = (size_t)l->width, classes = (size_t)l->classes, n = width * classes;
    if (!l->planar) {
        const float *a = l->data + (size_t)(top - l->first_row) * n, *b = l->data + (size_t)(bottom - l->first_row) * n;
        for (size_t i = 0; i < n; i++)
            line[i] = a[i] + (b[i] - a[i]) * f;
        return;
    }
    for (size_t c = 0; c < classes; c++) {
        const float *plane = l->data + c * width * (size_t)l->height;
        const float *a = plane + (size_t)top * width, *b = plane + (size_t)bottom * width;
        for (size_t x = 0; x < width; x++)
            line[x * classes + c] = a[x] + (b[x] - a[x]) * f;
    }
}

static void run_rows(void *context, int part, int worker)
{
    (void)worker;
    const label_job *job = context;
    const mseg_logits *l = job->logits;
    float *line = job->lines + (size_t)part * (size_t)l->width * (size_t)l->classes;
    const int y0 = (int)((long)job->count * part / job->parts), y1 = (int)((long)job->count * (part + 1) / job->parts);
    for (int y = y0; y < y1; y++) {
        int top, bottom;
        float f;
        mseg_axis_at(&job->rows, job->first + y, &top, &bottom, &f);
        interpolate(l, top, bottom, f, line);
        if (job->labels)
            job->kernels->argmax(line, l->classes, job->columns.runs, job->columns.n_runs, job->columns.fraction,
                                 job->labels->data + (size_t)y * job->labels->stride);
        else
            job->kernels->softmax(line, l->classes, job->columns.runs, job->columns.n_runs, job->columns.fraction,
                                  job->sums + (size_t)y * (size_t)l->scaled_width, (size_t)l->scaled_width * (size_t)job->count);
    }
}

static mseg_status run(label_job *job, int width, int height, bool mirrored, const mseg_logits *l, mseg_pool *pool)
{
    const mseg_axis across = {width, l->scaled_width, l->canvas_width, l->width, mirrored};
    job->logits = l;
    job->rows = (mseg_axis){height, l->scaled_height, l->canvas_height, l->height, false};
    job->parts = mseg_pool_threads(pool);
    job->lines = mseg_alloc_array((size_t)l->width * (size_t)l->classes, (size_t)job->parts * sizeof *job->lines);
    mseg_status status = mseg_columns_of(&job->columns, &across);
    if (!status && !job->lines)
        status = MSEG_NOMEM;
    if (!status)
        mseg_pool_for(pool, job->parts, run_rows, job);
    mseg_columns_free(&job->columns);
    mseg_free(&job->lines);
    return status;
}

mseg_status mseg_label_rows(mseg_image *labels, int first, int height, const mseg_logits *logits, const mseg_kernels *kernels,
                            mseg_pool *pool)
{
    label_job job = {.kernels = kernels, .labels = labels, .first = first, .count = labels->height};
    return run(&job, labels->width, height, false, logits, pool);
}

mseg_status mseg_labels(mseg_image *labels, const mseg_logits *logits, const mseg_kernels *kernels, mseg_pool *pool)
{
    return mseg_label_rows(labels, 0, labels->height, logits, kernels, pool);
}

mseg_status mseg_add_probabilities(float *sums, const mseg_logits *logits, bool mirrored, const mseg_kernels *kernels,
                                   mseg_pool *pool)
{
    label_job job = {.kernels = kernels, .sums = sums, .count = logits->scaled_height};
    return run(&job, logits->scaled_width, logits->scaled_height, mirrored, logits, pool);
}
