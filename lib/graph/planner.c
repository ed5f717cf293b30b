#include <string.h>

#include "base/alloc.h"
#include "graph/stage.h"

/* Lists grow by doubling; NULL keeps the old one. */
static void *grown(void *list, int used, int capacity, size_t size)
{
    void *bigger = mseg_alloc_array((size_t)capacity, size);
    if (bigger && used)
        memcpy(bigger, list, (size_t)used * size);
    return bigger;
}

mseg_step *mseg_planner_step(mseg_planner *planner, const mseg_op *op)
{
    mseg_plan *plan = planner->plan;
    if (plan->n_steps == plan->steps_capacity) {
        int capacity = plan->steps_capacity ? 2 * plan->steps_capacity : 32;
        mseg_step *steps = grown(plan->steps, plan->n_steps, capacity, sizeof *steps);
        if (!steps)
            return NULL;
        mseg_free(&plan->steps);
        plan->steps = steps;
        plan->steps_capacity = capacity;
    }
    mseg_step *step = &plan->steps[plan->n_steps++];
    int index = (int)(op - planner->graph->ops);
    *step = (mseg_step){.run = mseg_step_passes, .first_op = index, .last_op = index, .scratch = -1};
    return step;
}

static mseg_step *last_step(mseg_planner *planner)
{
    return &planner->plan->steps[planner->plan->n_steps - 1];
}

mseg_pass *mseg_planner_pass(mseg_planner *planner, int first, int rows)
{
    mseg_step *step = last_step(planner);
    if (step->n_passes == step->passes_capacity) {
        int capacity = step->passes_capacity ? 2 * step->passes_capacity : 1;
        mseg_pass *passes = grown(step->passes, step->n_passes, capacity, sizeof *passes);
        if (!passes)
            return NULL;
        mseg_free(&step->passes);
        step->passes = passes;
        step->passes_capacity = capacity;
    }
    mseg_pass *pass = &step->passes[step->n_passes++];
    *pass = (mseg_pass){.first = first, .rows = rows};
    if (step->units < first + rows)
        step->units = first + rows;
    return pass;
}

mseg_pass *mseg_planner_last_pass(mseg_planner *planner)
{
    mseg_step *step = last_step(planner);
    return step->n_passes ? &step->passes[step->n_passes - 1] : NULL;
}

static mseg_rows shape(int tensor, int width, int height, size_t pixel, int pad, int slots)
{
    size_t row = ((size_t)width + 2 * (size_t)pad) * pixel;
    return (mseg_rows){tensor, (size_t)pad * pixel, height, width, slots, pad, pixel, row};
}

static int new_area(mseg_plan *plan, size_t floats)
{
    if (plan->n_areas == plan->areas_capacity) {
        int capacity = plan->areas_capacity ? 2 * plan->areas_capacity : 32;
        mseg_area *areas = grown(plan->areas, plan->n_areas, capacity, sizeof *areas);
        if (!areas)
            return -2;
        mseg_free(&plan->areas);
        plan->areas = areas;
        plan->areas_capacity = capacity;
    }
    int now = plan->n_steps - 1;
    plan->areas[plan->n_areas] =
        (mseg_area){.floats = mseg_round_up(floats, MSEG_ALIGN / sizeof(float)), .first = now, .last = now};
    return plan->n_areas++;
}

mseg_rows mseg_planner_rows(mseg_planner *planner, int width, int height, size_t pixel, int pad)
{
    mseg_rows rows = shape(0, width, height, pixel, pad, height);
    rows.tensor = new_area(planner->plan, rows.row * (size_t)height);
    return rows;
}

size_t mseg_planner_whole(const mseg_planner *planner, int channels)
{
    return mseg_round_up((size_t)channels, (size_t)planner->graph->kernels->dwconv_vec);
}

size_t mseg_planner_pixel(const mseg_planner *planner, mseg_value value)
{
    const mseg_value_info *info = &planner->graph->values[value];
    return info->aligned ? mseg_planner_whole(planner, info->channels) : (size_t)info->channels;
}

void mseg_planner_keep(mseg_planner *planner, int tensor)
{
    planner->plan->areas[tensor].last = planner->plan->n_steps - 1;
}

mseg_rows mseg_planner_value(mseg_planner *planner, mseg_value value)
{
    mseg_plan *plan = planner->plan;
    int width = plan->sizes[value].width, height = plan->sizes[value].height, pad = planner->graph->values[value].pad;
    mseg_rows rows = shape(plan->value_area[value], width, height, mseg_planner_pixel(planner, value), pad, height);
    if (rows.tensor < 0)
        plan->value_area[value] = rows.tensor = new_area(plan, rows.row * (size_t)height);
    else
        mseg_planner_keep(planner, rows.tensor);
    return rows;
}

static size_t take_scratch(mseg_step *step, size_t floats)
{
    size_t at = step->scratch_floats;
    step->scratch_floats += mseg_round_up(floats, MSEG_ALIGN / sizeof(float));
    return at;
}

mseg_rows mseg_planner_ring(mseg_planner *planner, int width, int height, size_t channels, int pad, int slots)
{
    const size_t line = MSEG_ALIGN / sizeof(float);
    if (slots > height)
        slots = height;
    mseg_rows rows = shape(MSEG_SCRATCH, width, height, channels % (2 * line) ? channels : channels + line, pad, slots);
    rows.row = mseg_round_up(rows.row, line);
    rows.origin += take_scratch(last_step(planner), rows.row * (size_t)slots);
    return rows;
}

void mseg_planner_zeros(mseg_planner *planner, size_t floats)
{
    mseg_step *step = last_step(planner);
    if (floats > step->zeros_floats) {
        step->zeros = take_scratch(step, floats);
        step->zeros_floats = floats;
    }
}

void mseg_planner_pairs(mseg_planner *planner, mseg_stage *stage)
{
    enum { MIN_K = 16, MIN_N = 16 }; /* from where on it pays */
    stage->by_pairs = stage->weights->scale && !stage->merged_columns && stage->k >= MIN_K && stage->n >= MIN_N;
    if (stage->by_pairs)
        stage->pairs = take_scratch(last_step(planner), (size_t)stage->n_in * (size_t)mseg_stage_rows(stage, stage->rows) *
                                                            mseg_stage_pairs_row(stage));
}

int mseg_planner_pad(const mseg_op *op, int in)
{
    if (op->symmetric)
        return (op->kernel - 1) / 2 * op->rate;
    int total = ((in + op->stride - 1) / op->stride - 1) * op->stride + (op->kernel - 1) * op->rate + 1 - in;
    return total > 0 ? total / 2 : 0;
}

bool mseg_planner_is_folded(const mseg_planner *planner, const mseg_op *op)
{
    return op->n_inputs == 1 && mseg_planner_folded(planner, &planner->graph->ops[op->inputs[0]]) == op;
}

bool mseg_planner_streams(const mseg_planner *planner, const mseg_op *op)
{
    const mseg_plan *plan = planner->plan;
    mseg_value in = op->inputs[0];
    if (planner->graph->unfused || op->residual || op->n_inputs != 1 || planner->graph->values[in].consumers != 1 ||
        planner->graph->output == in || !plan->n_steps)
        return false;
    const mseg_step *step = &plan->steps[plan->n_steps - 1];
    if (planner->graph->ops[step->last_op].out != in || step->n_passes != 1 || step->passes[0].n_stages + 4 > MSEG_MAX_STAGES)
        return false;
    size_t bytes =
        (size_t)plan->sizes[in].width * (size_t)plan->sizes[in].height * mseg_planner_pixel(planner, in) * sizeof(float);
    return bytes > 2 * planner->cpu.l2_bytes;
}
