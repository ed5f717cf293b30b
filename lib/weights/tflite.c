#include "weights/tflite.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/tflite_check.h"
#include "weights/tflite_kind.h"
#include "weights/tflite_metadata.h"
#include "weights/tflite_schema.h"

bool mseg_tflite_probe(const uint8_t *data, size_t size)
{
    return size >= 8 && memcmp(data + 4, "TFL3", 4) == 0;
}

static void read_shape(tfl_tensor *tensor, mseg_fb *fb, mseg_fb_vector shape)
{
    if (shape.count > 4) {
        tensor->rank = -1;
        return;
    }
    tensor->rank = (int)shape.count;
    for (uint32_t i = 0; i < shape.count; i++) {
        tensor->shape[i] = mseg_fb_i32_at(fb, shape, i);
        if (tensor->shape[i] < 1 || tensor->shape[i] > TFL_MAX_DIMENSION)
            tensor->rank = -1;
    }
}

static void read_quantization(tfl_tensor *tensor, mseg_fb *fb, mseg_fb_table quantization)
{
    mseg_fb_vector scales = mseg_fb_list(fb, quantization, QUANT_SCALE, 4);
    mseg_fb_vector zero_points = mseg_fb_list(fb, quantization, QUANT_ZERO_POINT, 8);
    if (scales.count > TFL_MAX_DIMENSION || zero_points.count > TFL_MAX_DIMENSION) {
        mseg_fb_damage(fb, quantization.position, "a tensor has too many scales");
        return;
    }
    tensor->scales = fb->data + scales.position;
    tensor->n_scales = (int)scales.count;
    tensor->zero_points = fb->data + zero_points.position;
    tensor->n_zero_points = (int)zero_points.count;
    tensor->axis = mseg_fb_i32(fb, quantization, QUANT_DIMENSION, 0);
}

static void read_tensor(tfl_tensor *tensor, mseg_fb *fb, mseg_fb_table table, mseg_fb_vector buffers)
{
    read_shape(tensor, fb, mseg_fb_list(fb, table, TENSOR_SHAPE, 4));
    tensor->type = mseg_fb_i8(fb, table, TENSOR_TYPE, TFL_FLOAT32);
    tensor->sparse = mseg_fb_has(fb, table, TENSOR_SPARSITY);
    read_quantization(tensor, fb, mseg_fb_child(fb, table, TENSOR_QUANTIZATION));
    uint32_t buffer = mseg_fb_u32(fb, table, TENSOR_BUFFER, 0);
    if (buffer >= buffers.count) {
        mseg_fb_damage(fb, table.position, "a tensor names a buffer that does not exist");
        return;
    }
    mseg_fb_vector data = mseg_fb_list(fb, mseg_fb_table_at(fb, buffers, buffer), BUFFER_DATA, 1);
    tensor->data = data.count ? fb->data + data.position : NULL;
    tensor->bytes = data.count;
}

/* The options of an operator when they are of the kind that its code has, else an absent table and damage. */
static mseg_fb_table options_of(mseg_fb *fb, mseg_fb_table table, int type)
{
    if (mseg_fb_i8(fb, table, OP_OPTIONS_TYPE, OPTIONS_NONE) != type)
        mseg_fb_damage(fb, table.position, "an operator has the options of another");
    return mseg_fb_child(fb, table, OP_OPTIONS);
}

static void read_conv_options(tfl_operator *op, mseg_fb *fb, mseg_fb_table table)
{
    bool depthwise = op->code == TFL_OP_DEPTHWISE_CONV_2D;
    mseg_fb_table options = options_of(fb, table, depthwise ? OPTIONS_DW : OPTIONS_CONV);
    op->padding = mseg_fb_i8(fb, options, CONV_PADDING, TFL_SAME);
    op->stride_w = mseg_fb_i32(fb, options, CONV_STRIDE_W, 0);
    op->stride_h = mseg_fb_i32(fb, options, CONV_STRIDE_H, 0);
    op->multiplier = depthwise ? mseg_fb_i32(fb, options, DW_MULTIPLIER, 0) : 1;
    op->activation = mseg_fb_i8(fb, options, depthwise ? DW_ACTIVATION : CONV_ACTIVATION, TFL_NONE);
    op->dilation_w = mseg_fb_i32(fb, options, depthwise ? DW_DILATION_W : CONV_DILATION_W, 1);
    op->dilation_h = mseg_fb_i32(fb, options, depthwise ? DW_DILATION_H : CONV_DILATION_H, 1);
}

/* Converters leave the options out when they are all defaults. */
static int arithmetic_activation(mseg_fb *fb, mseg_fb_table table, int type)
{
    if (mseg_fb_i8(fb, table, OP_OPTIONS_TYPE, OPTIONS_NONE) == OPTIONS_NONE)
        return TFL_NONE;
    return mseg_fb_i8(fb, options_of(fb, table, type), ARITHMETIC_ACTIVATION, TFL_NONE);
}

/* 1 when the options or the field are left out. */
static float softmax_beta(mseg_fb *fb, mseg_fb_table table)
{
    float beta = 0;
    if (mseg_fb_i8(fb, table, OP_OPTIONS_TYPE, OPTIONS_NONE) != OPTIONS_NONE) {
        const uint32_t bits = mseg_fb_u32(fb, options_of(fb, table, OPTIONS_SOFTMAX), SOFTMAX_BETA, 0);
        memcpy(&beta, &bits, sizeof beta);
    }
    return beta == 0 ? 1 : beta;
}

static void read_options(tfl_operator *op, mseg_fb *fb, mseg_fb_table table)
{
    mseg_fb_table options;
    switch (op->code) {
    case TFL_OP_CONV_2D:
    case TFL_OP_DEPTHWISE_CONV_2D:
        read_conv_options(op, fb, table);
        break;
    case TFL_OP_AVERAGE_POOL_2D:
    case TFL_OP_MAX_POOL_2D:
        options = options_of(fb, table, OPTIONS_POOL);
        op->padding = mseg_fb_i8(fb, options, POOL_PADDING, TFL_SAME);
        op->stride_w = mseg_fb_i32(fb, options, POOL_STRIDE_W, 0);
        op->stride_h = mseg_fb_i32(fb, options, POOL_STRIDE_H, 0);
        op->filter_w = mseg_fb_i32(fb, options, POOL_FILTER_W, 0);
        op->filter_h = mseg_fb_i32(fb, options, POOL_FILTER_H, 0);
        op->activation = mseg_fb_i8(fb, options, POOL_ACTIVATION, TFL_NONE);
        break;
    case TFL_OP_FULLY_CONNECTED:
        options = options_of(fb, table, OPTIONS_DENSE);
        op->activation = mseg_fb_i8(fb, options, DENSE_ACTIVATION, TFL_NONE);
        if (mseg_fb_i8(fb, options, DENSE_FORMAT, 0) != 0)
            mseg_fb_damage(fb, table.position, "a fully connected layer has shuffled weights");
        break;
    case TFL_OP_CONCATENATION:
        options = options_of(fb, table, OPTIONS_CONCAT);
        op->axis = mseg_fb_i32(fb, options, CONCAT_AXIS, 0);
        op->activation = mseg_fb_i8(fb, options, CONCAT_ACTIVATION, TFL_NONE);
        break;
    case TFL_OP_SOFTMAX:
        op->beta = softmax_beta(fb, table);
        break;
    case TFL_OP_ADD:
        op->activation = arithmetic_activation(fb, table, OPTIONS_ADD);
        break;
    case TFL_OP_MUL:
        op->activation = arithmetic_activation(fb, table, OPTIONS_MUL);
        break;
    case TFL_OP_SUB:
        op->activation = arithmetic_activation(fb, table, OPTIONS_SUB);
        break;
    case TFL_OP_DIV:
        op->activation = arithmetic_activation(fb, table, OPTIONS_DIV);
        break;
    case TFL_OP_RESIZE_BILINEAR:
        options = options_of(fb, table, OPTIONS_BILINEAR);
        op->align_corners = mseg_fb_i8(fb, options, BILINEAR_ALIGN_CORNERS, 0) != 0;
        op->half_pixel = mseg_fb_i8(fb, options, BILINEAR_HALF_PIXEL, 0) != 0;
        break;
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR:
        options = options_of(fb, table, OPTIONS_NEAREST);
        op->align_corners = mseg_fb_i8(fb, options, NEAREST_ALIGN_CORNERS, 0) != 0;
        op->half_pixel = mseg_fb_i8(fb, options, NEAREST_HALF_PIXEL, 0) != 0;
        break;
    default:
        break;
    }
}

/* Small codes stand in an old 8-bit field, which newer files keep; larger ones in a newer field only. */
static int read_code(mseg_fb *fb, mseg_fb_table code)
{
    int old = mseg_fb_i8(fb, code, CODE_SHORT, 0), now = mseg_fb_i32(fb, code, CODE_LONG, 0);
    return old > now ? old : now;
}

/* The name of a custom operator, with a question mark for what cannot be printed. */
static void read_custom(tfl_operator *op, mseg_fb *fb, mseg_fb_table code)
{
    mseg_fb_vector name = mseg_fb_list(fb, code, CODE_CUSTOM, 1);
    for (uint32_t i = 0; i < name.count && i < sizeof op->custom - 1; i++) {
        char c = (char)fb->data[name.position + i];
        op->custom[i] = c >= ' ' && c <= '~' ? c : '?';
    }
}

static void read_operator(tfl_operator *op, mseg_fb *fb, mseg_fb_table table, mseg_fb_vector codes, int n_tensors)
{
    mseg_fb_vector inputs = mseg_fb_list(fb, table, OP_INPUTS, 4);
    mseg_fb_vector outputs = mseg_fb_list(fb, table, OP_OUTPUTS, 4);
    uint32_t code = mseg_fb_u32(fb, table, OP_CODE, 0);
    if (code >= codes.count) {
        mseg_fb_damage(fb, table.position, "an operator has no code");
        return;
    }
    op->code = read_code(fb, mseg_fb_table_at(fb, codes, code));
    if (op->code == TFL_OP_CUSTOM)
        read_custom(op, fb, mseg_fb_table_at(fb, codes, code));
    op->n_inputs = (int)inputs.count;
    op->n_outputs = (int)outputs.count;
    for (uint32_t i = 0; i < inputs.count && i < TFL_MAX_INPUTS; i++) {
        op->inputs[i] = mseg_fb_i32_at(fb, inputs, i);
        if (op->inputs[i] < -1 || op->inputs[i] >= n_tensors)
            mseg_fb_damage(fb, table.position, "an operator names a tensor that does not exist");
    }
    op->output = outputs.count ? mseg_fb_i32_at(fb, outputs, 0) : 0;
    if (op->output < 0 || op->output >= n_tensors)
        mseg_fb_damage(fb, table.position, "an operator names a tensor that does not exist");
    read_options(op, fb, table);
}

static void read_outputs(tfl_model *model, mseg_fb *fb, mseg_fb_table graph)
{
    mseg_fb_vector outputs = mseg_fb_list(fb, graph, GRAPH_OUTPUTS, 4);
    model->n_outputs = (int)outputs.count;
    for (uint32_t i = 0; i < outputs.count && i < TFL_MAX_OUTPUTS; i++) {
        model->outputs[i] = mseg_fb_i32_at(fb, outputs, i);
        if (model->outputs[i] < 0 || model->outputs[i] >= model->n_tensors)
            mseg_fb_damage(fb, graph.position, "the network's output does not exist");
    }
}

static mseg_status read_subgraph(tfl_model *model, mseg_fb *fb, mseg_fb_table root, mseg_fb_table graph, mseg_error *err)
{
    mseg_fb_vector tensors = mseg_fb_list(fb, graph, GRAPH_TENSORS, 4), operators = mseg_fb_list(fb, graph, GRAPH_OPERATORS, 4);
    mseg_fb_vector inputs = mseg_fb_list(fb, graph, GRAPH_INPUTS, 4);
    mseg_fb_vector buffers = mseg_fb_list(fb, root, MODEL_BUFFERS, 4), codes = mseg_fb_list(fb, root, MODEL_CODES, 4);
    if (tensors.count > TFL_MAX_TENSORS || operators.count > TFL_MAX_OPERATORS)
        return mseg_fail(err, MSEG_LIMIT, "%u tensors and %u operators, more than any network that mseg knows", tensors.count,
                         operators.count);
    model->tensors = mseg_alloc_array(tensors.count, sizeof *model->tensors);
    model->operators = mseg_alloc_array(operators.count, sizeof *model->operators);
    if (!model->tensors || !model->operators)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    model->n_tensors = (int)tensors.count;
    model->n_operators = (int)operators.count;
    for (uint32_t i = 0; i < tensors.count; i++)
        read_tensor(&model->tensors[i], fb, mseg_fb_table_at(fb, tensors, i), buffers);
    for (uint32_t i = 0; i < operators.count; i++)
        read_operator(&model->operators[i], fb, mseg_fb_table_at(fb, operators, i), codes, model->n_tensors);
    model->n_inputs = (int)inputs.count;
    model->input = inputs.count ? mseg_fb_i32_at(fb, inputs, 0) : 0;
    if (model->input < 0 || model->input >= model->n_tensors)
        mseg_fb_damage(fb, graph.position, "the network's input does not exist");
    read_outputs(model, fb, graph);
    return MSEG_OK;
}

mseg_status mseg_tfl_model_read(tfl_model *model, mseg_fb *fb, mseg_error *err)
{
    memset(model, 0, sizeof *model);
    mseg_status status = MSEG_OK;
    mseg_fb_table root = mseg_fb_root(fb);
    uint32_t version = mseg_fb_u32(fb, root, MODEL_VERSION, 0);
    mseg_fb_vector subgraphs = mseg_fb_list(fb, root, MODEL_SUBGRAPHS, 4);
    if (!fb->damage && version != 3) {
        status = mseg_fail(err, MSEG_UNSUPPORTED, "TensorFlow Lite schema version %u; mseg knows version 3", version);
        goto done;
    }
    if (subgraphs.count == 0)
        mseg_fb_damage(fb, root.position, "no network inside");
    if (!fb->damage)
        status = read_subgraph(model, fb, root, mseg_fb_table_at(fb, subgraphs, 0), err);
    if (fb->damage)
        status = mseg_fail(err, MSEG_FORMAT, "damaged TensorFlow Lite file: %s (at byte %zu of %zu); get it again", fb->damage,
                           fb->where, fb->size);
done:
    if (status != MSEG_OK)
        mseg_tfl_model_free(model);
    return status;
}

void mseg_tfl_model_free(tfl_model *model)
{
    mseg_free(&model->tensors);
    mseg_free(&model->operators);
    memset(model, 0, sizeof *model);
}

/* What readers of the tables count on: one input, and of every operator an output. */
static mseg_status check_network(const tfl_model *model, mseg_error *err)
{
    if (model->n_inputs != 1)
        return mseg_fail(err, MSEG_UNSUPPORTED, "a network with %d inputs; mseg knows those with one image", model->n_inputs);
    for (int i = 0; i < model->n_operators; i++)
        if (model->operators[i].n_outputs == 0)
            return mseg_fail(err, MSEG_UNSUPPORTED, "operator %d (%s) has no output", i,
                             mseg_tfl_operator_name(&model->operators[i]));
    return MSEG_OK;
}

mseg_status mseg_tfl_model_match(mseg_weights *weights, const tfl_model *model, mseg_error *err)
{
    mseg_graph graph;
    mseg_status status = mseg_tfl_graph_build(&graph, weights, model, err);
    if (status == MSEG_OK)
        status = mseg_graph_match(&graph, weights, err);
    if (status == MSEG_OK)
        status = mseg_tfl_check(model, graph.nodes[graph.scores].source, err);
    if (status == MSEG_UNSUPPORTED)
        mseg_tfl_say_kind(model, err);
    mseg_free(&graph.nodes);
    return status;
}

mseg_status mseg_tflite_read(mseg_weights *weights, mseg_error *err)
{
    mseg_fb fb = {.data = weights->data, .size = weights->size};
    tfl_model model = {0};
    mseg_status status = mseg_tfl_model_read(&model, &fb, err);
    if (status == MSEG_OK && (status = check_network(&model, err)) == MSEG_UNSUPPORTED)
        mseg_tfl_say_kind(&model, err);
    if (status == MSEG_OK)
        status = mseg_tfl_metadata_read(weights, &fb, mseg_fb_root(&fb), model.tensors[model.input].type == TFL_FLOAT32, err);
    if (status == MSEG_OK)
        status = mseg_tfl_model_match(weights, &model, err);
    mseg_tfl_model_free(&model);
    return status;
}
