#include <math.h>
#include <string.h>

#include "weights/tflite.h"

/* A constant of one value, or of one for each of 3 channels, as doubles. */
static bool three_values(const tfl_builder *b, const tfl_view *v, double out[3])
{
    float values[3];
    mseg_tensor constant;
    char fault[TFL_FAULT];
    if (!v || v->constant < 0 || !mseg_tfl_constant(&b->model->tensors[v->constant], "constant", &constant, fault))
        return false;
    const size_t count = mseg_tensor_elements(&constant);
    if (constant.rank > 0 && count > 1 && constant.shape[constant.rank - 1] != 3)
        return false;
    if ((count != 1 && count != 3) || constant.n_scales > 1)
        return false;
    mseg_tensor_to_f32(&constant, values);
    for (int c = 0; c < 3; c++) {
        out[c] = (double)values[count == 1 ? 0 : c];
        if (!isfinite(out[c]))
            return false;
    }
    return true;
}

/* (x * scale + offset) OP k, or k OP that when the constant comes first. */
static bool apply(tfl_affine *a, int code, const double k[3], bool constant_first)
{
    for (int c = 0; c < 3; c++) {
        switch (code) {
        case TFL_OP_MUL:
            a->scale[c] *= k[c];
            a->offset[c] *= k[c];
            a->pad[c] *= k[c];
            break;
        case TFL_OP_ADD:
            a->offset[c] += k[c];
            a->pad[c] += k[c];
            break;
        case TFL_OP_SUB:
            a->offset[c] = constant_first ? k[c] - a->offset[c] : a->offset[c] - k[c];
            a->pad[c] = constant_first ? k[c] - a->pad[c] : a->pad[c] - k[c];
            a->scale[c] = constant_first ? -a->scale[c] : a->scale[c];
            break;
        case TFL_OP_DIV:
            if (constant_first || k[c] == 0)
                return false;
            a->scale[c] /= k[c];
            a->offset[c] /= k[c];
            a->pad[c] /= k[c];
            break;
        default:
            return false;
        }
    }
    return true;
}

bool mseg_tfl_absorb_arithmetic(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *x = mseg_tfl_input(b, op, 0), *y = mseg_tfl_input(b, op, 1);
    const bool constant_first = x && x->constant >= 0;
    const tfl_view *picture = constant_first ? y : x;
    tfl_affine after = b->before;
    double k[3];
    if (!mseg_tfl_whole(b, picture) || picture->node != 0 || b->nodes[0].uses || op->activation != TFL_NONE ||
        !three_values(b, constant_first ? x : y, k) || !apply(&after, op->code, k, constant_first))
        return false;
    after.used = true;
    mseg_tfl_set_apart(b, op, &b->nodes[0], "is changed by");
    b->before = after;
    b->versions[0]++;
    b->views[op->output] = *picture;
    b->views[op->output].version = b->versions[0];
    return true;
}

bool mseg_tfl_absorb_surroundings(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    int pads[8];
    double pad[3] = {0};
    if (!mseg_tfl_whole(b, v) || v->node != 0 || b->nodes[0].uses || !mseg_tfl_ints(b, op, 1, 8, pads) ||
        !mseg_tfl_in_range(pads, 8, 0, 0) || (op->code == TFL_OP_PADV2 && !three_values(b, mseg_tfl_input(b, op, 2), pad)))
        return false;
    b->before.padded = true;
    memcpy(b->before.pad, pad, sizeof pad);
    b->versions[0]++;
    b->views[op->output] = *v;
    b->views[op->output].version = b->versions[0];
    return true;
}

static bool is_integer(const tfl_tensor *t)
{
    return t->type == TFL_UINT8 || t->type == TFL_INT8 || t->type == TFL_INT32;
}

/* Bytes that become scale * byte + offset in every channel. Beside the picture is the middle of the bytes; in integers, the byte
 * above it. */
static void set_rule(const tfl_builder *b, mseg_input *rule, double scale, double offset, mseg_input_from from)
{
    const double pad = is_integer(&b->model->tensors[b->model->input]) ? 128 : 127.5;
    for (int c = 0; c < 3; c++) {
        rule->scale[c] = (float)scale;
        rule->offset[c] = (float)offset;
        rule->pad[c] = (float)(pad * scale + offset);
    }
    rule->from = from;
}

static bool is_near(double value, double wanted, double range)
{
    return fabs(value - wanted) <= range / 32;
}

/* Float pictures of which the range is known only by the integers that they become at once: one of the usual ranges. */
static void set_by_range(const tfl_builder *b, mseg_input *rule)
{
    static const double ranges[][2] = {{-1, 1}, {0, 1}, {0, 255}};
    mseg_node bounds = {.low = -INFINITY, .high = INFINITY};
    mseg_tfl_narrow(&bounds, &b->model->tensors[b->quantized_input]);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const double low = ranges[i][0], range = ranges[i][1] - low;
        if (is_near((double)bounds.low, low, range) && is_near((double)bounds.high, low + range, range))
            set_rule(b, rule, range / 255, low, MSEG_INPUT_TENSOR);
    }
}

/* Operators on floats take bytes, unless that gives larger numbers than any network takes: then 0 to 1. */
static bool takes_bytes(const tfl_affine *a)
{
    for (int c = 0; c < 3; c++)
        if (fabs(a->scale[c] * 255 + a->offset[c]) > 200)
            return false;
    return true;
}

/* What a picture's byte is in the input tensor itself. */
static void set_by_tensor(const tfl_builder *b, mseg_input *rule)
{
    const tfl_tensor *t = &b->model->tensors[b->model->input];
    mseg_tensor input;
    char fault[TFL_FAULT];
    const int first = t->type == TFL_INT8 ? -128 : 0; /* what byte 0 is */
    if (is_integer(t) && t->n_scales == 1 && mseg_tfl_constant(t, "scale", &input, fault)) {
        const double scale = (double)mseg_load_f32(t->scales);
        set_rule(b, rule, scale, scale * (first - input.zero_point), MSEG_INPUT_TENSOR);
    } else if (is_integer(t)) {
        set_rule(b, rule, 1, first, MSEG_INPUT_TENSOR);
    } else if (b->before.used) {
        set_rule(b, rule, takes_bytes(&b->before) ? 1 : 1.0 / 255, 0, MSEG_INPUT_OPERATORS);
    } else if (b->quantized_input >= 0) {
        set_by_range(b, rule);
    }
}

void mseg_tfl_input_rule(const tfl_builder *b, mseg_input *rule)
{
    if (rule->from != MSEG_INPUT_METADATA)
        set_by_tensor(b, rule);
    if (!b->before.used && !b->before.padded)
        return;
    for (int c = 0; c < 3; c++) {
        const double scale = b->before.scale[c], offset = b->before.offset[c];
        rule->scale[c] = (float)((double)rule->scale[c] * scale);
        rule->offset[c] = (float)((double)rule->offset[c] * scale + offset);
        rule->pad[c] = (float)(b->before.padded ? b->before.pad[c] : (double)rule->pad[c] * scale + offset);
    }
    rule->from = MSEG_INPUT_OPERATORS;
}
