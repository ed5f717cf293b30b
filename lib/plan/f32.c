#include "plan/stages/f32.h"

#include "base/alloc.h"

/* From groups to steps, passes and stages, for networks in float. */

/* Channels of a block's expanded map. */
typedef struct slice {
    int first, channels;
} slice;

static const mseg_net_layer *layer_at(const mseg_emitter *e, int index)
{
    return &e->net->run.layers[index];
}

/* Every step-th row of a map, from row first on. */
static mseg_rows every(mseg_rows rows, int first, int step)
{
    rows.origin += (size_t)first * rows.row;
    rows.row *= (size_t)step;
    rows.height = rows.slots = (rows.height - first + step - 1) / step;
    return rows;
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

/* The share of the 1x1 input, which is the same for all pixels: a step of its own adds it to the bias. */
static int emit_vector(mseg_emitter *e, int index)
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

/* bias_tensor: what emit_vector gave, -1: none. */
static void emit_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, int bias_tensor, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_stage conv = {.has_add = layer->add >= 0, .out = *out};
    mseg_f32_conv work = conv_work(e, index);
    for (int i = 0; i < layer->n_in; i++)
        if (layer->in[i] != e->net->layers[index].vector_in)
            conv.in[conv.n_in++] = mseg_emit_value(e, step, layer->in[i]);
    conv.window = mseg_emit_window(layer, conv.in[0].width, conv.in[0].height);
    if (bias_tensor >= 0)
        mseg_emit_keep(e, step, bias_tensor);
    work.bias_tensor = bias_tensor;
    if (conv.has_add)
        conv.add = mseg_emit_value(e, step, layer->add);
    conv.rows = rows_at_a_time(e, &conv);
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

/* Whether a value exists only as a ring in the block that makes it. */
static bool is_ring(const mseg_emitter *e, mseg_value value)
{
    for (int i = 0; i < e->n_groups; i++)
        if (e->groups[i].depthwise == value && e->groups[i].pointwise >= 0)
            return true;
    return false;
}

static void emit_average(mseg_emitter *e, int index)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_value in = layer->in[0];
    mseg_step *step = mseg_emit_step(e, index, 0);
    step->run = mseg_step_f32_average;
    step->units = layer->channels;
    step->in = is_ring(e, in) ? mseg_emit_row_means(e, step, in) : mseg_emit_value(e, step, in);
    step->out = mseg_emit_value(e, step, index);
}

/* ---- blocks ---- */

/* What one pass of a block reads and writes; add and means are not always there. */
typedef struct block_rows {
    mseg_rows in, out, add, means;
} block_rows;

static block_rows every_of(const block_rows *rows, int first, int step)
{
    return (block_rows){every(rows->in, first, step), every(rows->out, first, step), every(rows->add, first, step),
                        every(rows->means, first, step)};
}

static size_t whole(const mseg_emitter *e, int channels)
{
    return mseg_round_up((size_t)channels, (size_t)e->net->kernels->dwconv_vec);
}

/* A padded row of the depthwise convolution's input, with the line that rings add to a pixel. */
static size_t zero_bytes(const mseg_emitter *e, const mseg_net_layer *depthwise, int width, int channels)
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

static void emit_expand(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, slice s, const mseg_rows *in,
                        const mseg_rows *out)
{
    const mseg_stage stage = pointwise_stage(in, out);
    mseg_f32_conv work = conv_work(e, g->expand);
    work.n0 = s.first;
    work.n = s.channels;
    mseg_emit_f32_conv(e, step, pass, &stage, &work);
}

static void emit_project(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, slice s, const mseg_rows *in,
                         const block_rows *rows)
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

/* The stages of one slice of a block. split: rows are every rate-th of the map's. */
static void emit_block(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, slice s, const block_rows *rows,
                       bool split)
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
    mseg_emit_zeros(step, zero_bytes(e, layer, rows->in.width, s.channels));
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

static block_rows rows_of(mseg_emitter *e, const mseg_step *step, const mseg_group *g, const mseg_rows *in, const mseg_rows *out)
{
    const mseg_value add = g->pointwise >= 0 ? layer_at(e, g->pointwise)->add : -1;
    block_rows rows = {.in = *in, .out = *out};
    if (add >= 0)
        rows.add = mseg_emit_value(e, step, add);
    if (g->pooled)
        rows.means = mseg_emit_row_means(e, step, g->depthwise);
    return rows;
}

/* All slices and row classes of a block as passes of one step. */
static void emit_passes(mseg_emitter *e, mseg_step *step, const mseg_group *g, const mseg_rows *in, const mseg_rows *out)
{
    const int expanded = mseg_group_expanded(&e->net->run, g);
    const block_rows rows = rows_of(e, step, g, in, out);
    mseg_emit_zeros(step, zero_bytes(e, layer_at(e, g->depthwise), in->width, g->width));
    const size_t base = step->scratch_bytes; /* behind the zeros, passes take turns in the same scratch */
    size_t largest = base;
    for (int first = 0; first < expanded; first += g->width) {
        const slice s = {first, expanded - first < g->width ? expanded - first : g->width};
        for (int c = 0, unit = 0; c < g->classes; c++) {
            const block_rows class = every_of(&rows, c, g->classes);
            step->scratch_bytes = base;
            emit_block(e, step, mseg_emit_pass(e, step, unit, class.out.height), g, s, &class, g->classes > 1);
            unit += class.out.height;
            largest = step->scratch_bytes > largest ? step->scratch_bytes : largest;
        }
    }
    step->scratch_bytes = largest;
}

/* ---- steps ---- */

static mseg_value output_of(const mseg_group *g)
{
    return g->first + g->n - 1;
}

/* The ring through which a group's output streams to the block behind it. */
static mseg_rows ring_between(mseg_emitter *e, mseg_step *step, const mseg_group *g, const mseg_group *reader)
{
    const mseg_value map = output_of(g);
    const struct mseg_size *size = &e->sizes[map];
    const mseg_window window = mseg_emit_window(layer_at(e, reader->depthwise), size->width, size->height);
    const int slots = reader->expand >= 0 ? MSEG_BLOCK_ROWS : mseg_window_span(&window, MSEG_BLOCK_ROWS);
    return mseg_emit_ring(step, size->width, size->height, mseg_value_floats(e->net, map), mseg_value_pad(e->net, map), slots);
}

static void emit_group(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, int bias_tensor,
                       const mseg_rows *in, const mseg_rows *out)
{
    if (g->depthwise >= 0) {
        const block_rows rows = rows_of(e, step, g, in, out);
        emit_block(e, step, pass, g, (slice){0, g->width}, &rows, false);
    } else if (layer_at(e, g->first)->kind == MSEG_MAX_POOL) {
        emit_max_pool(e, step, pass, g->first, out);
    } else if (layer_at(e, g->first)->in[0] == 0) {
        emit_first(e, step, pass, g->first, out);
    } else {
        emit_conv(e, step, pass, g->first, bias_tensor, out);
    }
}

/* n groups as one pass, each streaming from the one before. */
static void emit_chain(mseg_emitter *e, mseg_step *step, const mseg_group *groups, int n, int bias_tensor)
{
    const mseg_value last = output_of(&groups[n - 1]);
    const mseg_net_layer *first = layer_at(e, groups[0].first);
    mseg_pass *pass = mseg_emit_pass(e, step, 0, e->sizes[last].height);
    mseg_rows in = {0};
    if (groups[0].depthwise >= 0)
        in = mseg_emit_value(e, step, first->in[0]);
    for (int i = 0; i < n; i++) {
        const mseg_rows out = i + 1 < n ? ring_between(e, step, &groups[i], &groups[i + 1]) : mseg_emit_value(e, step, last);
        emit_group(e, step, pass, &groups[i], bias_tensor, &in, &out);
        in = out;
    }
}

int mseg_emit_groups(mseg_emitter *e, const mseg_group *groups, int n)
{
    const mseg_group *g = &groups[0];
    int chained = 1, passes = mseg_group_passes(&e->net->run, g), bias_tensor = -1;
    while (chained < n && groups[chained].streams)
        chained++;
    if (layer_at(e, g->first)->kind == MSEG_GLOBAL_POOL) {
        emit_average(e, g->first);
    } else {
        if (e->net->layers[g->first].vector_in >= 0)
            bias_tensor = emit_vector(e, g->first);
        mseg_step *step = mseg_emit_step(e, g->first, passes);
        if (chained == 1 && g->depthwise >= 0) {
            const mseg_rows in = mseg_emit_value(e, step, layer_at(e, g->first)->in[0]);
            const mseg_rows out = mseg_emit_value(e, step, output_of(g));
            emit_passes(e, step, g, &in, &out);
        } else {
            emit_chain(e, step, groups, chained, bias_tensor);
        }
    }
    for (int i = g->first; i <= output_of(&groups[chained - 1]); i++)
        e->plan->layer_step[i] = e->plan->n_steps - 1;
    return chained;
}
