#include <string.h>

#include "base/alloc.h"
#include "plan/stages/span.h"
#include "plan/stages/u8.h"

/* One row, one panel, output pixels x0 <= x < x1, whose taps are all inside the map. */
typedef struct row_job {
    const mseg_stage *stage;
    const mseg_u8_conv *work;
    const mseg_bases *bases;
    mseg_u8_gemm_args args;
    const int32_t *bias; /* of the panel's channels, all taps being inside */
    int n0, y;
} row_job;

static void tiles(const row_job *job, int pixels)
{
    const mseg_u8_gemm_kernel *gemm = &job->bases->kernels->u8.gemm;
    int n = (pixels + gemm->mr - 1) / gemm->mr, larger = pixels % n;
    for (int i = 0, p = 0, m; i < n; i++, p += m) {
        m = pixels / n + (i < larger);
        gemm->fn(&job->args, p, m);
    }
}

/* The sums of a row of an input, at its pixel 0. */
static const int32_t *sums_row(const row_job *job, int input, int y)
{
    const mseg_rows *in = &job->stage->in[input];
    const int32_t *row = mseg_row(&job->work->sums, job->bases, y);
    return row + (job->work->merged_columns ? in->pad : input * in->width);
}

/* Takes the share of a tap that is outside out of the bias, which is a copy. */
static void leave_out(const row_job *job, int tap, int32_t *bias)
{
    const mseg_packed_u8 *p = job->work->packed;
    const int32_t *outside = p->outside + (size_t)tap * (size_t)p->panels.n + job->n0;
    for (int j = 0; j < job->args.n; j++)
        bias[j] -= outside[j];
}

static void span(row_job *job, int x0, int x1, int columns)
{
    const mseg_stage *s = job->stage;
    const mseg_u8_conv *work = job->work;
    const mseg_window *w = &s->window;
    const uint8_t *a[MSEG_MAX_TAPS];
    const void *b[MSEG_MAX_TAPS];
    const int32_t *sums[MSEG_MAX_TAPS];
    int32_t bias[MSEG_MAX_NR];
    mseg_u8_gemm_args *g = &job->args;
    int taps = 0;
    g->bias = job->bias;
    for (int tap = 0; tap < work->packed->panels.taps; tap++) {
        const int kx = tap % columns, ky = tap / columns % w->kernel, i = tap / columns / w->kernel;
        const int iy = job->y * w->stride - w->pad_y + ky * w->rate_y;
        if (iy < 0 || iy >= s->in[i].height || (!work->merged_columns && !mseg_column_inside(s, x0, kx))) {
            if (g->bias == job->bias)
                g->bias = memcpy(bias, job->bias, (size_t)g->n * sizeof *bias);
            leave_out(job, tap, bias);
            continue;
        }
        const ptrdiff_t ix = (ptrdiff_t)x0 * w->stride - w->pad_x + (ptrdiff_t)kx * w->rate_x;
        a[taps] = (const uint8_t *)mseg_row(&s->in[i], job->bases, iy) + ix * (ptrdiff_t)s->in[i].pixel;
        b[taps] = mseg_u8_panel(&work->packed->panels, job->n0, tap);
        sums[taps] = g->shift ? sums_row(job, i, iy) + ix : NULL;
        taps++;
    }
    g->a = a;
    g->b = b;
    g->sums = sums;
    g->taps = taps;
    g->c = (uint8_t *)mseg_row(&s->out, job->bases, job->y) + (size_t)x0 * g->c_stride + job->n0;
    if (s->has_add)
        g->add = (const uint8_t *)mseg_row(&s->add, job->bases, job->y) + (size_t)x0 * g->add_stride + job->n0;
    tiles(job, x1 - x0);
}

static void translate(const mseg_u8_conv *work, const mseg_rows *out, uint8_t *row)
{
    for (int x = 0; x < out->width; x++, row += out->pixel)
        for (int c = 0; c < work->packed->panels.n; c++)
            row[c] = work->packed->table[row[c]];
}

static void run(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_u8_conv *work = s->work;
    const mseg_packed_u8 *p = work->packed;
    row_job job = {.stage = s, .work = work, .bases = bases};
    const int columns = work->merged_columns ? 1 : s->window.kernel, nr = p->panels.nr;
    const int32_t *bias = work->bias_tensor >= 0 ? (const int32_t *)(const void *)bases->tensors[work->bias_tensor] : p->bias;
    job.args = (mseg_u8_gemm_args){.k = p->panels.k,
                                   .a_stride = (size_t)s->window.stride * s->in[0].pixel,
                                   .sums_stride = (size_t)s->window.stride,
                                   .shift = p->panels.shift,
                                   .zero = p->zero,
                                   .min = p->min,
                                   .max = p->max,
                                   .how = p->adds ? &p->how : NULL,
                                   .add_stride = s->add.pixel,
                                   .c_stride = s->out.pixel};
    for (job.n0 = 0; job.n0 < p->panels.n; job.n0 += nr) {
        const int left = p->panels.n - job.n0;
        job.args.n = left < nr ? left : nr;
        job.args.scale = p->scale + job.n0;
        job.bias = bias + job.n0;
        for (job.y = y0; job.y < y1; job.y++)
            for (int x0 = 0, x1; x0 < s->out.width; x0 = x1) {
                x1 = work->merged_columns ? s->out.width : mseg_span_end(s, x0, columns);
                span(&job, x0, x1, columns);
            }
    }
    for (int y = y0; y < y1; y++) {
        uint8_t *row = mseg_row(&s->out, bases, y);
        if (p->translates)
            translate(work, &s->out, row);
        mseg_clear_pads(&s->out, row);
    }
}

/* ---- sums of inputs ---- */

/* work: mseg_u8_conv. */
static void run_sums(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_u8_conv *work = s->work;
    const int k = work->packed->panels.k;
    for (int y = y0; y < y1; y++) {
        int32_t *out = mseg_row(&s->out, bases, y);
        for (int i = 0; i < s->n_in; i++) {
            const mseg_rows *in = &s->in[i];
            const uint8_t *row = mseg_row(in, bases, y);
            const int before = work->merged_columns ? in->pad : 0;
            bases->kernels->u8.sums(row - (size_t)before * in->pixel, in->pixel, k, in->width + before, out);
            out += in->width;
        }
    }
}

/* Gives conv's inputs' sums a ring when its weights are shifted. */
static void add_sums(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *conv, mseg_u8_conv *work)
{
    const mseg_rows *in = &conv->in[0];
    if (!work->packed->panels.shift)
        return;
    mseg_stage sums = {
        .run = run_sums, .n_in = conv->n_in, .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1}, .rows = conv->rows};
    for (int i = 0; i < conv->n_in; i++)
        sums.in[i] = conv->in[i];
    const int width = conv->n_in * in->width + (work->merged_columns ? in->pad : 0);
    work->sums = sums.out =
        mseg_emit_ring(step, width, in->height, sizeof(int32_t), 0, mseg_window_span(&conv->window, conv->rows));
    mseg_emit_stage(e, pass, &sums, work, sizeof *work);
}

void mseg_emit_u8_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, const mseg_u8_conv *work)
{
    mseg_stage conv = *stage;
    mseg_u8_conv full = *work;
    conv.run = run;
    add_sums(e, step, pass, &conv, &full);
    mseg_emit_stage(e, pass, &conv, &full, sizeof full);
}

void mseg_stage_u8_vector(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    (void)y0;
    (void)y1;
    const mseg_packed_u8 *p = *(const mseg_packed_u8 *const *)s->work;
    const uint8_t *in = mseg_row(&s->in[0], bases, 0);
    int32_t *out = mseg_row(&s->out, bases, 0);
    for (int c = 0; c < p->panels.n; c++) {
        const int16_t *w = p->vector + (size_t)c * (size_t)p->vector_k;
        int32_t sum = p->bias[c];
        for (int k = 0; k < p->vector_k; k++)
            sum += (in[k] - p->vector_zero) * w[k];
        out[c] = sum;
    }
}
