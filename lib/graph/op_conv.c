#include "base/alloc.h"
#include "graph/stage.h"

/* Rows to make at a time: as many as keep their inputs in half of the second-level cache while the weights pass by once. */
static int rows_at_a_time(const mseg_planner *planner, const mseg_stage *stage)
{
    size_t bytes = 0;
    for (int i = 0; i < stage->n_in; i++)
        bytes += stage->in[i].row * (size_t)stage->stride * sizeof(float);
    int rows = bytes ? (int)(planner->cpu.l2_bytes / 2 / bytes) : 1;
    return rows < 1 ? 1 : rows > stage->out.height ? stage->out.height : rows;
}

static mseg_stage conv_stage(const mseg_op *op, const mseg_rows *in)
{
    mseg_stage stage = {
        .run = mseg_stage_conv,
        .kernel = op->kernel,
        .stride = op->stride,
        .rate_y = op->rate,
        .rate_x = op->rate,
        .pad_y = mseg_planner_pad(op, in->height),
        .pad_x = mseg_planner_pad(op, in->width),
        .n = op->out_channels,
        .k = op->weights.k,
        .weights = &op->weights,
        .bias = op->bias,
        .bias_tensor = -1,
        .merged_columns = op->merged_columns,
        .rows = 1,
    };
    mseg_stage_clamp(&stage, op->activation);
    return stage;
}

/* The first convolution: the picture's rows are normalised into a ring that it reads. */
static mseg_status plan_first(mseg_planner *planner, const mseg_op *op)
{
    const struct mseg_size *in = &planner->plan->sizes[op->inputs[0]], *out = &planner->plan->sizes[op->out];
    mseg_pass *pass = mseg_planner_pass(planner, 0, out->height);
    if (!pass)
        return MSEG_NOMEM;
    mseg_rows picture = {.width = in->width, .height = in->height, .pixel = 3};
    mseg_stage conv = conv_stage(op, &picture);
    conv.in[0] = mseg_planner_ring(planner, in->width, in->height, 3, op->kernel * op->rate, mseg_stage_span(&conv, 1));
    conv.n_in = 1;
    conv.out = mseg_planner_value(planner, op->out);
    mseg_planner_pairs(planner, &conv);
    pass->stages[pass->n_stages++] = (mseg_stage){.run = mseg_stage_normalise, .out = conv.in[0], .rows = op->stride};
    pass->stages[pass->n_stages++] = conv;
    return conv.out.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

/* The 1x1 input's share is the same for all pixels: a step of its own adds it to the bias. */
static mseg_status plan_vector(mseg_planner *planner, const mseg_op *op, mseg_rows *bias)
{
    if (!mseg_planner_step(planner, op))
        return MSEG_NOMEM;
    mseg_pass *pass = mseg_planner_pass(planner, 0, 1);
    if (!pass)
        return MSEG_NOMEM;
    mseg_rows in = mseg_planner_value(planner, op->vector_input);
    mseg_stage stage = conv_stage(op, &in);
    stage.in[0] = in;
    stage.n_in = 1;
    stage.weights = &op->vector;
    stage.k = op->vector.k;
    mseg_planner_pairs(planner, &stage);
    mseg_stage_clamp(&stage, MSEG_LINEAR);
    *bias = stage.out = mseg_planner_rows(planner, 1, 1, (size_t)op->out_channels, 0);
    pass->stages[pass->n_stages++] = stage;
    return in.tensor < 0 || bias->tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

static mseg_status plan_rest(mseg_planner *planner, const mseg_op *op, const mseg_rows *bias)
{
    mseg_pass *pass = mseg_planner_pass(planner, 0, planner->plan->sizes[op->out].height);
    if (!pass)
        return MSEG_NOMEM;
    mseg_rows maps[MSEG_MAX_INPUTS] = {0};
    int n = 0;
    for (int i = 0; i < op->n_inputs; i++)
        if (op->inputs[i] != op->vector_input && (maps[n++] = mseg_planner_value(planner, op->inputs[i])).tensor < 0)
            return MSEG_NOMEM;
    mseg_stage stage = conv_stage(op, &maps[0]);
    for (int i = 0; i < n; i++)
        stage.in[i] = maps[i];
    stage.n_in = n;
    if (bias) {
        stage.bias_tensor = bias->tensor;
        mseg_planner_keep(planner, bias->tensor);
    }
    stage.has_add = op->add >= 0;
    if (stage.has_add && (stage.add = mseg_planner_value(planner, op->add)).tensor < 0)
        return MSEG_NOMEM;
    stage.out = mseg_planner_value(planner, op->out);
    stage.rows = rows_at_a_time(planner, &stage);
    mseg_planner_pairs(planner, &stage);
    pass->stages[pass->n_stages++] = stage;
    return stage.out.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

static mseg_status plan(mseg_planner *planner, const mseg_op *op)
{
    if (mseg_planner_is_folded(planner, op))
        return MSEG_OK;
    mseg_rows bias;
    if (op->vector_input >= 0) {
        mseg_status status = plan_vector(planner, op, &bias);
        if (status)
            return status;
    }
    if (!mseg_planner_step(planner, op))
        return MSEG_NOMEM;
    return op->inputs[0] == 0 ? plan_first(planner, op) : plan_rest(planner, op, op->vector_input >= 0 ? &bias : NULL);
}

static int64_t madds(const mseg_op *op, int64_t in_pixels, int64_t out_pixels)
{
    (void)in_pixels;
    return out_pixels * op->kernel * op->kernel * op->in_channels * op->out_channels;
}

static void release(mseg_op *op)
{
    mseg_free(&op->weights.data);
    mseg_free(&op->vector.data);
    mseg_free(&op->bias);
}

const mseg_operator mseg_operator_conv = {"conv", plan, madds, release};
