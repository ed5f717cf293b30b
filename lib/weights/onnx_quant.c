#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* Integers with a scale and a zero point. Networks with them run in floats: activations keep only the bounds that their integers
 * have, weights keep their scales. */

/* ---- scales --------------------------------------------------------------------------------------------------------------- */

/* Sets v's scales, of its dimension axis, by two inputs. False: they are none that suit it. */
static bool read_scales(onnx_reader *r, const onnx_node *n, int input, int axis, onnx_value *v)
{
    const onnx_value *scales = mseg_ox_constant(r, n, input), *zeros = mseg_ox_constant(r, n, input + 1);
    if (!scales || scales->type != TFL_FLOAT32 || scales->n_scales || scales->rank > 1 ||
        (!zeros && mseg_ox_input(r, n, input + 1)))
        return false;
    const int count = mseg_ox_elements(scales);
    if (count < 1 || (count > 1 && (axis < 0 || count != v->dims[axis])) || (zeros && mseg_ox_elements(zeros) != count))
        return false;
    v->scales = scales->data;
    v->n_scales = count;
    v->axis = count > 1 ? axis : 0;
    v->n_zero_points = zeros ? count : 0;
    if (!zeros)
        return true;
    if (zeros->type != v->type)
        return false;
    uint8_t *points = mseg_ox_room(r, 8 * (size_t)count);
    for (int i = 0; i < count && points; i++) {
        const int64_t value = v->type == TFL_INT8    ? (int8_t)zeros->data[i]
                              : v->type == TFL_UINT8 ? zeros->data[i]
                                                     : (int32_t)mseg_load_u32(zeros->data + 4 * (size_t)i);
        for (int byte = 0; byte < 8; byte++)
            points[8 * i + byte] = (uint8_t)((uint64_t)value >> 8 * byte);
    }
    v->zero_points = points;
    return points;
}

/* One scale for a whole map, and its type. */
static bool read_map_scale(onnx_reader *r, const onnx_node *n, int input, onnx_value *v)
{
    const onnx_value *zero = mseg_ox_constant(r, n, input + 1);
    v->type = zero ? zero->type : TFL_UINT8;
    return (v->type == TFL_UINT8 || v->type == TFL_INT8) && read_scales(r, n, input, -1, v) &&
           isnormal(mseg_load_f32(v->scales)) && mseg_load_f32(v->scales) > 0;
}

static int64_t zero_of(const onnx_value *v)
{
    return v->n_zero_points ? (int64_t)mseg_load_u64(v->zero_points) : 0;
}

static void set_scale(tfl_tensor *t, const onnx_value *v)
{
    t->type = v->type;
    t->scales = v->scales;
    t->n_scales = v->n_scales;
    t->zero_points = v->zero_points;
    t->n_zero_points = v->n_zero_points;
}

bool mseg_ox_reads(onnx_reader *r, const onnx_node *n, int input)
{
    onnx_value *map = mseg_ox_input(r, n, input), said = {0};
    if (!mseg_ox_any_map(r, n, input) || !read_map_scale(r, n, input + 1, &said) || said.type != map->type)
        return false;
    r->quantized = true;
    if (map == &r->values[r->input] && !map->n_scales) {
        onnx_value *v = map;
        v->scales = said.scales;
        v->n_scales = said.n_scales;
        v->zero_points = said.zero_points;
        v->n_zero_points = said.n_zero_points;
        set_scale(&r->model.tensors[map->tensor], v);
        return true;
    }
    return map->n_scales == 1 && memcmp(map->scales, said.scales, sizeof(float)) == 0 && zero_of(map) == zero_of(&said);
}

/* Makes floats at tensor, like map, the integers that the node says. */
static bool emit_quantize(onnx_reader *r, const onnx_node *n, const onnx_value *map, int input)
{
    onnx_value said = {0};
    const onnx_value out = *map;
    if (!read_map_scale(r, n, input, &said))
        return false;
    const tfl_operator *op = mseg_ox_emit(r, n, TFL_OP_QUANTIZE, &map->tensor, 1, &out);
    if (!r->status)
        set_scale(&r->model.tensors[op->output], &said);
    mseg_ox_keep_type(r, n, &said);
    r->quantized = true;
    return true;
}

bool mseg_ox_writes(onnx_reader *r, const onnx_node *n, int input)
{
    if (n->outputs[0] < 0)
        return false;
    const onnx_value map = r->values[n->outputs[0]];
    return map.rank > 0 && emit_quantize(r, n, &map, input);
}

bool mseg_ox_scaled(onnx_reader *r, const onnx_node *n, const onnx_value *weights, int input, int axis, onnx_value *out)
{
    *out = *weights;
    out->numbers = NULL;
    const bool integers = out->type == TFL_INT8 || out->type == TFL_UINT8 || out->type == TFL_INT32;
    return integers && !out->n_scales && read_scales(r, n, input, mseg_ox_axis(axis, out->rank), out);
}

bool mseg_ox_scaled_bias(onnx_reader *r, const onnx_node *n, int input, const onnx_value *weights, onnx_value *out)
{
    const onnx_value *bias = mseg_ox_constant(r, n, input), *scale = mseg_ox_constant(r, n, 1);
    *out = (onnx_value){0};
    if (!mseg_ox_input(r, n, input))
        return true;
    if (!bias || !scale || bias->type != TFL_INT32 || bias->rank != 1 ||
        (weights->n_scales > 1 && weights->n_scales != bias->dims[0]))
        return false;
    uint8_t *scales = mseg_ox_room(r, 4 * (size_t)weights->n_scales);
    for (int i = 0; i < weights->n_scales && scales; i++) {
        const float product = mseg_load_f32(scale->data) * mseg_load_f32(weights->scales + 4 * (size_t)i);
        uint32_t bits;
        memcpy(&bits, &product, sizeof bits);
        for (int byte = 0; byte < 4; byte++)
            scales[4 * i + byte] = (uint8_t)(bits >> 8 * byte);
    }
    *out = *bias;
    out->scales = scales;
    out->n_scales = weights->n_scales;
    out->axis = 0;
    return scales;
}

/* ---- operators ------------------------------------------------------------------------------------------------------------ */

bool mseg_ox_quantize(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0);
    return map && emit_quantize(r, n, map, 1);
}

bool mseg_ox_dequantize(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *constant = mseg_ox_constant(r, n, 0), *map = mseg_ox_any_map(r, n, 0);
    if (constant) {
        const int64_t axis = mseg_ox_int(n, "axis", 1);
        onnx_value out;
        if (axis < -ONNX_RANK || axis > ONNX_RANK || !mseg_ox_scaled(r, n, constant, 1, (int)axis, &out))
            return false;
        mseg_ox_set(r, n, &out);
        return true;
    }
    if (!map || !mseg_ox_reads(r, n, 0))
        return false;
    const onnx_value out = *map;
    mseg_ox_emit(r, n, TFL_OP_DEQUANTIZE, &map->tensor, 1, &out);
    return true;
}

/* A, its scale and zero point, B, its, C's. B may be constant: a bias. */
bool mseg_ox_qlinear_add(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *a = mseg_ox_any_map(r, n, 0), *b = mseg_ox_any_map(r, n, 3), *constant = mseg_ox_constant(r, n, 3);
    onnx_value scaled;
    int second;
    if (!a || !mseg_ox_reads(r, n, 0))
        return false;
    if (constant) {
        const int channels = mseg_ox_elements(constant);
        if (!mseg_ox_scaled(r, n, constant, 4, 0, &scaled) || scaled.n_scales != 1 || mseg_ox_per_channel(r, n, 3, a) < 0)
            return false;
        second = mseg_ox_weights(r, &scaled, 1, &channels, 0);
    } else {
        if (!b || !mseg_ox_reads(r, n, 3) || !mseg_ox_same_map(a, b))
            return false;
        second = b->tensor;
    }
    const int inputs[2] = {a->tensor, second};
    const onnx_value out = *a;
    mseg_ox_emit(r, n, TFL_OP_ADD, inputs, 2, &out);
    return mseg_ox_writes(r, n, 6);
}

/* x, its scale and zero point, y's. */
bool mseg_ox_qlinear_pool(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_any_map(r, n, 0);
    if (!mseg_ox_is_nchw(map) || mseg_ox_int(n, "channels_last", 0) || !mseg_ox_reads(r, n, 0))
        return false;
    const bool global = strcmp(n->message->op_type, "QLinearGlobalAveragePool") == 0;
    return (global ? mseg_ox_emit_mean(r, n, map, true) : mseg_ox_emit_average(r, n, map)) && mseg_ox_writes(r, n, 3);
}

/* y's scale and zero point, then of every input it and its own. */
bool mseg_ox_qlinear_concat(onnx_reader *r, const onnx_node *n)
{
    for (int i = 2; i < (int)n->message->n_input; i += 3)
        if (!mseg_ox_reads(r, n, i))
            return false;
    return mseg_ox_emit_concat(r, n, 2, 3) && mseg_ox_writes(r, n, 0);
}
