#include <string.h>

#include "base/alloc.h"
#include "weights/graphdef.h"

mseg_status mseg_gd_tensor(gd_reader *r, int rank, const int *shape, int type, int *tensor)
{
    if (r->model.n_tensors == TFL_MAX_TENSORS)
        return mseg_fail(r->err, MSEG_LIMIT, "more than %d tensors, more than any network that mseg knows", TFL_MAX_TENSORS);
    if (!mseg_grow(&r->model.tensors, &r->tensors_room, r->model.n_tensors + 1, sizeof *r->model.tensors))
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    tfl_tensor *t = &r->model.tensors[r->model.n_tensors];
    *t = (tfl_tensor){.rank = rank > 4 ? -1 : rank, .type = type};
    for (int i = 0; i < rank && t->rank >= 0; i++) {
        t->shape[i] = shape[i];
        if (shape[i] < 1 || shape[i] > TFL_MAX_DIMENSION)
            t->rank = -1;
    }
    *tensor = r->model.n_tensors++;
    return MSEG_OK;
}

mseg_status mseg_gd_int_tensor(gd_reader *r, const int *values, int count, int *tensor)
{
    mseg_status status = mseg_gd_tensor(r, 1, &count, TFL_INT32, tensor);
    const size_t bytes = (size_t)count * sizeof *values;
    int *room = status ? NULL : mseg_weights_room(r->weights, bytes, r->err);
    if (!room)
        return status ? status : r->err->status;
    memcpy(room, values, bytes);
    r->model.tensors[*tensor].data = (const uint8_t *)room;
    r->model.tensors[*tensor].bytes = bytes;
    return MSEG_OK;
}

static mseg_status add_operator(gd_reader *r, const gd_call *c, int code, int output, tfl_operator **op)
{
    if (r->model.n_operators == TFL_MAX_OPERATORS)
        return mseg_fail(r->err, MSEG_LIMIT, "more than %d operators, more than any network that mseg knows", TFL_MAX_OPERATORS);
    if (!mseg_grow(&r->model.operators, &r->operators_room, r->model.n_operators + 1, sizeof *r->model.operators))
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    *op = &r->model.operators[r->model.n_operators++];
    **op = (tfl_operator){.code = code, .output = output, .n_outputs = 1, .multiplier = 1, .beta = 1};
    (*op)->stride_h = (*op)->stride_w = (*op)->dilation_h = (*op)->dilation_w = 1;
    for (size_t i = 0; i < c->node->op.size && i < sizeof(*op)->custom - 1; i++)
        (*op)->custom[i] = (char)(c->node->op.data[i] >= ' ' && c->node->op.data[i] <= '~' ? c->node->op.data[i] : '?');
    mseg_gd_describe((*op)->label, sizeof(*op)->label, c->node);
    return MSEG_OK;
}

mseg_status mseg_gd_emit(gd_reader *r, gd_call *c, int code, int rank, const int *shape, tfl_operator **op)
{
    const int input = c->in[0].index;
    int output;
    mseg_status status = mseg_gd_tensor(r, rank, shape, r->model.tensors[input].type, &output);
    if (!status)
        status = add_operator(r, c, code, output, op);
    if (status)
        return status;
    mseg_gd_add_input(*op, input);
    c->out = (gd_value){.kind = GD_MAP, .index = output};
    return MSEG_OK;
}

void mseg_gd_add_input(tfl_operator *op, int tensor)
{
    op->inputs[op->n_inputs++] = tensor;
}

mseg_status mseg_gd_foreign(gd_reader *r, gd_call *c)
{
    int output;
    tfl_operator *op;
    bool maps = false;
    for (int i = 0; i < c->n; i++)
        maps = maps || c->in[i].kind == GD_MAP;
    c->out = (gd_value){.kind = GD_UNKNOWN};
    mseg_status status = maps ? mseg_gd_tensor(r, -1, NULL, TFL_FLOAT32, &output) : MSEG_OK;
    if (status || !maps)
        return status;
    status = add_operator(r, c, TFL_OP_FOREIGN, output, &op);
    for (int i = 0; i < c->n && !status; i++)
        if (c->in[i].kind == GD_MAP && op->n_inputs < TFL_MAX_INPUTS)
            mseg_gd_add_input(op, c->in[i].index);
    c->out = (gd_value){.kind = GD_MAP, .index = output};
    return status;
}

const tfl_tensor *mseg_gd_map(const gd_reader *r, const gd_call *c, int input)
{
    if (input >= c->n || c->in[input].kind != GD_MAP || r->model.tensors[c->in[input].index].rank < 0)
        return NULL;
    return &r->model.tensors[c->in[input].index];
}

mseg_status mseg_gd_pass(gd_reader *r, gd_call *c)
{
    (void)r;
    c->out = c->in[0];
    return MSEG_OK;
}
