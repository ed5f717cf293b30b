#include "graph/stage.h"

/* The picture is read by the first convolution's own pass, not by a step. */
static mseg_status plan(mseg_planner *planner, const mseg_op *op)
{
    (void)planner;
    (void)op;
    return MSEG_OK;
}

static int64_t madds(const mseg_op *op, int64_t in_pixels, int64_t out_pixels)
{
    (void)op;
    (void)in_pixels;
    (void)out_pixels;
    return 0;
}

static void release(mseg_op *op)
{
    (void)op;
}

const mseg_operator mseg_operator_input = {"input", plan, madds, release};
