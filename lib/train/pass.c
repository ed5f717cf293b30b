#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "train/layout.h"

/* ---- packing ------------------------------------------------------------------------------------------------------------ */

static void pack_layer(void *context, int i, int worker)
{
    (void)worker;
    mseg_engine *e = context;
    const mseg_train_value *v = &e->values[i];
    if (!v->packed)
        return;
    const mseg_real *w = e->parameters + v->weight;
    e->kernels->pack(v->packed, w, v->taps * v->map_rows, v->padded);
    for (int k = 0; k < v->layer->n_in; k++)
        if (v->back[k])
            e->kernels->pack_back(v->back[k], w + (size_t)v->segment[k] * (size_t)v->padded, v->taps,
                                  e->values[v->layer->in[k]].padded, v->padded);
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

typedef struct storing {
    mseg_engine *engine;
    mseg_train_value *value;
    mseg_train_blocks blocks;
} storing;

static void store_part(void *context, int part, int worker)
{
    (void)worker;
    const storing *job = context;
    const mseg_engine *e = job->engine;
    const mseg_train_value *v = job->value;
    const mseg_train_reading how = {v->factor, v->offset, v->lo, v->hi};
    for (int i = mseg_train_part_begin(&job->blocks, part); i < mseg_train_part_begin(&job->blocks, part + 1); i++) {
        int first, n;
        const int sample = mseg_train_block(&job->blocks, i, &first, &n);
        const size_t at = ((size_t)sample * mseg_train_pixels(v) + (size_t)first) * (size_t)v->padded * e->kernels->cell;
        const char *added = NULL;
        if (v->layer->add >= 0) {
            mseg_train_reading plain;
            added = mseg_train_cells(&e->values[v->layer->add], &plain) + at;
        }
        e->kernels->add((char *)v->sum + at, (const char *)v->raw + at, added, n, v->padded, &how);
    }
}

/* A sum, or what is linear, is stored as it is read. */
static void store(mseg_engine *e, mseg_train_value *v)
{
    enum { STORED = 512 };
    storing job = {e, v, mseg_train_blocks_of(e->samples, (int)mseg_train_pixels(v), STORED)};
    mseg_pool_for(e->options.pool, job.blocks.parts, store_part, &job);
}

static void forward_layer(mseg_engine *e, int i, mseg_norming norming, double momentum)
{
    mseg_train_value *v = &e->values[i];
    if (v->layer->kind == MSEG_GLOBAL_POOL) {
        mseg_train_pool_forward(e, i);
    } else if (v->layer->vector) {
        mseg_train_vector_forward(e, i);
    } else {
        const int parts = v->layer->kind == MSEG_DEPTHWISE ? mseg_train_depthwise_forward(e, i) : mseg_train_conv_forward(e, i);
        if (v->normed)
            mseg_train_norm_forward(e, i, parts, norming, momentum);
        if (v->stored)
            store(e, v);
    }
}

void mseg_engine_forward(mseg_engine *e, int samples, mseg_norming norming, double momentum)
{
    e->samples = samples;
    mseg_pool_for(e->options.pool, e->net.count, pack_layer, e);
    for (int i = 1; i < e->net.count; i++)
        forward_layer(e, i, norming, momentum);
}

/* ---- backward ----------------------------------------------------------------------------------------------------------- */

typedef struct joining {
    mseg_engine *engine;
    size_t at, count;
    int parts;
} joining;

enum { JOINED = 4096 }; /* reals a task */

static void join_task(void *context, int task, int worker)
{
    (void)worker;
    const joining *job = context;
    mseg_engine *e = job->engine;
    const size_t begin = (size_t)task * JOINED, end = begin + JOINED < job->count ? begin + JOINED : job->count;
    mseg_real *to = e->gradient + job->at;
    for (int part = 0; part < job->parts; part++) {
        mseg_real *from = e->part_weights + (size_t)part * e->heaviest;
        for (size_t i = begin; i < end; i++) {
            to[i] += from[i];
            from[i] = 0;
        }
    }
}

void mseg_train_weights_join(mseg_engine *e, int i, int parts, size_t count)
{
    joining job = {e, e->values[i].weight, count, parts};
    mseg_pool_for(e->options.pool, (int)((count + JOINED - 1) / JOINED), join_task, &job);
}

static void backward_layer(mseg_engine *e, int i)
{
    mseg_train_value *v = &e->values[i];
    if (!v->wanted)
        return;
    if (v->normed && !v->direct)
        mseg_train_gather_value(e, i);
    if (v->layer->kind == MSEG_GLOBAL_POOL)
        mseg_train_pool_backward(e, i);
    else if (v->layer->vector)
        mseg_train_vector_backward(e, i);
    else if (v->layer->kind == MSEG_DEPTHWISE)
        mseg_train_depthwise_backward(e, i);
    else
        mseg_train_conv_backward(e, i);
}

void mseg_engine_backward(mseg_engine *e, mseg_real *gradient)
{
    e->gradient = gradient;
    memset(gradient, 0, e->size * sizeof *gradient);
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        v->begun = v->pooled = false;
        v->adds = NULL;
        if (v->layer->vector && !v->output)
            memset(v->real_gradient, 0, (size_t)e->samples * (size_t)v->padded * sizeof *gradient);
    }
    for (int i = e->net.count - 1; i > 0; i--)
        backward_layer(e, i);
    e->gradient = NULL;
}
