#include "weights/tflite_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* Where an operator's tensor has the classes. */
typedef enum place { NOWHERE, LAST, FIRST /* behind the batch */, LABELS } place;

static const tfl_tensor *input_of(const tfl_model *model, const tfl_operator *op, int input)
{
    return input < op->n_inputs && op->inputs[input] >= 0 ? &model->tensors[op->inputs[input]] : NULL;
}

/* The integers of a constant input, of which there are count; false: it is none such. */
static bool ints_of(const tfl_model *model, const tfl_operator *op, int input, int count, int64_t *out)
{
    const tfl_tensor *t = input_of(model, op, input);
    const size_t size = t && t->type == TFL_INT64 ? 8 : 4;
    if (!t || !t->data || (t->type != TFL_INT32 && t->type != TFL_INT64) || t->bytes != (size_t)count * size)
        return false;
    for (int i = 0; i < count; i++)
        out[i] = size == 8 ? (int64_t)mseg_load_u64(t->data + (size_t)i * 8) : (int32_t)mseg_load_u32(t->data + (size_t)i * 4);
    return true;
}

static mseg_status fail(const tfl_model *model, const tfl_operator *op, const char *what, mseg_error *err)
{
    char operator[TFL_DESCRIPTION];
    mseg_tfl_describe(operator, model, op);
    return mseg_fail(err, MSEG_UNSUPPORTED, "%s %s", operator, what);
}

/* ---- the input --------------------------------------------------------------------------------------------------------- */

static float scale_of(const tfl_tensor *t)
{
    return t->n_scales ? mseg_load_f32(t->scales) : 1;
}

static int64_t zero_point_of(const tfl_tensor *t)
{
    return t->n_zero_points ? (int64_t)mseg_load_u64(t->zero_points) : 0;
}

static mseg_status check_input(const tfl_model *model, mseg_error *err)
{
    const tfl_tensor *t = &model->tensors[model->input];
    const int low = t->type == TFL_INT8 ? -128 : 0;
    if (t->type == TFL_FLOAT32)
        return MSEG_OK;
    if (t->type != TFL_UINT8 && t->type != TFL_INT8 && t->type != TFL_INT32)
        return mseg_fail(err, MSEG_UNSUPPORTED, "the network's input has an unknown type (%d)", t->type);
    const float scale = scale_of(t);
    const int64_t zero = zero_point_of(t);
    if (t->n_scales > 1 || t->n_zero_points > 1 || !isfinite(scale) || !(scale > 0) || zero < low || zero > low + 255)
        return mseg_fail(err, MSEG_FORMAT, "the network's input has a scale or zero point of no use (%g, %lld)", (double)scale,
                         (long long)zero);
    return MSEG_OK;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------ */

static bool same_shape(const tfl_tensor *a, const tfl_tensor *b)
{
    return a->rank == b->rank && (a->rank < 0 || memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0);
}

/* Positions of a kernel along an axis of in elements, where pads are zeros that the operator puts on either end. */
static int64_t slid(const tfl_operator *op, int in, const int *pads, int kernel, int stride, int dilation)
{
    const int64_t size = (int64_t)(kernel - 1) * dilation + 1, wide = (int64_t)in + pads[0] + pads[1];
    if (stride < 1)
        return 0;
    if (op->padding == TFL_SAME)
        return ((int64_t)in + stride - 1) / stride;
    return wide < size ? 0 : (wide - size) / stride + 1;
}

static bool convolution_fits(const tfl_operator *op, const tfl_tensor *in, const tfl_tensor *kernel, const tfl_tensor *out)
{
    return in->rank == 4 && kernel && kernel->rank == 4 && out->rank == 4 && out->shape[0] == in->shape[0] &&
           out->shape[1] == slid(op, in->shape[1], op->pads, kernel->shape[1], op->stride_h, op->dilation_h) &&
           out->shape[2] == slid(op, in->shape[2], op->pads + 2, kernel->shape[2], op->stride_w, op->dilation_w);
}

static bool pool_fits(const tfl_operator *op, const tfl_tensor *in, const tfl_tensor *out)
{
    return in->rank == 4 && out->rank == 4 && out->shape[0] == in->shape[0] && out->shape[3] == in->shape[3] &&
           out->shape[1] == slid(op, in->shape[1], op->pads, op->filter_h, op->stride_h, 1) &&
           out->shape[2] == slid(op, in->shape[2], op->pads + 2, op->filter_w, op->stride_w, 1);
}

static bool pad_fits(const tfl_model *model, const tfl_operator *op, const tfl_tensor *in, const tfl_tensor *out)
{
    int64_t pads[8];
    bool fits = in->rank == 4 && out->rank == 4 && ints_of(model, op, 1, 8, pads);
    for (int i = 0; i < 4 && fits; i++)
        fits = out->shape[i] == in->shape[i] + pads[2 * i] + pads[2 * i + 1];
    return fits;
}

/* Of space to batch; with in and out exchanged, of batch to space. */
static bool split_fits(const tfl_model *model, const tfl_operator *op, const tfl_tensor *space, const tfl_tensor *batches)
{
    int64_t block[2], edges[4];
    if (space->rank != 4 || batches->rank != 4 || !ints_of(model, op, 1, 2, block) || !ints_of(model, op, 2, 4, edges))
        return false;
    return batches->shape[0] == space->shape[0] * block[0] * block[1] && batches->shape[3] == space->shape[3] &&
           batches->shape[1] * block[0] == space->shape[1] + edges[0] + edges[1] &&
           batches->shape[2] * block[1] == space->shape[2] + edges[2] + edges[3];
}

/* Sizes that are no constant are computed while the network runs. */
static bool resize_fits(const tfl_model *model, const tfl_operator *op, const tfl_tensor *in, const tfl_tensor *out)
{
    int64_t size[2];
    const tfl_tensor *given = input_of(model, op, 1);
    if (!given || in->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] || in->shape[3] != out->shape[3])
        return false;
    return !given->data || (ints_of(model, op, 1, 2, size) && size[0] == out->shape[1] && size[1] == out->shape[2]);
}

static bool concatenation_fits(const tfl_model *model, const tfl_operator *op, const tfl_tensor *out)
{
    int channels = 0;
    bool fits = out->rank == 4;
    for (int i = 0; i < op->n_inputs && fits; i++) {
        const tfl_tensor *t = input_of(model, op, i);
        fits = t && t->rank == 4 && memcmp(t->shape, out->shape, 3 * sizeof *t->shape) == 0;
        channels += fits ? t->shape[3] : 0;
    }
    return fits && channels == out->shape[3];
}

static bool transpose_fits(const tfl_model *model, const tfl_operator *op, const tfl_tensor *in, const tfl_tensor *out)
{
    int64_t order[4];
    bool fits = in->rank > 0 && in->rank == out->rank && ints_of(model, op, 1, in->rank, order);
    for (int i = 0; i < in->rank && fits; i++)
        fits = order[i] >= 0 && order[i] < in->rank && out->shape[i] == in->shape[order[i]];
    return fits;
}

/* A cast takes the bytes as they are, whatever numbers they stand for. */
static bool cast_fits(const tfl_tensor *in, const tfl_tensor *out)
{
    return same_shape(in, out) && scale_of(in) == 1 && zero_point_of(in) == 0;
}

static bool output_fits(const tfl_model *model, const tfl_operator *op)
{
    const tfl_tensor *in = input_of(model, op, 0), *out = &model->tensors[op->output];
    if (!in)
        return false;
    switch (op->code) {
    case TFL_OP_CONV_2D:
    case TFL_OP_DEPTHWISE_CONV_2D:
        return convolution_fits(op, in, input_of(model, op, 1), out);
    case TFL_OP_MAX_POOL_2D:
        return pool_fits(op, in, out);
    case TFL_OP_PAD:
    case TFL_OP_PADV2:
        return pad_fits(model, op, in, out);
    case TFL_OP_SPACE_TO_BATCH_ND:
        return split_fits(model, op, in, out);
    case TFL_OP_BATCH_TO_SPACE_ND:
        return split_fits(model, op, out, in);
    case TFL_OP_RESIZE_BILINEAR:
        return resize_fits(model, op, in, out);
    case TFL_OP_CONCATENATION:
        return concatenation_fits(model, op, out);
    case TFL_OP_TRANSPOSE:
        return transpose_fits(model, op, in, out);
    case TFL_OP_CAST:
        return cast_fits(in, out);
    case TFL_OP_QUANTIZE:
    case TFL_OP_DEQUANTIZE:
    case TFL_OP_RELU:
    case TFL_OP_RELU6:
    case TFL_OP_BATCH_NORM:
        return same_shape(in, out);
    case TFL_OP_ADD:
    case TFL_OP_SUB:
    case TFL_OP_MUL:
    case TFL_OP_DIV:
    case TFL_OP_MINIMUM:
    case TFL_OP_MAXIMUM:
        return same_shape(in, out) || (input_of(model, op, 1) && same_shape(input_of(model, op, 1), out));
    default:
        return true;
    }
}

/* ---- behind the scores ------------------------------------------------------------------------------------------------- */

static double elements(const tfl_tensor *t)
{
    double count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= t->shape[i];
    return count;
}

/* Where out has the classes when nothing but dimensions of 1 comes or goes, or positions become a list. */
static place reshaped(place now, const tfl_tensor *in, const tfl_tensor *out)
{
    if (now == LABELS || (now == FIRST && same_shape(in, out)))
        return now;
    const bool kept = in->rank > 0 && out->rank > 0 && in->shape[in->rank - 1] == out->shape[out->rank - 1];
    return now == LAST && kept && elements(in) == elements(out) ? LAST : NOWHERE;
}

static place transposed(const tfl_model *model, const tfl_operator *op, place now)
{
    static const int64_t first[4] = {0, 3, 1, 2}, last[4] = {0, 2, 3, 1};
    int64_t order[4];
    if (!ints_of(model, op, 1, 4, order))
        return NOWHERE;
    if (now == LAST && memcmp(order, first, sizeof order) == 0)
        return FIRST;
    return now == FIRST && memcmp(order, last, sizeof order) == 0 ? LAST : NOWHERE;
}

static place largest(const tfl_model *model, const tfl_operator *op, const tfl_tensor *in, place now)
{
    int64_t axis;
    if (in->rank < 1 || !ints_of(model, op, 1, 1, &axis))
        return NOWHERE;
    axis += axis < 0 ? in->rank : 0;
    return (now == LAST && axis == in->rank - 1) || (now == FIRST && axis == 1) ? LABELS : NOWHERE;
}

/* Where the output of op, which reads what has the classes now, has them. */
static place behind(const tfl_model *model, const tfl_operator *op, place now)
{
    const tfl_tensor *in = input_of(model, op, 0), *out = &model->tensors[op->output];
    switch (op->code) {
    case TFL_OP_RESHAPE:
    case TFL_OP_SQUEEZE:
    case TFL_OP_EXPAND_DIMS:
        return reshaped(now, in, out);
    case TFL_OP_TRANSPOSE:
        return transposed(model, op, now);
    case TFL_OP_ARG_MAX:
        return largest(model, op, in, now);
    case TFL_OP_SOFTMAX:
        return now == LAST ? reshaped(now, in, out) : NOWHERE;
    case TFL_OP_RESIZE_BILINEAR:
        return now == LAST ? LAST : NOWHERE;
    default:
        return now;
    }
}

static bool gives_classes(const tfl_model *model, const place *places)
{
    for (int i = 0; i < model->n_outputs && i < TFL_MAX_OUTPUTS; i++)
        if (places[model->outputs[i]] != NOWHERE)
            return true;
    return model->n_outputs > TFL_MAX_OUTPUTS;
}

static mseg_status check_tail(const tfl_model *model, int scores, place *places, mseg_error *err)
{
    places[model->operators[scores].output] = LAST;
    for (int i = scores + 1; i < model->n_operators; i++) {
        const tfl_operator *op = &model->operators[i];
        const place now = op->n_inputs && op->inputs[0] >= 0 ? places[op->inputs[0]] : NOWHERE;
        if (now == NOWHERE)
            continue;
        places[op->output] = behind(model, op, now);
        if (places[op->output] == NOWHERE)
            return fail(model, op, "behind the scores mixes classes and places", err);
    }
    if (!gives_classes(model, places))
        return mseg_fail(err, MSEG_UNSUPPORTED, "the network gives out other numbers than its last layer's, the scores");
    return MSEG_OK;
}

mseg_status mseg_tfl_check(const tfl_model *model, int scores, mseg_error *err)
{
    mseg_status status = check_input(model, err);
    for (int i = 0; i < model->n_operators && !status; i++)
        if (!output_fits(model, &model->operators[i]))
            status = fail(model, &model->operators[i], "makes something else of its inputs than the file says", err);
    if (status || !model->n_operators)
        return status;
    place *places = mseg_alloc_array((size_t)model->n_tensors, sizeof *places);
    status = places ? check_tail(model, scores, places, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_free(&places);
    return status;
}
