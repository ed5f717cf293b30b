#include <string.h>

#include "weights/graphdef.h"

/* What changes the shape or the type of maps and numbers, or takes a part of them. */

mseg_status mseg_gd_same_shape(gd_reader *r, gd_call *c)
{
    const int code = mseg_gd_text_is(c->node->op, "Relu")    ? TFL_OP_RELU
                     : mseg_gd_text_is(c->node->op, "Relu6") ? TFL_OP_RELU6
                                                             : TFL_OP_SOFTMAX;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    int shape[4];
    tfl_operator *op;
    if (!map)
        return mseg_gd_foreign(r, c);
    memcpy(shape, map->shape, sizeof shape);
    return mseg_gd_emit(r, c, code, map->rank, shape, &op);
}

/* ---- other dimensions, the same elements --------------------------------------------------------------------------------- */

static double elements(int rank, const int *shape)
{
    double count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    return count;
}

/* Replaces a -1; false: the shape does not have count elements. */
static bool complete(int rank, int *shape, double count)
{
    int open = -1;
    for (int i = 0; i < rank; i++)
        if (shape[i] < 0) {
            if (shape[i] != -1 || open >= 0)
                return false;
            open = i;
            shape[i] = 1;
        }
    const double rest = elements(rank, shape);
    if (open >= 0 && rest > 0 && count / rest <= INT32_MAX)
        shape[open] = (int)(count / rest);
    return elements(rank, shape) == count;
}

/* The first input in that shape. */
static mseg_status reshape(gd_reader *r, gd_call *c, int code, int rank, int *shape)
{
    tfl_operator *op;
    if (c->in[0].kind == GD_CONSTANT) {
        gd_constant same = r->constants[c->in[0].index];
        if (!complete(rank, shape, (double)same.count))
            return mseg_gd_fail(r, c->node, MSEG_FORMAT, "gives %zu values another shape than they have", same.count);
        same.sizes.rank = rank;
        memcpy(same.sizes.shape, shape, (size_t)rank * sizeof *shape);
        return mseg_gd_give_same(r, c, &same);
    }
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map)
        return mseg_gd_foreign(r, c);
    if (!complete(rank, shape, elements(map->rank, map->shape)))
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "gives a map another number of elements");
    return mseg_gd_emit(r, c, code, rank, shape, &op);
}

mseg_status mseg_gd_reshape(gd_reader *r, gd_call *c)
{
    int shape[MSEG_SIZES_RANK];
    const mseg_sizes *wanted = mseg_gd_numbers(r, c, 1);
    const int rank = wanted ? mseg_sizes_count(wanted->rank, wanted->shape) : -1;
    if (rank < 0 || rank > MSEG_SIZES_RANK || !mseg_gd_integers(r, c, 1, rank, shape))
        return mseg_gd_foreign(r, c);
    return reshape(r, c, TFL_OP_RESHAPE, rank, shape);
}

/* The dimensions of the first input, as TensorFlow counts them; false: it has none that mseg knows. */
static bool dimensions(const gd_reader *r, const gd_call *c, int *rank, int shape[MSEG_SIZES_RANK + 1])
{
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    const bool constant = c->in[0].kind == GD_CONSTANT;
    if (!constant && !map)
        return false;
    const int skip = c->in[0].batchless ? 1 : 0;
    const mseg_sizes *sizes = constant ? &r->constants[c->in[0].index].sizes : NULL;
    *rank = constant ? sizes->rank : map->rank - skip;
    memcpy(shape, constant ? sizes->shape : map->shape + skip, (size_t)*rank * sizeof *shape);
    return true;
}

mseg_status mseg_gd_squeeze(gd_reader *r, gd_call *c)
{
    int shape[MSEG_SIZES_RANK + 1], left[MSEG_SIZES_RANK], axes[MSEG_SIZES_RANK], n = 0, rank, kept = 0;
    mseg_status status = mseg_gd_ints(r, c, "squeeze_dims", axes, MSEG_SIZES_RANK, &n);
    if (!status && !n)
        status = mseg_gd_ints(r, c, "axis", axes, MSEG_SIZES_RANK, &n);
    if (status)
        return status;
    if (!dimensions(r, c, &rank, shape))
        return mseg_gd_foreign(r, c);
    for (int i = 0; i < rank; i++) {
        bool goes = !n && shape[i] == 1 && !(c->in[0].picture && i);
        for (int k = 0; k < n; k++)
            goes = goes || axes[k] == i || axes[k] + rank == i;
        if (goes && shape[i] != 1)
            return mseg_gd_fail(r, c->node, MSEG_FORMAT, "takes away dimension %d, which is %d", i, shape[i]);
        if (!goes)
            left[kept++] = shape[i];
    }
    if (c->in[0].picture && !c->in[0].batchless && kept == 3) {
        c->out = c->in[0];
        c->out.batchless = true;
        return MSEG_OK;
    }
    return reshape(r, c, TFL_OP_SQUEEZE, kept, left);
}

mseg_status mseg_gd_expand_dims(gd_reader *r, gd_call *c)
{
    int shape[MSEG_SIZES_RANK + 1], rank, axis;
    if (!dimensions(r, c, &rank, shape) || !mseg_gd_integers(r, c, 1, 1, &axis) || rank == MSEG_SIZES_RANK)
        return mseg_gd_foreign(r, c);
    axis += axis < 0 ? rank + 1 : 0;
    if (axis < 0 || axis > rank)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "puts a dimension where none can be");
    if (c->in[0].batchless && axis)
        return mseg_gd_foreign(r, c);
    if (c->in[0].batchless) {
        c->out = c->in[0];
        c->out.batchless = false;
        return MSEG_OK;
    }
    memmove(shape + axis + 1, shape + axis, (size_t)(rank - axis) * sizeof *shape);
    shape[axis] = 1;
    return reshape(r, c, TFL_OP_EXPAND_DIMS, rank + 1, shape);
}

mseg_status mseg_gd_transpose(gd_reader *r, gd_call *c)
{
    int order[4], shape[4], given;
    bool seen[4] = {false};
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map || map->rank < 1 || !mseg_gd_integers(r, c, 1, map->rank, order))
        return mseg_gd_foreign(r, c);
    const int rank = map->rank;
    for (int i = 0; i < rank; i++) {
        if (order[i] < 0 || order[i] >= rank || seen[order[i]])
            return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has an order of dimensions that is none");
        seen[order[i]] = true;
        shape[i] = map->shape[order[i]];
    }
    mseg_status status = mseg_gd_int_tensor(r, order, rank, &given);
    if (!status)
        status = mseg_gd_emit(r, c, TFL_OP_TRANSPOSE, rank, shape, &op);
    if (!status)
        mseg_gd_add_input(op, given);
    return status;
}

mseg_status mseg_gd_cast(gd_reader *r, gd_call *c)
{
    int type = GD_FLOAT, shape[4];
    tfl_operator *op;
    mseg_status status = mseg_gd_type(r, c, "DstT", &type);
    const bool real = type == GD_FLOAT || type == GD_HALF || type == GD_DOUBLE || type == GD_BFLOAT16;
    if (status)
        return status;
    const mseg_sizes *few = mseg_gd_numbers(r, c, 0);
    mseg_sizes out;
    if (few && mseg_sizes_apply(&out, real ? MSEG_SIZES_TO_FLOAT : MSEG_SIZES_TO_INTEGER, few, NULL))
        return mseg_gd_give(r, c, &out);
    if (c->in[0].kind == GD_CONSTANT && real)
        return mseg_gd_pass(r, c);
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map)
        return mseg_gd_foreign(r, c);
    const gd_value in = c->in[0];
    memcpy(shape, map->shape, sizeof shape);
    status = mseg_gd_emit(r, c, TFL_OP_CAST, map->rank, shape, &op);
    if (!status)
        r->model.tensors[op->output].type = real ? TFL_FLOAT32 : type == GD_UINT8 ? TFL_UINT8 : TFL_INT32;
    c->out.picture = in.picture && real;
    c->out.batchless = in.batchless;
    return status;
}

/* ---- parts --------------------------------------------------------------------------------------------------------------- */

/* Along each dimension of the input: from begin in count steps. */
typedef struct part {
    int rank, shape[MSEG_SIZES_RANK + 1];
    int begin[MSEG_SIZES_RANK], count[MSEG_SIZES_RANK], step[MSEG_SIZES_RANK];
    bool drop[MSEG_SIZES_RANK];
} part;

/* Of maps only the whole: at the size that mseg gives the picture, nothing has to be cut off. */
static mseg_status give_part(gd_reader *r, gd_call *c, const part *p)
{
    bool whole = true;
    mseg_sizes out;
    for (int i = 0; i < p->rank; i++)
        whole = whole && p->begin[i] == 0 && p->count[i] == p->shape[i] && p->step[i] == 1 && !p->drop[i];
    if (whole)
        return mseg_gd_pass(r, c);
    const mseg_sizes *few = mseg_gd_numbers(r, c, 0);
    if (few && p->rank == 1 && mseg_sizes_slice(&out, few, p->begin[0], p->count[0], p->step[0], p->drop[0]))
        return mseg_gd_give(r, c, &out);
    return mseg_gd_foreign(r, c);
}

mseg_status mseg_gd_slice(gd_reader *r, gd_call *c)
{
    part p = {0};
    if (!dimensions(r, c, &p.rank, p.shape) || !mseg_gd_integers(r, c, 1, p.rank, p.begin) ||
        !mseg_gd_integers(r, c, 2, p.rank, p.count))
        return mseg_gd_foreign(r, c);
    for (int i = 0; i < p.rank; i++) {
        p.step[i] = 1;
        if (p.count[i] == -1)
            p.count[i] = p.shape[i] - p.begin[i];
    }
    return give_part(r, c, &p);
}

/* begin, end, step of one dimension, of which the masks say what is left out, to what part they are. */
static bool read_range(part *p, int i, int begin, int end, int step, bool from_first, bool to_last, bool drop)
{
    const int size = p->shape[i];
    if (step == 0)
        return false;
    const int least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
    if (drop) {
        p->begin[i] = begin < 0 ? begin + size : begin;
        p->count[i] = p->step[i] = 1;
        p->drop[i] = true;
        return p->begin[i] >= 0 && p->begin[i] < size;
    }
    begin = from_first ? (step > 0 ? least : most) : begin < 0 ? begin + size : begin;
    end = to_last ? (step > 0 ? most : least) : end < 0 ? end + size : end;
    begin = begin < least ? least : begin > most ? most : begin;
    end = end < least ? least : end > most ? most : end;
    const int64_t way = step > 0 ? (int64_t)end - begin : (int64_t)begin - end, steps = step > 0 ? step : -(int64_t)step;
    p->begin[i] = begin;
    p->step[i] = step;
    p->count[i] = way > 0 ? (int)((way + steps - 1) / steps) : 0;
    return true;
}

mseg_status mseg_gd_strided_slice(gd_reader *r, gd_call *c)
{
    static const char *const keys[] = {"begin_mask", "end_mask", "shrink_axis_mask", "ellipsis_mask", "new_axis_mask"};
    int64_t masks[5] = {0};
    int begin[MSEG_SIZES_RANK], end[MSEG_SIZES_RANK], step[MSEG_SIZES_RANK];
    part p = {0};
    mseg_status status = MSEG_OK;
    for (int i = 0; i < 5 && !status; i++)
        status = mseg_gd_int(r, c, keys[i], &masks[i]);
    if (status)
        return status;
    const mseg_sizes *first = mseg_gd_numbers(r, c, 1);
    const int n = first ? mseg_sizes_count(first->rank, first->shape) : -1;
    if (!dimensions(r, c, &p.rank, p.shape) || n < 0 || n > p.rank || masks[3] || masks[4] ||
        !mseg_gd_integers(r, c, 1, n, begin) || !mseg_gd_integers(r, c, 2, n, end) || !mseg_gd_integers(r, c, 3, n, step))
        return mseg_gd_foreign(r, c);
    for (int i = 0; i < p.rank; i++) {
        const bool all = i >= n;
        if (!read_range(&p, i, all ? 0 : begin[i], all ? 0 : end[i], all ? 1 : step[i], all || masks[0] >> i & 1,
                        all || masks[1] >> i & 1, !all && masks[2] >> i & 1))
            return mseg_gd_fail(r, c->node, MSEG_FORMAT, "takes a part that is not there");
    }
    return give_part(r, c, &p);
}

/* ---- several ------------------------------------------------------------------------------------------------------------- */

static mseg_status concat_maps(gd_reader *r, gd_call *c, int axis)
{
    int shape[4];
    tfl_operator *op;
    const int n = c->n - 1;
    const tfl_tensor *first = mseg_gd_map(r, c, 0);
    if (!first || first->rank != 4 || n > TFL_MAX_INPUTS || (axis != 3 && axis != -1))
        return mseg_gd_foreign(r, c);
    memcpy(shape, first->shape, sizeof shape);
    for (int i = 1; i < n; i++) {
        const tfl_tensor *map = mseg_gd_map(r, c, i);
        if (!map || map->rank != 4 || memcmp(map->shape, shape, 3 * sizeof *shape) != 0)
            return mseg_gd_foreign(r, c);
        shape[3] += map->shape[3];
    }
    mseg_status status = mseg_gd_emit(r, c, TFL_OP_CONCATENATION, 4, shape, &op);
    if (status)
        return status;
    op->axis = 3;
    for (int i = 1; i < n; i++)
        mseg_gd_add_input(op, c->in[i].index);
    return MSEG_OK;
}

mseg_status mseg_gd_concat(gd_reader *r, gd_call *c)
{
    const mseg_sizes *parts[GD_MAX_INPUTS];
    mseg_sizes out;
    int axis;
    bool few = true, maps = false;
    if (!mseg_gd_integers(r, c, c->n - 1, 1, &axis))
        return mseg_gd_foreign(r, c);
    for (int i = 0; i < c->n - 1; i++) {
        parts[i] = mseg_gd_numbers(r, c, i);
        few = few && parts[i];
        maps = maps || c->in[i].kind == GD_MAP;
    }
    if (few && (axis == 0 || (axis == -1 && parts[0]->rank == 1)) && mseg_sizes_join(&out, parts, c->n - 1, false))
        return mseg_gd_give(r, c, &out);
    return maps ? concat_maps(r, c, axis) : mseg_gd_foreign(r, c);
}
