#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* ---- batch norm ----------------------------------------------------------------------------------------------------------- */

bool mseg_ox_norm(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0);
    int inputs[5];
    if (!mseg_ox_is_nchw(map) || mseg_ox_int(n, "spatial", 1) != 1 || mseg_ox_int(n, "training_mode", 0))
        return false;
    inputs[0] = map->tensor;
    for (int i = 1; i < 5; i++) {
        const onnx_value *part = mseg_ox_constant(r, n, i);
        if (!part || part->rank != 1)
            return false;
        inputs[i] = mseg_ox_weights(r, part, 1, part->dims, 0);
    }
    const onnx_value out = *map;
    tfl_operator *op = mseg_ox_emit(r, n, TFL_OP_BATCH_NORM, inputs, 5, &out);
    op->epsilon = mseg_ox_float(n, "epsilon", 1e-5f);
    return true;
}

/* ---- activations ---------------------------------------------------------------------------------------------------------- */

static void emit_unary(onnx_reader *r, const onnx_node *n, int code, const onnx_value *map)
{
    const onnx_value out = *map;
    mseg_ox_emit(r, n, code, &map->tensor, 1, &out);
}

bool mseg_ox_relu(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0);
    if (map)
        emit_unary(r, n, TFL_OP_RELU, map);
    return map;
}

/* With one bound for all numbers. */
static void emit_bound(onnx_reader *r, const onnx_node *n, int code, const onnx_value *map, double bound)
{
    const int none = 0;
    onnx_value c = {.kind = ONNX_CONSTANT, .type = TFL_FLOAT32, .bytes = sizeof(float)};
    const float value = (float)bound;
    uint32_t bits;
    uint8_t *data = mseg_ox_room(r, c.bytes);
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < c.bytes && data; i++)
        data[i] = (uint8_t)(bits >> 8 * i);
    c.data = data;
    const int inputs[2] = {map->tensor, mseg_ox_weights(r, &c, 0, &none, 0)};
    const onnx_value out = *map;
    mseg_ox_emit(r, n, code, inputs, 2, &out);
}

bool mseg_ox_clip(onnx_reader *r, const onnx_node *n)
{
    static const double none = 3.4e38; /* exporters' largest floats are no bounds */
    const onnx_value *map = mseg_ox_map(r, n, 0);
    double low, high;
    if (!map || !mseg_ox_number(r, n, 1, (double)mseg_ox_float(n, "min", -INFINITY), &low) ||
        !mseg_ox_number(r, n, 2, (double)mseg_ox_float(n, "max", INFINITY), &high) || isnan(low) || isnan(high))
        return false;
    onnx_value next = *map;
    if (low == 0 && high == 6) {
        emit_unary(r, n, TFL_OP_RELU6, map);
        return true;
    }
    if (low == 0)
        emit_unary(r, n, TFL_OP_RELU, map);
    else if (low > -none)
        emit_bound(r, n, TFL_OP_MAXIMUM, map, low);
    else
        mseg_ox_set(r, n, map);
    if (n->outputs[0] >= 0)
        next = r->values[n->outputs[0]];
    if (high < none && next.rank > 0)
        emit_bound(r, n, TFL_OP_MINIMUM, &next, high);
    return true;
}

/* ---- with a constant, or another map --------------------------------------------------------------------------------------- */

/* MAP op CONSTANT or CONSTANT op MAP, the constant one number or one for each channel. */
static bool emit_with_constant(onnx_reader *r, const onnx_node *n, int code)
{
    const int first = mseg_ox_map(r, n, 0) ? 0 : 1;
    const onnx_value *map = mseg_ox_map(r, n, first);
    const int constant = map ? mseg_ox_per_channel(r, n, 1 - first, map) : -1;
    if (constant < 0)
        return false;
    const int inputs[2] = {first ? constant : map->tensor, first ? map->tensor : constant};
    const onnx_value out = *map;
    mseg_ox_emit(r, n, code, inputs, 2, &out);
    return true;
}

bool mseg_ox_bound(onnx_reader *r, const onnx_node *n)
{
    const bool least = strcmp(n->message->op_type, "Min") == 0;
    return n->message->n_input == 2 && emit_with_constant(r, n, least ? TFL_OP_MINIMUM : TFL_OP_MAXIMUM);
}

bool mseg_ox_arithmetic(onnx_reader *r, const onnx_node *n)
{
    static const int codes[] = {['A'] = TFL_OP_ADD, ['D'] = TFL_OP_DIV, ['M'] = TFL_OP_MUL, ['S'] = TFL_OP_SUB};
    const char *op = n->message->op_type;
    const int code = strcmp(op, "Sum") == 0 ? TFL_OP_ADD : codes[(unsigned char)*op];
    const onnx_value *a = mseg_ox_map(r, n, 0), *b = mseg_ox_map(r, n, 1);
    if (n->message->n_input != 2)
        return false;
    if (!a || !b)
        return emit_with_constant(r, n, code);
    if (code != TFL_OP_ADD || !mseg_ox_same_map(a, b))
        return false;
    const int inputs[2] = {a->tensor, b->tensor};
    const onnx_value out = *a;
    mseg_ox_emit(r, n, code, inputs, 2, &out);
    return true;
}

/* ---- of whole maps -------------------------------------------------------------------------------------------------------- */

bool mseg_ox_emit_concat(onnx_reader *r, const onnx_node *n, int first, int step)
{
    const onnx_value *model = mseg_ox_any_map(r, n, first);
    int tensors[TFL_MAX_INPUTS], count = 0, channels = 0;
    if (!model || model->rank != ONNX_RANK || n->message->n_input > (size_t)(first + step * TFL_MAX_INPUTS))
        return false;
    const int axis = mseg_ox_axis(mseg_ox_int(n, "axis", ONNX_RANK), ONNX_RANK);
    if (axis < 0 || model->perm[axis] != 3)
        return false;
    for (int i = first; i < (int)n->message->n_input; i += step) {
        const onnx_value *map = mseg_ox_any_map(r, n, i);
        const onnx_value alike = map ? mseg_ox_resized(map, 3, model->dims[axis]) : (onnx_value){0};
        if (!map || !mseg_ox_same_map(&alike, model))
            return false;
        tensors[count++] = map->tensor;
        channels += map->dims[axis];
    }
    const onnx_value out = mseg_ox_resized(model, 3, channels);
    mseg_ox_emit(r, n, TFL_OP_CONCATENATION, tensors, count, &out)->axis = 3;
    return true;
}

bool mseg_ox_concat(onnx_reader *r, const onnx_node *n)
{
    for (int i = 0; i < (int)n->message->n_input; i++)
        if (!mseg_ox_map(r, n, i))
            return false;
    return mseg_ox_emit_concat(r, n, 0, 1);
}

bool mseg_ox_pad(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0);
    int count = 0;
    double value;
    int32_t pads[8];
    const double *given = mseg_ox_listed(r, n, "pads", 1, &count);
    if (!map || map->rank != 4 || !given || count != 8 || mseg_ox_input(r, n, 3) ||
        !mseg_ox_is(n, "mode", "constant", "constant") ||
        !mseg_ox_number(r, n, 2, (double)mseg_ox_float(n, "value", 0), &value) || value != 0)
        return false;
    onnx_value out = *map;
    for (int i = 0; i < 4; i++) {
        for (int end = 0; end < 2; end++) {
            const double zeros = given[i + 4 * end];
            if (!(zeros >= 0 && zeros <= TFL_MAX_DIMENSION))
                return false;
            pads[2 * map->perm[i] + end] = (int32_t)zeros;
            out.dims[i] += (int)zeros;
        }
    }
    const int inputs[2] = {map->tensor, mseg_ox_integers(r, pads, 8)};
    mseg_ox_emit(r, n, TFL_OP_PAD, inputs, 2, &out);
    return true;
}

/* ---- means over all rows and columns --------------------------------------------------------------------------------------- */

bool mseg_ox_emit_mean(onnx_reader *r, const onnx_node *n, const onnx_value *map, bool keep)
{
    static const int32_t axes[2] = {1, 2};
    onnx_value out = mseg_ox_resized(map, 1, 1);
    out = mseg_ox_resized(&out, 2, 1);
    if (!keep) {
        const int dims[2] = {mseg_ox_size(map, 0), mseg_ox_size(map, 3)};
        out = mseg_ox_plain(2, dims);
    }
    const int inputs[2] = {map->tensor, mseg_ox_integers(r, axes, 2)};
    mseg_ox_emit(r, n, TFL_OP_MEAN, inputs, 2, &out);
    return true;
}

bool mseg_ox_global_pool(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0);
    return mseg_ox_is_nchw(map) && mseg_ox_emit_mean(r, n, map, true);
}

bool mseg_ox_mean(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0);
    const bool keep = mseg_ox_int(n, "keepdims", 1);
    int count = 0, met = 0;
    const double *axes = mseg_ox_listed(r, n, "axes", 1, &count);
    if (!map || map->rank != ONNX_RANK || !axes || count != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        const int axis = fabs(axes[i]) <= ONNX_RANK ? mseg_ox_axis((int64_t)axes[i], ONNX_RANK) : -1;
        met |= axis < 0 ? 0 : 1 << map->perm[axis];
    }
    for (int i = 0; i < ONNX_RANK && !keep; i++) /* the batch stays in front of the channels */
        if (map->perm[i] == 3 || map->perm[i] == 0) {
            if (map->perm[i] == 3)
                return false;
            break;
        }
    return met == (1 << 1 | 1 << 2) && mseg_ox_emit_mean(r, n, map, keep);
}
