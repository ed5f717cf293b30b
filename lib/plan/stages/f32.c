#include "plan/stages/f32.h"

#include "base/alloc.h"

/* What stages layers and blocks have in float. */

static const mseg_net_layer *layer_at(const mseg_emitter *e, int index)
{
    return &e->net->run.layers[index];
}

/* ---- single layers ---- */

/* Rows to make at a time: as many as keep their inputs in half of the second-level cache while the weights pass by once. */
static int rows_at_a_time(const mseg_emitter *e, const mseg_stage *stage)
{
    size_t bytes = 0;
    for (int i = 0; i < stage->n_in; i++)
        bytes += stage->in[i].row * (size_t)stage->window.stride;
    int rows = bytes ? (int)(e->cpu.l2_bytes / 2 / bytes) : 1;
    return rows < 1 ? 1 : rows > stage->out.height ? stage->out.height : rows;
}

static mseg_f32_conv conv_work(const mseg_emitter *e, int index)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_packed_layer *packed = &e->net->layers[index];
    return (mseg_f32_conv){.panels = &packed->panels,
                           .bias = packed->bias,
                           .bias_tensor = -1,
                           .n = layer->channels,
                           .k = packed->panels.k,
                           .merged_columns = packed->merged_columns,
                           .min = mseg_f32_min(layer->activation),
                           .max = mseg_f32_max(layer->activation)};
}

/* The first convolution: the picture's rows enter by the input rule into a ring that it reads. */
static void emit_first(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const struct mseg_size *in = &e->sizes[0];
    mseg_stage conv = {.n_in = 1, .out = *out, .window = mseg_emit_window(layer, in->width, in->height), .rows = 1};
    const mseg_f32_conv work = conv_work(e, index);
    conv.in[0] = mseg_emit_ring(step, in->width, in->height, 3, layer->kernel * layer->rate, mseg_window_span(&conv.window, 1));
    const mseg_stage picture = {.run = mseg_stage_f32_normalise,
                                .out = conv.in[0],
                                .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1},
                                .rows = layer->stride};
    mseg_emit_stage(e, pass, &picture, &e->net->run.input, sizeof e->net->run.input);
    mseg_emit_f32_conv(e, step, pass, &conv, &work);
}

int mseg_emit_f32_vector(mseg_emitter *e, int index)
{
    const mseg_packed_layer *packed = &e->net->layers[index];
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_step *step = mseg_emit_step(e, index, 1);
    mseg_pass *pass = mseg_emit_pass(e, step, 0, 1);
    mseg_stage conv = {.in = {mseg_emit_value(e, step, packed->vector_in)},
                       .n_in = 1,
                       .out = mseg_emit_map(e, step, 1, 1, (size_t)layer->channels * sizeof(float), 0),
                       .window = mseg_emit_window(layer, 1, 1),
                       .rows = 1};
    mseg_f32_conv work = conv_work(e, index);
    work.panels = &packed->vector;
    work.k = packed->vector.k;
    work.min = mseg_f32_min(MSEG_LINEAR);
    work.max = mseg_f32_max(MSEG_LINEAR);
    mseg_emit_f32_conv(e, step, pass, &conv, &work);
    return conv.out.tensor;
}

static void emit_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, int bias_tensor, const mseg_rows *ring,
                      const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_stage conv = {.has_add = layer->add >= 0, .out = *out};
    mseg_f32_conv work = conv_work(e, index);
    for (int i = 0; i < layer->n_in; i++)
        if (layer->in[i] != e->net->layers[index].vector_in)
            conv.in[conv.n_in++] = ring ? *ring : mseg_emit_value(e, step, layer->in[i]);
    conv.window = mseg_emit_window(layer, conv.in[0].width, conv.in[0].height);
    if (bias_tensor >= 0)
        mseg_emit_keep(e, step, bias_tensor);
    work.bias_tensor = bias_tensor;
    if (conv.has_add)
        conv.add = mseg_emit_value(e, step, layer->add);
    conv.rows = ring ? MSEG_BLOCK_ROWS : rows_at_a_time(e, &conv);
    mseg_emit_f32_conv(e, step, pass, &conv, &work);
}

static void emit_max_pool(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_rows in = mseg_emit_value(e, step, layer->in[0]);
    const mseg_stage pool = {.run = mseg_stage_f32_max_pool,
                             .in = {in},
                             .n_in = 1,
                             .out = *out,
                             .window = mseg_emit_window(layer, in.width, in.height),
                             .rows = 1};
    mseg_emit_stage(e, pass, &pool, &layer->channels, sizeof layer->channels);
}

/* The input that gives the size comes first: it is the one that may stream. */
static void emit_join(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, const mseg_rows *ring, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_stage join = {.run = mseg_stage_f32_join,
                       .n_in = layer->n_in,
                       .out = *out,
                       .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1},
                       .rows = MSEG_BLOCK_ROWS};
    mseg_f32_join work = {.sampling = e->net->run.input.sampling};
    int width = 0, widest = 0;
    for (int i = 0, first = 0; i < layer->n_in; i++) {
        const int at = (i + 1) % layer->n_in, channels = layer_at(e, layer->in[i])->channels;
        const bool streams = ring && layer->in[i] == mseg_layer_map(&e->net->run, layer);
        join.in[at] = streams ? *ring : mseg_emit_value(e, step, layer->in[i]);
        work.channels[at] = channels;
        work.first[at] = first;
        first += channels;
        width = join.in[at].width > width ? join.in[at].width : width;
        widest = channels > widest ? channels : widest;
    }
    work.line = mseg_emit_ring(step, width, 1, (size_t)widest, 0, 1);
    mseg_emit_stage(e, pass, &join, &work, sizeof work);
}

/* ---- blocks ---- */

static size_t whole(const mseg_emitter *e, int channels)
{
    return mseg_round_up((size_t)channels, (size_t)e->net->kernels->dwconv_vec);
}

size_t mseg_emit_f32_zeros(const mseg_emitter *e, const mseg_net_layer *depthwise, int width, int channels)
{
    return ((size_t)width + 2 * (size_t)depthwise->rate) * (whole(e, channels) * sizeof(float) + MSEG_ALIGN);
}

static mseg_stage pointwise_stage(const mseg_rows *in, const mseg_rows *out)
{
    return (mseg_stage){.in = {*in},
                        .n_in = 1,
                        .out = *out,
                        .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1},
                        .rows = MSEG_BLOCK_ROWS};
}

static void emit_expand(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, mseg_slice s, const mseg_rows *in,
                        const mseg_rows *out)
{
    const mseg_stage stage = pointwise_stage(in, out);
    mseg_f32_conv work = conv_work(e, g->expand);
    work.n0 = s.first;
    work.n = s.channels;
    mseg_emit_f32_conv(e, step, pass, &stage, &work);
}

static void emit_project(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, mseg_slice s,
                         const mseg_rows *in, const mseg_block_rows *rows)
{
    mseg_stage stage = pointwise_stage(in, &rows->out);
    mseg_f32_conv work = conv_work(e, g->pointwise);
    work.k0 = s.first;
    work.k = s.channels;
    stage.has_add = s.first > 0 || layer_at(e, g->pointwise)->add >= 0;
    stage.add = s.first > 0 ? rows->out : rows->add;
    if (s.first > 0)
        work.bias = NULL;
    if (s.first + s.channels < mseg_group_expanded(&e->net->run, g)) {
        work.min = mseg_f32_min(MSEG_LINEAR);
        work.max = mseg_f32_max(MSEG_LINEAR);
    }
    mseg_emit_f32_conv(e, step, pass, &stage, &work);
}

void mseg_emit_f32_block(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, mseg_slice s,
                         const mseg_block_rows *rows, bool split)
{
    const mseg_net_layer *layer = layer_at(e, g->depthwise);
    const mseg_packed_layer *packed = &e->net->layers[g->depthwise];
    const mseg_f32_depthwise work = {
        packed->depthwise, packed->bias, s.first, s.channels, mseg_f32_min(layer->activation), mseg_f32_max(layer->activation)};
    mseg_stage depthwise = {.run = mseg_stage_f32_depthwise,
                            .in = {rows->in},
                            .n_in = 1,
                            .out = rows->out,
                            .window = mseg_emit_window(layer, rows->in.width, e->sizes[layer->in[0]].height),
                            .rows = MSEG_BLOCK_ROWS};
    if (split)
        depthwise.window.rate_y = depthwise.window.pad_y = 1;
    if (g->expand >= 0) {
        depthwise.in[0] = mseg_emit_ring(step, rows->in.width, rows->in.height, whole(e, s.channels), layer->rate,
                                         mseg_window_span(&depthwise.window, depthwise.rows));
        emit_expand(e, step, pass, g, s, &rows->in, &depthwise.in[0]);
    }
    mseg_emit_zeros(step, mseg_emit_f32_zeros(e, layer, rows->in.width, s.channels));
    if (g->pointwise >= 0)
        depthwise.out = mseg_emit_ring(step, rows->out.width, rows->out.height, whole(e, s.channels), 0, MSEG_BLOCK_ROWS);
    mseg_emit_stage(e, pass, &depthwise, &work, sizeof work);
    if (g->pooled) {
        mseg_stage means = pointwise_stage(&depthwise.out, &rows->means);
        means.run = mseg_stage_f32_row_means;
        means.out.origin += (size_t)s.first * sizeof(float);
        mseg_emit_stage(e, pass, &means, &s.channels, sizeof s.channels);
    }
    if (g->pointwise >= 0)
        emit_project(e, step, pass, g, s, &depthwise.out, rows);
}

void mseg_emit_f32_layer(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, int bias_tensor, const mseg_rows *ring,
                         const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    if (layer->kind == MSEG_MAX_POOL)
        emit_max_pool(e, step, pass, index, out);
    else if (layer->kind == MSEG_JOIN)
        emit_join(e, step, pass, index, ring, out);
    else if (layer->in[0] == 0)
        emit_first(e, step, pass, index, out);
    else
        emit_conv(e, step, pass, index, bias_tensor, ring, out);
}
