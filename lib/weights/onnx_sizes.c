#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* Files compute sizes of maps from those of other maps: arithmetic on a few numbers, done here. */

typedef struct array {
    int type, rank, dims[ONNX_RANK], count;
    double at[ONNX_NUMBERS];
} array;

static bool load(onnx_reader *r, const onnx_node *n, int input, array *a)
{
    const double *numbers = mseg_ox_numbers(r, n, input, &a->count);
    const onnx_value *v = mseg_ox_input(r, n, input);
    if (!numbers)
        return false;
    memcpy(a->at, numbers, (size_t)a->count * sizeof *numbers);
    memcpy(a->dims, v->dims, sizeof a->dims);
    a->type = v->type;
    a->rank = v->rank;
    return true;
}

/* The numbers that an attribute or, when it has none, an input lists; count 0 where neither does. */
static bool listed(onnx_reader *r, const onnx_node *n, const char *name, int input, array *a)
{
    const MsegOnnx__Attribute *attribute = mseg_ox_attribute(n, name);
    a->count = 0;
    if (!attribute)
        return !mseg_ox_input(r, n, input) || load(r, n, input, a);
    if (attribute->n_ints > ONNX_NUMBERS)
        return false;
    a->count = (int)attribute->n_ints;
    for (int i = 0; i < a->count; i++)
        a->at[i] = (double)attribute->ints[i];
    return true;
}

static bool finish(onnx_reader *r, const onnx_node *n, array *a)
{
    static const double exact = 9007199254740992.0; /* 2^53 */
    for (int i = 0; i < a->count; i++) {
        if (a->type == TFL_FLOAT32)
            a->at[i] = (double)(float)a->at[i];
        else if (!(fabs(a->at[i]) < exact))
            return false;
    }
    mseg_ox_set_numbers(r, n, a->type, a->rank, a->dims, a->at);
    return true;
}

/* Elements before and behind a dimension. */
static int outer(const array *a, int axis)
{
    int count = 1;
    for (int i = 0; i < axis; i++)
        count *= a->dims[i];
    return count;
}

static int inner(const array *a, int axis)
{
    int count = 1;
    for (int i = axis + 1; i < a->rank; i++)
        count *= a->dims[i];
    return count;
}

/* ---- where numbers come from ---------------------------------------------------------------------------------------------- */

static bool fold_constant(onnx_reader *r, const onnx_node *n)
{
    if (n->message->n_attribute != 1)
        return false;
    const MsegOnnx__Attribute *a = n->message->attribute[0];
    const char *name = a->name ? a->name : "";
    if (a->t && strcmp(name, "value") == 0) {
        onnx_value out = {.tensor = -1};
        mseg_ox_take_tensor(r, n, a->t, &out);
        mseg_ox_set(r, n, &out);
        return out.kind == ONNX_CONSTANT;
    }
    const bool floats = strncmp(name, "value_float", 11) == 0,
               list = strcmp(name, "value_ints") == 0 || strcmp(name, "value_floats") == 0;
    if (!floats && strncmp(name, "value_int", 9) != 0)
        return false;
    const size_t count = !list ? 1 : floats ? a->n_floats : a->n_ints;
    array out = {.type = floats ? TFL_FLOAT32 : TFL_INT64, .rank = list, .dims = {(int)count}, .count = (int)count};
    for (size_t i = 0; i < count && count <= ONNX_NUMBERS; i++)
        out.at[i] = floats ? (double)(list ? a->floats[i] : a->f) : (double)(list ? a->ints[i] : a->i);
    return count <= ONNX_NUMBERS && finish(r, n, &out);
}

static bool fold_shape(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *v = mseg_ox_input(r, n, 0);
    if (v && v->kind == ONNX_CONSTANT && v->message.data)
        mseg_ox_constant(r, n, 0);
    if (!v || (v->kind != ONNX_CONSTANT && v->kind != ONNX_MAP) || v->rank < 0)
        return false;
    int64_t from = mseg_ox_int(n, "start", 0), to = mseg_ox_int(n, "end", v->rank);
    from = from < 0 ? from + v->rank : from;
    to = to < 0 ? to + v->rank : to > v->rank ? v->rank : to;
    array out = {.type = TFL_INT64, .rank = 1};
    for (int64_t i = from < 0 ? 0 : from; i < to; i++)
        out.at[out.count++] = v->dims[i];
    out.dims[0] = out.count;
    return finish(r, n, &out);
}

static bool fold_constant_of_shape(onnx_reader *r, const onnx_node *n)
{
    array shape, out = {.type = TFL_FLOAT32, .count = 1};
    const MsegOnnx__Attribute *a = mseg_ox_attribute(n, "value");
    double value = 0;
    if (!load(r, n, 0, &shape) || shape.count > ONNX_RANK)
        return false;
    if (a && a->t) {
        onnx_value v = {.tensor = -1};
        int count;
        mseg_ox_take_tensor(r, n, a->t, &v);
        mseg_ox_set(r, n, &v); /* to be read as numbers */
        onnx_node self = {.message = n->message, .inputs = n->outputs};
        const double *numbers = r->status || v.kind != ONNX_CONSTANT ? NULL : mseg_ox_numbers(r, &self, 0, &count);
        if (!numbers || count != 1)
            return false;
        value = *numbers;
        out.type = v.type;
    }
    out.rank = shape.count;
    for (int i = 0; i < out.rank; i++) {
        if (!(shape.at[i] >= 0 && shape.at[i] <= ONNX_NUMBERS && shape.at[i] * out.count <= ONNX_NUMBERS))
            return false;
        out.dims[i] = (int)shape.at[i];
        out.count *= out.dims[i];
    }
    for (int i = 0; i < out.count; i++)
        out.at[i] = value;
    return finish(r, n, &out);
}

/* ---- what is done to them ------------------------------------------------------------------------------------------------- */

static bool fold_gather(onnx_reader *r, const onnx_node *n)
{
    array in, places, out = {0};
    if (!load(r, n, 0, &in) || !load(r, n, 1, &places))
        return false;
    const int axis = mseg_ox_axis(mseg_ox_int(n, "axis", 0), in.rank);
    if (axis < 0 || in.rank - 1 + places.rank > ONNX_RANK || outer(&in, axis) * places.count * inner(&in, axis) > ONNX_NUMBERS)
        return false;
    out.type = in.type;
    for (int i = 0; i < axis; i++)
        out.dims[out.rank++] = in.dims[i];
    for (int i = 0; i < places.rank; i++)
        out.dims[out.rank++] = places.dims[i];
    for (int i = axis + 1; i < in.rank; i++)
        out.dims[out.rank++] = in.dims[i];
    for (int o = 0; o < outer(&in, axis); o++)
        for (int p = 0; p < places.count; p++) {
            const double place = places.at[p] < 0 ? places.at[p] + in.dims[axis] : places.at[p];
            if (!(place >= 0 && place < in.dims[axis]))
                return false;
            for (int i = 0; i < inner(&in, axis); i++)
                out.at[out.count++] = in.at[(o * in.dims[axis] + (int)place) * inner(&in, axis) + i];
        }
    return finish(r, n, &out);
}

static double clamped(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Along one dimension: every step-th from start to before end, both as the file has them. */
static void slice(array *a, int axis, double start, double end, int step)
{
    const int size = a->dims[axis], in = inner(a, axis), out = outer(a, axis);
    const double last = step > 0 ? size : size - 1, first = step > 0 ? 0 : -1;
    start = clamped(start < 0 ? start + size : start, step > 0 ? 0 : -1, last);
    end = clamped(end < 0 ? end + size : end, first, last);
    array taken = *a;
    taken.count = taken.dims[axis] = 0;
    for (int place = (int)start; step > 0 ? place < (int)end : place > (int)end; place += step)
        taken.dims[axis]++;
    for (int o = 0; o < out; o++)
        for (int k = 0; k < taken.dims[axis]; k++)
            for (int i = 0; i < in; i++)
                taken.at[taken.count++] = a->at[(o * size + (int)start + k * step) * in + i];
    *a = taken;
}

static bool fold_slice(onnx_reader *r, const onnx_node *n)
{
    array in, starts, ends, axes, steps;
    if (!load(r, n, 0, &in) || !listed(r, n, "starts", 1, &starts) || !listed(r, n, "ends", 2, &ends) ||
        !listed(r, n, "axes", 3, &axes) || !listed(r, n, "steps", 4, &steps) || starts.count != ends.count ||
        (axes.count && axes.count != starts.count) || (steps.count && steps.count != starts.count))
        return false;
    for (int i = 0; i < starts.count; i++) {
        const double wanted = axes.count ? axes.at[i] : i, step = steps.count ? steps.at[i] : 1;
        const int axis = fabs(wanted) <= ONNX_RANK ? mseg_ox_axis((int64_t)wanted, in.rank) : -1;
        if (axis < 0 || !(fabs(step) >= 1 && fabs(step) <= ONNX_NUMBERS) || !isfinite(starts.at[i]) || !isfinite(ends.at[i]))
            return false;
        slice(&in, axis, starts.at[i], ends.at[i], (int)step);
    }
    return finish(r, n, &in);
}

static bool fold_concat(onnx_reader *r, const onnx_node *n)
{
    array out, in;
    const int inputs = n->message->n_input < ONNX_NUMBERS ? (int)n->message->n_input : ONNX_NUMBERS;
    int size = 0, at = 0;
    if (!load(r, n, 0, &out))
        return false;
    const int axis = mseg_ox_axis(mseg_ox_int(n, "axis", 0), out.rank);
    if (axis < 0 || (axis > 0 && outer(&out, axis) != 1) || n->message->n_input > ONNX_NUMBERS)
        return false;
    for (int i = 0; i < inputs; i++) {
        if (!load(r, n, i, &in) || in.rank != out.rank || inner(&in, axis) != inner(&out, axis) || at + in.count > ONNX_NUMBERS)
            return false;
        memcpy(out.at + at, in.at, (size_t)in.count * sizeof *in.at);
        at += in.count;
        size += in.dims[axis];
    }
    out.count = at;
    out.dims[axis] = size;
    return finish(r, n, &out);
}

static bool fold_cast(onnx_reader *r, const onnx_node *n)
{
    enum { FLOAT = 1, INT32 = 6, INT64 = 7, BOOL = 9, DOUBLE = 11 };
    array a;
    const int64_t to = mseg_ox_int(n, "to", 0);
    if (!load(r, n, 0, &a) || (to != FLOAT && to != INT32 && to != INT64 && to != BOOL && to != DOUBLE))
        return false;
    a.type = to == FLOAT || to == DOUBLE ? TFL_FLOAT32 : to == INT32 ? TFL_INT32 : to == BOOL ? TFL_UINT8 : TFL_INT64;
    for (int i = 0; i < a.count && a.type != TFL_FLOAT32; i++)
        a.at[i] = to == BOOL ? a.at[i] != 0 : trunc(a.at[i]);
    return finish(r, n, &a);
}

static bool fold_floor(onnx_reader *r, const onnx_node *n)
{
    array a;
    if (!load(r, n, 0, &a))
        return false;
    for (int i = 0; i < a.count; i++)
        a.at[i] = strcmp(n->message->op_type, "Ceil") == 0 ? ceil(a.at[i]) : floor(a.at[i]);
    return finish(r, n, &a);
}

/* ---- of two or three ------------------------------------------------------------------------------------------------------ */

static bool compute(const char *op, bool floats, double x, double y, double *out)
{
    switch (*op) {
    case 'A':
        *out = x + y;
        return true;
    case 'S':
        *out = x - y;
        return true;
    case 'M':
        *out = x * y;
        return true;
    case 'D':
        *out = y == 0 ? 0 : floats ? x / y : trunc(x / y);
        return y != 0;
    default:
        *out = x == y;
        return true;
    }
}

/* The element of a that belongs to element i of out, which it is spread over. */
static double spread(const array *a, const array *out, int i)
{
    int place = 0, step = 1;
    for (int k = out->rank - 1; k >= 0; k--) {
        const int own = k - (out->rank - a->rank), at = i % out->dims[k];
        i /= out->dims[k];
        if (own < 0)
            continue;
        place += a->dims[own] == 1 ? 0 : at * step;
        step *= a->dims[own];
    }
    return a->at[place];
}

/* Gives out the shape that both spread to. */
static bool join_shapes(array *out, const array *a)
{
    const int rank = out->rank > a->rank ? out->rank : a->rank;
    int dims[ONNX_RANK];
    out->count = 1;
    for (int k = 0; k < rank; k++) {
        const int i = k - (rank - out->rank), j = k - (rank - a->rank);
        const int x = i < 0 ? 1 : out->dims[i], y = j < 0 ? 1 : a->dims[j];
        dims[k] = x == 1 ? y : x;
        if (x != y && x != 1 && y != 1)
            return false;
        out->count *= dims[k];
        if (out->count > ONNX_NUMBERS)
            return false;
    }
    memcpy(out->dims, dims, (size_t)rank * sizeof *dims);
    out->rank = rank;
    return true;
}

static bool fold_arithmetic(onnx_reader *r, const onnx_node *n)
{
    array a, b, out = {0};
    const char *op = n->message->op_type;
    if (n->message->n_input != 2 || !load(r, n, 0, &a) || !load(r, n, 1, &b) || !join_shapes(&out, &a) || !join_shapes(&out, &b))
        return false;
    for (int i = 0; i < out.count; i++)
        if (!compute(op, a.type == TFL_FLOAT32, spread(&a, &out, i), spread(&b, &out, i), &out.at[i]))
            return false;
    out.type = strcmp(op, "Equal") == 0 ? TFL_UINT8 : a.type;
    return finish(r, n, &out);
}

static bool fold_where(onnx_reader *r, const onnx_node *n)
{
    array which, a, b, out = {0};
    if (!load(r, n, 0, &which) || !load(r, n, 1, &a) || !load(r, n, 2, &b) || !join_shapes(&out, &which) ||
        !join_shapes(&out, &a) || !join_shapes(&out, &b))
        return false;
    for (int i = 0; i < out.count; i++)
        out.at[i] = spread(&which, &out, i) != 0 ? spread(&a, &out, i) : spread(&b, &out, i);
    out.type = a.type;
    return finish(r, n, &out);
}

bool mseg_ox_fold(onnx_reader *r, const onnx_node *n)
{
    static const struct {
        const char *op;
        onnx_translate *fold;
    } folds[] = {{"Add", fold_arithmetic}, {"Cast", fold_cast},         {"Ceil", fold_floor},
                 {"Concat", fold_concat},  {"Constant", fold_constant}, {"ConstantOfShape", fold_constant_of_shape},
                 {"Div", fold_arithmetic}, {"Equal", fold_arithmetic},  {"Floor", fold_floor},
                 {"Gather", fold_gather},  {"Mul", fold_arithmetic},    {"Shape", fold_shape},
                 {"Slice", fold_slice},    {"Sub", fold_arithmetic},    {"Where", fold_where}};
    const MsegOnnx__Node *m = n->message;
    if (!m->op_type || (m->domain && *m->domain && strcmp(m->domain, "ai.onnx") != 0))
        return false;
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (strcmp(folds[i].op, m->op_type) == 0)
            return folds[i].fold(r, n);
    return false;
}
