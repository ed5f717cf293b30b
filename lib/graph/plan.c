#include "graph/plan.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "graph/stage.h"

/* ---- sizes ---- */

static mseg_status infer_sizes(mseg_plan *plan)
{
    const mseg_graph *graph = plan->graph;
    for (int i = 0; i < graph->n_ops; i++) {
        const mseg_op *op = &graph->ops[i];
        struct mseg_size *size = &plan->sizes[i];
        if (!op->n_inputs) {
            *size = (struct mseg_size){plan->width, plan->height};
        } else if (graph->values[i].vector) {
            *size = (struct mseg_size){1, 1};
        } else {
            for (int k = 0; k < op->n_inputs; k++) {
                const struct mseg_size *in = &plan->sizes[op->inputs[k]];
                if (op->inputs[k] == op->vector_input)
                    continue;
                if (size->width && memcmp(size, in, sizeof *in))
                    return MSEG_MISMATCH;
                *size = *in;
            }
            size->width = (size->width + op->stride - 1) / op->stride;
            size->height = (size->height + op->stride - 1) / op->stride;
        }
        if (op->add >= 0 && memcmp(size, &plan->sizes[op->add], sizeof *size))
            return MSEG_MISMATCH;
    }
    return MSEG_OK;
}

/* ---- places in the arena ---- */

static bool alive_together(const mseg_area *a, const mseg_area *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which area overlaps none of the placed ones that live when it does. */
static size_t lowest_place(const mseg_plan *plan, const mseg_area *area, const bool *placed)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < plan->n_areas; i++) {
            const mseg_area *other = &plan->areas[i];
            if (placed[i] && alive_together(area, other) && offset < other->offset + other->floats &&
                other->offset < offset + area->floats) {
                offset = other->offset + other->floats;
                moved = true;
            }
        }
    }
    return offset;
}

/* Largest first, each as low as it goes. */
static mseg_status place_areas(mseg_plan *plan)
{
    bool *placed = mseg_alloc_array((size_t)plan->n_areas + 1, sizeof *placed);
    if (!placed)
        return MSEG_NOMEM;
    for (int n = 0; n < plan->n_areas; n++) {
        int next = -1;
        for (int i = 0; i < plan->n_areas; i++)
            if (!placed[i] && (next < 0 || plan->areas[i].floats > plan->areas[next].floats))
                next = i;
        mseg_area *area = &plan->areas[next];
        area->offset = lowest_place(plan, area, placed);
        placed[next] = true;
        if (area->offset + area->floats > plan->arena_floats)
            plan->arena_floats = area->offset + area->floats;
    }
    mseg_free(&placed);
    return MSEG_OK;
}

static mseg_status allocate(mseg_plan *plan)
{
    mseg_status status = place_areas(plan);
    if (status)
        return status;
    if (plan->arena_room < plan->arena_floats) {
        mseg_free(&plan->arena);
        plan->arena = mseg_alloc_array(plan->arena_floats, sizeof *plan->arena);
        plan->arena_room = plan->arena_floats;
    }
    plan->tensors = mseg_alloc_array((size_t)plan->n_areas, sizeof *plan->tensors);
    if (!plan->arena || !plan->tensors)
        return MSEG_NOMEM;
    for (int i = 0; i < plan->n_areas; i++)
        plan->tensors[i] = plan->arena + plan->areas[i].offset;
    return MSEG_OK;
}

/* ---- planning ---- */

static mseg_status plan_ops(mseg_planner *planner)
{
    mseg_plan *plan = planner->plan;
    for (int i = 0; i < planner->graph->n_ops; i++) {
        const mseg_op *op = &planner->graph->ops[i];
        mseg_status status = op->type->plan(planner, op);
        if (status)
            return status;
        plan->op_step[i] = mseg_planner_is_folded(planner, op) ? plan->op_step[op->inputs[0]] : plan->n_steps - 1;
    }
    plan->output = mseg_planner_value(planner, planner->graph->output);
    return plan->output.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

/* A part's scratch is one slice of an area that lives during its step. */
static mseg_status plan_scratch(mseg_planner *planner)
{
    mseg_plan *plan = planner->plan;
    for (int i = 0; i < plan->n_steps; i++) {
        mseg_step *step = &plan->steps[i];
        if (!step->scratch_floats)
            continue;
        mseg_rows rows = mseg_planner_rows(planner, 1, plan->threads, step->scratch_floats, 0);
        if (rows.tensor < 0)
            return MSEG_NOMEM;
        plan->areas[rows.tensor].first = plan->areas[rows.tensor].last = i;
        step->scratch = rows.tensor;
    }
    return MSEG_OK;
}

static mseg_status check(const mseg_graph *graph, int width, int height, int threads, mseg_error *err)
{
    if (width < 1 || height < 1 || threads < 1 || graph->output < 1)
        return mseg_fail(err, MSEG_INVAL, "cannot plan for %d x %d pixels", width, height);
    if ((int64_t)width * height > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a canvas of %d x %d pixels is over the limit of 2^30", width, height);
    return MSEG_OK;
}

/* arena: memory of room floats that the plan is to own, or NULL. */
static mseg_status open_plan(mseg_plan **out, const mseg_graph *graph, int width, int height, int threads, const mseg_cpu *cpu,
                             float *arena, size_t room, mseg_error *err)
{
    mseg_status status = check(graph, width, height, threads, err);
    mseg_plan *plan = status ? NULL : mseg_alloc(sizeof *plan);
    *out = NULL;
    if (!plan) {
        mseg_free(&arena);
        return status ? status : mseg_fail(err, MSEG_NOMEM, NULL);
    }
    status = MSEG_NOMEM;
    mseg_planner planner = {plan, graph, *cpu};
    plan->arena = arena;
    plan->arena_room = room;
    plan->graph = graph;
    plan->width = width;
    plan->height = height;
    plan->threads = threads;
    plan->sizes = mseg_alloc_array((size_t)graph->n_ops, sizeof *plan->sizes);
    plan->value_area = mseg_alloc_array((size_t)graph->n_ops, sizeof *plan->value_area);
    plan->op_step = mseg_alloc_array((size_t)graph->n_ops, sizeof *plan->op_step);
    if (!plan->sizes || !plan->value_area || !plan->op_step)
        goto done;
    for (int i = 0; i < graph->n_ops; i++)
        plan->value_area[i] = -1;
    if ((status = infer_sizes(plan)) || (status = plan_ops(&planner)) || (status = plan_scratch(&planner)))
        goto done;
    status = allocate(plan);
done:
    if (status) {
        mseg_fail(err, status,
                  status == MSEG_NOMEM ? "out of memory for a canvas of %d x %d" : "cannot plan for a canvas of %d x %d", width,
                  height);
        mseg_plan_close(&plan);
    }
    *out = plan;
    return status;
}

mseg_status mseg_plan_open(mseg_plan **out, const mseg_graph *graph, int width, int height, int threads, const mseg_cpu *cpu,
                           mseg_error *err)
{
    return open_plan(out, graph, width, height, threads, cpu, NULL, 0, err);
}

mseg_status mseg_plan_replace(mseg_plan **plan, const mseg_graph *graph, int width, int height, int threads, const mseg_cpu *cpu,
                              mseg_error *err)
{
    float *arena = NULL;
    size_t room = 0;
    if (*plan) {
        arena = (*plan)->arena;
        room = (*plan)->arena_room;
        (*plan)->arena = NULL;
        mseg_plan_close(plan);
    }
    return open_plan(plan, graph, width, height, threads, cpu, arena, room, err);
}

void mseg_plan_close(mseg_plan **pointer)
{
    mseg_plan *plan = *pointer;
    if (!plan)
        return;
    for (int i = 0; i < plan->n_steps; i++)
        mseg_free(&plan->steps[i].passes);
    mseg_free(&plan->steps);
    mseg_free(&plan->areas);
    mseg_free(&plan->tensors);
    mseg_free(&plan->arena);
    mseg_free(&plan->sizes);
    mseg_free(&plan->value_area);
    mseg_free(&plan->op_step);
    mseg_free(pointer);
}

/* ---- running ---- */

typedef struct run_context {
    const mseg_plan *plan;
    const mseg_step *step;
    const mseg_picture *picture;
    int parts;
} run_context;

/* Rounded up, because the larger of a map's row classes come first: half of a map of odd height ends with a class. */
static int first_unit(const mseg_step *step, int parts, int part)
{
    return (int)(((long)step->units * part + parts - 1) / parts);
}

static void run_part(void *argument, int part, int worker)
{
    (void)worker;
    const run_context *run = argument;
    const mseg_step *step = run->step;
    mseg_bases bases = {.tensors = run->plan->tensors, .picture = run->picture, .kernels = run->plan->graph->kernels};
    if (step->scratch >= 0) {
        bases.scratch = run->plan->tensors[step->scratch] + (size_t)part * step->scratch_floats;
        bases.zeros = bases.scratch + step->zeros;
        memset(bases.scratch + step->zeros, 0, step->zeros_floats * sizeof *bases.scratch);
    }
    int u0 = first_unit(step, run->parts, part), u1 = first_unit(step, run->parts, part + 1);
    step->run(step, &bases, u0, u1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

const float *mseg_plan_run(mseg_plan *plan, const mseg_picture *picture, mseg_pool *pool)
{
    run_context run = {.plan = plan, .picture = picture};
    double before = now_ms();
    for (int i = 0; i < plan->n_steps; i++) {
        mseg_step *step = &plan->steps[i];
        run.step = step;
        run.parts = step->units < plan->threads ? step->units : plan->threads;
        mseg_pool_for(pool, run.parts, run_part, &run);
        double after = now_ms();
        step->ms = after - before;
        before = after;
    }
    return plan->tensors[plan->output.tensor] + plan->output.origin;
}

/* ---- reports ---- */

void mseg_plan_output_size(const mseg_plan *plan, int *width, int *height, int *channels)
{
    *width = plan->output.width;
    *height = plan->output.height;
    *channels = plan->graph->values[plan->graph->output].channels;
}

size_t mseg_plan_arena_bytes(const mseg_plan *plan)
{
    return plan->arena_floats * sizeof(float);
}

int mseg_plan_layers(const mseg_plan *plan)
{
    return plan->graph->n_ops;
}

static size_t alive_bytes(const mseg_plan *plan, int step)
{
    size_t floats = 0;
    for (int i = 0; i < plan->n_areas; i++)
        if (plan->areas[i].first <= step && step <= plan->areas[i].last)
            floats += plan->areas[i].floats;
    return floats * sizeof(float);
}

mseg_plan_layer mseg_plan_layer_at(const mseg_plan *plan, int index)
{
    const mseg_op *op = &plan->graph->ops[index];
    const struct mseg_size *out = &plan->sizes[index], *in = out;
    for (int i = 0; i < op->n_inputs; i++)
        if (op->inputs[i] != op->vector_input)
            in = &plan->sizes[op->inputs[i]];
    int step = plan->op_step[index] < 0 ? 0 : plan->op_step[index];
    int64_t in_pixels = (int64_t)in->width * in->height, out_pixels = (int64_t)out->width * out->height;
    return (mseg_plan_layer){
        .name = op->name,
        .kind = op->type->kind,
        .in_width = in->width,
        .in_height = in->height,
        .in_channels = op->in_channels,
        .out_width = out->width,
        .out_height = out->height,
        .out_channels = op->out_channels,
        .expanded_channels = op->expanded,
        .kernel = op->kernel,
        .stride = op->stride,
        .rate = op->rate,
        .madds = op->type->madds ? op->type->madds(op, in_pixels, out_pixels) : 0,
        .params = op->params,
        .peak_bytes = alive_bytes(plan, step),
        .step = step,
        .ms = plan->steps[step].ms,
    };
}
