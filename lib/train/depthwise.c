#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "train/maps.h"

/* Depthwise 3x3 convolutions, row by row through a ring of the rows that a row meets. */

typedef struct depthwise_job {
    mseg_engine *engine;
    mseg_train_value *value, *in;
    int bands; /* of rows, that a sample is divided into */
    int parts;
    int up, left;
    mseg_train_target target;
} depthwise_job;

/* Bands are for batches of fewer samples than parts; each makes the rows that it shares with others again. */
static depthwise_job job_of(mseg_engine *e, int i, int height)
{
    mseg_train_value *v = &e->values[i], *in = &e->values[v->layer->in[0]];
    const mseg_net_layer *layer = v->layer;
    depthwise_job job = {.engine = e, .value = v, .in = in};
    job.bands = (MOST_PARTS + e->samples - 1) / e->samples;
    job.bands = job.bands > height ? height : job.bands;
    job.parts = e->samples * job.bands < MOST_PARTS ? e->samples * job.bands : MOST_PARTS;
    job.up = mseg_pad_before(layer->padding, in->height, 3, layer->stride, layer->rate);
    job.left = mseg_pad_before(layer->padding, in->width, 3, layer->stride, layer->rate);
    return job;
}

/* Rows first to end of unit i, returns its sample. */
static int unit_rows(const depthwise_job *job, int i, int height, int *first, int *end)
{
    const int band = i % job->bands;
    *first = height * band / job->bands;
    *end = height * (band + 1) / job->bands;
    return i / job->bands;
}

static int first_unit(const depthwise_job *job, int part)
{
    return (int)((long)job->engine->samples * job->bands * part / job->parts);
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

/* Rows of the input in a ring, zeros at both sides. */
typedef struct ring {
    mseg_real *rows;
    size_t row; /* reals */
    int slots, next;
} ring;

static mseg_real *slot_of(const ring *r, int y)
{
    return r->rows + (size_t)(y % r->slots) * r->row;
}

static void forward_band(const depthwise_job *job, mseg_train_worker *w, int sample, int first, int end)
{
    mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value, *in = job->in;
    const mseg_net_layer *layer = v->layer;
    const size_t c = (size_t)v->padded, line = (size_t)in->width * c;
    mseg_train_reading how;
    const char *cells = mseg_train_cells(in, &how) + (size_t)sample * mseg_train_pixels(in) * c * e->kernels->cell;
    ring r = {w->ring, mseg_train_ring_columns(v, in) * c, mseg_train_ring_slots(v, in), 0};
    memset(r.rows, 0, (size_t)r.slots * r.row * sizeof *r.rows);
    memset(w->zero, 0, r.row * sizeof *w->zero);
    r.next = first * layer->stride - job->up;
    r.next = r.next < 0 ? 0 : r.next;
    mseg_train_dwconv args = {.tap_step = (size_t)layer->rate * c,
                              .pixel_step = (size_t)layer->stride * c,
                              .weights = e->parameters + v->weight,
                              .pixels = v->width,
                              .channels = v->padded,
                              .sum = w->sum1,
                              .sum2 = w->sum2};
    for (int oy = first; oy < end; oy++) {
        const int top = oy * layer->stride - job->up;
        for (; r.next <= top + 2 * layer->rate && r.next < in->height; r.next++)
            e->kernels->read(slot_of(&r, r.next) + (size_t)job->left * c, cells + (size_t)r.next * line * e->kernels->cell,
                             in->width, v->padded, &how);
        for (int k = 0; k < 3; k++) {
            const int y = top + k * layer->rate;
            args.rows[k] = y < 0 || y >= in->height ? w->zero : slot_of(&r, y);
        }
        args.out =
            (char *)v->raw + ((size_t)sample * mseg_train_pixels(v) + (size_t)oy * (size_t)v->width) * c * e->kernels->cell;
        e->kernels->dwconv(&args);
    }
}

static void forward_part(void *context, int part, int worker)
{
    const depthwise_job *job = context;
    mseg_train_worker *w = &job->engine->workers[worker];
    for (int i = first_unit(job, part); i < first_unit(job, part + 1); i++) {
        int first, end;
        const int sample = unit_rows(job, i, job->value->height, &first, &end);
        forward_band(job, w, sample, first, end);
        mseg_train_sums_flush(job->engine, w, 0, part, job->value->padded);
    }
}

int mseg_train_depthwise_forward(mseg_engine *e, int i)
{
    depthwise_job job = job_of(e, i, e->values[i].height);
    mseg_pool_for(e->options.pool, job.parts, forward_part, &job);
    return job.parts;
}

/* ---- backward ----------------------------------------------------------------------------------------------------------- */

/* The gradient's rows that input row y meets: NULL where there is none. margin: columns of zeros at their left. */
static void rows_met(const depthwise_job *job, const ring *r, int margin, int y, const mseg_real *d[3])
{
    const mseg_train_value *v = job->value;
    const mseg_net_layer *layer = v->layer;
    const size_t shift = (size_t)margin + (layer->stride == 1 ? (size_t)job->left : 0);
    for (int k = 0; k < 3; k++) {
        const int up = y + job->up - k * layer->rate, oy = up / layer->stride;
        d[k] = up < 0 || up % layer->stride || oy >= v->height ? NULL : slot_of(r, oy) + shift * (size_t)v->padded;
    }
}

static void backward_band(const depthwise_job *job, mseg_train_worker *w, int part, int sample, int first, int end)
{
    mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value, *in = job->in;
    const mseg_net_layer *layer = v->layer;
    const size_t c = (size_t)v->padded, cell = e->kernels->cell;
    const size_t out_line = (size_t)v->width * c, line = (size_t)in->width * c;
    const size_t out_base = (size_t)sample * mseg_train_pixels(v) * c, base = (size_t)sample * mseg_train_pixels(in) * c;
    const mseg_train_unnorm unnorm = {v->a, v->b, v->e};
    const int margin = 2 * layer->rate;
    mseg_train_reading how;
    const char *cells = mseg_train_cells(in, &how) + base * cell;
    ring r = {w->ring, mseg_train_ring_columns(v, in) * c, mseg_train_ring_slots(v, in), 0};
    memset(r.rows, 0, (size_t)r.slots * r.row * sizeof *r.rows);
    r.next = (first + job->up - 2 * layer->rate) / layer->stride;
    r.next = r.next < 0 ? 0 : r.next;
    const bool direct = job->target.direct;
    mseg_train_dwconv_back args = {.tap_step = (size_t)layer->rate * c,
                                   .stride = layer->stride,
                                   .phase = layer->stride == 2 ? job->left : 0,
                                   .weights = e->parameters + v->weight,
                                   .weight_gradient = v->trained ? e->part_weights + (size_t)part * e->heaviest : NULL,
                                   .x = w->row,
                                   .pixels = in->width,
                                   .channels = v->padded,
                                   .lo = direct ? in->lo : -INFINITY,
                                   .hi = direct ? in->hi : INFINITY,
                                   .sum = w->sum1,
                                   .sum2 = w->sum2};
    for (int y = first; y < end; y++) {
        const size_t at = (base + (size_t)y * line) * cell;
        for (; r.next <= (y + job->up) / layer->stride && r.next < v->height; r.next++)
            e->kernels->read_gradient(slot_of(&r, r.next) + (size_t)margin * c,
                                      (const char *)v->gradient + (out_base + (size_t)r.next * out_line) * cell,
                                      (const char *)v->raw + (out_base + (size_t)r.next * out_line) * cell, v->width, v->padded,
                                      &unnorm);
        e->kernels->read(w->row, cells + (size_t)y * line * cell, in->width, v->padded, &how);
        rows_met(job, &r, margin, y, args.d);
        args.raw = direct ? (const char *)in->raw + at : NULL;
        args.add = job->target.add ? (const char *)job->target.add + at : NULL;
        args.out = in->wanted ? (char *)in->gradient + at : (char *)w->pixels;
        e->kernels->dwconv_back(&args);
    }
}

static void backward_part(void *context, int part, int worker)
{
    const depthwise_job *job = context;
    mseg_train_worker *w = &job->engine->workers[worker];
    for (int i = first_unit(job, part); i < first_unit(job, part + 1); i++) {
        int first, end;
        const int sample = unit_rows(job, i, job->in->height, &first, &end);
        backward_band(job, w, part, sample, first, end);
        if (job->target.direct)
            mseg_train_sums_flush(job->engine, w, 0, part, job->in->padded);
    }
}

void mseg_train_depthwise_backward(mseg_engine *e, int i)
{
    const mseg_train_value *v = &e->values[i];
    depthwise_job job = job_of(e, i, e->values[v->layer->in[0]].height);
    if (job.in->wanted)
        job.target = mseg_train_target_of(e, v->layer->in[0]);
    mseg_pool_for(e->options.pool, job.parts, backward_part, &job);
    if (v->trained)
        mseg_train_weights_join(e, i, job.parts, 9 * (size_t)v->padded);
    if (job.target.direct)
        mseg_train_norm_backward(e, v->layer->in[0], 0, job.parts);
}
