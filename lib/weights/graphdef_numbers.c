#include <string.h>

#include "weights/graphdef.h"

/* Numbers made of sizes, and the branches that they choose. */

mseg_status mseg_gd_shape(gd_reader *r, gd_call *c)
{
    mseg_sizes out = {.rank = 1, .integer = true};
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    const bool only_rank = mseg_gd_text_is(c->node->op, "Rank"), constant = c->in[0].kind == GD_CONSTANT;
    if (!map && !constant) {
        c->out.kind = GD_UNKNOWN;
        return MSEG_OK;
    }
    const int skip = c->in[0].batchless ? 1 : 0;
    const mseg_sizes *sizes = constant ? &r->constants[c->in[0].index].sizes : NULL;
    const int rank = constant ? sizes->rank : map->rank - skip;
    const int *shape = constant ? sizes->shape : map->shape + skip;
    out.shape[0] = rank;
    for (int i = 0; i < rank; i++)
        out.values[i] = shape[i];
    out.computed = !constant;
    if (only_rank)
        out = mseg_sizes_number(rank, true);
    return mseg_gd_give(r, c, &out);
}

mseg_status mseg_gd_pack(gd_reader *r, gd_call *c)
{
    const mseg_sizes *parts[GD_MAX_INPUTS];
    mseg_sizes out;
    int64_t axis = 0;
    mseg_status status = mseg_gd_int(r, c, "axis", &axis);
    bool few = axis == 0;
    for (int i = 0; i < c->n; i++) {
        parts[i] = mseg_gd_numbers(r, c, i);
        few = few && parts[i];
    }
    if (status || !few || !mseg_sizes_join(&out, parts, c->n, true))
        return status ? status : mseg_gd_foreign(r, c);
    return mseg_gd_give(r, c, &out);
}

mseg_status mseg_gd_unpack(gd_reader *r, gd_call *c)
{
    int64_t axis = 0;
    mseg_status status = mseg_gd_int(r, c, "axis", &axis);
    const mseg_sizes *few = mseg_gd_numbers(r, c, 0);
    if (status || !few || few->rank < 1 || axis)
        return status ? status : mseg_gd_foreign(r, c);
    c->node->form = GD_UNPACK;
    return mseg_gd_pass(r, c);
}

mseg_status mseg_gd_gather(gd_reader *r, gd_call *c)
{
    const mseg_sizes *from = mseg_gd_numbers(r, c, 0), *index = mseg_gd_numbers(r, c, 1);
    mseg_sizes out;
    int axis = 0;
    if (!from || !index || (c->n > 2 && !mseg_gd_integers(r, c, 2, 1, &axis)) || (axis && axis != -1) ||
        !mseg_sizes_gather(&out, from, index))
        return mseg_gd_foreign(r, c);
    return mseg_gd_give(r, c, &out);
}

/* Of all numbers of a list. */
mseg_status mseg_gd_reduce(gd_reader *r, gd_call *c)
{
    static const struct {
        const char *op;
        mseg_sizes_operation operation;
    } rows[] = {{"Max", MSEG_SIZES_MAX}, {"Min", MSEG_SIZES_MIN}, {"Prod", MSEG_SIZES_MUL},
                {"Sum", MSEG_SIZES_ADD}, {"All", MSEG_SIZES_AND}, {"Any", MSEG_SIZES_OR}};
    const mseg_sizes *few = mseg_gd_numbers(r, c, 0);
    mseg_sizes out;
    bool keep = false;
    size_t row = 0;
    while (!mseg_gd_text_is(c->node->op, rows[row].op))
        row++;
    mseg_status status = mseg_gd_bool(r, c, "keep_dims", &keep);
    if (status || keep || !few || few->rank > 1 || !mseg_sizes_reduce(&out, rows[row].operation, few))
        return status ? status : mseg_gd_foreign(r, c);
    return mseg_gd_give(r, c, &out);
}

mseg_status mseg_gd_fill(gd_reader *r, gd_call *c)
{
    int shape[MSEG_SIZES_RANK];
    const mseg_sizes *dims = mseg_gd_numbers(r, c, 0), *value = mseg_gd_numbers(r, c, 1);
    const int rank = dims ? mseg_sizes_count(dims->rank, dims->shape) : -1;
    if (!value || value->rank || rank < 0 || rank > MSEG_SIZES_RANK || !mseg_gd_integers(r, c, 0, rank, shape))
        return mseg_gd_foreign(r, c);
    mseg_sizes out = *value;
    const int count = mseg_sizes_count(rank, shape);
    if (count < 0)
        return mseg_gd_foreign(r, c);
    out.rank = rank;
    memcpy(out.shape, shape, (size_t)rank * sizeof *shape);
    for (int i = 1; i < count; i++)
        out.values[i] = out.values[0];
    return mseg_gd_give(r, c, &out);
}

/* ---- branches ------------------------------------------------------------------------------------------------------------ */

/* One number that is true or false; -1: not known. */
static int truth(const gd_reader *r, const gd_call *c, int input)
{
    const mseg_sizes *s = mseg_gd_numbers(r, c, input);
    return s && mseg_sizes_count(s->rank, s->shape) == 1 ? s->values[0] != 0 : -1;
}

mseg_status mseg_gd_switch(gd_reader *r, gd_call *c)
{
    const int live = truth(r, c, 1);
    if (live < 0)
        return mseg_gd_foreign(r, c);
    c->node->form = GD_SWITCH;
    c->node->live = live;
    return mseg_gd_pass(r, c);
}

mseg_status mseg_gd_merge(gd_reader *r, gd_call *c)
{
    (void)r;
    c->out.kind = GD_DEAD;
    for (int i = 0; i < c->n && c->out.kind == GD_DEAD; i++)
        c->out = c->in[i];
    return MSEG_OK;
}

mseg_status mseg_gd_select(gd_reader *r, gd_call *c)
{
    const int first = truth(r, c, 0);
    if (first < 0)
        return mseg_gd_foreign(r, c);
    c->out = c->in[first ? 1 : 2];
    return MSEG_OK;
}
