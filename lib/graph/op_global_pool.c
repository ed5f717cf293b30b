#include "base/alloc.h"
#include "graph/stage.h"

/* Channels u0 <= c < u1. A row's sum is float, the map's is double. */
static void run(const mseg_step *step, const mseg_bases *bases, int u0, int u1)
{
    enum { BLOCK = 64 };
    float *out = mseg_row(&step->out, bases, 0);
    for (int c0 = u0; c0 < u1; c0 += BLOCK) {
        int n = u1 - c0 < BLOCK ? u1 - c0 : BLOCK;
        double sum[BLOCK] = {0};
        for (int y = 0; y < step->in.height; y++) {
            const float *row = mseg_row(&step->in, bases, y) + c0;
            float line[BLOCK] = {0};
            for (int x = 0; x < step->in.width; x++, row += step->in.pixel)
                for (int c = 0; c < n; c++)
                    line[c] += row[c];
            for (int c = 0; c < n; c++)
                sum[c] += (double)line[c];
        }
        for (int c = 0; c < n; c++)
            out[c0 + c] = (float)(sum[c] / ((double)step->in.height * step->in.width));
    }
}

mseg_status mseg_plan_average(mseg_planner *planner, const mseg_op *op, const mseg_rows *in, mseg_rows *out)
{
    mseg_step *step = mseg_planner_step(planner, op);
    if (!step)
        return MSEG_NOMEM;
    mseg_planner_keep(planner, in->tensor);
    step->run = run;
    step->units = (int)in->pixel;
    step->in = *in;
    step->out = *out = mseg_planner_rows(planner, 1, 1, in->pixel, 0);
    return out->tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

static mseg_status plan(mseg_planner *planner, const mseg_op *op)
{
    const mseg_op *input = &planner->graph->ops[op->inputs[0]];
    if (mseg_planner_folded(planner, input))
        return mseg_plan_folded_pool(planner, op, input);
    mseg_step *step = mseg_planner_step(planner, op);
    if (!step)
        return MSEG_NOMEM;
    step->run = run;
    step->units = op->out_channels;
    step->in = mseg_planner_value(planner, op->inputs[0]);
    step->out = mseg_planner_value(planner, op->out);
    return step->in.tensor < 0 || step->out.tensor < 0 ? MSEG_NOMEM : MSEG_OK;
}

const mseg_operator mseg_operator_global_pool = {"global average pool", .plan = plan};
