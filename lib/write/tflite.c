#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/padding.h"
#include "weights/load.h"
#include "write/shapes.h"
#include "write/tflite_about.h"
#include "write/tflite_file.h"

/* A net's layers as operators of TensorFlow Lite. */

enum { PART = 16, NAME = MSEG_MAX_LAYER_NAME + 2 * PART };

typedef struct writer {
    const mseg_net *net;
    const mseg_weights *weights;
    const mseg_write_options *options;
    mseg_error *err;
    tflw_file file;
    mseg_write_size *sizes; /* of each value */
    int *tensors;           /* of each value that has been written */
    bool *needed;           /* of each value: whether the output depends on it */
} writer;

/* ---- tensors ----------------------------------------------------------------------------------------------------------- */

/* How bytes stand for a value, and for what readers of several inputs see of it. */
static mseg_quant quant_of(const writer *w, mseg_value value)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    return value == 0 ? w->net->input.quant : layer->add >= 0 ? layer->sum : layer->quant;
}

static mseg_quant joined_of(const writer *w, mseg_value value)
{
    const mseg_quant joined = w->net->layers[value].joined;
    return joined.scale > 0 ? joined : quant_of(w, value);
}

/* "LAYER.PART", or LAYER where part is NULL. */
static void name_of(char name[NAME], const char *layer, const char *part)
{
    snprintf(name, NAME, "%.*s%s%.*s", NAME - PART, layer, part ? "." : "", PART - 2, part ? part : "");
}

/* A tensor of floats, or of bytes as quant says. */
static int add_numbers(writer *w, tflw_tensor tensor, mseg_quant quant)
{
    if (w->options->bytes) {
        tensor.type = TFL_INT8;
        tensor.scales = &quant.scale;
        tensor.n_scales = 1;
        tensor.zero_point = quant.zero - 128;
    }
    return mseg_tflw_tensor(&w->file, &tensor);
}

static int add_map(writer *w, const char *layer, const char *part, mseg_write_size size, int channels, mseg_quant quant)
{
    char name[NAME];
    name_of(name, layer, part);
    return add_numbers(w, (tflw_tensor){.name = name, .rank = 4, .shape = {1, size.height, size.width, channels}}, quant);
}

static int add_integers(writer *w, const char *layer, const char *part, const int *values, int rank, int rows, int columns)
{
    char name[NAME];
    name_of(name, layer, part);
    const size_t count = (size_t)rows * (rank > 1 ? (size_t)columns : 1);
    const tflw_tensor list = {.name = name,
                              .type = TFL_INT32,
                              .rank = rank,
                              .shape = {rows, columns},
                              .buffer = mseg_tflw_buffer(&w->file, values, count, sizeof *values)};
    return mseg_tflw_tensor(&w->file, &list);
}

/* ---- what layers have in common ---------------------------------------------------------------------------------------- */

static int write_resize(writer *w, const char *layer, const char *part, int input, mseg_write_size size, int channels,
                        mseg_quant quant)
{
    const int wanted[2] = {size.height, size.width};
    char name[NAME];
    snprintf(name, sizeof name, "%s%s", part ? part : "", part ? ".size" : "size");
    const mseg_sampling sampling = w->net->input.sampling;
    tfl_operator resize = {.code = TFL_OP_RESIZE_BILINEAR,
                           .inputs = {input, add_integers(w, layer, name, wanted, 1, 2, 0)},
                           .n_inputs = 2,
                           .align_corners = sampling == MSEG_ALIGN_CORNERS,
                           .half_pixel = sampling == MSEG_HALF_PIXEL};
    resize.output = add_map(w, layer, part, size, channels, quant);
    mseg_tflw_operator(&w->file, &resize);
    return resize.output;
}

/* The tensor of all inputs along channels: maps of the last map's size, to which others are resized when they are vectors, or
 * always for a join (*output: its own tensor). */
static mseg_status write_inputs(writer *w, mseg_value value, const char *part, int *output)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    const bool join = layer->kind == MSEG_JOIN;
    const mseg_value last = mseg_layer_map(w->net, layer);
    const mseg_quant quant = joined_of(w, layer->in[0]);
    tfl_operator concat = {.code = TFL_OP_CONCATENATION, .n_inputs = layer->n_in, .axis = 3};
    for (int i = 0; i < layer->n_in; i++) {
        const mseg_net_layer *in = &w->net->layers[layer->in[i]];
        char resized[24];
        snprintf(resized, sizeof resized, "resized%d", i);
        if (w->options->bytes &&
            (!mseg_quant_same(joined_of(w, layer->in[i]), quant) || !mseg_quant_same(quant_of(w, layer->in[i]), quant)))
            return mseg_fail(w->err, MSEG_UNSUPPORTED, "%s joins maps that are not held in 8 bits alike", layer->name);
        concat.inputs[i] = w->tensors[layer->in[i]];
        if (join ? i < layer->n_in - 1 : in->vector && !layer->vector)
            concat.inputs[i] = write_resize(w, layer->name, resized, concat.inputs[i], w->sizes[last], in->channels, quant);
    }
    *output = concat.output = add_map(w, layer->name, part, w->sizes[last], layer->in_channels, quant);
    mseg_tflw_operator(&w->file, &concat);
    return MSEG_OK;
}

/* Sets op's first input, with zeros around it where TensorFlow Lite's own padding lies otherwise, and its padding. */
static void set_padding(writer *w, const mseg_net_layer *layer, tfl_operator *op, int input)
{
    const mseg_value map = mseg_layer_map(w->net, layer);
    op->inputs[0] = input;
    op->padding = TFL_SAME;
    if (layer->padding != MSEG_SYMMETRIC || layer->stride == 1 || layer->kernel == 1)
        return;
    const int zeros = mseg_pad_before(MSEG_SYMMETRIC, 0, layer->kernel, layer->stride, layer->rate);
    const int pads[8] = {0, 0, zeros, zeros, zeros, zeros, 0, 0};
    const mseg_write_size size = {w->sizes[map].height + 2 * zeros, w->sizes[map].width + 2 * zeros};
    const mseg_quant quant = layer->n_in > 1 ? joined_of(w, map) : quant_of(w, map);
    tfl_operator pad = {
        .code = TFL_OP_PAD, .inputs = {input, add_integers(w, layer->name, "pads", pads, 2, 4, 2)}, .n_inputs = 2};
    pad.output = add_map(w, layer->name, "padded", size, layer->in_channels, quant);
    mseg_tflw_operator(&w->file, &pad);
    op->inputs[0] = pad.output;
    op->padding = TFL_VALID;
}

static int activation_of(const mseg_net_layer *layer)
{
    static const int activations[] = {[MSEG_LINEAR] = TFL_NONE, [MSEG_RELU] = TFL_RELU, [MSEG_RELU6] = TFL_RELU6};
    return activations[layer->activation];
}

/* ---- a convolution's numbers ------------------------------------------------------------------------------------------- */

static tflw_tensor weight_of(const mseg_net_layer *layer, const char *name)
{
    if (layer->kind == MSEG_DEPTHWISE)
        return (tflw_tensor){.name = name, .rank = 4, .shape = {1, layer->kernel, layer->kernel, layer->channels}};
    return (tflw_tensor){.name = name, .rank = 4, .shape = {layer->channels, layer->kernel, layer->kernel, layer->in_channels}};
}

static size_t elements_of(const tflw_tensor *weight)
{
    return (size_t)weight->shape[0] * (size_t)weight->shape[1] * (size_t)weight->shape[2] * (size_t)weight->shape[3];
}

/* The weights' tensor, of halves that an operator turns to floats; -1: no memory. */
static int add_halves(writer *w, tflw_tensor weight, const float *values)
{
    const size_t count = elements_of(&weight);
    char name[NAME];
    uint16_t *halves = mseg_alloc_array(count, sizeof *halves);
    if (!halves)
        return -1;
    for (size_t i = 0; i < count; i++)
        halves[i] = mseg_write_half(values[i]);
    tfl_operator dequantize = {.code = TFL_OP_DEQUANTIZE, .n_inputs = 1, .output = mseg_tflw_tensor(&w->file, &weight)};
    name_of(name, weight.name, "half");
    weight.name = name;
    weight.type = TFL_FLOAT16;
    weight.buffer = mseg_tflw_buffer(&w->file, halves, count, sizeof *halves);
    dequantize.inputs[0] = mseg_tflw_tensor(&w->file, &weight);
    mseg_tflw_operator(&w->file, &dequantize);
    mseg_free(&halves);
    return dequantize.output;
}

/* With a bias of zeros where the layer has none: versions of TensorFlow Lite do not start without one. */
static mseg_status add_floats(writer *w, const mseg_net_layer *layer, tflw_tensor *weight, tflw_tensor *bias, tfl_operator *op)
{
    mseg_layer_weights loaded;
    mseg_status status = layer->kind == MSEG_DEPTHWISE
                             ? mseg_weights_load_depthwise(&loaded, w->weights, layer->name, layer->channels, w->err)
                             : mseg_weights_load(&loaded, w->weights, layer->name, layer->in_channels, w->err);
    if (!status && (loaded.out != layer->channels || loaded.kernel != layer->kernel))
        status = mseg_fail(w->err, MSEG_MISMATCH, "%s.weight has another shape than the network's layer", layer->name);
    if (status)
        goto done;
    if (w->options->half) {
        op->inputs[1] = add_halves(w, *weight, loaded.weight);
    } else {
        weight->buffer = mseg_tflw_buffer(&w->file, loaded.weight, elements_of(weight), sizeof *loaded.weight);
        op->inputs[1] = mseg_tflw_tensor(&w->file, weight);
    }
    if (!loaded.bias)
        loaded.bias = mseg_alloc_array((size_t)layer->channels, sizeof *loaded.bias);
    if (op->inputs[1] < 0 || !loaded.bias) {
        status = mseg_fail(w->err, MSEG_NOMEM, NULL);
        goto done;
    }
    bias->buffer = mseg_tflw_buffer(&w->file, loaded.bias, (size_t)layer->channels, sizeof *loaded.bias);
    op->inputs[2] = mseg_tflw_tensor(&w->file, bias);
done:
    mseg_layer_weights_free(&loaded);
    return status;
}

static mseg_status add_bytes(writer *w, mseg_value value, tflw_tensor *weight, tflw_tensor *bias, tfl_operator *op)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    const mseg_write_bytes *bytes = &w->options->bytes[value];
    const float input = (layer->n_in > 1 ? joined_of(w, layer->in[0]) : quant_of(w, layer->in[0])).scale;
    const size_t channels = (size_t)layer->channels;
    float *scales = mseg_alloc_array(channels, sizeof *scales);
    if (!scales)
        return mseg_fail(w->err, MSEG_NOMEM, NULL);
    for (size_t c = 0; c < channels; c++)
        scales[c] = input * bytes->scale[c];
    weight->type = TFL_INT8;
    weight->scales = bytes->scale;
    weight->axis = layer->kind == MSEG_DEPTHWISE ? 3 : 0;
    weight->buffer = mseg_tflw_buffer(&w->file, bytes->weight, elements_of(weight), sizeof *bytes->weight);
    bias->type = TFL_INT32;
    bias->scales = scales;
    bias->buffer = mseg_tflw_buffer(&w->file, bytes->bias, channels, sizeof *bytes->bias);
    weight->n_scales = bias->n_scales = layer->channels;
    op->inputs[1] = mseg_tflw_tensor(&w->file, weight);
    op->inputs[2] = mseg_tflw_tensor(&w->file, bias);
    mseg_free(&scales);
    return MSEG_OK;
}

static mseg_status add_constants(writer *w, mseg_value value, tfl_operator *op)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    char weight_name[NAME], bias_name[NAME];
    name_of(weight_name, layer->name, "weight");
    name_of(bias_name, layer->name, "bias");
    tflw_tensor weight = weight_of(layer, weight_name), bias = {.name = bias_name, .rank = 1, .shape = {layer->channels}};
    return w->options->bytes ? add_bytes(w, value, &weight, &bias, op) : add_floats(w, layer, &weight, &bias, op);
}

/* ---- layers ------------------------------------------------------------------------------------------------------------ */

static void write_add(writer *w, mseg_value value, int sum_of)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    tfl_operator add = {
        .code = TFL_OP_ADD, .inputs = {sum_of, w->tensors[layer->add]}, .n_inputs = 2, .activation = activation_of(layer)};
    add.output = w->tensors[value] = add_map(w, layer->name, NULL, w->sizes[value], layer->channels, quant_of(w, value));
    mseg_tflw_operator(&w->file, &add);
}

static mseg_status write_convolution(writer *w, mseg_value value)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    const bool adds = layer->add >= 0;
    int input = w->tensors[layer->in[0]];
    tfl_operator conv = {.code = layer->kind == MSEG_CONV ? TFL_OP_CONV_2D : TFL_OP_DEPTHWISE_CONV_2D,
                         .stride_h = layer->stride,
                         .stride_w = layer->stride,
                         .dilation_h = layer->rate,
                         .dilation_w = layer->rate,
                         .multiplier = 1,
                         .n_inputs = 3,
                         .activation = adds ? TFL_NONE : activation_of(layer)};
    mseg_status status = layer->n_in > 1 ? write_inputs(w, value, "inputs", &input) : MSEG_OK;
    if (status)
        return status;
    set_padding(w, layer, &conv, input);
    if ((status = add_constants(w, value, &conv)))
        return status;
    conv.output = add_map(w, layer->name, adds ? "terms" : NULL, w->sizes[value], layer->channels, layer->quant);
    mseg_tflw_operator(&w->file, &conv);
    w->tensors[value] = conv.output;
    if (adds)
        write_add(w, value, conv.output);
    return MSEG_OK;
}

static void write_global_pool(writer *w, mseg_value value)
{
    static const int axes[2] = {1, 2};
    const mseg_net_layer *layer = &w->net->layers[value];
    tfl_operator mean = {.code = TFL_OP_MEAN,
                         .inputs = {w->tensors[layer->in[0]], add_integers(w, layer->name, "axes", axes, 1, 2, 0)},
                         .n_inputs = 2};
    mean.output = w->tensors[value] = add_map(w, layer->name, NULL, w->sizes[value], layer->channels, layer->quant);
    mseg_tflw_operator(&w->file, &mean);
}

/* Zeros around its input are right where the input has nothing below them. */
static mseg_status write_max_pool(writer *w, mseg_value value)
{
    const mseg_net_layer *layer = &w->net->layers[value];
    tfl_operator pool = {.code = TFL_OP_MAX_POOL_2D,
                         .n_inputs = 1,
                         .stride_h = layer->stride,
                         .stride_w = layer->stride,
                         .filter_h = layer->kernel,
                         .filter_w = layer->kernel};
    set_padding(w, layer, &pool, w->tensors[layer->in[0]]);
    if (pool.padding != TFL_SAME && w->net->layers[layer->in[0]].activation == MSEG_LINEAR)
        return mseg_fail(w->err, MSEG_UNSUPPORTED, "%s pads what may be below 0, which TensorFlow Lite's MAX_POOL_2D has not",
                         layer->name);
    pool.output = w->tensors[value] = add_map(w, layer->name, NULL, w->sizes[value], layer->channels, layer->quant);
    mseg_tflw_operator(&w->file, &pool);
    return MSEG_OK;
}

static mseg_status write_layer(writer *w, mseg_value value)
{
    switch (w->net->layers[value].kind) {
    case MSEG_CONV:
    case MSEG_DEPTHWISE:
        return write_convolution(w, value);
    case MSEG_GLOBAL_POOL:
        write_global_pool(w, value);
        return MSEG_OK;
    case MSEG_MAX_POOL:
        return write_max_pool(w, value);
    case MSEG_JOIN:
        return write_inputs(w, value, NULL, &w->tensors[value]);
    default:
        w->tensors[value] = add_map(w, w->net->layers[value].name, NULL, w->sizes[value], 3, quant_of(w, value));
        return MSEG_OK;
    }
}

/* Scores as the file gives them: of a classifier [1, classes], else a map of the picture's size. */
static int write_logits(writer *w, mseg_value scores)
{
    static const char *const name = "logits";
    const mseg_net_layer *layer = &w->net->layers[scores];
    const mseg_write_size picture = w->sizes[0];
    const mseg_quant quant = quant_of(w, scores);
    if (!layer->vector)
        return write_resize(w, name, NULL, w->tensors[scores], picture, layer->channels, quant);
    const int shape[2] = {1, layer->channels};
    tfl_operator reshape = {
        .code = TFL_OP_RESHAPE, .inputs = {w->tensors[scores], add_integers(w, name, "shape", shape, 1, 2, 0)}, .n_inputs = 2};
    reshape.output = add_numbers(w, (tflw_tensor){.name = name, .rank = 2, .shape = {1, layer->channels}}, quant);
    mseg_tflw_operator(&w->file, &reshape);
    return reshape.output;
}

/* ---- the file ---------------------------------------------------------------------------------------------------------- */

static mseg_status prepare(writer *w)
{
    const mseg_net *net = w->net;
    const size_t count = (size_t)net->count;
    w->sizes = mseg_write_sizes(net, w->options->height, w->options->width);
    w->tensors = mseg_alloc_array(count, sizeof *w->tensors);
    w->needed = mseg_alloc_array(count, sizeof *w->needed);
    if (!w->sizes || !w->tensors || !w->needed)
        return mseg_fail(w->err, MSEG_NOMEM, NULL);
    w->needed[0] = w->needed[net->outputs[0]] = true;
    for (int i = net->count - 1; i > 0; i--)
        for (int k = 0; k < i && w->needed[i]; k++)
            w->needed[k] = w->needed[k] || mseg_layer_reads(&net->layers[i], k);
    w->file.bytes = w->options->bytes != NULL;
    return MSEG_OK;
}

static mseg_status finish(writer *w, int logits, mseg_bytes *out)
{
    tflw_entry entries[TFLW_ABOUT_ENTRIES];
    const size_t archive = mseg_tflw_archive_size(w->options);
    mseg_status status = mseg_tflw_about(&w->file, entries, w->net, w->weights, w->options, w->err);
    if (status)
        return status;
    status = mseg_tflw_finish(&w->file, w->tensors[0], logits, "Written by mseg.", entries, TFLW_ABOUT_ENTRIES, archive, out);
    if (status)
        return mseg_fail(w->err, status, status == MSEG_LIMIT ? "a model file of more than 2 GiB" : NULL);
    mseg_tflw_archive(out, w->options);
    return MSEG_OK;
}

mseg_status mseg_write_tflite(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights,
                              const mseg_write_options *options, mseg_error *err)
{
    writer w = {.net = net, .weights = weights, .options = options, .err = err};
    *out = (mseg_bytes){0};
    if (options->height > TFL_MAX_DIMENSION || options->width > TFL_MAX_DIMENSION)
        return mseg_fail(err, MSEG_LIMIT, "a picture of %dx%d, more than %d on a side", options->width, options->height,
                         TFL_MAX_DIMENSION);
    mseg_status status = prepare(&w);
    for (int i = 0; i < net->count && !status; i++)
        if (w.needed[i])
            status = write_layer(&w, i);
    if (!status)
        status = finish(&w, write_logits(&w, net->outputs[0]), out);
    mseg_free(&w.sizes);
    mseg_free(&w.tensors);
    mseg_free(&w.needed);
    mseg_tflw_free(&w.file);
    return status;
}
