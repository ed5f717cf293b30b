#include "seg/run/resample.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "seg/run/sampling.h"

/* A pixel of three floats and one that belongs to its neighbour: four are loaded and stored at once, source rows have some to
 * spare. */
typedef float quad __attribute__((vector_size(16)));

typedef struct resample_job {
    float *out;
    const mseg_picture *picture;
    const mseg_input *input;
    const mseg_kernels *kernels;
    mseg_axis rows;
    int width, canvas_width;
    const int *left; /* per output column: the source columns and the fraction */
    const float *fraction;
    float *lines; /* per part: three rows of the canvas */
    size_t line;
    int parts;
} resample_job;

static quad between_pixels(const resample_job *job, const float *source, int x)
{
    quad a, b;
    memcpy(&a, source + (size_t)job->left[x] * 3, sizeof a);
    memcpy(&b, source + (size_t)job->left[x] * 3 + 3, sizeof b);
    return a + (b - a) * job->fraction[x];
}

static void stretch_row(const resample_job *job, const float *source, float *out)
{
    const int last = job->width - 1;
    for (int x = 0; x < last; x++) {
        const quad pixel = between_pixels(job, source, x);
        memcpy(out + (size_t)x * 3, &pixel, sizeof pixel);
    }
    const quad pixel = between_pixels(job, source, last);
    memcpy(out + (size_t)last * 3, &pixel, 3 * sizeof *out);
}

static void run_rows(void *context, int part, int worker)
{
    (void)worker;
    const resample_job *job = context;
    float *top = job->lines + (size_t)part * 3 * job->line, *bottom = top + job->line, *between = bottom + job->line;
    const int height = job->rows.n;
    const int y0 = (int)((long)height * part / job->parts), y1 = (int)((long)height * (part + 1) / job->parts);
    for (int y = y0, held = -1; y < y1; y++) {
        int low, high;
        float f;
        mseg_axis_at(&job->rows, y, &low, &high, &f);
        if (low != held) {
            mseg_picture_row(job->picture, job->input, job->kernels, low, job->canvas_width, top);
            mseg_picture_row(job->picture, job->input, job->kernels, high, job->canvas_width, bottom);
            held = low;
        }
        for (size_t i = 0; i < (size_t)job->canvas_width * 3; i++)
            between[i] = top[i] + (bottom[i] - top[i]) * f;
        stretch_row(job, between, job->out + (size_t)y * (size_t)job->width * 3);
    }
}

mseg_status mseg_resample(float *out, int width, int height, const mseg_picture *picture, int canvas_width, int canvas_height,
                          const mseg_input *input, const mseg_kernels *kernels, mseg_pool *pool)
{
    /* Output pixels are an axis that a canvas as large spans. */
    const mseg_axis across = {width, width, width, canvas_width, false, input->sampling};
    resample_job job = {.out = out,
                        .picture = picture,
                        .input = input,
                        .kernels = kernels,
                        .rows = {height, height, height, canvas_height, false, input->sampling},
                        .width = width,
                        .canvas_width = canvas_width,
                        .parts = mseg_pool_threads(pool)};
    mseg_status status = MSEG_NOMEM;
    int *left = mseg_alloc_array((size_t)width, sizeof *left);
    float *fraction = mseg_alloc_array((size_t)width, sizeof *fraction);
    job.line = ((size_t)canvas_width + 2) * 3;
    job.lines = mseg_alloc_array(job.line * 3, (size_t)job.parts * sizeof *job.lines);
    if (!left || !fraction || !job.lines)
        goto done;
    for (int x = 0, right; x < width; x++)
        mseg_axis_at(&across, x, &left[x], &right, &fraction[x]);
    job.left = left;
    job.fraction = fraction;
    mseg_pool_for(pool, job.parts, run_rows, &job);
    status = MSEG_OK;
done:
    mseg_free(&left);
    mseg_free(&fraction);
    mseg_free(&job.lines);
    return status;
}
