#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* ONNX' TensorProto.DataType of floats. */
static bool is_float(int64_t type)
{
    enum { FLOAT = 1, FLOAT16 = 10, DOUBLE = 11 };
    return type == FLOAT || type == FLOAT16 || type == DOUBLE;
}

/* What changes nothing when a network is run. */
bool mseg_ox_same(onnx_reader *r, const onnx_node *n)
{
    double training;
    mseg_ox_constant(r, n, 0);
    const onnx_value *v = mseg_ox_input(r, n, 0);
    if (!v || v->kind == ONNX_OTHER ||
        (strcmp(n->message->op_type, "Dropout") == 0 && (!mseg_ox_number(r, n, 2, 0, &training) || training != 0)))
        return false;
    mseg_ox_set(r, n, v);
    return true;
}

bool mseg_ox_cast(onnx_reader *r, const onnx_node *n)
{
    const bool to_float = is_float(mseg_ox_int(n, "to", 0));
    const onnx_value *constant = mseg_ox_constant(r, n, 0), *v = constant ? constant : mseg_ox_any_map(r, n, 0);
    if (!v || v->n_scales)
        return false;
    const bool from_float = v->type == TFL_FLOAT32 || v->type == TFL_FLOAT16;
    if (from_float != to_float && (constant || !to_float))
        return false;
    if (from_float == to_float) {
        mseg_ox_set(r, n, v);
    } else {
        const onnx_value out = *v;
        mseg_ox_emit(r, n, TFL_OP_CAST, &v->tensor, 1, &out);
    }
    return true;
}

bool mseg_ox_transpose(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *constant = mseg_ox_constant(r, n, 0), *v = constant ? constant : mseg_ox_any_map(r, n, 0);
    const MsegOnnx__Attribute *perm = mseg_ox_attribute(n, "perm");
    int order[ONNX_RANK], met = 0;
    if (!v || (perm && perm->n_ints != (size_t)v->rank))
        return false;
    for (int i = 0; i < v->rank; i++) {
        order[i] = perm && perm->ints[i] >= 0 && perm->ints[i] < v->rank ? (int)perm->ints[i] : perm ? 0 : v->rank - 1 - i;
        met |= 1 << order[i];
    }
    if (met != (1 << v->rank) - 1)
        return false;
    onnx_value out = *v;
    if (constant)
        out = mseg_ox_transposed(r, constant, order);
    for (int i = 0; i < v->rank && !constant; i++) {
        out.dims[i] = v->dims[order[i]];
        out.perm[i] = v->perm[order[i]];
    }
    mseg_ox_set(r, n, &out);
    return true;
}

/* ---- other shapes for the same numbers ------------------------------------------------------------------------------------- */

/* Dimensions, as many as there may be. */
typedef struct shape {
    int rank, dims[ONNX_RANK];
} shape;

static bool add_dim(shape *s, int64_t size)
{
    if (s->rank == ONNX_RANK || size < 0 || size > INT32_MAX)
        return false;
    s->dims[s->rank++] = (int)size;
    return true;
}

static bool flattened(const onnx_node *n, const onnx_value *v, shape *out)
{
    const int64_t given = mseg_ox_int(n, "axis", 1);
    const int axis = given == v->rank ? v->rank : mseg_ox_axis(given, v->rank);
    int64_t before = 1, behind = 1;
    for (int i = 0; i < v->rank; i++)
        *(i < axis ? &before : &behind) *= v->dims[i];
    return axis >= 0 && add_dim(out, before) && add_dim(out, behind);
}

static bool reshaped(onnx_reader *r, const onnx_node *n, const onnx_value *v, shape *out)
{
    int count, rest = -1;
    int64_t product = 1, elements = 1;
    const double *sizes = mseg_ox_numbers(r, n, 1, &count);
    if (!sizes || count > ONNX_RANK)
        return false;
    for (int i = 0; i < v->rank; i++)
        elements *= v->dims[i];
    for (int i = 0; i < count; i++) {
        const bool same = sizes[i] == 0 && !mseg_ox_int(n, "allowzero", 0);
        if (!(sizes[i] >= -1 && sizes[i] <= INT32_MAX) || (same && i >= v->rank) || (sizes[i] == -1 && rest >= 0))
            return false;
        rest = sizes[i] == -1 ? i : rest;
        add_dim(out, same ? v->dims[i] : sizes[i] == -1 ? 1 : (int64_t)sizes[i]);
        product *= out->dims[i];
        if (product > INT32_MAX)
            return false;
    }
    if (rest >= 0 && product)
        out->dims[rest] = (int)(elements / product);
    return true;
}

/* Which dimensions the axes name, as bits, of rank or, when they are those that are added to these, of as many more. count 0:
 * none are named. False: there are no such dimensions. */
static bool named_axes(onnx_reader *r, const onnx_node *n, int rank, bool added, int *bits, int *count)
{
    const bool given = mseg_ox_attribute(n, "axes") || mseg_ox_input(r, n, 1);
    const double *axes = given ? mseg_ox_listed(r, n, "axes", 1, count) : NULL;
    *bits = 0;
    if (!given)
        *count = 0;
    if (given && !axes)
        return false;
    for (int i = 0; i < *count; i++) {
        const int axis = fabs(axes[i]) <= 2 * ONNX_RANK ? mseg_ox_axis((int64_t)axes[i], rank + (added ? *count : 0)) : -1;
        if (axis < 0 || axis >= 2 * ONNX_RANK)
            return false;
        *bits |= 1 << axis;
    }
    return true;
}

static bool squeezed(onnx_reader *r, const onnx_node *n, const onnx_value *v, shape *out)
{
    int axes, count;
    if (!named_axes(r, n, v->rank, false, &axes, &count))
        return false;
    for (int i = 0; i < v->rank; i++) {
        const bool drop = count ? axes >> i & 1 : v->dims[i] == 1;
        if (drop ? v->dims[i] != 1 : !add_dim(out, v->dims[i]))
            return false;
    }
    return true;
}

static bool unsqueezed(onnx_reader *r, const onnx_node *n, const onnx_value *v, shape *out)
{
    int axes, count, next = 0;
    if (!named_axes(r, n, v->rank, true, &axes, &count) || !count || v->rank + count > ONNX_RANK)
        return false;
    for (int i = 0; i < v->rank + count; i++) {
        const bool added = axes >> i & 1;
        if (!added && next == v->rank)
            return false;
        add_dim(out, added ? 1 : v->dims[next++]);
    }
    return next == v->rank;
}

static double elements_of(int rank, const int *dims)
{
    double count = 1;
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    return count;
}

/* The map's view when only dimensions of 1 come or go: those stand in front in its tensor. False: others change. */
static bool keep_order(const onnx_value *v, const shape *to, onnx_value *out)
{
    int from[ONNX_RANK], count = 0, matched = 0, ones = 0;
    for (int i = 0; i < v->rank; i++)
        if (v->dims[i] != 1)
            from[count++] = i;
    *out = mseg_ox_plain(to->rank, to->dims);
    for (int i = 0; i < to->rank; i++) {
        if (to->dims[i] == 1) {
            out->perm[i] = ones++;
            continue;
        }
        if (matched == count || v->dims[from[matched]] != to->dims[i])
            return false;
        matched++;
    }
    for (int i = 0, k = 0; i < to->rank; i++) {
        if (to->dims[i] == 1)
            continue;
        out->perm[i] = ones;
        for (int other = 0; other < count; other++)
            out->perm[i] += v->perm[from[other]] < v->perm[from[k]];
        k++;
    }
    return matched == count;
}

static bool is_plain(const onnx_value *v)
{
    for (int i = 0; i < v->rank; i++)
        if (v->perm[i] != i)
            return false;
    return true;
}

static bool reshape_map(onnx_reader *r, const onnx_node *n, const onnx_value *v, const shape *to)
{
    onnx_value out;
    if (to->rank == v->rank && memcmp(to->dims, v->dims, (size_t)v->rank * sizeof *v->dims) == 0) {
        mseg_ox_set(r, n, v);
        return true;
    }
    if (!to->rank || (!keep_order(v, to, &out) && !is_plain(v)))
        return false;
    if (!keep_order(v, to, &out))
        out = mseg_ox_plain(to->rank, to->dims);
    mseg_ox_emit(r, n, TFL_OP_RESHAPE, &v->tensor, 1, &out);
    mseg_ox_keep_type(r, n, v);
    return true;
}

bool mseg_ox_reshape(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *constant = mseg_ox_constant(r, n, 0), *v = constant ? constant : mseg_ox_any_map(r, n, 0);
    const char op = *n->message->op_type;
    shape to = {0};
    if (!v)
        return false;
    const bool known = op == 'F'   ? flattened(n, v, &to)
                       : op == 'R' ? reshaped(r, n, v, &to)
                       : op == 'S' ? squeezed(r, n, v, &to)
                                   : unsqueezed(r, n, v, &to);
    if (!known || r->status)
        return false;
    if (elements_of(to.rank, to.dims) != elements_of(v->rank, v->dims)) {
        mseg_ox_fail(r, n, MSEG_FORMAT, "makes %.0f values of %.0f", elements_of(to.rank, to.dims),
                     elements_of(v->rank, v->dims));
        return false;
    }
    if (!constant)
        return reshape_map(r, n, v, &to);
    if (constant->n_scales > 1)
        return false;
    onnx_value out = *constant;
    out.rank = to.rank;
    memcpy(out.dims, to.dims, sizeof out.dims);
    mseg_ox_set(r, n, &out);
    return true;
}

/* ---- behind the scores ---------------------------------------------------------------------------------------------------- */

/* Of more than one dimension only that of the channels may be part of it. */
bool mseg_ox_softmax(onnx_reader *r, const onnx_node *n)
{
    enum { BY_AXIS = 13 }; /* the operator set that changed it: before, all dimensions from the axis on are one */
    const onnx_value *v = mseg_ox_map(r, n, 0);
    const int axis = v ? mseg_ox_axis(mseg_ox_int(n, "axis", r->opset < BY_AXIS ? 1 : -1), v->rank) : -1;
    if (axis < 0)
        return false;
    for (int i = 0; i < v->rank; i++) {
        const bool part = r->opset < BY_AXIS ? i >= axis : i == axis;
        const bool channels = v->perm[i] == v->rank - 1;
        if (part != channels && (channels || v->dims[i] != 1))
            return false;
    }
    const onnx_value out = *v;
    mseg_ox_emit(r, n, TFL_OP_SOFTMAX, &v->tensor, 1, &out);
    return true;
}

bool mseg_ox_arg_max(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *v = mseg_ox_map(r, n, 0);
    const int axis = v ? mseg_ox_axis(mseg_ox_int(n, "axis", 0), v->rank) : -1;
    shape left = {0};
    int last = -1;
    if (axis < 0 || v->perm[axis] != v->rank - 1 || mseg_ox_int(n, "select_last_index", 0))
        return false;
    onnx_value out = mseg_ox_resized(v, v->rank - 1, 1);
    for (int i = 0; i < v->rank && !mseg_ox_int(n, "keepdims", 1); i++) {
        if (i == axis)
            continue;
        if (v->perm[i] < last)
            return false;
        last = v->perm[i];
        add_dim(&left, v->dims[i]);
    }
    if (left.rank)
        out = mseg_ox_plain(left.rank, left.dims);
    const int32_t along = v->rank - 1;
    const int inputs[2] = {v->tensor, mseg_ox_integers(r, &along, 1)};
    mseg_ox_emit(r, n, TFL_OP_ARG_MAX, inputs, 2, &out);
    if (n->outputs[0] >= 0)
        r->values[n->outputs[0]].type = TFL_INT64;
    return true;
}
