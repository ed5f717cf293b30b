#include "seg/labels.h"

#include <math.h>

#include "base/alloc.h"

typedef struct label_job {
    mseg_image *labels;
    const mseg_logits *logits;
    const mseg_kernels *kernels;
    int parts;
    mseg_column_run *runs;
    int n_runs;
    float *fraction; /* per column of the image */
    float *rows;     /* per part, one row of interpolated logits */
} label_job;

/* Position on a logits axis of k samples of output pixel x of n, when the canvas is size long and the image scaled on it. */
static double position(int x, int n, int scaled, int size, int k)
{
    double u = ((double)x + 0.5) * scaled / n - 0.5;
    u = u < 0 ? 0 : u > scaled - 1 ? scaled - 1 : u;
    return size > 1 ? u * (k - 1) / (size - 1) : 0;
}

static void split(double at, int k, int *low, int *high, float *fraction)
{
    *low = (int)floor(at);
    *low = *low > k - 1 ? k - 1 : *low;
    *high = *low + 1 < k ? *low + 1 : k - 1;
    *fraction = (float)(at - *low);
}

static void plan_columns(label_job *job)
{
    const mseg_logits *l = job->logits;
    for (int x = 0; x < job->labels->width; x++) {
        int left, right;
        double at = position(x, job->labels->width, l->scaled_width, l->canvas_width, l->width);
        split(at, l->width, &left, &right, &job->fraction[x]);
        if (!job->n_runs || job->runs[job->n_runs - 1].left != left)
            job->runs[job->n_runs++] = (mseg_column_run){x, x, left, right};
        job->runs[job->n_runs - 1].x1 = x + 1;
    }
}

static void label_rows(void *context, int part, int worker)
{
    (void)worker;
    const label_job *job = context;
    const mseg_logits *l = job->logits;
    const size_t n = (size_t)l->width * (size_t)l->classes;
    float *row = job->rows + (size_t)part * n;
    int height = job->labels->height;
    int y0 = (int)((long)height * part / job->parts), y1 = (int)((long)height * (part + 1) / job->parts);
    for (int y = y0; y < y1; y++) {
        int top, bottom;
        float f;
        split(position(y, height, l->scaled_height, l->canvas_height, l->height), l->height, &top, &bottom, &f);
        const float *a = l->data + (size_t)top * n, *b = l->data + (size_t)bottom * n;
        for (size_t i = 0; i < n; i++)
            row[i] = a[i] + (b[i] - a[i]) * f;
        job->kernels->argmax(row, l->classes, job->runs, job->n_runs, job->fraction,
                             job->labels->data + (size_t)y * job->labels->stride);
    }
}

mseg_status mseg_labels(mseg_image *labels, const mseg_logits *logits, const mseg_kernels *kernels, mseg_pool *pool)
{
    label_job job = {.labels = labels, .logits = logits, .kernels = kernels, .parts = mseg_pool_threads(pool)};
    mseg_status status = MSEG_NOMEM;
    job.runs = mseg_alloc_array((size_t)logits->width, sizeof *job.runs);
    job.fraction = mseg_alloc_array((size_t)labels->width, sizeof *job.fraction);
    job.rows = mseg_alloc_array((size_t)logits->width * (size_t)logits->classes, (size_t)job.parts * sizeof *job.rows);
    if (!job.runs || !job.fraction || !job.rows)
        goto done;
    plan_columns(&job);
    mseg_pool_for(pool, job.parts, label_rows, &job);
    status = MSEG_OK;
done:
    mseg_free(&job.runs);
    mseg_free(&job.fraction);
    mseg_free(&job.rows);
    return status;
}
