#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* Integers with a scale and a zero point. Networks with them run in floats: activations keep only the bounds that their integers
 * have, weights keep their scales. */

/* ---- scales --------------------------------------------------------------------------------------------------------------- */

/* Sets v's scales, of its dimension axis, by two inputs. False: they are none that suit it. */
static bool read_scales(mseg_onnx_reader *r, const mseg_onnx_node *n, int input, int axis, mseg_onnx_value *v)
{
    const mseg_onnx_value *scales = mseg_onnx_constant(r, n, input), *zeros = mseg_onnx_constant(r, n, input + 1);
    if (!scales || scales->type != TFL_FLOAT32 || scales->n_scales || scales->rank > 1 ||
        (!zeros && mseg_onnx_input(r, n, input + 1)))
        return false;
    const int count = mseg_onnx_elements(scales);
    if (count < 1 || (count > 1 && (axis < 0 || count != v->dims[axis])) || (zeros && mseg_onnx_elements(zeros) != count))
        return false;
    v->scales = scales->data;
    v->n_scales = count;
    v->axis = count > 1 ? axis : 0;
    v->n_zero_points = zeros ? count : 0;
    if (!zeros)
        return true;
    if (zeros->type != v->type)
        return false;
    uint8_t *points = mseg_onnx_room(r, 8 * (size_t)count);
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
static bool read_map_scale(mseg_onnx_reader *r, const mseg_onnx_node *n, int input, mseg_onnx_value *v)
{
    const mseg_onnx_value *zero = mseg_onnx_constant(r, n, input + 1);
    v->type = zero ? zero->type : TFL_UINT8;
    return (v->type == TFL_UINT8 || v->type == TFL_INT8) && read_scales(r, n, input, -1, v) &&
           isnormal(mseg_load_f32(v->scales)) && mseg_load_f32(v->scales) > 0;
}

static int64_t zero_of(const mseg_onnx_value *v)
{
    return v->n_zero_points ? (int64_t)mseg_load_u64(v->zero_points) : 0;
}

static void set_scale(tfl_tensor *t, const mseg_onnx_value *v)
{
    t->type = v->type;
    t->scales = v->scales;
    t->n_scales = v->n_scales;
    t->zero_points = v->zero_points;
    t->n_zero_points = v->n_zero_points;
}

bool mseg_onnx_reads(mseg_onnx_reader *r, const mseg_onnx_node *n, int input)
{
    mseg_onnx_value *map = mseg_onnx_input(r, n, input), said = {0};
    if (!mseg_onnx_any_map(r, n, input) || !read_map_scale(r, n, input + 1, &said) || said.type != map->type)
        return false;
    r->quantized = true;
    if (map == &r->values[r->input] && !map->n_scales) {
        mseg_onnx_value *v = map;
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
static bool emit_quantize(mseg_onnx_reader *r, const mseg_onnx_node *n, const mseg_onnx_value *map, int input)
{
    mseg_onnx_value said = {0};
    const mseg_onnx_value out = *map;
    if (!read_map_scale(r, n, input, &said))
        return false;
    const tfl_operator *op = mseg_onnx_emit(r, n, TFL_OP_QUANTIZE, &map->tensor, 1, &out);
    if (!r->status)
        set_scale(&r->model.tensors[op->output], &said);
    mseg_onnx_keep_type(r, n, &said);
    r->quantized = true;
    return true;
}

bool mseg_onnx_writes(mseg_onnx_reader *r, const mseg_onnx_node *n, int input)
{
    if (n->outputs[0] < 0)
        return false;
    const mseg_onnx_value map = r->values[n->outputs[0]];
    return map.rank > 0 && emit_quantize(r, n, &map, input);
}

bool mseg_onnx_scaled(mseg_onnx_reader *r, const mseg_onnx_node *n, const mseg_onnx_value *weights, int input, int axis,
                      mseg_onnx_value *out)
{
    *out = *weights;
    out->numbers = NULL;
    const bool integers = out->type == TFL_INT8 || out->type == TFL_UINT8 || out->type == TFL_INT32;
    return integers && !out->n_scales && read_scales(r, n, input, mseg_onnx_axis(axis, out->rank), out);
}

bool mseg_onnx_scaled_bias(mseg_onnx_reader *r, const mseg_onnx_node *n, int input, const mseg_onnx_value *weights,
                           mseg_onnx_value *out)
{
    const mseg_onnx_value *bias = mseg_onnx_constant(r, n, input), *scale = mseg_onnx_constant(r, n, 1);
    *out = (mseg_onnx_value){0};
    if (!mseg_onnx_input(r, n, input))
        return true;
    if (!bias || !scale || bias->type != TFL_INT32 || bias->rank != 1 ||
        (weights->n_scales > 1 && weights->n_scales != bias->dims[0]))
        return false;
    uint8_t *scales = mseg_onnx_room(r, 4 * (size_t)weights->n_scales);
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

bool mseg_onnx_quantize(mseg_onnx_reader *r, const mseg_onnx_node *n)
{
    const mseg_onnx_value *map = mseg_onnx_map(r, n, 0);
    return map && emit_quantize(r, n, map, 1);
}

bool mseg_onnx_dequantize(mseg_onnx_reader *r, const mseg_onnx_node *n)
{
    const mseg_onnx_value *constant = mseg_onnx_constant(r, n, 0), *map = mseg_onnx_any_map(r, n, 0);
    if (constant) {
        const int64_t axis = mseg_onnx_int(n, "axis", 1);
        mseg_onnx_value out;
        if (axis < -ONNX_RANK || axis > ONNX_RANK || !mseg_onnx_scaled(r, n, constant, 1, (int)axis, &out))
            return false;
        mseg_onnx_set(r, n, &out);
        return true;
    }
    if (!map || !mseg_onnx_reads(r, n, 0))
        return false;
    const mseg_onnx_value out = *map;
    mseg_onnx_emit(r, n, TFL_OP_DEQUANTIZE, &map->tensor, 1, &out);
    return true;
}

/* A, its scale and zero point, B, its, C's. B may be constant: a bias. */
bool mseg_onnx_qlinear_add(mseg_onnx_reader *r, const mseg_onnx_node *n)
{
    const mseg_onnx_value *a = mseg_onnx_any_map(r, n, 0), *b = mseg_onnx_any_map(r, n, 3),
                          *constant = mseg_onnx_constant(r, n, 3);
    mseg_onnx_value scaled;
    int second;
    if (!a || !mseg_onnx_reads(r, n, 0))
        return false;
    if (constant) {
        const int channels = mseg_onnx_elements(constant);
        if (!mseg_onnx_scaled(r, n, constant, 4, 0, &scaled) || scaled.n_scales != 1 || mseg_onnx_per_channel(r, n, 3, a) < 0)
            return false;
        second = mseg_onnx_weights(r, &scaled, 1, &channels, 0);
    } else {
        if (!b || !mseg_onnx_reads(r, n, 3) || !mseg_onnx_same_map(a, b))
            return false;
        second = b->tensor;
    }
    const int inputs[2] = {a->tensor, second};
    const mseg_onnx_value out = *a;
    mseg_onnx_emit(r, n, TFL_OP_ADD, inputs, 2, &out);
    return mseg_onnx_writes(r, n, 6);
}

/* x, its scale and zero point, y's. */
bool mseg_onnx_qlinear_pool(mseg_onnx_reader *r, const mseg_onnx_node *n)
{
    const mseg_onnx_value *map = mseg_onnx_any_map(r, n, 0);
    if (!mseg_onnx_is_nchw(map) || mseg_onnx_int(n, "channels_last", 0) || !mseg_onnx_reads(r, n, 0))
        return false;
    const bool global = strcmp(n->message->op_type, "QLinearGlobalAveragePool") == 0;
    return (global ? mseg_onnx_emit_mean(r, n, map, true) : mseg_onnx_emit_average(r, n, map)) && mseg_onnx_writes(r, n, 3);
}

/* y's scale and zero point, then of every input it and its own. */
bool mseg_onnx_qlinear_concat(mseg_onnx_reader *r, const mseg_onnx_node *n)
{
    for (int i = 2; i < (int)n->message->n_input; i += 3)
        if (!mseg_onnx_reads(r, n, i))
            return false;
    return mseg_onnx_emit_concat(r, n, 2, 3) && mseg_onnx_writes(r, n, 0);
}
