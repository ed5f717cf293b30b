#include <string.h>

#include "base/alloc.h"
#include "weights/load.h"
#include "write/onnx.h"

/* Operators, their attributes and inputs: onnx/docs/Operators.md, version 13 of the operator set. */

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

static void store(uint8_t *to, float value, bool half)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (half)
        bits = mseg_write_half(value);
    for (int i = 0; i < (half ? 2 : 4); i++)
        to[i] = (uint8_t)(bits >> 8 * i);
}

/* [out, kernel, kernel, in] becomes [out, in, kernel, kernel]; of a depthwise one [kernel, kernel, out] becomes [out, 1, kernel,
 * kernel]. */
static void store_weights(uint8_t *to, const mseg_layer_weights *values, bool half)
{
    const size_t taps = (size_t)values->kernel * (size_t)values->kernel, bytes = half ? 2 : 4;
    const size_t outer = values->depthwise ? 1 : (size_t)values->out,
                 inner = (size_t)(values->depthwise ? values->out : values->in);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i++)
            for (size_t t = 0; t < taps; t++, to += bytes)
                store(to, values->weight[(o * taps + t) * inner + i], half);
}

static mseg_status load(onnx_writer *w, const mseg_net_layer *layer)
{
    mseg_layer_weights values = {0};
    mseg_status status = layer->kind == MSEG_DEPTHWISE
                             ? mseg_weights_load_depthwise(&values, w->weights, layer->name, layer->channels, w->err)
                             : mseg_weights_load(&values, w->weights, layer->name, layer->in_channels, w->err);
    if (status)
        return status;
    const size_t out = (size_t)values.out, each = (size_t)values.kernel * (size_t)values.kernel * (size_t)values.in;
    w->weight = mseg_alloc_array(out * each, w->options->half ? 2 : 4);
    w->bias = mseg_alloc_array(out, 4);
    if (w->weight && w->bias) {
        store_weights(w->weight, &values, w->options->half);
        for (size_t i = 0; values.bias && i < out; i++)
            store(w->bias + 4 * i, values.bias[i], false);
    } else {
        status = mseg_fail(w->err, MSEG_NOMEM, NULL);
    }
    mseg_layer_weights_free(&values);
    return status;
}

/* ---- nodes -------------------------------------------------------------------------------------------------------------- */

const char *mseg_write_onnx_value(onnx_writer *w, mseg_value value)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    const char *last = layer->add >= 0 ? ".add" : "";
    if (value == 0)
        return ONNX_INPUT_NAME;
    if (layer->activation != MSEG_LINEAR)
        last = layer->activation == MSEG_RELU ? ".relu" : ".relu6";
    return mseg_write_onnx_text(&w->part, "%s%s", layer->name, last);
}

/* Bilinear, as net->input.sampling says. */
void mseg_write_onnx_resize(onnx_writer *w, const char *in, const char *name, int channels, mseg_write_size size)
{
    static const char *const modes[] = {
        [MSEG_ALIGN_CORNERS] = "align_corners", [MSEG_HALF_PIXEL] = "half_pixel", [MSEG_LEGACY] = "asymmetric"};
    const char *sizes = mseg_write_onnx_text(&w->part, "%s.sizes", name);
    onnx_node *resize = mseg_write_onnx_node(&w->part, "Resize", name);
    mseg_write_onnx_input(&w->part, resize, in);
    mseg_write_onnx_input(&w->part, resize, ""); /* a region of interest */
    mseg_write_onnx_input(&w->part, resize, ""); /* scales */
    mseg_write_onnx_input(&w->part, resize, sizes);
    mseg_write_onnx_string(&w->part, resize, "coordinate_transformation_mode", modes[w->net->input.sampling]);
    mseg_write_onnx_string(&w->part, resize, "mode", "linear");
    mseg_write_onnx_list(&w->part, sizes, 4, (const int64_t[]){1, channels, size.height, size.width});
}

/* Whether input i is resized to the others. Of a join all but the last are, whatever the size: a graph's nodes do not depend on
 * it. */
static bool is_resized(const mseg_net *net, const mseg_net_layer *layer, int i)
{
    if (layer->kind == MSEG_JOIN)
        return i + 1 < layer->n_in;
    return net->layers[layer->in[i]].vector && !layer->vector;
}

/* The layer's inputs as one; a join's node has the layer's name. */
static const char *add_inputs(onnx_writer *w, const mseg_net_layer *layer)
{
    const char *names[MSEG_MAX_INPUTS];
    const mseg_write_size size = w->sizes[mseg_layer_map(w->net, layer)];
    for (int i = 0; i < layer->n_in; i++) {
        names[i] = mseg_write_onnx_value(w, layer->in[i]);
        if (is_resized(w->net, layer, i)) {
            const char *name = mseg_write_onnx_text(&w->part, "%s.resize%d", layer->name, i);
            mseg_write_onnx_resize(w, names[i], name, w->net->layers[layer->in[i]].channels, size);
            names[i] = name;
        }
    }
    if (layer->n_in == 1 && layer->kind != MSEG_JOIN)
        return names[0];
    const char *name = mseg_write_onnx_text(&w->part, "%s%s", layer->name, layer->kind == MSEG_JOIN ? "" : ".concat");
    onnx_node *concat = mseg_write_onnx_node(&w->part, "Concat", name);
    for (int i = 0; i < layer->n_in; i++)
        mseg_write_onnx_input(&w->part, concat, names[i]);
    mseg_write_onnx_int(&w->part, concat, "axis", 1);
    return name;
}

/* Zeros before and after the in elements of an axis. */
static void find_pads(const mseg_net_layer *layer, int in, int64_t *before, int64_t *after)
{
    const int64_t reach = (int64_t)(layer->kernel - 1) * layer->rate + 1;
    *before = *after = mseg_pad_before(layer->padding, in, layer->kernel, layer->stride, layer->rate);
    if (layer->padding == MSEG_SYMMETRIC)
        return;
    *after = ((int64_t)mseg_out_size(in, layer->stride) - 1) * layer->stride + reach - in - *before;
    *after = *after > 0 ? *after : 0;
}

static void add_window(onnx_writer *w, onnx_node *node, const mseg_net_layer *layer)
{
    const mseg_write_size in = w->sizes[mseg_layer_map(w->net, layer)];
    int64_t pads[4];
    find_pads(layer, in.height, &pads[0], &pads[2]);
    find_pads(layer, in.width, &pads[1], &pads[3]);
    mseg_write_onnx_ints(&w->part, node, "kernel_shape", 2, (const int64_t[]){layer->kernel, layer->kernel});
    mseg_write_onnx_ints(&w->part, node, "pads", 4, pads);
    mseg_write_onnx_ints(&w->part, node, "strides", 2, (const int64_t[]){layer->stride, layer->stride});
}

/* Half precision becomes single where it is used: operators of ONNX take one kind of number. */
static const char *add_weights(onnx_writer *w, const mseg_net_layer *layer, const mseg_weight_shape *shape)
{
    const char *name = mseg_write_onnx_text(&w->part, "%s.weight", layer->name);
    const int64_t dims[] = {shape->out, shape->in, shape->kernel, shape->kernel};
    mseg_write_onnx_tensor(&w->part, name, w->options->half ? ONNX_F16 : ONNX_F32, 4, dims, w->weight);
    if (!w->options->half)
        return name;
    onnx_node *cast = mseg_write_onnx_node(&w->part, "Cast", mseg_write_onnx_text(&w->part, "%s.float", name));
    mseg_write_onnx_input(&w->part, cast, name);
    mseg_write_onnx_int(&w->part, cast, "to", ONNX_F32);
    return cast->output;
}

static mseg_status add_conv(onnx_writer *w, const mseg_net_layer *layer, const char *in)
{
    const bool depthwise = layer->kind == MSEG_DEPTHWISE;
    mseg_weight_shape shape;
    mseg_status status = depthwise ? mseg_weights_shape_depthwise(&shape, w->weights, layer->name, layer->channels, w->err)
                                   : mseg_weights_shape(&shape, w->weights, layer->name, layer->in_channels, w->err);
    if (!status && (shape.out != layer->channels || shape.kernel != layer->kernel))
        status = mseg_fail(w->err, MSEG_MISMATCH, "%s.weight makes %d channels by %dx%d, the network's layer %d by %dx%d",
                           layer->name, shape.out, shape.kernel, shape.kernel, layer->channels, layer->kernel, layer->kernel);
    if (!status && w->data)
        status = load(w, layer);
    if (status)
        return status;
    const char *weight = add_weights(w, layer, &shape);
    onnx_node *conv = mseg_write_onnx_node(&w->part, "Conv", layer->name);
    mseg_write_onnx_input(&w->part, conv, in);
    mseg_write_onnx_input(&w->part, conv, weight);
    mseg_write_onnx_ints(&w->part, conv, "dilations", 2, (const int64_t[]){layer->rate, layer->rate});
    mseg_write_onnx_int(&w->part, conv, "group", depthwise ? layer->channels : 1);
    add_window(w, conv, layer);
    if (shape.bias) {
        const char *bias = mseg_write_onnx_text(&w->part, "%s.bias", layer->name);
        mseg_write_onnx_input(&w->part, conv, bias);
        mseg_write_onnx_tensor(&w->part, bias, ONNX_F32, 1, &(const int64_t){shape.out}, w->bias);
    }
    return MSEG_OK;
}

static void add_pool(onnx_writer *w, const mseg_net_layer *layer, const char *in)
{
    const bool max = layer->kind == MSEG_MAX_POOL;
    onnx_node *pool = mseg_write_onnx_node(&w->part, max ? "MaxPool" : "GlobalAveragePool", layer->name);
    mseg_write_onnx_input(&w->part, pool, in);
    if (max)
        add_window(w, pool, layer);
}

/* What comes behind the layer's own node. */
static void finish(onnx_writer *w, mseg_value value)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    const char *made = layer->name;
    if (layer->add >= 0) {
        onnx_node *add = mseg_write_onnx_node(&w->part, "Add", mseg_write_onnx_text(&w->part, "%s.add", layer->name));
        mseg_write_onnx_input(&w->part, add, made);
        mseg_write_onnx_input(&w->part, add, mseg_write_onnx_value(w, layer->add));
        made = add->output;
    }
    if (layer->activation == MSEG_LINEAR)
        return;
    const bool clips = layer->activation == MSEG_RELU6;
    onnx_node *activation = mseg_write_onnx_node(&w->part, clips ? "Clip" : "Relu", mseg_write_onnx_value(w, value));
    mseg_write_onnx_input(&w->part, activation, made);
    if (clips) {
        mseg_write_onnx_input(&w->part, activation, ONNX_RELU6_LEAST);
        mseg_write_onnx_input(&w->part, activation, ONNX_RELU6_MOST);
    }
}

mseg_status mseg_write_onnx_layer(onnx_writer *w, mseg_value value)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    const char *in = add_inputs(w, layer);
    mseg_status status = MSEG_OK;
    if (layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE)
        status = add_conv(w, layer, in);
    else if (layer->kind != MSEG_JOIN)
        add_pool(w, layer, in);
    finish(w, value);
    return status;
}
