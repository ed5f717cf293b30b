#include "base/alloc.h"
#include "plan/stages/makers.h"

/* What stages layers and blocks have, whatever kind of numbers they are of. */

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

/* All of a convolution over its maps, or over its vectors when there are only such. */
static mseg_conv_part whole_conv(const mseg_emitter *e, int index)
{
    const mseg_net_layer *layer = layer_at(e, index);
    return (mseg_conv_part){
        .out = {0, layer->channels}, .in = {0, layer_at(e, layer->in[layer->n_in - 1])->channels}, .bias_tensor = -1};
}

/* The first convolution: the picture's rows enter by the input rule into a ring that it reads. */
static void emit_first(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const struct mseg_size *in = &e->sizes[0];
    mseg_stage conv = {.n_in = 1, .out = *out, .window = mseg_emit_window(layer, in->width, in->height), .rows = 1};
    mseg_conv_part part = whole_conv(e, index);
    conv.in[0] = mseg_emit_ring(step, in->width, in->height, 3 * e->makers->element, layer->kernel * layer->rate,
                                mseg_window_span(&conv.window, 1));
    conv.in[0].fill = mseg_value_fill(e->net, 0);
    const mseg_stage picture = {
        .out = conv.in[0], .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1}, .rows = layer->stride};
    e->makers->picture(e, pass, &picture);
    if (layer->kernel > 1)
        part.in.channels *= layer->kernel; /* a tap is a whole kernel row */
    e->makers->conv(e, step, pass, &conv, index, &part);
}

static void emit_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, int bias_tensor, const mseg_rows *ring,
                      const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_stage conv = {.has_add = layer->add >= 0, .out = *out};
    mseg_conv_part part = whole_conv(e, index);
    for (int i = 0; i < layer->n_in; i++)
        if (layer->in[i] != e->net->layers[index].vector_in) {
            conv.in[conv.n_in++] = ring ? *ring : mseg_emit_value(e, step, layer->in[i]);
            part.in.channels = layer_at(e, layer->in[i])->channels;
        }
    conv.window = mseg_emit_window(layer, conv.in[0].width, conv.in[0].height);
    if (bias_tensor >= 0)
        mseg_emit_keep(e, step, bias_tensor);
    part.bias_tensor = bias_tensor;
    if (conv.has_add)
        conv.add = mseg_emit_value(e, step, layer->add);
    conv.rows = ring ? MSEG_BLOCK_ROWS : rows_at_a_time(e, &conv);
    e->makers->conv(e, step, pass, &conv, index, &part);
}

static void emit_max_pool(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_rows in = mseg_emit_value(e, step, layer->in[0]);
    const mseg_stage pool = {
        .in = {in}, .n_in = 1, .out = *out, .window = mseg_emit_window(layer, in.width, in.height), .rows = 1};
    e->makers->max_pool(e, pass, &pool, index);
}

/* The input that gives the size comes first: it is the one that may stream. */
static void emit_join(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, const mseg_rows *ring, const mseg_rows *out)
{
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_stage join = {.n_in = layer->n_in,
                       .out = *out,
                       .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1},
                       .rows = MSEG_BLOCK_ROWS};
    mseg_join work = {.sampling = e->net->run.input.sampling};
    int width = 0, widest = 0;
    for (int i = 0, first = 0; i < layer->n_in; i++) {
        const int at = (i + 1) % layer->n_in, channels = layer_at(e, layer->in[i])->channels;
        const bool streams = ring && layer->in[i] == mseg_layer_map(&e->net->run, layer);
        join.in[at] = streams ? *ring : mseg_emit_value(e, step, layer->in[i]);
        work.layers[at] = layer->in[i];
        work.channels[at] = channels;
        work.first[at] = first;
        first += channels;
        width = join.in[at].width > width ? join.in[at].width : width;
        widest = channels > widest ? channels : widest;
    }
    work.line = mseg_emit_ring(step, width, 1, (size_t)widest * sizeof(float), 0, 1);
    e->makers->join(e, pass, &join, &work);
}

void mseg_emit_layer(mseg_emitter *e, mseg_step *step, mseg_pass *pass, int index, int bias_tensor, const mseg_rows *ring,
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

/* ---- blocks ---- */

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
    mseg_conv_part part = whole_conv(e, g->expand);
    part.out = s;
    e->makers->conv(e, step, pass, &stage, g->expand, &part);
}

static void emit_project(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, mseg_slice s,
                         const mseg_rows *in, const mseg_block_rows *rows)
{
    mseg_stage stage = pointwise_stage(in, &rows->out);
    mseg_conv_part part = whole_conv(e, g->pointwise);
    part.in = s;
    stage.has_add = s.first > 0 || layer_at(e, g->pointwise)->add >= 0;
    stage.add = s.first > 0 ? rows->out : rows->add;
    e->makers->conv(e, step, pass, &stage, g->pointwise, &part);
}

/* Bytes of a pixel of a ring between the stages of a block. */
static size_t ring_pixel(const mseg_emitter *e, int channels)
{
    const mseg_kernels *k = e->net->kernels;
    const int vec = e->net->integers ? k->u8.dwconv.vec : k->dwconv_vec;
    return mseg_round_up((size_t)channels, (size_t)vec) * e->makers->element;
}

void mseg_emit_block(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_group *g, mseg_slice s,
                     const mseg_block_rows *rows, bool split)
{
    const mseg_net_layer *layer = layer_at(e, g->depthwise);
    mseg_stage depthwise = {.in = {rows->in},
                            .n_in = 1,
                            .out = rows->out,
                            .window = mseg_emit_window(layer, rows->in.width, e->sizes[layer->in[0]].height),
                            .rows = MSEG_BLOCK_ROWS};
    if (split)
        depthwise.window.rate_y = depthwise.window.pad_y = 1;
    if (g->expand >= 0) {
        depthwise.in[0] = mseg_emit_ring(step, rows->in.width, rows->in.height, ring_pixel(e, s.channels), layer->rate,
                                         mseg_window_span(&depthwise.window, depthwise.rows));
        depthwise.in[0].fill = mseg_value_fill(e->net, g->expand);
        emit_expand(e, step, pass, g, s, &rows->in, &depthwise.in[0]);
    }
    if (g->pointwise >= 0)
        depthwise.out = mseg_emit_ring(step, rows->out.width, rows->out.height, ring_pixel(e, s.channels), 0, MSEG_BLOCK_ROWS);
    e->makers->depthwise(e, step, pass, &depthwise, g->depthwise, s);
    if (g->pooled) {
        mseg_stage means = pointwise_stage(&depthwise.out, &rows->means);
        means.out.origin += (size_t)s.first * sizeof(float);
        e->makers->row_means(e, pass, &means, s);
    }
    if (g->pointwise >= 0)
        emit_project(e, step, pass, g, s, &depthwise.out, rows);
}
