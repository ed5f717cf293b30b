#include "train/layout.h"

#include <string.h>

#include "base/alloc.h"

/* ---- sizes of maps ------------------------------------------------------------------------------------------------------ */

static void set_sizes(mseg_engine *e, int height, int width)
{
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        if (i == 0) {
            v->height = height;
            v->width = width;
        } else if (v->layer->vector) {
            v->height = v->width = 1;
        } else {
            const mseg_train_value *in = &e->values[mseg_layer_map(&e->net, v->layer)];
            v->height = mseg_out_size(in->height, v->layer->stride);
            v->width = mseg_out_size(in->width, v->layer->stride);
        }
    }
}

/* Rows of a product's block: its operands are to stay in the second-level cache. */
static int block_of(const mseg_engine *e, const mseg_train_value *v)
{
    enum { BYTES = 384 << 10, MOST = 384, LEAST = 24 };
    const size_t wide = (size_t)(v->map_rows > v->padded ? v->map_rows : v->padded) * (size_t)v->taps;
    const size_t rows = BYTES / (wide * e->kernels->operand) / 8 * 8;
    return rows > MOST ? MOST : rows < LEAST ? LEAST : (int)rows;
}

/* ---- gradients: alive for a part of the way back only ------------------------------------------------------------------ */

typedef struct span {
    int from, to; /* layers, from the first that adds to it down to the one that it belongs to, or that may read it last */
    size_t at, bytes;
} span;

static int last_reader(const mseg_net *net, int v)
{
    for (int r = net->count - 1; r > v; r--)
        if (mseg_layer_reads(&net->layers[r], v))
            return r;
    return v;
}

static bool overlap(const span *a, const span *b)
{
    return a->bytes && b->bytes && a->from >= b->to && b->from >= a->to;
}

/* The lowest place where span i meets none of those before it that are alive with it. */
static void place_span(span *spans, int i)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int k = 0; k < i; k++) {
            const bool apart = spans[i].at + spans[i].bytes <= spans[k].at || spans[k].at + spans[k].bytes <= spans[i].at;
            if (!overlap(&spans[i], &spans[k]) || apart)
                continue;
            spans[i].at = spans[k].at + spans[k].bytes;
            moved = true;
        }
    }
}

static bool has_gradient_map(const mseg_train_value *v)
{
    return v->normed && v->wanted;
}

/* Places gradients behind *at; returns false without memory. */
static bool place_gradients(mseg_engine *e, int batch, char *base, size_t *at)
{
    span *spans = mseg_alloc_array((size_t)e->net.count, sizeof *spans);
    size_t end = 0;
    if (!spans)
        return false;
    for (int i = 0; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        if (!has_gradient_map(v))
            continue;
        spans[i] = (span){.from = last_reader(&e->net, i), .to = i};
        if (v->layer->add >= 0) /* may read it instead of a copy, until its own turn */
            spans[i].to = v->layer->add;
        spans[i].bytes = ((size_t)batch * mseg_train_pixels(v) * (size_t)v->padded * e->kernels->cell + 63) / 64 * 64;
        place_span(spans, i);
        end = spans[i].at + spans[i].bytes > end ? spans[i].at + spans[i].bytes : end;
        v->gradient = base ? base + *at + spans[i].at : NULL;
    }
    *at += end;
    mseg_free(&spans);
    return true;
}

/* ---- everything --------------------------------------------------------------------------------------------------------- */

static void place_value(mseg_engine *e, int i, int batch, char *base, size_t *at)
{
    mseg_train_value *v = &e->values[i];
    const size_t pixels = (size_t)batch * mseg_train_pixels(v), numbers = pixels * (size_t)v->padded;
    const size_t vectors = (size_t)batch * (size_t)v->padded * sizeof(mseg_real);
    bool pooled = false, mixed = false;
    for (int r = 0; r < e->net.count; r++)
        pooled |= e->net.layers[r].kind == MSEG_GLOBAL_POOL && mseg_layer_reads(&e->net.layers[r], i);
    for (int k = 0; k < v->layer->n_in; k++)
        mixed |= !v->layer->vector && e->net.layers[v->layer->in[k]].vector;
    v->block = v->normed || v->output ? block_of(e, v) : 0;
    if (i == 0) {
        v->reals = mseg_take(base, at, pixels * 3 * sizeof(mseg_real));
        return;
    }
    if (v->normed)
        v->raw = mseg_take(base, at, numbers * e->kernels->cell);
    if (v->stored)
        v->sum = mseg_take(base, at, numbers * e->kernels->cell);
    if (v->output || v->layer->vector) {
        v->reals = mseg_take(base, at, numbers * sizeof(mseg_real));
        v->real_gradient = mseg_take(base, at, numbers * sizeof(mseg_real));
    }
    if (pooled && v->normed)
        v->everywhere = mseg_take(base, at, vectors);
    if (mixed)
        v->by_sample = mseg_take(base, at, vectors);
    if (v->layer->kind == MSEG_CONV && !v->layer->vector && (mixed || v->output)) {
        const mseg_train_blocks blocks = mseg_train_blocks_of(batch, (int)mseg_train_pixels(v), v->block);
        v->block_sums = mseg_take(base, at, (size_t)blocks.blocks * (size_t)v->padded * sizeof(mseg_real));
    }
}

/* 0 without memory. */
static size_t place(mseg_engine *e, int batch, int height, int width, char *base)
{
    size_t at = 0;
    set_sizes(e, height, width);
    for (int i = 0; i < e->net.count; i++)
        place_value(e, i, batch, base, &at);
    return place_gradients(e, batch, base, &at) ? at : 0;
}

/* What the threads work in. */
static size_t place_worker(mseg_engine *e, mseg_train_worker *w, char *base, size_t *at)
{
    size_t x = 0, d = 0, rows = 0, ring = 0, line = 0, pixels = 0;
    const size_t begin = *at;
#define MOST(of, value)                                                                                                          \
    if ((value) > (of))                                                                                                          \
    (of) = (value)
    for (int i = 1; i < e->net.count; i++) {
        const mseg_train_value *v = &e->values[i];
        const size_t padded = (size_t)v->padded, block = (size_t)v->block + 1;
        if (v->layer->vector)
            continue;
        if (v->layer->kind == MSEG_CONV) {
            const size_t taps = (size_t)v->taps, inputs = (size_t)v->map_rows;
            MOST(x, block * (taps * (inputs > padded ? inputs : padded) + SLACK));
            MOST(d, block * (padded + SLACK));
            MOST(rows, block);
            MOST(pixels, block * (inputs > padded ? inputs : padded));
        } else {
            const mseg_train_value *in = &e->values[v->layer->in[0]];
            const size_t columns = mseg_train_ring_columns(v, in) * padded;
            MOST(ring, (size_t)mseg_train_ring_slots(v, in) * columns);
            MOST(line, columns);
        }
    }
#undef MOST
    const size_t operand = e->kernels->operand, paired = e->kernels->paired, real = sizeof(mseg_real);
    w->x = mseg_take(base, at, x * operand);
    w->t = mseg_take(base, at, paired * x * operand);
    w->d = mseg_take(base, at, d * operand);
    w->dt = mseg_take(base, at, paired * d * operand);
    w->rows = mseg_take(base, at, rows * sizeof *w->rows);
    w->ys = mseg_take(base, at, rows * sizeof *w->ys);
    w->ring = mseg_take(base, at, ring * real);
    w->row = mseg_take(base, at, line * real);
    w->zero = mseg_take(base, at, line * real);
    w->pixels = mseg_take(base, at, (pixels > line ? pixels : line) * real);
    w->sum1 = mseg_take(base, at, (size_t)e->widest * real);
    w->sum2 = mseg_take(base, at, (size_t)e->widest * real);
    return *at - begin;
}

static size_t place_workers(mseg_engine *e, char *base)
{
    size_t at = 0;
    mseg_train_worker counted;
    for (int k = 0; k < e->n_workers; k++)
        place_worker(e, base ? &e->workers[k] : &counted, base, &at);
    return at;
}

size_t mseg_layout_bytes(mseg_engine *e, int batch, int height, int width)
{
    const size_t maps = place(e, batch, height, width, NULL);
    return maps ? maps + place_workers(e, NULL) : 0;
}

/* Puts everything in its place in the memory that is there. */
static void put(mseg_engine *e, int batch, int height, int width)
{
    place(e, batch, height, width, e->arena);
    place_workers(e, e->scratch);
    e->batch = batch;
    e->height = height;
    e->width = width;
    memset(e->scratch, 0, e->scratch_bytes); /* sums are 0 between steps */
}

static mseg_status check_size(int batch, int height, int width, mseg_error *err)
{
    if (batch < 1 || height < 1 || width < 1)
        return mseg_fail(err, MSEG_INVAL, "a batch of %d pictures of %d x %d", batch, width, height);
    if ((int64_t)height * width > 1 << 26 || batch > 1 << 16)
        return mseg_fail(err, MSEG_LIMIT, "a batch of %d pictures of %d x %d is over the limits", batch, width, height);
    return MSEG_OK;
}

mseg_status mseg_layout_open(mseg_engine *e, int batch, int height, int width, mseg_error *err)
{
    mseg_status status = check_size(batch, height, width, err);
    if (status)
        return status;
    e->arena_bytes = place(e, batch, height, width, NULL);
    e->scratch_bytes = place_workers(e, NULL);
    e->workers = mseg_alloc_array((size_t)e->n_workers, sizeof *e->workers);
    e->arena = mseg_alloc(e->arena_bytes);
    e->scratch = mseg_alloc(e->scratch_bytes);
    if (!e->arena_bytes || !e->workers || !e->arena || !e->scratch)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    put(e, batch, height, width);
    return MSEG_OK;
}

mseg_status mseg_engine_resize(mseg_engine *e, int batch, int height, int width, mseg_error *err)
{
    mseg_status status = check_size(batch, height, width, err);
    if (status || (batch == e->batch && height == e->height && width == e->width))
        return status;
    const size_t arena = place(e, batch, height, width, NULL), scratch = place_workers(e, NULL);
    const bool fits = arena && arena <= e->arena_bytes && scratch <= e->scratch_bytes;
    if (fits)
        put(e, batch, height, width);
    else
        put(e, e->batch, e->height, e->width);
    return fits ? MSEG_OK
                : mseg_fail(err, MSEG_LIMIT, "a batch of %d pictures of %d x %d needs more memory than was asked for", batch,
                            width, height);
}
