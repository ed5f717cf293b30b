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

/* Takes the share of a tap that is outside out of the bias, which is a copy. */
static void leave_out(const row_job *job, int tap, int32_t *bias)
{
    const mseg_packed_u8 *p = job->work->packed;
    const int32_t *outside = p->outside + (size_t)tap * (size_t)p->panels.n + job->n0;
    for (int j = 0; j < job->args.n; j++)
        bias[j] -= outside[j];
}

/* Where the tap of an input begins for output pixel x0; NULL: outside of its map. */
static const uint8_t *tap_at(const row_job *job, int tap, int x0, int columns)
{
    const mseg_stage *s = job->stage;
    const mseg_window *w = &s->window;
    const int kx = tap % columns, ky = tap / columns % w->kernel, i = tap / columns / w->kernel;
    const int iy = job->y * w->stride - w->pad_y + ky * w->rate_y;
    if (iy < 0 || iy >= s->in[i].height || (!job->work->merged_columns && !mseg_column_inside(s, x0, kx)))
        return NULL;
    const ptrdiff_t ix = (ptrdiff_t)x0 * w->stride - w->pad_x + (ptrdiff_t)kx * w->rate_x;
    return (const uint8_t *)mseg_row(&s->in[i], job->bases, iy) + ix * (ptrdiff_t)s->in[i].pixel;
}

static void span(row_job *job, int x0, int x1, int columns)
{
    const mseg_stage *s = job->stage;
    const mseg_u8_panels *panels = &job->work->packed->panels;
    const int panel = job->n0 / panels->nr;
    const uint8_t *a[MSEG_U8_MAX_TERMS], *taps[MSEG_MAX_TAPS];
    const void *b[MSEG_U8_MAX_TERMS];
    int k[MSEG_U8_MAX_TERMS], terms = 0;
    int32_t bias[MSEG_MAX_NR];
    mseg_u8_gemm_args *g = &job->args;
    g->bias = job->bias;
    for (int tap = 0; tap < panels->taps; tap++) {
        taps[tap] = tap_at(job, tap, x0, columns);
        if (taps[tap])
            continue;
        if (g->bias == job->bias)
            g->bias = memcpy(bias, job->bias, (size_t)g->n * sizeof *bias);
        leave_out(job, tap, bias);
    }
    for (int i = panel ? panels->ends[panel - 1] : 0; i < panels->ends[panel]; i++) {
        const mseg_u8_term *term = &panels->terms[i];
        if (!taps[term->tap])
            continue;
        a[terms] = taps[term->tap] + term->first;
        b[terms] = panels->data + term->at;
        k[terms++] = term->k;
    }
    g->a = a;
    g->b = b;
    g->k = k;
    g->terms = terms;
    g->c = (uint8_t *)mseg_row(&s->out, job->bases, job->y) + (size_t)x0 * g->c_stride + job->n0;
    if (s->has_add)
        g->add = (const uint8_t *)mseg_row(&s->add, job->bases, job->y) + (size_t)x0 * g->add_stride + job->n0;
    job->bases->kernels->u8.gemm.fn(g, x1 - x0);
}

static void translate(const mseg_u8_conv *work, const mseg_rows *out, uint8_t *row)
{
    for (int x = 0; x < out->width; x++, row += out->pixel)
        for (int c = 0; c < work->packed->panels.n; c++)
            row[c] = work->packed->table[row[c]];
}

void mseg_stage_u8_conv(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_u8_conv *work = s->work;
    const mseg_packed_u8 *p = work->packed;
    row_job job = {.stage = s, .work = work, .bases = bases};
    const int columns = work->merged_columns ? 1 : s->window.kernel, nr = p->panels.nr;
    const int32_t *bias = work->bias_tensor >= 0 ? (const int32_t *)(const void *)bases->tensors[work->bias_tensor] : p->bias;
    job.args = (mseg_u8_gemm_args){.a_stride = (size_t)s->window.stride * s->in[0].pixel,
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
