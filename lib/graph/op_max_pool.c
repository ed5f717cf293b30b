#include "graph/stage.h"

/* One output row: channels outside, positions inside the map only. */
static void run(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_rows *in = &s->in[0];
    for (int y = y0; y < y1; y++) {
        float *out = mseg_row(&s->out, bases, y);
        mseg_clear_pads(&s->out, out);
        for (int x = 0; x < s->out.width; x++, out += s->out.pixel) {
            for (int c = 0; c < s->n; c++)
                out[c] = -__builtin_inff();
            for (int k = 0; k < s->kernel * s->kernel; k++) {
                int iy = y * s->stride - s->pad_y + k / s->kernel, ix = x * s->stride - s->pad_x + k % s->kernel;
                if (iy < 0 || iy >= in->height || ix < 0 || ix >= in->width)
                    continue;
                const float *value = mseg_row(in, bases, iy) + (size_t)ix * in->pixel;
                for (int c = 0; c < s->n; c++)
                    out[c] = value[c] > out[c] ? value[c] : out[c];
            }
        }
    }
}

static mseg_status plan(mseg_planner *planner, const mseg_op *op)
{
    if (!mseg_planner_step(planner, op))
        return MSEG_NOMEM;
    mseg_rows in = mseg_planner_value(planner, op->inputs[0]), out = mseg_planner_value(planner, op->out);
    mseg_pass *pass = mseg_planner_pass(planner, 0, out.height);
    if (!pass || in.tensor < 0 || out.tensor < 0)
        return MSEG_NOMEM;
    pass->stages[pass->n_stages++] = (mseg_stage){.run = run,
                                                  .in = {in},
                                                  .n_in = 1,
                                                  .out = out,
                                                  .kernel = op->kernel,
                                                  .stride = op->stride,
                                                  .rate_y = 1,
                                                  .rate_x = 1,
                                                  .pad_y = mseg_planner_pad(op, in.height),
                                                  .pad_x = mseg_planner_pad(op, in.width),
                                                  .rows = 1,
                                                  .n = op->out_channels};
    return MSEG_OK;
}

const mseg_operator mseg_operator_max_pool = {"max pool", .plan = plan};
