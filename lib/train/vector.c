#include <string.h>

#include "base/parallel.h"
#include "train/maps.h"

/* 1x1 maps: global pools' results and what convolutions make of them, in reals, [sample][padded]. */

typedef struct vector_job {
    mseg_engine *engine;
    mseg_train_value *value;
} vector_job;

static mseg_real *of_sample(const mseg_train_value *v, mseg_real *values, int sample)
{
    return values + (size_t)sample * (size_t)v->padded;
}

/* The weights' rows of input k. */
static size_t rows_at(const mseg_train_value *v, int k)
{
    return v->weight + (size_t)v->segment[k] * (size_t)v->padded;
}

static bool passes(const mseg_train_value *v, mseg_real value)
{
    return v->lo < value && value < v->hi;
}

/* to [out] += x [in] times w [in][out]. */
static void times(mseg_real *to, const mseg_real *x, const mseg_real *w, int in, int out)
{
    for (int k = 0; k < in; k++)
        for (int c = 0; c < out; c++)
            to[c] += x[k] * w[(size_t)k * (size_t)out + (size_t)c];
}

/* to [in] += d [out] times w's transpose. */
static void times_back(mseg_real *to, const mseg_real *d, const mseg_real *w, int in, int out)
{
    for (int k = 0; k < in; k++) {
        mseg_real lanes[MSEG_TRAIN_VEC] = {0}, sum = 0;
        for (int c = 0; c < out; c += MSEG_TRAIN_VEC)
            for (int j = 0; j < MSEG_TRAIN_VEC; j++)
                lanes[j] += d[c + j] * w[(size_t)k * (size_t)out + (size_t)(c + j)];
        for (int j = 0; j < MSEG_TRAIN_VEC; j++)
            sum += lanes[j];
        to[k] += sum;
    }
}

/* ---- a convolution of vectors ------------------------------------------------------------------------------------------ */

static void forward_sample(void *context, int sample, int worker)
{
    (void)worker;
    const vector_job *job = context;
    const mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value;
    mseg_real *out = of_sample(v, v->reals, sample);
    memcpy(out, e->parameters + v->shift, (size_t)v->padded * sizeof *out);
    for (int k = 0; k < v->layer->n_in; k++) {
        const mseg_train_value *in = &e->values[v->layer->in[k]];
        times(out, of_sample(in, in->reals, sample), e->parameters + rows_at(v, k), in->padded, v->padded);
    }
    for (int c = 0; c < v->padded; c++)
        out[c] = out[c] < v->lo ? v->lo : out[c] > v->hi ? v->hi : out[c];
}

void mseg_train_vector_forward(mseg_engine *e, int i)
{
    vector_job job = {e, &e->values[i]};
    mseg_pool_for(e->options.pool, e->samples, forward_sample, &job);
}

static void backward_sample(void *context, int sample, int worker)
{
    (void)worker;
    const vector_job *job = context;
    const mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value;
    mseg_real *d = of_sample(v, v->real_gradient, sample);
    for (int c = 0; c < v->padded; c++)
        d[c] = passes(v, of_sample(v, v->reals, sample)[c]) ? d[c] : 0;
    for (int k = 0; k < v->layer->n_in; k++) {
        const mseg_train_value *in = &e->values[v->layer->in[k]];
        if (in->wanted)
            times_back(of_sample(in, in->real_gradient, sample), d, e->parameters + rows_at(v, k), in->padded, v->padded);
    }
}

/* The gradient of row k of a segment's weights: samples in their order. */
typedef struct weight_job {
    mseg_engine *engine;
    const mseg_train_value *value, *in;
    const mseg_real *d; /* [sample][padded] */
    size_t at;
} weight_job;

static void weight_row(void *context, int row, int worker)
{
    (void)worker;
    const weight_job *job = context;
    const mseg_train_value *v = job->value;
    mseg_real *to = job->engine->gradient + job->at + (size_t)row * (size_t)v->padded;
    for (int sample = 0; sample < job->engine->samples; sample++) {
        const mseg_real x = of_sample(job->in, job->in->reals, sample)[row];
        const mseg_real *d = job->d + (size_t)sample * (size_t)v->padded;
        for (int c = 0; c < v->padded; c++)
            to[c] += x * d[c];
    }
}

static void weights_of(mseg_engine *e, const mseg_train_value *v, int k, const mseg_real *d)
{
    weight_job job = {e, v, &e->values[v->layer->in[k]], d, rows_at(v, k)};
    mseg_pool_for(e->options.pool, job.in->padded, weight_row, &job);
}

void mseg_train_vector_backward(mseg_engine *e, int i)
{
    mseg_train_value *v = &e->values[i];
    vector_job job = {e, v};
    mseg_pool_for(e->options.pool, e->samples, backward_sample, &job);
    if (!v->trained)
        return;
    for (int k = 0; k < v->layer->n_in; k++)
        weights_of(e, v, k, v->real_gradient);
    for (int sample = 0; sample < e->samples; sample++)
        for (int c = 0; c < v->padded; c++)
            e->gradient[v->shift + (size_t)c] += of_sample(v, v->real_gradient, sample)[c];
}

/* ---- vectors among the inputs of a convolution of maps ----------------------------------------------------------------- */

static bool is_vector(const mseg_engine *e, const mseg_train_value *v, int k)
{
    return e->values[v->layer->in[k]].layer->vector;
}

static void add_by_sample(void *context, int sample, int worker)
{
    (void)worker;
    const vector_job *job = context;
    const mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value;
    mseg_real *out = of_sample(v, v->by_sample, sample);
    memset(out, 0, (size_t)v->padded * sizeof *out);
    for (int k = 0; k < v->layer->n_in; k++) {
        const mseg_train_value *in = &e->values[v->layer->in[k]];
        if (is_vector(e, v, k))
            times(out, of_sample(in, in->reals, sample), e->parameters + rows_at(v, k), in->padded, v->padded);
    }
}

void mseg_train_by_sample_forward(mseg_engine *e, int i)
{
    vector_job job = {e, &e->values[i]};
    if (job.value->by_sample)
        mseg_pool_for(e->options.pool, e->samples, add_by_sample, &job);
}

void mseg_train_by_sample_backward(mseg_engine *e, int i, const mseg_train_blocks *blocks)
{
    mseg_train_value *v = &e->values[i];
    if (!v->by_sample)
        return;
    mseg_real *sums = v->by_sample; /* its numbers are not needed any more */
    for (int sample = 0; sample < e->samples; sample++) {
        mseg_real *to = of_sample(v, sums, sample);
        memset(to, 0, (size_t)v->padded * sizeof *to);
        for (int block = 0; block < blocks->per_sample; block++)
            for (int c = 0; c < v->padded; c++)
                to[c] += v->block_sums[(size_t)(sample * blocks->per_sample + block) * (size_t)v->padded + (size_t)c];
    }
    for (int k = 0; k < v->layer->n_in; k++) {
        mseg_train_value *in = &e->values[v->layer->in[k]];
        if (!is_vector(e, v, k))
            continue;
        for (int sample = 0; sample < e->samples && in->wanted; sample++)
            times_back(of_sample(in, in->real_gradient, sample), of_sample(v, sums, sample), e->parameters + rows_at(v, k),
                       in->padded, v->padded);
        if (v->trained)
            weights_of(e, v, k, sums);
    }
}

/* ---- the global pool ---------------------------------------------------------------------------------------------------- */

static void pool_sample(void *context, int sample, int worker)
{
    (void)worker;
    const vector_job *job = context;
    const mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value, *in = &e->values[v->layer->in[0]];
    mseg_real *out = of_sample(v, v->reals, sample);
    const size_t pixels = mseg_train_pixels(in);
    mseg_train_reading how;
    const char *cells = mseg_train_cells(in, &how);
    memset(out, 0, (size_t)v->padded * sizeof *out);
    e->kernels->sum(out, cells + (size_t)sample * pixels * (size_t)in->padded * e->kernels->cell, (int)pixels, in->padded, &how);
    for (int c = 0; c < v->padded; c++)
        out[c] /= (mseg_real)pixels;
}

void mseg_train_pool_forward(mseg_engine *e, int i)
{
    vector_job job = {e, &e->values[i]};
    mseg_pool_for(e->options.pool, e->samples, pool_sample, &job);
}

void mseg_train_pool_backward(mseg_engine *e, int i)
{
    const mseg_train_value *v = &e->values[i];
    mseg_train_value *in = &e->values[v->layer->in[0]];
    const size_t n = (size_t)e->samples * (size_t)v->padded;
    const mseg_real part = (mseg_real)1 / (mseg_real)mseg_train_pixels(in);
    for (size_t c = 0; c < n; c++)
        in->everywhere[c] = (in->pooled ? in->everywhere[c] : 0) + v->real_gradient[c] * part;
    in->pooled = true;
}
