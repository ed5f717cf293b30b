#include <string.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "plan/stage.h"

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
    mseg_bases bases = {.tensors = run->plan->tensors, .picture = run->picture, .kernels = run->plan->net->kernels};
    if (step->scratch >= 0) {
        bases.scratch = run->plan->tensors[step->scratch] + (size_t)part * step->scratch_bytes;
        bases.zeros = bases.scratch + step->zeros;
        memset(bases.scratch + step->zeros, 0, step->zeros_bytes);
    }
    step->run(step, &bases, first_unit(step, run->parts, part), first_unit(step, run->parts, part + 1));
}

void mseg_plan_run(mseg_plan *plan, const mseg_picture *picture, mseg_pool *pool)
{
    run_context run = {.plan = plan, .picture = picture};
    double before = mseg_now_ms();
    for (int i = 0; i < plan->n_steps; i++) {
        mseg_step *step = &plan->steps[i];
        run.step = step;
        run.parts = step->units < plan->threads ? step->units : plan->threads;
        mseg_pool_for(pool, run.parts, run_part, &run);
        double after = mseg_now_ms();
        step->ms = after - before;
        before = after;
    }
}

mseg_map mseg_plan_output(const mseg_plan *plan, int index)
{
    const mseg_rows *rows = &plan->outputs[index];
    const mseg_net *net = &plan->net->run;
    const uint8_t *data = plan->tensors[rows->tensor] + rows->origin;
    const bool integers = plan->net->integers;
    const size_t element = integers ? sizeof(uint8_t) : sizeof(float);
    return (mseg_map){.data = integers ? NULL : (const float *)(const void *)data,
                      .bytes = integers ? data : NULL,
                      .quant = mseg_u8_value(net, net->outputs[index]),
                      .width = rows->width,
                      .height = rows->height,
                      .channels = net->layers[net->outputs[index]].channels,
                      .pixel = rows->pixel / element,
                      .row = rows->row / element};
}
