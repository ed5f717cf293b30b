#include "plan/stages/u8.h"

#include "base/alloc.h"

/* Stages of bytes. */

static const mseg_net_layer *layer_at(const mseg_emitter *e, int index)
{
    return &e->net->run.layers[index];
}

static const mseg_packed_u8 *packed_at(const mseg_emitter *e, int index)
{
    return &e->net->layers[index].u8;
}

/* A net in 8 bits has no slices: part is all of the layer. */
static void make_conv(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, int layer,
                      const mseg_conv_part *part)
{
    const mseg_u8_conv work = {
        .packed = packed_at(e, layer), .bias_tensor = part->bias_tensor, .merged_columns = e->net->layers[layer].merged_columns};
    mseg_stage conv = *stage;
    (void)step;
    conv.run = mseg_stage_u8_conv;
    mseg_emit_stage(e, pass, &conv, &work, sizeof work);
}

static int make_vector(mseg_emitter *e, int index)
{
    const size_t channels = mseg_round_up((size_t)layer_at(e, index)->channels, (size_t)e->net->kernels->u8.gemm.nr);
    mseg_step *step = mseg_emit_step(e, index, 1);
    mseg_pass *pass = mseg_emit_pass(e, step, 0, 1);
    const mseg_stage stage = {.run = mseg_stage_u8_vector,
                              .in = {mseg_emit_value(e, step, e->net->layers[index].vector_in)},
                              .n_in = 1,
                              .out = mseg_emit_map(e, step, 1, 1, channels * sizeof(int32_t), 0),
                              .window = {.kernel = 1, .stride = 1, .rate_y = 1, .rate_x = 1},
                              .rows = 1};
    const mseg_packed_u8 *packed = packed_at(e, index);
    mseg_emit_stage(e, pass, &stage, &packed, sizeof packed);
    return stage.out.tensor;
}

static void make_picture(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage)
{
    const mseg_input *input = &e->net->run.input;
    mseg_u8_picture work = {.as_it_is = true, .quant = input->quant};
    mseg_stage picture = *stage;
    for (int c = 0; c < 3; c++) {
        work.pad[c] = mseg_u8_byte(input->quant, input->pad[c]);
        for (int b = 0; b < 256; b++) {
            work.table[c][b] = mseg_u8_byte(input->quant, (float)b * input->scale[c] + input->offset[c]);
            work.as_it_is = work.as_it_is && work.table[c][b] == b;
        }
    }
    picture.run = mseg_stage_u8_picture;
    mseg_emit_stage(e, pass, &picture, &work, sizeof work);
}

/* Rows outside of a map are each stage's own: zero points differ. */
static size_t no_zeros(const mseg_emitter *e, const mseg_net_layer *depthwise, int width, int channels)
{
    (void)e;
    (void)depthwise;
    (void)width;
    (void)channels;
    return 0;
}

static void make_depthwise(mseg_emitter *e, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, int index, mseg_slice part)
{
    const mseg_rows *in = &stage->in[0];
    mseg_u8_depthwise work = {.packed = packed_at(e, index), .channels = part.channels};
    mseg_stage depthwise = *stage;
    work.outside_bytes = ((size_t)in->width + 2 * (size_t)layer_at(e, index)->rate) * in->pixel;
    work.outside = mseg_emit_room(step, work.outside_bytes);
    depthwise.run = mseg_stage_u8_depthwise;
    mseg_emit_stage(e, pass, &depthwise, &work, sizeof work);
}

static void make_join(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage, const mseg_join *join)
{
    mseg_u8_join work = {.join = *join};
    mseg_stage full = *stage;
    for (int i = 0; i < stage->n_in; i++) {
        const mseg_packed_u8 *packed = packed_at(e, join->layers[i]);
        work.tables[i] = packed->join_translates ? packed->table : NULL;
    }
    full.run = mseg_stage_u8_join;
    mseg_emit_stage(e, pass, &full, &work, sizeof work);
}

static void make_average(mseg_emitter *e, mseg_step *step, int index)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_u8_average work = {mseg_u8_value(&e->net->run, layer->in[0]), layer->quant, layer->mean};
    step->run = mseg_step_u8_average;
    step->work = mseg_emit_work(e, &work, sizeof work);
}

const mseg_makers mseg_u8_makers = {.element = sizeof(uint8_t),
                                    .picture = make_picture,
                                    .conv = make_conv,
                                    .zeros = no_zeros,
                                    .depthwise = make_depthwise,
                                    .join = make_join,
                                    .average = make_average,
                                    .vector = make_vector};
