#include "graph/stage.h"

enum { MAX_TAPS = 196, MAX_NR = 64 };

/* One row, one panel, output pixels x0 <= x < x1, whose taps are all inside the map. */
typedef struct row_job {
    const mseg_stage *stage;
    const mseg_bases *bases;
    mseg_gemm_args args;
    int n0, y;
    int first; /* input row that the first of the pairs' rows is for */
    bool by_pairs;
} row_job;

static void tiles(const row_job *job, int pixels)
{
    const mseg_gemm_kernel *gemm = &job->bases->kernels->gemm;
    int n = (pixels + gemm->mr - 1) / gemm->mr, larger = pixels % n;
    for (int i = 0, p = 0, m; i < n; i++, p += m) {
        m = pixels / n + (i < larger);
        gemm->fn(&job->args, p, m);
    }
}

static bool column_inside(const mseg_stage *s, int x, int kx)
{
    int ix = x * s->stride - s->pad_x + kx * s->rate_x;
    return s->merged_columns || (ix >= 0 && ix < s->in[0].width);
}

/* The first x > x0 at which other taps are inside than at x0. */
static int span_end(const mseg_stage *s, int x0, int columns)
{
    int end = s->out.width;
    for (int kx = 0; kx < columns && !s->merged_columns; kx++) {
        int shift = s->pad_x - kx * s->rate_x;
        int first = shift > 0 ? (shift + s->stride - 1) / s->stride : 0; /* ix >= 0 from here on */
        int past = (s->in[0].width + shift + s->stride - 1) / s->stride; /* ix >= width from here on */
        if (first > x0 && first < end)
            end = first;
        if (past > x0 && past < end)
            end = past;
    }
    return end;
}

static float *pairs_row(const mseg_stage *s, const mseg_bases *bases, int input, int row)
{
    size_t index = (size_t)input * (size_t)mseg_stage_rows(s, s->rows) + (size_t)row;
    return bases->scratch + s->pairs + index * mseg_stage_pairs_row(s);
}

/* Fills the pairs' rows for output rows y0 <= y < y1; the first input row that they have. */
static int sum_pairs(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const float least = (float)MSEG_PAIRS_INPUT / MSEG_PAIRS_RANGE, most = (float)MSEG_PAIRS_INPUT * MSEG_PAIRS_RANGE;
    const int width = s->in[0].width;
    int first = y0 * s->stride - s->pad_y, past = first + mseg_stage_span(s, y1 - y0);
    first = first < 0 ? 0 : first;
    past = past > s->in[0].height ? s->in[0].height : past;
    for (int i = 0; i < s->n_in; i++)
        for (int y = first; y < past; y++) {
            float *row = pairs_row(s, bases, i, y - first);
            float bound = bases->kernels->gemm.pair_sums(mseg_row(&s->in[i], bases, y), s->in[i].pixel, s->k, width, row);
            row[width] = bound >= least * least * (float)s->k && bound <= most * most * (float)s->k;
        }
    return first;
}

/* Whether the rows that an output row reads are of a size for pairs. */
static bool row_by_pairs(const row_job *job)
{
    const mseg_stage *s = job->stage;
    for (int i = 0; s->by_pairs && i < s->n_in; i++)
        for (int ky = 0; ky < s->kernel; ky++) {
            int iy = job->y * s->stride - s->pad_y + ky * s->rate_y;
            if (iy >= 0 && iy < s->in[i].height && pairs_row(s, job->bases, i, iy - job->first)[s->in[i].width] == 0)
                return false;
        }
    return s->by_pairs;
}

static void span(row_job *job, int x0, int x1, int columns)
{
    const mseg_stage *s = job->stage;
    const float *a[MAX_TAPS], *b[MAX_TAPS], *a_pairs[MAX_TAPS], *b_pairs[MAX_TAPS];
    float part[MAX_NR];
    int taps = 0;
    for (int i = 0; i < s->n_in; i++)
        for (int ky = 0; ky < s->kernel; ky++) {
            int iy = job->y * s->stride - s->pad_y + ky * s->rate_y;
            if (iy < 0 || iy >= s->in[i].height)
                continue;
            const float *row = mseg_row(&s->in[i], job->bases, iy);
            for (int kx = 0; kx < columns; kx++) {
                if (!column_inside(s, x0, kx))
                    continue;
                const int tap = (i * s->kernel + ky) * columns + kx;
                const ptrdiff_t ix = (ptrdiff_t)x0 * s->stride - s->pad_x + (ptrdiff_t)kx * s->rate_x;
                a[taps] = row + ix * (ptrdiff_t)s->in[i].pixel;
                b[taps] = mseg_panel(s->weights, job->n0, tap, s->k0);
                if (job->by_pairs) {
                    a_pairs[taps] = pairs_row(s, job->bases, i, iy - job->first) + ix;
                    /* of part of the inputs there is one tap: a projection's */
                    b_pairs[taps] = mseg_panel_pairs(s->weights, job->n0, tap, s->k0, s->k, part);
                }
                taps++;
            }
        }
    mseg_gemm_args *g = &job->args;
    g->a = a;
    g->b = b;
    g->a_pairs = job->by_pairs ? a_pairs : NULL;
    g->b_pairs = b_pairs;
    g->taps = taps;
    g->a_stride = (size_t)s->stride * s->in[0].pixel;
    g->c = mseg_row(&s->out, job->bases, job->y) + (size_t)x0 * g->c_stride + (job->n0 - s->n0);
    if (s->has_add)
        g->add = mseg_row(&s->add, job->bases, job->y) + (size_t)x0 * g->add_stride + (job->n0 - s->n0);
    tiles(job, x1 - x0);
}

void mseg_stage_conv(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    row_job job = {.stage = s, .bases = bases};
    const int columns = s->merged_columns ? 1 : s->kernel;
    const float *bias = s->bias_tensor >= 0 ? bases->tensors[s->bias_tensor] : s->bias;
    job.args = (mseg_gemm_args){.k = s->k, .c_stride = s->out.pixel, .add_stride = s->add.pixel, .min = s->min, .max = s->max};
    job.args.a_pairs_stride = (size_t)s->stride;
    if (s->by_pairs)
        job.first = sum_pairs(s, bases, y0, y1);
    for (job.n0 = s->n0; job.n0 < s->n0 + s->n; job.n0 += s->weights->nr) {
        int left = s->n0 + s->n - job.n0;
        job.args.n = left < s->weights->nr ? left : s->weights->nr;
        job.args.scale = s->weights->scale ? s->weights->scale + job.n0 : NULL;
        job.args.bias = bias ? bias + job.n0 : NULL;
        for (job.y = y0; job.y < y1; job.y++) {
            job.by_pairs = row_by_pairs(&job);
            for (int x0 = 0, x1; x0 < s->out.width; x0 = x1) {
                x1 = span_end(s, x0, columns);
                span(&job, x0, x1, columns);
            }
        }
    }
    for (int y = y0; y < y1; y++)
        mseg_clear_pads(&s->out, mseg_row(&s->out, bases, y));
}
