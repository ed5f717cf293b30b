#include <string.h>

#include "weights/onnx.h"

/* Where a kernel's window goes: of convolutions and pools. */
typedef struct window {
    int kernel[2], strides[2], dilations[2], pads[4]; /* pads: top, left, bottom, right */
    int padding;                                      /* tfl_padding */
    int out[2];                                       /* size of the output */
} window;

/* Positions along an axis of in elements; 0: none. */
static int positions(const window *w, int axis, int in)
{
    const int64_t reach = (int64_t)(w->kernel[axis] - 1) * w->dilations[axis] + 1;
    const int64_t wide = (int64_t)in + w->pads[axis] + w->pads[axis + 2];
    if (w->padding == TFL_SAME)
        return (in + w->strides[axis] - 1) / w->strides[axis];
    return wide < reach ? 0 : (int)((wide - reach) / w->strides[axis] + 1);
}

/* Whether SAME puts as many zeros in front as behind along both axes. */
static bool is_even(const window *w, const int *in)
{
    for (int axis = 0; axis < 2; axis++) {
        const int before = mseg_pad_before(MSEG_SAME, in[axis], w->kernel[axis], w->strides[axis], w->dilations[axis]);
        const int64_t reach = (int64_t)(w->kernel[axis] - 1) * w->dilations[axis] + 1;
        const int64_t all = (int64_t)(positions(w, axis, in[axis]) - 1) * w->strides[axis] + reach - in[axis];
        if (all > 0 && 2 * before != all)
            return false;
    }
    return true;
}

/* By the node's attributes; kernel: its size where the attributes need not tell it, else zeros. False: it is none that mseg
 * knows, or there has been an error. */
static bool read_window(onnx_reader *r, const onnx_node *n, const int *kernel, const onnx_value *map, window *w)
{
    const int in[2] = {map->dims[2], map->dims[3]};
    *w = (window){.padding = TFL_GIVEN};
    if (!mseg_ox_ints(r, n, "kernel_shape", 2, 0, w->kernel) || !mseg_ox_ints(r, n, "strides", 2, 1, w->strides) ||
        !mseg_ox_ints(r, n, "dilations", 2, 1, w->dilations) || !mseg_ox_ints(r, n, "pads", 4, 0, w->pads))
        return false;
    for (int i = 0; i < 2; i++) {
        if (!w->kernel[i])
            w->kernel[i] = kernel[i];
        if (kernel[i] && w->kernel[i] != kernel[i])
            mseg_ox_fail(r, n, MSEG_FORMAT, "its kernel_shape has %d where its weights have %d", w->kernel[i], kernel[i]);
        if (w->kernel[i] < 1 || w->strides[i] < 1 || w->dilations[i] < 1)
            return false;
    }
    const bool lower = mseg_ox_is(n, "auto_pad", "SAME_LOWER", "NOTSET");
    if (lower || mseg_ox_is(n, "auto_pad", "SAME_UPPER", "NOTSET"))
        w->padding = TFL_SAME;
    else if (mseg_ox_is(n, "auto_pad", "VALID", "NOTSET"))
        w->padding = TFL_VALID;
    else if (!mseg_ox_is(n, "auto_pad", "NOTSET", "NOTSET") && !mseg_ox_is(n, "auto_pad", "", "NOTSET"))
        return false;
    if (w->padding != TFL_GIVEN)
        memset(w->pads, 0, sizeof w->pads);
    if (lower && !is_even(w, in))
        return false;
    for (int axis = 0; axis < 2; axis++)
        w->out[axis] = positions(w, axis, in[axis]);
    return !r->status && w->out[0] > 0 && w->out[1] > 0;
}

static void set_window(tfl_operator *op, const window *w)
{
    op->padding = w->padding;
    op->pads[0] = w->pads[0];
    op->pads[1] = w->pads[2];
    op->pads[2] = w->pads[1];
    op->pads[3] = w->pads[3];
    op->stride_h = w->strides[0];
    op->stride_w = w->strides[1];
    op->dilation_h = w->dilations[0];
    op->dilation_w = w->dilations[1];
    op->filter_h = w->kernel[0];
    op->filter_w = w->kernel[1];
}

static onnx_value sized(const onnx_value *map, const window *w)
{
    const onnx_value out = mseg_ox_resized(map, 1, w->out[0]);
    return mseg_ox_resized(&out, 2, w->out[1]);
}

/* Weights [out, in / group, height, width] in TensorFlow Lite's order. */
static bool emit(onnx_reader *r, const onnx_node *n, const onnx_value *map, const onnx_value *weights, int bias)
{
    static const int to_full[4] = {0, 2, 3, 1}, to_depthwise[4] = {1, 2, 3, 0};
    const int64_t group = mseg_ox_int(n, "group", 1);
    window w;
    if (!mseg_ox_is_nchw(map) || weights->rank != 4 || !read_window(r, n, weights->dims + 2, map, &w))
        return false;
    const int channels = map->dims[1], out = weights->dims[0];
    const bool depthwise = group != 1;
    if (depthwise && (group != channels || weights->dims[1] != 1 || out != channels))
        return false;
    const onnx_value kernel = mseg_ox_transposed(r, weights, depthwise ? to_depthwise : to_full);
    const int inputs[3] = {map->tensor, mseg_ox_weights(r, &kernel, 4, kernel.dims, depthwise ? 3 : 0), bias};
    const onnx_value spatial = sized(map, &w), made = mseg_ox_resized(&spatial, 3, out);
    tfl_operator *op = mseg_ox_emit(r, n, depthwise ? TFL_OP_DEPTHWISE_CONV_2D : TFL_OP_CONV_2D, inputs, bias < 0 ? 2 : 3, &made);
    set_window(op, &w);
    return true;
}

bool mseg_ox_conv(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *weights = mseg_ox_constant(r, n, 1);
    const onnx_value *bias = mseg_ox_constant(r, n, 2);
    if (!weights || (mseg_ox_input(r, n, 2) && (!bias || bias->rank != 1)))
        return false;
    return emit(r, n, mseg_ox_map(r, n, 0), weights, bias ? mseg_ox_weights(r, bias, 1, bias->dims, 0) : -1);
}

/* x, its scale and zero point, w, its, y's, bias of scale x's * w's. */
bool mseg_ox_qlinear_conv(onnx_reader *r, const onnx_node *n)
{
    onnx_value weights, bias;
    const onnx_value *w = mseg_ox_constant(r, n, 3);
    if (!w || !mseg_ox_reads(r, n, 0) || !mseg_ox_scaled(r, n, w, 4, 0, &weights) ||
        !mseg_ox_scaled_bias(r, n, 8, &weights, &bias))
        return false;
    return emit(r, n, mseg_ox_any_map(r, n, 0), &weights, bias.data ? mseg_ox_weights(r, &bias, 1, bias.dims, 0) : -1) &&
           mseg_ox_writes(r, n, 6);
}

/* ---- pools ---------------------------------------------------------------------------------------------------------------- */

bool mseg_ox_max_pool(onnx_reader *r, const onnx_node *n)
{
    static const int none[2] = {0, 0};
    const onnx_value *map = mseg_ox_any_map(r, n, 0);
    window w;
    if (!mseg_ox_is_nchw(map) || n->message->n_output != 1 || mseg_ox_int(n, "ceil_mode", 0) ||
        mseg_ox_int(n, "storage_order", 0) || !read_window(r, n, none, map, &w) || w.dilations[0] != 1 || w.dilations[1] != 1)
        return false;
    const onnx_value out = sized(map, &w);
    tfl_operator *op = mseg_ox_emit(r, n, TFL_OP_MAX_POOL_2D, &map->tensor, 1, &out);
    set_window(op, &w);
    mseg_ox_keep_type(r, n, map);
    return true;
}

/* Only one that averages the whole map. */
bool mseg_ox_emit_average(onnx_reader *r, const onnx_node *n, const onnx_value *map)
{
    static const int none[2] = {0, 0};
    window w;
    if (!mseg_ox_is_nchw(map) || !read_window(r, n, none, map, &w) || w.kernel[0] != map->dims[2] ||
        w.kernel[1] != map->dims[3] || w.dilations[0] != 1 || w.dilations[1] != 1 || w.out[0] != 1 || w.out[1] != 1 ||
        w.pads[0] || w.pads[1] || w.pads[2] || w.pads[3])
        return false;
    const onnx_value out = sized(map, &w);
    w.padding = TFL_VALID;
    tfl_operator *op = mseg_ox_emit(r, n, TFL_OP_AVERAGE_POOL_2D, &map->tensor, 1, &out);
    set_window(op, &w);
    return true;
}

bool mseg_ox_average_pool(onnx_reader *r, const onnx_node *n)
{
    return mseg_ox_emit_average(r, n, mseg_ox_map(r, n, 0));
}
