#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/onnx.h"

/* ---- maps ----------------------------------------------------------------------------------------------------------------- */

onnx_value *mseg_ox_input(const onnx_reader *r, const onnx_node *n, int input)
{
    return (size_t)input < n->message->n_input && n->inputs[input] >= 0 ? &r->values[n->inputs[input]] : NULL;
}

const onnx_value *mseg_ox_map(const onnx_reader *r, const onnx_node *n, int input)
{
    const onnx_value *v = mseg_ox_input(r, n, input);
    return v && v->kind == ONNX_MAP && v->rank > 0 && v->type == TFL_FLOAT32 ? v : NULL;
}

const onnx_value *mseg_ox_any_map(const onnx_reader *r, const onnx_node *n, int input)
{
    const onnx_value *v = mseg_ox_input(r, n, input);
    return v && v->kind == ONNX_MAP && v->rank > 0 ? v : NULL;
}

bool mseg_ox_is_nchw(const onnx_value *map)
{
    static const int order[ONNX_RANK] = {0, 3, 1, 2};
    return map && map->rank == ONNX_RANK && memcmp(map->perm, order, sizeof order) == 0;
}

int mseg_ox_size(const onnx_value *map, int axis)
{
    for (int i = 0; i < map->rank; i++)
        if (map->perm[i] == axis)
            return map->dims[i];
    return 0;
}

onnx_value mseg_ox_resized(const onnx_value *map, int axis, int size)
{
    onnx_value out = *map;
    for (int i = 0; i < map->rank; i++)
        if (map->perm[i] == axis)
            out.dims[i] = size;
    return out;
}

onnx_value mseg_ox_plain(int rank, const int *dims)
{
    onnx_value out = {.kind = ONNX_MAP, .rank = rank};
    for (int i = 0; i < rank; i++) {
        out.dims[i] = dims[i];
        out.perm[i] = i;
    }
    return out;
}

bool mseg_ox_same_map(const onnx_value *a, const onnx_value *b)
{
    const size_t bytes = a->rank > 0 ? (size_t)a->rank * sizeof *a->dims : 0;
    return bytes && a->rank == b->rank && memcmp(a->dims, b->dims, bytes) == 0 && memcmp(a->perm, b->perm, bytes) == 0;
}

void mseg_ox_set(onnx_reader *r, const onnx_node *n, const onnx_value *out)
{
    if (!n->message->n_output || n->outputs[0] < 0)
        return;
    onnx_value *v = &r->values[n->outputs[0]];
    const onnx_value before = *v;
    *v = *out;
    v->name = before.name;
    v->length = before.length;
    v->wanted = before.wanted;
}

void mseg_ox_keep_type(onnx_reader *r, const onnx_node *n, const onnx_value *from)
{
    onnx_value *v = n->message->n_output && n->outputs[0] >= 0 ? &r->values[n->outputs[0]] : NULL;
    if (!v)
        return;
    v->type = from->type;
    v->scales = from->scales;
    v->zero_points = from->zero_points;
    v->n_scales = from->n_scales;
    v->n_zero_points = from->n_zero_points;
}

/* ---- the model ------------------------------------------------------------------------------------------------------------ */

int mseg_ox_tensor(onnx_reader *r, const tfl_tensor *tensor)
{
    if (r->status)
        return 0;
    if (!mseg_grow(&r->model.tensors, &r->tensors_room, r->model.n_tensors + 1, sizeof *tensor)) {
        mseg_ox_fail(r, NULL, MSEG_NOMEM, "out of memory");
        return 0;
    }
    r->model.tensors[r->model.n_tensors] = *tensor;
    return r->model.n_tensors++;
}

int mseg_ox_integers(onnx_reader *r, const int32_t *values, int count)
{
    uint8_t *data = mseg_ox_room(r, (size_t)count * sizeof *values);
    if (!data)
        return 0;
    for (int i = 0; i < count; i++)
        for (int byte = 0; byte < 4; byte++)
            data[4 * i + byte] = (uint8_t)((uint32_t)values[i] >> 8 * byte);
    return mseg_ox_tensor(
        r, &(tfl_tensor){.rank = 1, .shape = {count}, .type = TFL_INT32, .data = data, .bytes = 4 * (size_t)count});
}

static int add_output(onnx_reader *r, const onnx_value *out)
{
    tfl_tensor tensor = {.rank = out->rank, .type = TFL_FLOAT32};
    for (int i = 0; i < out->rank; i++) {
        tensor.shape[out->perm[i]] = out->dims[i];
        if (out->dims[i] < 1 || out->dims[i] > TFL_MAX_DIMENSION)
            tensor.rank = -1;
    }
    return mseg_ox_tensor(r, &tensor);
}

tfl_operator *mseg_ox_emit(onnx_reader *r, const onnx_node *n, int code, const int *inputs, int n_inputs, const onnx_value *out)
{
    onnx_value value = *out;
    value.tensor = add_output(r, out);
    value.rank = r->status ? -1 : r->model.tensors[value.tensor].rank;
    value.type = TFL_FLOAT32;
    value.n_scales = value.n_zero_points = 0;
    if (!r->status && r->model.n_operators == TFL_MAX_OPERATORS)
        mseg_ox_fail(r, n, MSEG_LIMIT, "comes after %d others, more than any network that mseg knows", TFL_MAX_OPERATORS);
    else if (!r->status &&
             !mseg_grow(&r->model.operators, &r->operators_room, r->model.n_operators + 1, sizeof *r->model.operators))
        mseg_ox_fail(r, NULL, MSEG_NOMEM, "out of memory");
    tfl_operator *op = r->status ? &r->spare : &r->model.operators[r->model.n_operators++];
    *op = (tfl_operator){.code = code, .n_inputs = n_inputs, .output = value.tensor, .n_outputs = 1, .multiplier = 1, .beta = 1};
    op->stride_h = op->stride_w = op->dilation_h = op->dilation_w = 1;
    for (int i = 0; i < n_inputs; i++)
        op->inputs[i] = inputs[i];
    mseg_ox_label(op->label, sizeof op->label, n);
    if (code == TFL_OP_FOREIGN)
        snprintf(op->custom, sizeof op->custom, "%s", n->message->op_type ? n->message->op_type : "");
    for (char *c = op->custom; *c; c++)
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    mseg_ox_set(r, n, &value);
    return op;
}

/* ---- attributes ----------------------------------------------------------------------------------------------------------- */

const MsegOnnx__Attribute *mseg_ox_attribute(const onnx_node *n, const char *name)
{
    for (size_t i = 0; i < n->message->n_attribute; i++) {
        const MsegOnnx__Attribute *a = n->message->attribute[i];
        if (a->name && strcmp(a->name, name) == 0)
            return a;
    }
    return NULL;
}

int64_t mseg_ox_int(const onnx_node *n, const char *name, int64_t otherwise)
{
    const MsegOnnx__Attribute *a = mseg_ox_attribute(n, name);
    return a ? a->i : otherwise;
}

float mseg_ox_float(const onnx_node *n, const char *name, float otherwise)
{
    const MsegOnnx__Attribute *a = mseg_ox_attribute(n, name);
    return a ? a->f : otherwise;
}

bool mseg_ox_is(const onnx_node *n, const char *name, const char *value, const char *otherwise)
{
    const MsegOnnx__Attribute *a = mseg_ox_attribute(n, name);
    const char *text = a ? (const char *)a->s.data : otherwise;
    const size_t length = a ? a->s.len : strlen(otherwise);
    return length == strlen(value) && (!length || memcmp(text, value, length) == 0);
}

bool mseg_ox_ints(onnx_reader *r, const onnx_node *n, const char *name, int count, int otherwise, int *out)
{
    const MsegOnnx__Attribute *a = mseg_ox_attribute(n, name);
    if (a && a->n_ints != (size_t)count)
        mseg_ox_fail(r, n, MSEG_FORMAT, "its %s are %zu numbers, not %d", name, a->n_ints, count);
    for (int i = 0; i < count && !r->status; i++) {
        const int64_t value = a ? a->ints[i] : otherwise;
        if (value < 0 || value > TFL_MAX_DIMENSION)
            mseg_ox_fail(r, n, MSEG_UNSUPPORTED, "its %s have %lld", name, (long long)value);
        else
            out[i] = (int)value;
    }
    return !r->status;
}

int mseg_ox_axis(int64_t axis, int rank)
{
    return axis < -rank || axis >= rank ? -1 : (int)(axis < 0 ? axis + rank : axis);
}
