#include "plan/plan.h"

#include <string.h>

#include "base/alloc.h"
#include "plan/stages/makers.h"

/* ---- sizes ---- */

/* The size of a layer's output; MSEG_MISMATCH where maps of two sizes meet. */
static mseg_status size_of(const mseg_net *net, const mseg_net_layer *layer, const struct mseg_size *sizes, struct mseg_size *out)
{
    struct mseg_size in = {0, 0};
    *out = (struct mseg_size){1, 1};
    for (int i = 0; i < layer->n_in && !layer->vector; i++) {
        if (net->layers[layer->in[i]].vector)
            continue;
        if (in.width && layer->kind != MSEG_JOIN && memcmp(&in, &sizes[layer->in[i]], sizeof in))
            return MSEG_MISMATCH;
        in = sizes[layer->in[i]];
        *out = (struct mseg_size){mseg_out_size(in.width, layer->stride), mseg_out_size(in.height, layer->stride)};
    }
    return layer->add >= 0 && memcmp(out, &sizes[layer->add], sizeof *out) ? MSEG_MISMATCH : MSEG_OK;
}

static mseg_status infer_sizes(const mseg_net *net, const mseg_plan *plan, struct mseg_size *sizes)
{
    mseg_status status = MSEG_OK;
    sizes[0] = (struct mseg_size){plan->width, plan->height};
    for (int i = 1; i < net->count && !status; i++)
        status = size_of(net, &net->layers[i], sizes, &sizes[i]);
    return status;
}

/* ---- planning ---- */

/* Room for what groups become: two steps at most for each, a pass or stage for every one that they count. */
static bool reserve(mseg_plan *plan, const mseg_group *groups, int n)
{
    size_t passes = 0, stages = 0;
    for (int i = 0; i < n; i++) {
        const bool has_vector = plan->net->layers[groups[i].first].vector_in >= 0; /* whose share is a step before */
        const size_t more = (size_t)mseg_group_passes(&plan->net->run, &groups[i]) + has_vector;
        passes += more;
        stages += more * (size_t)mseg_group_stages(&plan->net->run, &groups[i]);
    }
    plan->steps = mseg_alloc_array(2 * (size_t)n, sizeof *plan->steps);
    plan->passes = mseg_alloc_array(passes, sizeof *plan->passes);
    plan->stages = mseg_alloc_array(stages, sizeof *plan->stages);
    return plan->steps && plan->passes && plan->stages;
}

/* A part's scratch is one slice of an area that lives during its step. */
static void emit_scratch(mseg_emitter *e)
{
    mseg_plan *plan = e->plan;
    for (int i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].scratch_bytes)
            plan->steps[i].scratch = mseg_emit_map(e, &plan->steps[i], 1, plan->threads, plan->steps[i].scratch_bytes, 0).tensor;
}

static mseg_status emit(mseg_plan *plan, const mseg_cpu *cpu)
{
    const mseg_net *net = &plan->net->run;
    mseg_group *groups = mseg_alloc_array((size_t)net->count, sizeof *groups);
    if (!groups)
        return MSEG_NOMEM;
    mseg_emitter e = {.plan = plan,
                      .net = plan->net,
                      .sizes = plan->sizes,
                      .groups = groups,
                      .cpu = *cpu,
                      .makers = plan->net->integers ? &mseg_u8_makers : &mseg_f32_makers};
    e.n_groups = mseg_group_layers(groups, plan->net, plan->sizes, cpu);
    if (!reserve(plan, groups, e.n_groups))
        e.status = MSEG_NOMEM;
    for (int i = 0; i < e.n_groups && !e.status;)
        i += mseg_emit_groups(&e, groups + i, e.n_groups - i);
    for (int i = 0; i < net->n_outputs && !e.status; i++)
        plan->outputs[i] = mseg_emit_value(&e, &plan->steps[plan->n_steps - 1], net->outputs[i]);
    if (!e.status)
        emit_scratch(&e);
    mseg_free(&groups);
    return e.status;
}

static mseg_status check(const mseg_packed_net *net, int width, int height, int threads, mseg_error *err)
{
    if (width < 1 || height < 1 || threads < 1 || !net->run.n_outputs)
        return mseg_fail(err, MSEG_INVAL, "cannot plan for %d x %d pixels", width, height);
    if ((int64_t)width * height > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a canvas of %d x %d pixels is over the limit of 2^30", width, height);
    return MSEG_OK;
}

/* arena: memory of room bytes that the plan is to own, or NULL. */
static mseg_status open_plan(mseg_plan **out, const mseg_packed_net *net, int width, int height, int threads, const mseg_cpu *cpu,
                             uint8_t *arena, size_t room, mseg_error *err)
{
    mseg_status status = check(net, width, height, threads, err);
    mseg_plan *plan = status ? NULL : mseg_alloc(sizeof *plan);
    const size_t count = (size_t)net->run.count;
    *out = NULL;
    if (!plan) {
        mseg_free(&arena);
        return status ? status : mseg_fail(err, MSEG_NOMEM, NULL);
    }
    status = MSEG_NOMEM;
    plan->arena = arena;
    plan->arena_room = room;
    plan->net = net;
    plan->width = width;
    plan->height = height;
    plan->threads = threads;
    plan->sizes = mseg_alloc_array(count, sizeof *plan->sizes);
    plan->given_sizes = mseg_alloc_array((size_t)net->net.count, sizeof *plan->given_sizes);
    plan->value_area = mseg_alloc_array(count, sizeof *plan->value_area);
    plan->layer_step = mseg_alloc_array(count, sizeof *plan->layer_step);
    if (!plan->sizes || !plan->given_sizes || !plan->value_area || !plan->layer_step)
        goto done;
    for (size_t i = 0; i < count; i++)
        plan->value_area[i] = -1;
    if ((status = infer_sizes(&net->net, plan, plan->given_sizes)) || (status = infer_sizes(&net->run, plan, plan->sizes)))
        goto done;
    if (!(status = emit(plan, cpu)))
        status = mseg_plan_place(plan);
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

mseg_status mseg_plan_open(mseg_plan **out, const mseg_packed_net *net, int width, int height, int threads, const mseg_cpu *cpu,
                           mseg_error *err)
{
    return open_plan(out, net, width, height, threads, cpu, NULL, 0, err);
}

mseg_status mseg_plan_replace(mseg_plan **plan, const mseg_packed_net *net, int width, int height, int threads,
                              const mseg_cpu *cpu, mseg_error *err)
{
    uint8_t *arena = NULL;
    size_t room = 0;
    if (*plan) {
        arena = (*plan)->arena;
        room = (*plan)->arena_room;
        (*plan)->arena = NULL;
        mseg_plan_close(plan);
    }
    return open_plan(plan, net, width, height, threads, cpu, arena, room, err);
}

void mseg_plan_close(mseg_plan **pointer)
{
    mseg_plan *plan = *pointer;
    if (!plan)
        return;
    mseg_plan_free_works(plan);
    mseg_free(&plan->steps);
    mseg_free(&plan->passes);
    mseg_free(&plan->stages);
    mseg_free(&plan->areas);
    mseg_free(&plan->tensors);
    mseg_free(&plan->arena);
    mseg_free(&plan->sizes);
    mseg_free(&plan->given_sizes);
    mseg_free(&plan->value_area);
    mseg_free(&plan->layer_step);
    mseg_free(pointer);
}
