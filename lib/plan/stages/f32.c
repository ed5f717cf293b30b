#include "plan/stages/f32.h"

#include "base/alloc.h"

/* Stages of floats. */

static const mseg_net_layer *layer_at(const mseg_emitter *e, int index)
{
    return &e->net->run.layers[index];
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

static void make_linear(mseg_f32_conv *work)
{
    work->min = mseg_f32_min(MSEG_LINEAR);
    work->max = mseg_f32_max(MSEG_LINEAR);
}

/* Of inputs taken by and by the first come with the bias, the last with the activation. */
static void make_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, int layer,
                      const mseg_conv_part *part)
{
    mseg_f32_conv work = conv_work(e, layer);
    work.n0 = part->out.first;
    work.n = part->out.channels;
    work.k0 = part->in.first;
    work.k = part->in.channels;
    work.bias_tensor = part->bias_tensor;
    if (part->in.first > 0)
        work.bias = NULL;
    if (part->in.first + part->in.channels < work.panels->k)
        make_linear(&work);
    mseg_emit_f32_conv(e, step, pass, stage, &work);
}

static int make_vector(mseg_emitter *e, int index)
{
    const mseg_packed_layer *packed = &e->net->layers[index];
    const mseg_net_layer *layer = layer_at(e, index);
    mseg_step *step = mseg_emit_step(e, index, 1);
    mseg_pass *pass = mseg_emit_pass(e, step, 0, 1);
    const mseg_stage conv = {.in = {mseg_emit_value(e, step, packed->vector_in)},
                             .n_in = 1,
                             .out = mseg_emit_map(e, step, 1, 1, (size_t)layer->channels * sizeof(float), 0),
                             .window = mseg_emit_window(layer, 1, 1),
                             .rows = 1};
    mseg_f32_conv work = conv_work(e, index);
    work.panels = &packed->vector;
    work.k = packed->vector.k;
    make_linear(&work);
    mseg_emit_f32_conv(e, step, pass, &conv, &work);
    return conv.out.tensor;
}

static void make_picture(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage)
{
    mseg_stage picture = *stage;
    picture.run = mseg_stage_f32_normalise;
    mseg_emit_stage(e, pass, &picture, &e->net->run.input, sizeof e->net->run.input);
}

static size_t zeros_of(const mseg_emitter *e, const mseg_net_layer *depthwise, int width, int channels)
{
    const size_t whole = mseg_round_up((size_t)channels, (size_t)e->net->kernels->dwconv_vec);
    return ((size_t)width + 2 * (size_t)depthwise->rate) * (whole * sizeof(float) + MSEG_ALIGN); /* rings add a line */
}

static void make_depthwise(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, int index, mseg_slice part)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_packed_layer *packed = &e->net->layers[index];
    const mseg_f32_depthwise work = {packed->depthwise,
                                     packed->bias,
                                     part.first,
                                     part.channels,
                                     mseg_f32_min(layer->activation),
                                     mseg_f32_max(layer->activation)};
    mseg_stage depthwise = *stage;
    depthwise.run = mseg_stage_f32_depthwise;
    mseg_emit_zeros(step, zeros_of(e, layer, stage->in[0].width, part.channels));
    mseg_emit_stage(e, pass, &depthwise, &work, sizeof work);
}

static void make_max_pool(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage, int index)
{
    mseg_stage pool = *stage;
    pool.run = mseg_stage_f32_max_pool;
    mseg_emit_stage(e, pass, &pool, &layer_at(e, index)->channels, sizeof(int));
}

static void make_join(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage, const mseg_join *work)
{
    mseg_stage join = *stage;
    join.run = mseg_stage_f32_join;
    mseg_emit_stage(e, pass, &join, work, sizeof *work);
}

static void make_row_means(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage, mseg_slice part)
{
    mseg_stage means = *stage;
    means.run = mseg_stage_f32_row_means;
    mseg_emit_stage(e, pass, &means, &part.channels, sizeof part.channels);
}

static void make_average(mseg_emitter *e, mseg_step *step, int layer)
{
    (void)e;
    (void)layer;
    step->run = mseg_step_f32_average;
}

const mseg_makers mseg_f32_makers = {.element = sizeof(float),
                                     .picture = make_picture,
                                     .conv = make_conv,
                                     .zeros = zeros_of,
                                     .depthwise = make_depthwise,
                                     .max_pool = make_max_pool,
                                     .join = make_join,
                                     .average = make_average,
                                     .vector = make_vector,
                                     .row_means = make_row_means};
