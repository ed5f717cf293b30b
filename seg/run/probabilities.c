#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "seg/run/labels.h"
#include "seg/run/sampling.h"
#include "seg/run/session.h"

typedef struct probability_job {
    const mseg_logits *logits;
    const mseg_kernels *kernels;
    const mseg_image *labels;
    mseg_axis rows;
    mseg_columns columns;
    int runs; /* how many softmaxes a planar map is the sum of */
    int first, count, parts;
    float *lines; /* per part: a row between two of the map's, then that of the image, class by class */
    size_t line;
    float *out;
} probability_job;

/* The mean at a row of the image's pixels, class by class: row [classes, width]. */
static void from_sums(const probability_job *job, int top, int bottom, float f, float *line, float *row)
{
    const mseg_logits *l = job->logits;
    const size_t plane = (size_t)l->width * (size_t)l->height;
    for (int c = 0; c < l->classes; c++, row += job->labels->width) {
        const float *a = l->data + (size_t)c * plane + (size_t)top * (size_t)l->width,
                    *b = l->data + (size_t)c * plane + (size_t)bottom * (size_t)l->width;
        for (int x = 0; x < l->width; x++)
            line[x] = a[x] + (b[x] - a[x]) * f;
        for (int r = 0; r < job->columns.n_runs; r++) {
            const mseg_column_run run = job->columns.runs[r];
            for (int x = run.x0; x < run.x1; x++)
                row[x] = (line[run.left] + (line[run.right] - line[run.left]) * job->columns.fraction[x]) / (float)job->runs;
        }
    }
}

/* Where rounding made another class as probable as the label or more, the label's number becomes the next above. */
static void agree_with(int label, float *pixel, int classes)
{
    float most = pixel[0];
    int first = 0;
    for (int c = 1; c < classes; c++)
        if (pixel[c] > most) {
            most = pixel[c];
            first = c;
        }
    if (first != label)
        pixel[label] = nextafterf(most, 2);
}

static void probability_rows(void *context, int part, int worker)
{
    (void)worker;
    const probability_job *job = context;
    const mseg_logits *l = job->logits;
    const size_t width = (size_t)job->labels->width, classes = (size_t)l->classes;
    float *line = job->lines + (size_t)part * job->line, *row = line + job->line - classes * width;
    const int y0 = (int)((long)job->count * part / job->parts), y1 = (int)((long)job->count * (part + 1) / job->parts);
    for (int y = y0; y < y1; y++) {
        const uint8_t *labels = job->labels->data + (size_t)(job->first + y) * job->labels->stride;
        float *out = job->out + (size_t)y * width * classes, f;
        int top, bottom;
        mseg_axis_at(&job->rows, job->first + y, &top, &bottom, &f);
        if (l->planar) {
            from_sums(job, top, bottom, f, line, row);
        } else {
            mseg_logits_between(l, top, bottom, f, line);
            memset(row, 0, classes * width * sizeof *row);
            job->kernels->softmax(line, l->classes, job->columns.runs, job->columns.n_runs, job->columns.fraction, row, width);
        }
        for (size_t x = 0; x < width; x++, out += classes) {
            for (size_t c = 0; c < classes; c++)
                out[c] = row[c * width + x];
            agree_with(labels[x], out, l->classes);
        }
    }
}

static mseg_status probabilities(const mseg_session *session, int first, int n, float *out, mseg_error *err)
{
    const mseg_logits *l = &session->labelled;
    const mseg_image *labels = &session->labels;
    if (!l->data || first < 0 || n < 0 || n > labels->height - first)
        return mseg_fail(err, MSEG_INVAL, "no %d rows from row %d on of a labelled image", n, first);
    probability_job job = {.logits = l,
                           .kernels = session->model->kernels,
                           .labels = labels,
                           .rows = {labels->height, l->scaled_height, l->canvas_height, l->height, false, l->sampling},
                           .runs = session->runs,
                           .first = first,
                           .count = n,
                           .parts = mseg_pool_threads(session->pool),
                           .out = out};
    const mseg_axis across = {labels->width, l->scaled_width, l->canvas_width, l->width, false, l->sampling};
    job.line = ((size_t)l->width + (size_t)labels->width) * (size_t)l->classes;
    job.lines = mseg_alloc_array(job.line, (size_t)job.parts * sizeof *job.lines);
    mseg_status status = mseg_columns_of(&job.columns, &across);
    if (!status && !job.lines)
        status = MSEG_NOMEM;
    if (!status)
        mseg_pool_for(session->pool, job.parts, probability_rows, &job);
    mseg_columns_free(&job.columns);
    mseg_free(&job.lines);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

mseg_status mseg_probabilities(mseg_session *session, int first, int n, float *out, mseg_error *err)
{
    const mseg_status status = mseg_session_enter(session, err);
    return status ? status : mseg_session_leave(session, probabilities(session, first, n, out, err));
}
