#include "graph/stage.h"

/* The picture is read by the first convolution's own pass, not by a step. */
static mseg_status plan(mseg_planner *planner, const mseg_op *op)
{
    (void)planner;
    (void)op;
    return MSEG_OK;
}

const mseg_operator mseg_operator_input = {"input", .plan = plan};
