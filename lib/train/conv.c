#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "train/maps.h"

/* Convolutions of maps as products of rows: of a 1x1 the pixels, of others the pixels that each tap meets. */

typedef struct conv_job {
    mseg_engine *engine;
    mseg_train_value *value;
    mseg_train_blocks blocks;
    mseg_train_target targets[MSEG_MAX_INPUTS]; /* backward */
} conv_job;

static bool is_pointwise(const mseg_net_layer *layer)
{
    return layer->kernel == 1 && layer->stride == 1;
}

static size_t cells_at(const mseg_train_value *v, int sample, int pixel)
{
    return ((size_t)sample * mseg_train_pixels(v) + (size_t)pixel) * (size_t)v->padded;
}

static mseg_train_value *input_of(mseg_engine *e, const mseg_train_value *v, int k)
{
    return &e->values[v->layer->in[k]];
}

static bool is_map(const mseg_train_value *v)
{
    return !v->layer->vector;
}

/* ---- rows of a block ---------------------------------------------------------------------------------------------------- */

/* rows[r]: the pixel that kernel tap (ty, tx) of output pixel first + r meets in a map of height x width pixels from base on, so
 * many bytes each; NULL beside it. */
static void rows_of_tap(const void **rows, const char *base, size_t bytes, const mseg_net_layer *layer,
                        const mseg_train_value *in, const mseg_train_value *out, int tap, int first, int n)
{
    const int up = mseg_pad_before(layer->padding, in->height, layer->kernel, layer->stride, layer->rate);
    const int left = mseg_pad_before(layer->padding, in->width, layer->kernel, layer->stride, layer->rate);
    const int ty = tap / layer->kernel * layer->rate - up, tx = tap % layer->kernel * layer->rate - left;
    int oy = first / out->width, ox = first % out->width;
    for (int r = 0; r < n; r++) {
        const int y = oy * layer->stride + ty, x = ox * layer->stride + tx;
        const bool meets = y >= 0 && y < in->height && x >= 0 && x < in->width;
        rows[r] = meets ? base + ((size_t)y * (size_t)in->width + (size_t)x) * bytes : NULL;
        if (++ox == out->width) {
            ox = 0;
            oy++;
        }
    }
}

/* The same the other way: the output pixels that input pixel first + r comes to by a tap. */
static void rows_of_tap_back(const void **rows, const char *base, size_t bytes, const mseg_net_layer *layer,
                             const mseg_train_value *in, const mseg_train_value *out, int tap, int first, int n)
{
    const int up = mseg_pad_before(layer->padding, in->height, layer->kernel, layer->stride, layer->rate);
    const int left = mseg_pad_before(layer->padding, in->width, layer->kernel, layer->stride, layer->rate);
    const int ty = up - tap / layer->kernel * layer->rate, tx = left - tap % layer->kernel * layer->rate;
    for (int r = 0; r < n; r++) {
        const int y = (first + r) / in->width + ty, x = (first + r) % in->width + tx;
        const int oy = y / layer->stride, ox = x / layer->stride;
        const bool meets =
            y >= 0 && x >= 0 && y % layer->stride == 0 && x % layer->stride == 0 && oy < out->height && ox < out->width;
        rows[r] = meets ? base + ((size_t)oy * (size_t)out->width + (size_t)ox) * bytes : NULL;
    }
}

/* Three channels of a row of pixels; n is a constant where it matters, so that no function is called for it. */
static inline void copy_pixels(mseg_real *to, const mseg_real *from, int n)
{
    for (int i = 0; i < 3 * n; i++)
        to[i] = from[i];
}

/* The picture's pixels that the taps of one output pixel meet; zeros beside the picture. */
static void picture_taps(const mseg_train_value *picture, const mseg_real *base, const mseg_net_layer *layer, mseg_real *to,
                         int top, int side)
{
    for (int ty = 0; ty < layer->kernel; ty++)
        for (int tx = 0; tx < layer->kernel; tx++, to += 3) {
            const int y = top + ty * layer->rate, x = side + tx * layer->rate;
            const bool meets = y >= 0 && y < picture->height && x >= 0 && x < picture->width;
            for (int c = 0; c < 3; c++)
                to[c] = meets ? base[3 * ((size_t)y * (size_t)picture->width + (size_t)x) + (size_t)c] : 0;
        }
}

/* The same of a block's pixels, side by side as reals; the rest of a row is 0. */
static void picture_rows(const mseg_engine *e, const mseg_train_value *v, mseg_real *to, int sample, int first, int n)
{
    const mseg_train_value *picture = &e->values[0];
    const size_t line = 3 * (size_t)picture->width;
    const mseg_real *base = picture->reals + (size_t)sample * mseg_train_pixels(picture) * 3;
    const mseg_net_layer *layer = v->layer;
    const int up = mseg_pad_before(layer->padding, picture->height, layer->kernel, layer->stride, layer->rate);
    const int left = mseg_pad_before(layer->padding, picture->width, layer->kernel, layer->stride, layer->rate);
    const bool usual = layer->kernel == 3 && layer->rate == 1;
    int y = first / v->width, x = first % v->width;
    for (int r = 0; r < n; r++, to += v->map_rows) {
        const int top = y * layer->stride - up, side = x * layer->stride - left;
        const bool inside = top >= 0 && top + 3 <= picture->height && side >= 0 && side + 3 <= picture->width;
        const mseg_real *from = base + (size_t)(inside ? top : 0) * line + 3 * (size_t)(inside ? side : 0);
        for (int i = 3 * layer->kernel * layer->kernel; i < v->map_rows; i++)
            to[i] = 0;
        if (usual && inside) {
            copy_pixels(to, from, 3);
            copy_pixels(to + 9, from + line, 3);
            copy_pixels(to + 18, from + 2 * line, 3);
        } else {
            picture_taps(picture, base, layer, to, top, side);
        }
        if (++x == v->width) {
            x = 0;
            y++;
        }
    }
}

/* Operands between rows of the inputs of a block. */
static size_t input_stride(const mseg_train_value *v)
{
    return (size_t)(v->taps * v->map_rows) + SLACK;
}

static size_t output_stride(const mseg_train_value *v)
{
    return (size_t)v->padded + SLACK;
}

/* Loads a block's inputs. x, t: as in mseg_train_kernels.load. */
static void load_inputs(mseg_engine *e, const mseg_train_value *v, mseg_train_worker *w, void *x, void *t, int sample, int first,
                        int n)
{
    const mseg_net_layer *layer = v->layer;
    if (layer->in[0] == 0) {
        picture_rows(e, v, w->pixels, sample, first, n);
        e->kernels->load_reals(x, t, input_stride(v), w->pixels, (size_t)v->map_rows, n, v->map_rows);
        return;
    }
    for (int k = 0; k < layer->n_in; k++) {
        const mseg_train_value *in = input_of(e, v, k);
        if (!is_map(in))
            continue;
        mseg_train_reading how;
        const size_t bytes = (size_t)in->padded * e->kernels->cell;
        const char *base = mseg_train_cells(in, &how) + (size_t)sample * mseg_train_pixels(in) * bytes;
        for (int tap = 0; tap < v->taps; tap++) {
            rows_of_tap(w->rows, base, bytes, layer, in, v, tap, first, n);
            e->kernels->load(x, t, input_stride(v), (size_t)(tap * v->map_rows + v->segment[k]), w->rows, n, in->padded, &how);
        }
    }
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

static void forward_part(void *context, int part, int worker)
{
    const conv_job *job = context;
    mseg_engine *e = job->engine;
    mseg_train_value *v = job->value;
    mseg_train_worker *w = &e->workers[worker];
    for (int i = mseg_train_part_begin(&job->blocks, part); i < mseg_train_part_begin(&job->blocks, part + 1); i++) {
        int first, n;
        const int sample = mseg_train_block(&job->blocks, i, &first, &n);
        const size_t at = cells_at(v, sample, first);
        load_inputs(e, v, w, w->x, NULL, sample, first, n);
        mseg_train_product args = {.x = w->x,
                                   .x_stride = input_stride(v),
                                   .b = v->packed,
                                   .rows = n,
                                   .k = v->taps * v->map_rows,
                                   .n = v->padded,
                                   .finish = v->output ? MSEG_FINISH_REALS : MSEG_FINISH_FORWARD,
                                   .sum = w->sum1,
                                   .sum2 = w->sum2};
        args.out = v->output ? (void *)(v->reals + at) : (char *)v->raw + at * e->kernels->cell;
        if (v->output)
            args.bias = e->parameters + v->shift;
        else if (v->by_sample)
            args.bias = v->by_sample + (size_t)sample * (size_t)v->padded;
        e->kernels->product(&args);
        if (!v->output)
            mseg_train_sums_flush(e, w, 0, part, v->padded);
    }
}

int mseg_train_conv_forward(mseg_engine *e, int i)
{
    mseg_train_value *v = &e->values[i];
    conv_job job = {e, v, mseg_train_blocks_of(e->samples, (int)mseg_train_pixels(v), v->block), {{0}}};
    mseg_train_by_sample_forward(e, i);
    mseg_pool_for(e->options.pool, job.blocks.parts, forward_part, &job);
    return job.blocks.parts;
}

/* ---- backward ----------------------------------------------------------------------------------------------------------- */

/* Loads the gradients of a block's outputs. */
static void load_gradients(mseg_engine *e, const mseg_train_value *v, mseg_train_worker *w, void *x, void *t, int sample,
                           int first, int n)
{
    const size_t at = cells_at(v, sample, first), bytes = (size_t)v->padded * e->kernels->cell;
    if (v->output) {
        e->kernels->load_reals(x, t, output_stride(v), v->real_gradient + at, (size_t)v->padded, n, v->padded);
        return;
    }
    const mseg_train_unnorm how = {v->a, v->b, v->e};
    for (int r = 0; r < n; r++) {
        w->rows[r] = (const char *)v->gradient + at * e->kernels->cell + (size_t)r * bytes;
        w->ys[r] = (const char *)v->raw + at * e->kernels->cell + (size_t)r * bytes;
    }
    e->kernels->load_gradient(x, t, output_stride(v), 0, w->rows, w->ys, n, v->padded, &how);
}

/* The gradient of a block of input k, from gradients that are operands x [n][depth]. */
static void make_gradient(const conv_job *job, mseg_train_worker *w, int k, int part, const void *x, size_t stride, int depth,
                          int sample, int first, int n)
{
    mseg_engine *e = job->engine;
    const mseg_train_target *target = &job->targets[k];
    mseg_train_value *in = input_of(e, job->value, k);
    const size_t at = cells_at(in, sample, first) * e->kernels->cell;
    mseg_train_product args = {.x = x,
                               .x_stride = stride,
                               .b = job->value->back[k],
                               .rows = n,
                               .k = depth,
                               .n = in->padded,
                               .finish = target->direct ? MSEG_FINISH_MASKED : MSEG_FINISH_PLAIN,
                               .out = (char *)in->gradient + at,
                               .sum = w->sum1,
                               .sum2 = w->sum2,
                               .raw = (const char *)in->raw + at,
                               .add = target->add ? (const char *)target->add + at : NULL};
    if (target->direct)
        mseg_train_cells(in, &args.how);
    e->kernels->product(&args);
    if (target->direct)
        mseg_train_sums_flush(e, w, k, part, in->padded);
}

/* The sum of a block's gradients by channel. */
static void sum_gradients(mseg_engine *e, mseg_train_value *v, mseg_train_worker *w, int block, int sample, int first, int n)
{
    const size_t at = cells_at(v, sample, first), cell = e->kernels->cell;
    const mseg_real *rows = v->output ? v->real_gradient + at : w->pixels;
    mseg_real *to = v->block_sums + (size_t)block * (size_t)v->padded;
    if (!v->output) {
        const mseg_train_unnorm how = {v->a, v->b, v->e};
        e->kernels->read_gradient(w->pixels, (const char *)v->gradient + at * cell, (const char *)v->raw + at * cell, n,
                                  v->padded, &how);
    }
    memset(to, 0, (size_t)v->padded * sizeof *to);
    for (int r = 0; r < n; r++)
        for (int c = 0; c < v->padded; c++)
            to[c] += rows[(size_t)r * (size_t)v->padded + (size_t)c];
}

/* Weights' gradients, and with them those of a 1x1 convolution's inputs. */
static void backward_part(void *context, int part, int worker)
{
    const conv_job *job = context;
    mseg_engine *e = job->engine;
    mseg_train_value *v = job->value;
    mseg_train_worker *w = &e->workers[worker];
    const bool paired = e->kernels->paired;
    void *t = paired ? w->t : w->x, *dt = paired ? w->dt : w->d;
    for (int i = mseg_train_part_begin(&job->blocks, part); i < mseg_train_part_begin(&job->blocks, part + 1); i++) {
        int first, n;
        const int sample = mseg_train_block(&job->blocks, i, &first, &n);
        if (v->block_sums)
            sum_gradients(e, v, w, i, sample, first, n);
        load_gradients(e, v, w, w->d, w->dt, sample, first, n);
        if (v->trained) {
            load_inputs(e, v, w, paired ? NULL : w->x, w->t, sample, first, n);
            e->kernels->weights(e->part_weights + (size_t)part * e->heaviest, t, input_stride(v), v->taps * v->map_rows, dt,
                                output_stride(v), v->padded, n);
        }
        for (int k = 0; k < v->layer->n_in && is_pointwise(v->layer); k++) {
            const mseg_train_value *in = input_of(e, v, k);
            if (is_map(in) && in->wanted)
                make_gradient(job, w, k, part, w->d, output_stride(v), v->padded, sample, first, n);
        }
    }
}

/* The gradient of the input of a convolution that is not 1x1 at stride 1: for each of its pixels, what the taps come to. */
static void gradient_part(void *context, int part, int worker)
{
    const conv_job *job = context;
    mseg_engine *e = job->engine;
    mseg_train_value *v = job->value, *in = input_of(e, v, 0);
    mseg_train_worker *w = &e->workers[worker];
    const mseg_train_unnorm how = {v->a, v->b, v->e};
    const size_t bytes = (size_t)v->padded * e->kernels->cell, stride = (size_t)(v->taps * v->padded) + SLACK;
    for (int i = mseg_train_part_begin(&job->blocks, part); i < mseg_train_part_begin(&job->blocks, part + 1); i++) {
        int first, n;
        const int sample = mseg_train_block(&job->blocks, i, &first, &n);
        const size_t at = (size_t)sample * mseg_train_pixels(v) * bytes;
        for (int tap = 0; tap < v->taps; tap++) {
            rows_of_tap_back(w->rows, (const char *)v->gradient + at, bytes, v->layer, in, v, tap, first, n);
            rows_of_tap_back(w->ys, (const char *)v->raw + at, bytes, v->layer, in, v, tap, first, n);
            e->kernels->load_gradient(w->x, NULL, stride, (size_t)(tap * v->padded), w->rows, w->ys, n, v->padded, &how);
        }
        make_gradient(job, w, 0, part, w->x, stride, v->taps * v->padded, sample, first, n);
    }
}

/* The bias of an output, whose gradient came from outside. */
static void join_bias(mseg_engine *e, const mseg_train_value *v, const mseg_train_blocks *blocks)
{
    for (int c = 0; c < v->padded; c++) {
        double sum = 0;
        for (int i = 0; i < blocks->blocks; i++)
            sum += (double)v->block_sums[(size_t)i * (size_t)v->padded + (size_t)c];
        e->gradient[v->shift + (size_t)c] = (mseg_real)sum;
    }
}

void mseg_train_conv_backward(mseg_engine *e, int i)
{
    mseg_train_value *v = &e->values[i];
    const mseg_train_blocks blocks = mseg_train_blocks_of(e->samples, (int)mseg_train_pixels(v), v->block);
    conv_job job = {e, v, blocks, {{0}}};
    int parts = blocks.parts;
    for (int k = 0; k < v->layer->n_in; k++)
        if (is_map(input_of(e, v, k)) && input_of(e, v, k)->wanted)
            job.targets[k] = mseg_train_target_of(e, v->layer->in[k]);
    mseg_pool_for(e->options.pool, parts, backward_part, &job);
    if (v->output && v->trained)
        join_bias(e, v, &blocks);
    if (v->trained)
        mseg_train_weights_join(e, i, parts, (size_t)(v->taps * v->map_rows) * (size_t)v->padded);
    if (!is_pointwise(v->layer) && v->layer->in[0] != 0 && input_of(e, v, 0)->wanted) {
        job.blocks = mseg_train_blocks_of(e->samples, (int)mseg_train_pixels(input_of(e, v, 0)), v->block);
        parts = job.blocks.parts;
        mseg_pool_for(e->options.pool, parts, gradient_part, &job);
    }
    for (int k = 0; k < v->layer->n_in; k++)
        if (job.targets[k].direct)
            mseg_train_norm_backward(e, v->layer->in[k], k, parts);
    mseg_train_by_sample_backward(e, i, &blocks);
}
