#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "train/maps.h"

static double *sums_of(const mseg_engine *e, int slot, int part)
{
    return e->part_sums + (size_t)(slot * MOST_PARTS + part) * 2 * (size_t)e->widest;
}

void mseg_train_sums_flush(mseg_engine *e, mseg_train_worker *w, int slot, int part, int channels)
{
    double *sum1 = sums_of(e, slot, part), *sum2 = sum1 + e->widest;
    for (int c = 0; c < channels; c++) {
        sum1[c] += (double)w->sum1[c];
        sum2[c] += (double)w->sum2[c];
        w->sum1[c] = w->sum2[c] = 0;
    }
}

/* Adds the parts' sums, in their order, and leaves zeros for the next ones. */
static void join_sums(mseg_engine *e, mseg_train_value *v, int slot, int parts)
{
    memset(v->sum1, 0, (size_t)v->padded * sizeof *v->sum1);
    memset(v->sum2, 0, (size_t)v->padded * sizeof *v->sum2);
    for (int part = 0; part < parts; part++) {
        double *sum1 = sums_of(e, slot, part), *sum2 = sum1 + e->widest;
        for (int c = 0; c < v->padded; c++) {
            v->sum1[c] += sum1[c];
            v->sum2[c] += sum2[c];
            sum1[c] = sum2[c] = 0;
        }
    }
}

static double positions(const mseg_engine *e, const mseg_train_value *v)
{
    return (double)e->samples * (double)mseg_train_pixels(v);
}

static void measure(mseg_train_value *v, double n)
{
    for (int c = 0; c < v->padded; c++) {
        v->measured1[c] += v->sum1[c];
        v->measured2[c] += v->sum2[c];
    }
    v->measured += n;
}

/* Kept statistics move towards the batch's. */
static void keep(const mseg_engine *e, const mseg_train_value *v, double n, double momentum)
{
    mseg_real *means = e->statistics + v->statistics, *variances = means + v->padded;
    for (int c = 0; c < v->padded; c++) {
        const double mean = v->sum1[c] / n, variance = fmax(v->sum2[c] / n - mean * mean, 0), whole = n > 1 ? n / (n - 1) : 1;
        means[c] = (mseg_real)((1 - momentum) * (double)means[c] + momentum * mean);
        variances[c] = (mseg_real)((1 - momentum) * (double)variances[c] + momentum * whole * variance);
    }
}

void mseg_train_norm_forward(mseg_engine *e, int i, int parts, mseg_norming norming, double momentum)
{
    mseg_train_value *v = &e->values[i];
    const mseg_real *shift = e->parameters + v->shift, *scale = v->normed ? e->parameters + v->scale : NULL;
    const double n = positions(e, v);
    join_sums(e, v, 0, parts);
    v->norming = !v->normed ? MSEG_NORM_NONE : norming == MSEG_NORM_BATCH && !v->trained ? MSEG_NORM_FIXED : norming;
    if (e->measuring && v->normed && v->norming != MSEG_NORM_FIXED)
        measure(v, n);
    if (v->norming == MSEG_NORM_BATCH && momentum > 0)
        keep(e, v, n, momentum);
    for (int c = 0; c < v->padded; c++) {
        double mean = 0, inverse = 1, by = 1;
        if (v->norming == MSEG_NORM_BATCH) {
            mean = v->sum1[c] / n;
            inverse = 1 / sqrt(fmax(v->sum2[c] / n - mean * mean, 0) + e->epsilon);
        } else if (v->norming == MSEG_NORM_FIXED) {
            mean = (double)e->statistics[v->statistics + (size_t)c];
            inverse = 1 / sqrt((double)e->statistics[v->statistics + (size_t)(v->padded + c)] + e->epsilon);
        }
        if (v->norming != MSEG_NORM_NONE)
            by = (double)scale[c] * inverse;
        v->mean[c] = mean;
        v->inverse[c] = inverse;
        v->factor[c] = (mseg_real)by;
        v->offset[c] = (mseg_real)((double)shift[c] - mean * by);
    }
}

/* With g the gradient of the norm's result, x its input, xh = (x - mean) * inverse: that of shift is sum g, of scale sum g xh; of
 * x scale * inverse * (g - sum g / n - xh * sum g xh / n) where mean and variance are the batch's (Ioffe and Szegedy 2015). */
void mseg_train_norm_backward(mseg_engine *e, int i, int slot, int parts)
{
    mseg_train_value *v = &e->values[i];
    const double n = positions(e, v);
    join_sums(e, v, slot, parts);
    for (int c = 0; c < v->padded; c++) {
        const double sum = v->sum1[c], by = v->inverse[c] * (v->sum2[c] - v->mean[c] * sum);
        const bool batch = v->norming == MSEG_NORM_BATCH;
        const double a = v->norming == MSEG_NORM_NONE ? 1 : (double)e->parameters[v->scale + (size_t)c] * v->inverse[c];
        v->a[c] = (mseg_real)a;
        v->b[c] = batch ? (mseg_real)(-a * v->inverse[c] * by / n) : 0;
        v->e[c] = batch ? (mseg_real)(-a * sum / n + a * v->mean[c] * v->inverse[c] * by / n) : 0;
        if (!v->trained)
            continue;
        e->gradient[v->shift + (size_t)c] = (mseg_real)sum;
        if (v->normed)
            e->gradient[v->scale + (size_t)c] = (mseg_real)(v->norming == MSEG_NORM_NONE ? 0 : by);
    }
}

/* ---- gradients that come together ------------------------------------------------------------------------------------- */

typedef struct gathering {
    mseg_engine *engine;
    mseg_train_value *value;
    mseg_train_blocks blocks;
} gathering;

enum { GATHERED = 512 }; /* pixels at once */

static void gather_part(void *context, int part, int worker)
{
    const gathering *job = context;
    mseg_engine *e = job->engine;
    mseg_train_value *v = job->value;
    mseg_train_worker *w = &e->workers[worker];
    mseg_train_reading how;
    const char *cells = mseg_train_cells(v, &how);
    how.lo = v->lo;
    how.hi = v->hi;
    for (int i = mseg_train_part_begin(&job->blocks, part); i < mseg_train_part_begin(&job->blocks, part + 1); i++) {
        int first, n;
        const int sample = mseg_train_block(&job->blocks, i, &first, &n);
        const size_t at = ((size_t)sample * mseg_train_pixels(v) + (size_t)first) * (size_t)v->padded * e->kernels->cell;
        const mseg_train_gather args = {.gradient = (char *)v->gradient + at,
                                        .everywhere = v->pooled ? v->everywhere + (size_t)sample * (size_t)v->padded : NULL,
                                        .value = cells + at,
                                        .how = how,
                                        .raw = (const char *)v->raw + at,
                                        .pixels = n,
                                        .channels = v->padded,
                                        .sum = w->sum1,
                                        .sum2 = w->sum2};
        e->kernels->gather(&args);
        mseg_train_sums_flush(e, w, 0, part, v->padded);
    }
}

static size_t map_bytes(const mseg_engine *e, const mseg_train_value *v)
{
    return (size_t)e->samples * mseg_train_pixels(v) * (size_t)v->padded * e->kernels->cell;
}

void mseg_train_gather_value(mseg_engine *e, int i)
{
    mseg_train_value *v = &e->values[i];
    gathering job = {e, v, mseg_train_blocks_of(e->samples, (int)mseg_train_pixels(v), GATHERED)};
    if (!v->begun && v->adds)
        memcpy(v->gradient, v->adds, map_bytes(e, v));
    else if (!v->begun)
        memset(v->gradient, 0, map_bytes(e, v));
    v->adds = NULL;
    v->begun = true;
    mseg_pool_for(e->options.pool, job.blocks.parts, gather_part, &job);
    mseg_train_norm_backward(e, i, 0, job.blocks.parts);
    /* An addition hands on what came to it. */
    if (v->layer->add >= 0 && e->values[v->layer->add].wanted) {
        mseg_train_value *added = &e->values[v->layer->add];
        const mseg_train_reading plain = {.lo = -INFINITY, .hi = INFINITY};
        if (!added->begun && !added->adds) {
            added->adds = v->gradient;
        } else { /* two additions of one map, or one that was read further down */
            e->kernels->add(added->gradient, v->gradient, added->begun ? added->gradient : added->adds,
                            (int)(map_bytes(e, v) / e->kernels->cell / (size_t)v->padded), v->padded, &plain);
            added->begun = true;
            added->adds = NULL;
        }
    }
}

mseg_train_target mseg_train_target_of(mseg_engine *e, int i)
{
    mseg_train_value *v = &e->values[i];
    mseg_train_target target = {.direct = v->direct};
    if (v->direct)
        return target;
    target.add = v->begun ? v->gradient : v->adds;
    v->adds = NULL;
    v->begun = true;
    return target;
}
