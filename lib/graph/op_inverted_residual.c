#include "base/alloc.h"
#include "graph/stage.h"

/* The block as one operator (arXiv 1801.04381, section 5.1). Expansion, depthwise and projection are stages of a pass: rows of
 * the expanded map live in a ring, so it never exists whole. A pass makes a group of the expanded channels, the projection adding
 * up over the groups (the paper's t-way split); see group_channels() for when there is more than one.
 * With an atrous rate r at stride 1, rows y, y + r, y + 2r ... need only one another: r passes of every r-th row, each with a
 * ring of three rows and no overlap. */

/* Rows that a stage makes at a time: two share their weights, and the rows that the depthwise convolution reads. */
enum { ROWS = 2, CACHES = 8 };

typedef struct group {
    int first, channels;
} group;

static mseg_stage pointwise_stage(const mseg_packed *weights, const float *bias)
{
    return (mseg_stage){.run = mseg_stage_conv,
                        .kernel = 1,
                        .stride = 1,
                        .rate_y = 1,
                        .rate_x = 1,
                        .rows = ROWS,
                        .n_in = 1,
                        .weights = weights,
                        .bias = bias,
                        .bias_tensor = -1};
}

static mseg_stage expand_stage(const mseg_op *op, group g)
{
    mseg_stage stage = pointwise_stage(&op->expand, op->expand_bias);
    stage.n0 = g.first;
    stage.n = g.channels;
    stage.k = op->in_channels;
    mseg_stage_clamp(&stage, MSEG_RELU6);
    return stage;
}

static mseg_stage depthwise_stage(const mseg_op *op, group g, const struct mseg_size *in)
{
    mseg_stage stage = {.run = mseg_stage_depthwise,
                        .kernel = 3,
                        .stride = op->stride,
                        .rate_y = op->rate,
                        .rate_x = op->rate,
                        .pad_y = mseg_planner_pad(op, in->height),
                        .pad_x = mseg_planner_pad(op, in->width),
                        .rows = ROWS,
                        .n_in = 1,
                        .n0 = g.first,
                        .n = g.channels,
                        .depthwise = op->depthwise,
                        .bias = op->depthwise_bias,
                        .bias_tensor = -1};
    mseg_stage_clamp(&stage, op->depthwise_activation);
    return stage;
}

static mseg_stage project_stage(const mseg_op *op, group g)
{
    mseg_stage stage = pointwise_stage(&op->weights, op->bias);
    stage.n = op->out_channels;
    stage.k0 = g.first;
    stage.k = g.channels;
    mseg_stage_clamp(&stage, g.first + g.channels == op->expanded ? op->activation : MSEG_LINEAR);
    return stage;
}

/* Projection and folded convolution as one. */
static mseg_stage folded_stage(const mseg_op *op, const mseg_op *conv)
{
    mseg_stage stage = pointwise_stage(&op->folded_weights, op->folded_bias);
    stage.n = conv->out_channels;
    stage.k = op->expanded;
    mseg_stage_clamp(&stage, conv->activation);
    return stage;
}

/* A padded row of the depthwise convolution's input, with the line that rings add to a pixel. */
static size_t zero_floats(const mseg_planner *planner, const mseg_op *op, int width, int channels)
{
    return ((size_t)width + 2 * (size_t)op->rate) * (mseg_planner_whole(planner, channels) + MSEG_ALIGN / sizeof(float));
}

/* Channels per group, whole panels of the expansion; all of them when the operator does not expand. Every further group reads and
 * writes the output once more, which was measured to cost more than streaming weights from the last-level cache does, from 9
 * pixels a row on: so groups are for working sets beyond what a core has of that, taken as CACHES second-level caches. */
static int group_channels(const mseg_planner *planner, const mseg_op *op)
{
    const struct mseg_size *in = &planner->plan->sizes[op->inputs[0]], *out = &planner->plan->sizes[op->out];
    if (!op->expand.data)
        return op->expanded;
    size_t rings = (size_t)(op->stride * (ROWS - 1) + 3) * (size_t)(in->width + 2 * op->rate) + (size_t)(ROWS * out->width);
    size_t bytes = ((size_t)op->in_channels + (size_t)op->out_channels + 9 + rings) * sizeof(float);
    size_t budget = planner->cpu.l2_bytes * CACHES;
    int nr = op->expand.nr;
    int groups = (int)(((size_t)op->expanded * bytes + budget - 1) / budget);
    int channels = (int)mseg_round_up((size_t)((op->expanded + groups - 1) / groups), (size_t)nr);
    return channels < op->expanded ? channels : op->expanded;
}

const mseg_op *mseg_planner_folded(const mseg_planner *planner, const mseg_op *op)
{
    return op->folded >= 0 && group_channels(planner, op) == op->expanded ? &planner->graph->ops[op->folded] : NULL;
}

/* What the last of the operator's stages makes. */
static mseg_rows output_rows(mseg_planner *planner, const mseg_op *op)
{
    const mseg_op *conv = mseg_planner_folded(planner, op);
    return mseg_planner_value(planner, conv ? conv->out : op->out);
}

/* Averages of the depthwise map's rows, for a global pool of the folded projection's output; tensor 0 and nothing else when none
 * is wanted. They have that output's value_area. */
static mseg_rows row_means(mseg_planner *planner, const mseg_op *op)
{
    if (!op->pooled || !mseg_planner_folded(planner, op))
        return (mseg_rows){0};
    int *tensor = &planner->plan->value_area[op->out], height = planner->plan->sizes[op->out].height;
    size_t pixel = (size_t)op->expanded;
    if (*tensor < 0)
        *tensor = mseg_planner_rows(planner, 1, height, pixel, 0).tensor;
    else
        mseg_planner_keep(planner, *tensor);
    return (mseg_rows){.tensor = *tensor, .height = height, .width = 1, .slots = height, .pixel = pixel, .row = pixel};
}

/* Every step-th row of a map, from row first on. */
static mseg_rows every(mseg_rows rows, int first, int step)
{
    rows.origin += (size_t)first * rows.row;
    rows.row *= (size_t)step;
    rows.height = rows.slots = (rows.height - first + step - 1) / step;
    return rows;
}

/* Appends the operator's stages for one group to pass; in is where its input rows are. The last stage's output is left to the
 * caller. means: where row averages go that a global pool wants. */
static void append_stages(mseg_planner *planner, const mseg_op *op, group g, mseg_pass *pass, const mseg_rows *in, bool split,
                          const mseg_rows *means)
{
    const mseg_op *conv = mseg_planner_folded(planner, op);
    const struct mseg_size size = {in->width, in->height}, *out = &planner->plan->sizes[op->out];
    mseg_stage depthwise = depthwise_stage(op, g, &size);
    int out_height = out->height;
    if (split) { /* in has every rate-th row only */
        depthwise.rate_y = depthwise.pad_y = 1;
        out_height = in->height;
    }
    size_t pixel = mseg_planner_whole(planner, g.channels);
    depthwise.in[0] = *in;
    if (op->expand.data) {
        mseg_stage expand = expand_stage(op, g);
        expand.in[0] = *in;
        mseg_planner_pairs(planner, &expand);
        expand.out = depthwise.in[0] =
            mseg_planner_ring(planner, in->width, in->height, pixel, op->rate, mseg_stage_span(&depthwise, depthwise.rows));
        pass->stages[pass->n_stages++] = expand;
    }
    mseg_planner_zeros(planner, zero_floats(planner, op, in->width, g.channels));
    depthwise.out = mseg_planner_ring(planner, out->width, out_height, pixel, 0, ROWS);
    mseg_stage project = conv ? folded_stage(op, conv) : project_stage(op, g);
    project.in[0] = depthwise.out;
    mseg_planner_pairs(planner, &project);
    pass->stages[pass->n_stages++] = depthwise;
    if (conv && op->pooled)
        pass->stages[pass->n_stages++] = (mseg_stage){.run = mseg_stage_row_means,
                                                      .in = {depthwise.out},
                                                      .n_in = 1,
                                                      .out = *means,
                                                      .kernel = 1,
                                                      .stride = 1,
                                                      .rate_y = 1,
                                                      .rate_x = 1,
                                                      .rows = ROWS,
                                                      .n = op->expanded};
    pass->stages[pass->n_stages++] = project;
}

/* All groups and row classes of the operator as passes of one step. */
static mseg_status plan_fused(mseg_planner *planner, const mseg_op *op)
{
    mseg_step *step = mseg_planner_step(planner, op);
    if (!step)
        return MSEG_NOMEM;
    int per_group = group_channels(planner, op);
    mseg_rows in = mseg_planner_value(planner, op->inputs[0]), out = output_rows(planner, op), means = row_means(planner, op);
    if (in.tensor < 0 || out.tensor < 0 || means.tensor < 0)
        return MSEG_NOMEM;
    int classes = op->stride == 1 && op->rate > 1 ? op->rate : 1;
    if (classes > in.height)
        classes = in.height;
    bool split = classes == op->rate && op->rate > 1;
    classes = split ? classes : 1;
    mseg_planner_zeros(planner, zero_floats(planner, op, in.width, per_group));
    const size_t base = step->scratch_floats; /* behind the zeros, passes take turns in the same scratch */
    size_t largest = base;
    for (int first = 0; first < op->expanded; first += per_group) {
        group g = {first, op->expanded - first < per_group ? op->expanded - first : per_group};
        for (int c = 0, unit = 0; c < classes; c++) {
            mseg_rows class_in = every(in, c, classes), class_out = every(out, c, classes),
                      class_means = every(means, c, classes);
            mseg_pass *pass = mseg_planner_pass(planner, unit, class_out.height);
            if (!pass)
                return MSEG_NOMEM;
            step->scratch_floats = base;
            append_stages(planner, op, g, pass, &class_in, split, &class_means);
            mseg_stage *project = &pass->stages[pass->n_stages - 1];
            project->out = class_out;
            project->has_add = op->residual || first > 0;
            project->add = first > 0 ? class_out : class_in;
            if (first > 0)
                project->bias = NULL;
            unit += class_out.height;
            largest = step->scratch_floats > largest ? step->scratch_floats : largest;
        }
    }
    step->scratch_floats = largest;
    return MSEG_OK;
}

/* The stages behind those of the step before, whose output map becomes a ring. */
static mseg_status plan_streamed(mseg_planner *planner, const mseg_op *op)
{
    mseg_plan *plan = planner->plan;
    mseg_step *step = &plan->steps[plan->n_steps - 1];
    mseg_pass *pass = mseg_planner_last_pass(planner);
    mseg_stage *before = &pass->stages[pass->n_stages - 1];
    const group all = {0, op->expanded};
    mseg_rows map = before->out;
    mseg_stage reader = depthwise_stage(op, all, &(struct mseg_size){map.width, map.height});
    int slots = op->expand.data ? ROWS : mseg_stage_span(&reader, reader.rows);
    before->out = mseg_planner_ring(planner, map.width, map.height, map.pixel, map.pad, slots);
    plan->n_areas--; /* the map was the newest area */
    plan->value_area[op->inputs[0]] = -1;
    mseg_rows means = row_means(planner, op);
    append_stages(planner, op, all, pass, &before->out, false, &means);
    mseg_stage *project = &pass->stages[pass->n_stages - 1];
    project->out = output_rows(planner, op);
    pass->rows = step->units = project->out.height;
    step->last_op = (int)(op - planner->graph->ops);
    return project->out.tensor < 0 || means.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

static mseg_status one_stage_step(mseg_planner *planner, const mseg_op *op, const mseg_stage *stage)
{
    if (!mseg_planner_step(planner, op))
        return MSEG_NOMEM;
    mseg_pass *pass = mseg_planner_pass(planner, 0, stage->out.height);
    if (!pass)
        return MSEG_NOMEM;
    pass->stages[pass->n_stages++] = *stage;
    return MSEG_OK;
}

/* The reference: expansion, depthwise and projection as steps with whole maps between them. */
static mseg_status plan_unfused(mseg_planner *planner, const mseg_op *op)
{
    const struct mseg_size *in_size = &planner->plan->sizes[op->inputs[0]], *out_size = &planner->plan->sizes[op->out];
    const group all = {0, op->expanded};
    size_t pixel = mseg_planner_whole(planner, op->expanded);
    mseg_stage expand = expand_stage(op, all), depthwise = depthwise_stage(op, all, in_size), project = project_stage(op, all);
    mseg_rows wide;
    mseg_status status = MSEG_OK;
    if (op->expand.data) {
        if ((status = one_stage_step(planner, op, &(mseg_stage){.out.height = in_size->height})))
            return status;
        expand.in[0] = mseg_planner_value(planner, op->inputs[0]);
        mseg_planner_pairs(planner, &expand);
        expand.out = wide = mseg_planner_rows(planner, in_size->width, in_size->height, pixel, op->rate);
        mseg_planner_last_pass(planner)->stages[0] = expand;
    }
    if ((status = one_stage_step(planner, op, &(mseg_stage){.out.height = out_size->height})))
        return status;
    if (op->expand.data)
        mseg_planner_keep(planner, wide.tensor);
    else
        wide = mseg_planner_value(planner, op->inputs[0]);
    depthwise.in[0] = wide;
    mseg_planner_zeros(planner, zero_floats(planner, op, in_size->width, op->expanded));
    depthwise.out = mseg_planner_rows(planner, out_size->width, out_size->height, pixel, 0);
    mseg_planner_last_pass(planner)->stages[0] = depthwise;
    if ((status = one_stage_step(planner, op, &(mseg_stage){.out.height = out_size->height})))
        return status;
    mseg_planner_keep(planner, depthwise.out.tensor);
    project.in[0] = depthwise.out;
    mseg_planner_pairs(planner, &project);
    project.has_add = op->residual;
    if (op->residual)
        project.add = mseg_planner_value(planner, op->inputs[0]);
    project.out = mseg_planner_value(planner, op->out);
    mseg_planner_last_pass(planner)->stages[0] = project;
    return wide.tensor < 0 || depthwise.out.tensor < 0 || project.out.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

static mseg_status plan(mseg_planner *planner, const mseg_op *op)
{
    if (planner->graph->unfused)
        return plan_unfused(planner, op);
    if (mseg_planner_streams(planner, op))
        return plan_streamed(planner, op);
    return plan_fused(planner, op);
}

mseg_status mseg_plan_folded_pool(mseg_planner *planner, const mseg_op *pool, const mseg_op *block)
{
    mseg_rows means = row_means(planner, block), mean;
    mseg_status status = mseg_plan_average(planner, pool, &means, &mean);
    if (!status)
        status = one_stage_step(planner, pool, &(mseg_stage){.out.height = 1});
    if (status)
        return status;
    mseg_planner_keep(planner, mean.tensor);
    mseg_stage project = project_stage(block, (group){0, block->expanded});
    project.in[0] = mean;
    project.rows = 1;
    mseg_planner_pairs(planner, &project);
    project.out = mseg_planner_value(planner, pool->out);
    mseg_planner_last_pass(planner)->stages[0] = project;
    return project.out.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

static int64_t madds(const mseg_op *op, int64_t in_pixels, int64_t out_pixels)
{
    int64_t expand = op->expand.data ? in_pixels * op->in_channels * op->expanded : 0;
    return expand + out_pixels * op->expanded * (9 + op->out_channels);
}

static void release(mseg_op *op)
{
    mseg_free(&op->weights.data);
    mseg_free(&op->expand.data);
    mseg_free(&op->bias);
    mseg_free(&op->expand_bias);
    mseg_free(&op->depthwise);
    mseg_free(&op->depthwise_bias);
    mseg_free(&op->folded_weights.data);
    mseg_free(&op->folded_bias);
}

const mseg_operator mseg_operator_inverted_residual = {"inverted residual", plan, madds, release};
