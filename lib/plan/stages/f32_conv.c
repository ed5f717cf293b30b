#include "plan/stages/f32.h"
#include "plan/stages/span.h"

/* One row, one panel, output pixels x0 <= x < x1, whose taps are all inside the map. */
typedef struct row_job {
    const mseg_stage *stage;
    const mseg_f32_conv *work;
    const mseg_bases *bases;
    mseg_gemm_args args;
    int n0, y;
    bool by_pairs;
} row_job;

static size_t floats(size_t bytes)
{
    return bytes / sizeof(float);
}

static void tiles(const row_job *job, int pixels)
{
    const mseg_gemm_kernel *gemm = &job->bases->kernels->gemm;
    int n = (pixels + gemm->mr - 1) / gemm->mr, larger = pixels % n;
    for (int i = 0, p = 0, m; i < n; i++, p += m) {
        m = pixels / n + (i < larger);
        gemm->fn(&job->args, p, m);
    }
}

/* The sums of a row of an input, and whether they are of a size for pairs. */
static const float *sums_row(const row_job *job, int input, int y)
{
    return (const float *)mseg_row(&job->work->sums, job->bases, y) + (size_t)input * mseg_f32_sums(job->stage->in[0].width);
}

/* Whether the rows that an output row reads are of a size for pairs. */
static bool row_by_pairs(const row_job *job)
{
    const mseg_stage *s = job->stage;
    const mseg_window *w = &s->window;
    for (int i = 0; job->work->by_pairs && i < s->n_in; i++)
        for (int ky = 0; ky < w->kernel; ky++) {
            int iy = job->y * w->stride - w->pad_y + ky * w->rate_y;
            if (iy >= 0 && iy < s->in[i].height && sums_row(job, i, iy)[s->in[i].width] == 0)
                return false;
        }
    return job->work->by_pairs;
}

static void span(row_job *job, int x0, int x1, int columns)
{
    const mseg_stage *s = job->stage;
    const mseg_f32_conv *c = job->work;
    const mseg_window *w = &s->window;
    const size_t pixel = floats(s->in[0].pixel);
    const float *a[MSEG_MAX_TAPS], *b[MSEG_MAX_TAPS], *a_pairs[MSEG_MAX_TAPS], *b_pairs[MSEG_MAX_TAPS];
    float part[MSEG_MAX_NR];
    int taps = 0;
    for (int i = 0; i < s->n_in; i++)
        for (int ky = 0; ky < w->kernel; ky++) {
            int iy = job->y * w->stride - w->pad_y + ky * w->rate_y;
            if (iy < 0 || iy >= s->in[i].height)
                continue;
            const float *row = mseg_row(&s->in[i], job->bases, iy);
            for (int kx = 0; kx < columns; kx++) {
                if (!c->merged_columns && !mseg_column_inside(s, x0, kx))
                    continue;
                const int tap = (i * w->kernel + ky) * columns + kx;
                const ptrdiff_t ix = (ptrdiff_t)x0 * w->stride - w->pad_x + (ptrdiff_t)kx * w->rate_x;
                a[taps] = row + ix * (ptrdiff_t)pixel;
                b[taps] = mseg_panel(c->panels, job->n0, tap, c->k0);
                if (job->by_pairs) {
                    a_pairs[taps] = sums_row(job, i, iy) + ix;
                    /* of part of the inputs there is one tap: a projection's */
                    b_pairs[taps] = mseg_panel_pairs(c->panels, job->n0, tap, c->k0, c->k, part);
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
    g->a_stride = (size_t)w->stride * pixel;
    g->c = (float *)mseg_row(&s->out, job->bases, job->y) + (size_t)x0 * g->c_stride + (job->n0 - c->n0);
    if (s->has_add)
        g->add = (const float *)mseg_row(&s->add, job->bases, job->y) + (size_t)x0 * g->add_stride + (job->n0 - c->n0);
    tiles(job, x1 - x0);
}

static void run(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_f32_conv *c = s->work;
    row_job job = {.stage = s, .work = c, .bases = bases};
    const int columns = c->merged_columns ? 1 : s->window.kernel, nr = c->panels->nr;
    const float *bias = c->bias_tensor >= 0 ? (const float *)(const void *)bases->tensors[c->bias_tensor] : c->bias;
    job.args = (mseg_gemm_args){.k = c->k,
                                .c_stride = floats(s->out.pixel),
                                .add_stride = floats(s->add.pixel),
                                .min = c->min,
                                .max = c->max,
                                .a_pairs_stride = (size_t)s->window.stride};
    for (job.n0 = c->n0; job.n0 < c->n0 + c->n; job.n0 += nr) {
        int left = c->n0 + c->n - job.n0;
        job.args.n = left < nr ? left : nr;
        job.args.scale = c->panels->scale ? c->panels->scale + job.n0 : NULL;
        job.args.bias = bias ? bias + job.n0 : NULL;
        for (job.y = y0; job.y < y1; job.y++) {
            job.by_pairs = row_by_pairs(&job);
            for (int x0 = 0, x1; x0 < s->out.width; x0 = x1) {
                x1 = c->merged_columns ? s->out.width : mseg_span_end(s, x0, columns);
                span(&job, x0, x1, columns);
            }
        }
    }
    for (int y = y0; y < y1; y++)
        mseg_clear_pads(&s->out, mseg_row(&s->out, bases, y));
}

/* Gives conv's inputs' sums a ring when its weights are for pairs and it pays. */
static void add_sums(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *conv, mseg_f32_conv *work)
{
    enum { MIN_K = 16, MIN_N = 16 }; /* from where on it pays */
    const mseg_rows *in = &conv->in[0];
    work->by_pairs = work->panels->scale && !work->merged_columns && work->k >= MIN_K && work->n >= MIN_N;
    if (!work->by_pairs)
        return;
    mseg_stage sums = {.run = mseg_stage_f32_pair_sums,
                       .n_in = conv->n_in,
                       .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1},
                       .rows = conv->rows};
    for (int i = 0; i < conv->n_in; i++)
        sums.in[i] = conv->in[i];
    work->sums = sums.out = mseg_emit_ring(step, conv->n_in * (int)mseg_f32_sums(in->width), in->height, sizeof(float), 0,
                                           mseg_window_span(&conv->window, conv->rows));
    mseg_emit_stage(e, pass, &sums, &work->k, sizeof work->k);
}

void mseg_emit_f32_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, const mseg_f32_conv *work)
{
    mseg_stage conv = *stage;
    mseg_f32_conv full = *work;
    conv.run = run;
    add_sums(e, step, pass, &conv, &full);
    mseg_emit_stage(e, pass, &conv, &full, sizeof full);
}
