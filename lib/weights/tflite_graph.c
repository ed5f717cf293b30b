#include "weights/tflite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

const tfl_view *mseg_tfl_input(const tfl_builder *b, const tfl_operator *op, int input)
{
    return input < op->n_inputs && op->inputs[input] >= 0 ? &b->views[op->inputs[input]] : NULL;
}

bool mseg_tfl_ints(const tfl_builder *b, const tfl_operator *op, int input, int count, int *out)
{
    const tfl_view *v = mseg_tfl_input(b, op, input);
    const tfl_tensor *t = v && v->constant >= 0 ? &b->model->tensors[v->constant] : NULL;
    const size_t size = t && t->type == TFL_INT64 ? 8 : 4;
    if (!t || (t->type != TFL_INT32 && t->type != TFL_INT64) || t->bytes != (size_t)count * size)
        return false;
    for (int i = 0; i < count; i++) {
        const uint8_t *at = t->data + (size_t)i * size;
        const int64_t value = size == 8 ? (int64_t)mseg_load_u64(at) : (int32_t)mseg_load_u32(at);
        if (value < INT32_MIN || value > INT32_MAX)
            return false;
        out[i] = (int)value;
    }
    return true;
}

bool mseg_tfl_in_range(const int *values, int count, int low, int high)
{
    for (int i = 0; i < count; i++)
        if (values[i] < low || values[i] > high)
            return false;
    return true;
}

bool mseg_tfl_map_size(const tfl_tensor *t, mseg_node *node)
{
    if (t->rank != 4)
        return false;
    node->height = t->shape[1];
    node->width = t->shape[2];
    node->channels = t->shape[3];
    return true;
}

static bool element_of(int type, mseg_element *element)
{
    switch (type) {
    case TFL_FLOAT32:
        *element = MSEG_F32;
        return true;
    case TFL_FLOAT16:
        *element = MSEG_F16;
        return true;
    case TFL_INT32:
        *element = MSEG_S32;
        return true;
    case TFL_UINT8:
        *element = MSEG_U8;
        return true;
    case TFL_INT8:
        *element = MSEG_S8;
        return true;
    default:
        return false;
    }
}

/* The zero point that all entries have; false when they differ. */
static bool one_zero_point(const tfl_tensor *t, int *zero_point)
{
    for (int i = 0; i < t->n_zero_points; i++) {
        int64_t value = (int64_t)mseg_load_u64(t->zero_points + (size_t)i * 8);
        if (value < INT32_MIN || value > INT32_MAX || (i > 0 && value != *zero_point))
            return false;
        *zero_point = (int)value;
    }
    return true;
}

bool mseg_tfl_constant(const tfl_tensor *t, const char *part, mseg_tensor *out, char fault[TFL_FAULT])
{
    *out = (mseg_tensor){.rank = t->rank, .data = t->data, .bytes = t->bytes};
    memcpy(out->shape, t->shape, sizeof out->shape);
    if (t->sparse || t->rank < 0 || !element_of(t->type, &out->dtype)) {
        snprintf(fault, TFL_FAULT, "has a %s of an unknown type (%d)%s", part, t->type, t->sparse ? ", sparse" : "");
        return false;
    }
    if (out->dtype == MSEG_F32 || out->dtype == MSEG_F16)
        return true;
    out->scales = t->scales;
    out->n_scales = t->n_scales;
    out->axis = t->axis;
    if (t->n_scales < 1)
        snprintf(fault, TFL_FAULT, "has an integer %s without a scale", part);
    else if (!one_zero_point(t, &out->zero_point))
        snprintf(fault, TFL_FAULT, "has a %s whose zero point changes from channel to channel", part);
    else
        return true;
    return false;
}

bool mseg_tfl_activation(int activation, mseg_activation *out)
{
    *out = activation == TFL_RELU ? MSEG_RELU : activation == TFL_RELU6 ? MSEG_RELU6 : MSEG_LINEAR;
    return activation == TFL_NONE || activation == TFL_RELU || activation == TFL_RELU6;
}

/* The constants and the activation of a convolution; false when they are none. */
static bool take_constants(const tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *weight = mseg_tfl_input(b, op, 1), *bias = mseg_tfl_input(b, op, 2);
    if (!weight || weight->constant < 0 || (bias && bias->constant < 0))
        return false;
    if (!mseg_tfl_activation(op->activation, &node->activation))
        snprintf(node->fault, sizeof node->fault, "has an activation (%d) that mseg does not know", op->activation);
    mseg_tfl_constant(&b->model->tensors[weight->constant], "weight", &node->weight, node->fault);
    if (bias)
        mseg_tfl_constant(&b->model->tensors[bias->constant], "bias", &node->bias, node->fault);
    return true;
}

/* Fills what is common to both kinds of convolution; false when it is none that mseg knows. */
static bool make_convolution(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_model *model = b->model;
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    int geometry[4] = {op->stride_h, op->stride_w, op->dilation_h, op->dilation_w};
    if (!mseg_tfl_current(b, in) || in->channels_first || op->multiplier != 1 ||
        !mseg_tfl_in_range(geometry, 4, 1, TFL_MAX_STRIDE) || !take_constants(b, op, node))
        return false;
    const tfl_tensor *map = &model->tensors[op->inputs[0]], *w = &model->tensors[op->inputs[1]];
    if (map->rank != 4 || w->rank != 4 || !mseg_tfl_in_range(w->shape + 1, 2, 1, TFL_MAX_KERNEL) ||
        !mseg_tfl_map_size(&model->tensors[op->output], node))
        return false;
    if (in->block > 1 && (!mseg_tfl_in_range(geometry, 4, 1, 1) || b->nodes[in->node].block > 1))
        return false;
    node->kind = op->code == TFL_OP_CONV_2D ? MSEG_NODE_CONV : MSEG_NODE_DEPTHWISE;
    node->in_height = b->nodes[in->node].height;
    node->in_width = b->nodes[in->node].width;
    node->stride_h = op->stride_h;
    node->stride_w = op->stride_w;
    node->block = in->block;
    node->rate_h = op->dilation_h * in->block;
    node->rate_w = op->dilation_w * in->block;
    node->pad_h = in->pad[0];
    node->pad_w = in->pad[2];
    node->pads_given = op->padding == TFL_GIVEN || mseg_tfl_padded(in);
    if (op->padding == TFL_GIVEN) {
        node->pad_h += op->pads[0];
        node->pad_w += op->pads[2];
    } else if (op->padding == TFL_SAME) {
        node->pad_h += in->block * mseg_pad_before(MSEG_SAME, map->shape[1], w->shape[1], op->stride_h, op->dilation_h);
        node->pad_w += in->block * mseg_pad_before(MSEG_SAME, map->shape[2], w->shape[2], op->stride_w, op->dilation_w);
    }
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

/* A fully connected layer of one value per channel: a 1x1 convolution of a 1x1 map. */
static bool make_dense(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    if (!mseg_tfl_whole(b, in) || b->nodes[in->node].height != 1 || b->nodes[in->node].width != 1 ||
        !take_constants(b, op, node) || node->weight.rank != 2)
        return false;
    node->kind = MSEG_NODE_CONV;
    node->in_height = node->in_width = node->height = node->width = 1;
    node->channels = node->weight.shape[0];
    node->weight.rank = 4;
    node->weight.shape[3] = node->weight.shape[1];
    node->weight.shape[1] = node->weight.shape[2] = 1;
    node->weight.axis = node->weight.axis == 1 ? 3 : node->weight.axis;
    node->stride_h = node->stride_w = node->rate_h = node->rate_w = 1;
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

/* The means over all rows and columns: an average pooling with a filter as large as the map, or MEAN over axes 1 and 2. */
static bool make_pool(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    if (!mseg_tfl_whole(b, in) || op->activation != TFL_NONE || b->model->tensors[op->inputs[0]].rank != 4)
        return false;
    const mseg_node *source = &b->nodes[in->node];
    if (op->code == TFL_OP_AVERAGE_POOL_2D) {
        const tfl_tensor *out = &b->model->tensors[op->output];
        if (op->filter_h != source->height || op->filter_w != source->width || op->padding != TFL_VALID || out->rank != 4 ||
            out->shape[1] != 1 || out->shape[2] != 1)
            return false;
    } else {
        int axes[2]; /* negative ones count from the end */
        if (!mseg_tfl_ints(b, op, 1, 2, axes) || !mseg_tfl_in_range(axes, 2, -4, 3))
            return false;
        int first = (axes[0] + 4) % 4, second = (axes[1] + 4) % 4;
        if (first * second != 2)
            return false;
        node->mean = true;
    }
    node->kind = MSEG_NODE_POOL;
    node->height = node->width = 1;
    node->channels = source->channels;
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

/* Whether a max pool may read v: zeros that have been put around it are right where nothing is below them. */
static bool is_pooled(const tfl_builder *b, const tfl_view *v)
{
    if (!mseg_tfl_current(b, v) || v->block > 1 || v->channels_first)
        return false;
    return !mseg_tfl_padded(v) || b->nodes[v->node].activation != MSEG_LINEAR || b->nodes[v->node].low >= 0;
}

static bool make_max_pool(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    const int geometry[4] = {op->stride_h, op->stride_w, op->filter_h, op->filter_w};
    if (!is_pooled(b, in) || b->model->tensors[op->inputs[0]].rank != 4 || op->activation != TFL_NONE ||
        !mseg_tfl_in_range(geometry, 4, 1, TFL_MAX_KERNEL) || !mseg_tfl_map_size(&b->model->tensors[op->output], node))
        return false;
    node->kind = MSEG_NODE_MAX_POOL;
    node->in_height = b->nodes[in->node].height;
    node->in_width = b->nodes[in->node].width;
    node->kernel_h = op->filter_h;
    node->kernel_w = op->filter_w;
    node->stride_h = op->stride_h;
    node->stride_w = op->stride_w;
    node->rate_h = node->rate_w = 1;
    const int *map = b->model->tensors[op->inputs[0]].shape;
    node->pads_given = op->padding == TFL_GIVEN || mseg_tfl_padded(in);
    node->pad_h = in->pad[0] + op->pads[0];
    node->pad_w = in->pad[2] + op->pads[2];
    if (op->padding == TFL_SAME) {
        node->pad_h = in->pad[0] + mseg_pad_before(MSEG_SAME, map[1], op->filter_h, op->stride_h, 1);
        node->pad_w = in->pad[2] + mseg_pad_before(MSEG_SAME, map[2], op->filter_w, op->stride_w, 1);
    }
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

/* Operators that only join or resize whole outputs. */
static bool make_plain(tfl_builder *b, const tfl_operator *op, mseg_node *node, mseg_node_kind kind, int inputs)
{
    for (int i = 0; i < inputs; i++) {
        const tfl_view *in = mseg_tfl_input(b, op, i);
        if (!mseg_tfl_whole(b, in))
            return false;
        node->inputs[node->n_inputs++] = in->node;
    }
    if (!mseg_tfl_map_size(&b->model->tensors[op->output], node))
        return false;
    node->kind = kind;
    return true;
}

static bool make_add(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    return mseg_tfl_activation(op->activation, &node->activation) && make_plain(b, op, node, MSEG_NODE_ADD, 2);
}

static bool make_concat(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    return (op->axis == 3 || op->axis == -1) && op->activation == TFL_NONE &&
           make_plain(b, op, node, MSEG_NODE_CONCAT, op->n_inputs);
}

/* What may stand behind the scores; the matcher sees whether it does. */
static bool make_tail(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    if (!mseg_tfl_current(b, in) || in->block > 1 || (op->code == TFL_OP_SOFTMAX && op->beta != 1))
        return false;
    node->kind = MSEG_NODE_TAIL;
    node->labels = op->code == TFL_OP_ARG_MAX || b->nodes[in->node].labels;
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

static bool make_resize(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *size = mseg_tfl_input(b, op, 1);
    node->sampling = op->align_corners ? MSEG_ALIGN_CORNERS : op->half_pixel ? MSEG_HALF_PIXEL : MSEG_LEGACY;
    return size && (size->constant >= 0 || size->size) && make_plain(b, op, node, MSEG_NODE_RESIZE, 1);
}

/* Copies of one value to a whole map, which is a resize like any other. */
static bool make_copies(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    const mseg_node *source = in && in->node >= 0 ? &b->nodes[in->node] : NULL;
    return source && source->height == 1 && source->width == 1 && make_plain(b, op, node, MSEG_NODE_RESIZE, 1);
}

/* Nearest neighbours of labels are labels; of scores, also behind a softmax, mseg has none. */
static bool make_nearest(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    const tfl_view *in = mseg_tfl_input(b, op, 0);
    return in && in->node >= 0 && b->nodes[in->node].labels ? make_tail(b, op, node) : make_copies(b, op, node);
}

static bool make_known(tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    switch (op->code) {
    case TFL_OP_CONV_2D:
    case TFL_OP_DEPTHWISE_CONV_2D:
        return make_convolution(b, op, node);
    case TFL_OP_FULLY_CONNECTED:
        return make_dense(b, op, node);
    case TFL_OP_AVERAGE_POOL_2D:
    case TFL_OP_MEAN:
        return make_pool(b, op, node);
    case TFL_OP_MAX_POOL_2D:
        return make_max_pool(b, op, node);
    case TFL_OP_ADD:
        return make_add(b, op, node);
    case TFL_OP_CONCATENATION:
        return make_concat(b, op, node);
    case TFL_OP_RESIZE_BILINEAR:
        return make_resize(b, op, node);
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR:
        return make_nearest(b, op, node);
    case TFL_OP_TILE:
    case TFL_OP_BROADCAST_TO:
        return make_copies(b, op, node);
    case TFL_OP_SOFTMAX:
    case TFL_OP_ARG_MAX:
    case TFL_OP_CAST:
    case TFL_OP_RESHAPE:
    case TFL_OP_SQUEEZE:
    case TFL_OP_EXPAND_DIMS:
    case TFL_OP_TRANSPOSE:
    case TFL_OP_QUANTIZE:
    case TFL_OP_DEQUANTIZE:
        return make_tail(b, op, node);
    default:
        return false;
    }
}

/* Anything else: only what it is and where it hangs. */
static void make_other(const tfl_builder *b, const tfl_operator *op, mseg_node *node)
{
    memset(node, 0, sizeof *node);
    node->kind = MSEG_NODE_OTHER;
    for (int i = 0; i < op->n_inputs; i++) {
        const tfl_view *in = mseg_tfl_input(b, op, i);
        if (in && in->node >= 0)
            node->inputs[node->n_inputs++] = in->node;
    }
}

static void add_node(tfl_builder *b, int index)
{
    const tfl_operator *op = &b->model->operators[index];
    mseg_node *node = &b->nodes[b->count];
    if (!make_known(b, op, node))
        make_other(b, op, node);
    mseg_tfl_describe(node->what, b->model, op);
    node->source = index;
    node->low = -INFINITY;
    node->high = INFINITY;
    mseg_tfl_narrow(node, &b->model->tensors[op->output]);
    node->quant = mseg_tfl_quant(&b->model->tensors[op->output]);
    mseg_tfl_bound(node, node->activation, false);
    for (int i = 0; i < node->n_inputs; i++) {
        b->nodes[node->inputs[i]].uses++;
        node->reads[i] = mseg_tfl_read(b, op, i);
    }
    tfl_view *out = &b->views[op->output];
    *out = (tfl_view){.node = b->count++, .constant = -1, .block = 1};
    if (node->block > 1)
        out->block = node->block;
}

/* Operators must stand in execution order, each writing a tensor of its own. */
static mseg_status check_operator(const tfl_builder *b, int index, mseg_error *err)
{
    const tfl_operator *op = &b->model->operators[index];
    char what[TFL_DESCRIPTION];
    mseg_tfl_describe(what, b->model, op);
    if (op->n_inputs > TFL_MAX_INPUTS || op->n_outputs > 1)
        return mseg_fail(err, MSEG_UNSUPPORTED, "%s has %d inputs and %d outputs", what, op->n_inputs, op->n_outputs);
    const tfl_view *out = &b->views[op->output];
    if (out->node >= 0 || out->constant >= 0 || out->size)
        return mseg_fail(err, MSEG_FORMAT, "%s writes tensor %d, which has a value already", what, op->output);
    for (int i = 0; i < op->n_inputs; i++) {
        const tfl_view *in = op->inputs[i] >= 0 ? &b->views[op->inputs[i]] : NULL;
        if (in && in->node < 0 && in->constant < 0 && !in->size)
            return mseg_fail(err, MSEG_FORMAT, "%s reads tensor %d before anything writes it", what, op->inputs[i]);
    }
    return MSEG_OK;
}

/* The picture: [1, height, width, 3], or [1, 3, height, width] when something puts channels last before it is used. */
static mseg_status add_picture(tfl_builder *b, mseg_error *err)
{
    const tfl_tensor *t = &b->model->tensors[b->model->input];
    mseg_node *node = &b->nodes[b->count++];
    *node = (mseg_node){.kind = MSEG_NODE_INPUT, .what = "the input", .low = -INFINITY, .high = INFINITY};
    node->quant = mseg_tfl_quant(t);
    const bool map = mseg_tfl_map_size(t, node) && t->shape[0] == 1;
    const bool channels_first = map && t->shape[3] != 3 && t->shape[1] == 3;
    if (!map || (t->shape[3] != 3 && !channels_first))
        return mseg_fail(err, MSEG_UNSUPPORTED, "the network's input is not one RGB image [1, height, width, 3] of known size");
    if (channels_first) {
        node->height = t->shape[2];
        node->width = t->shape[3];
        node->channels = 3;
    }
    b->views[b->model->input] = (tfl_view){.constant = -1, .block = 1, .channels_first = channels_first};
    return MSEG_OK;
}

static mseg_status build(tfl_builder *b, mseg_error *err)
{
    const tfl_model *model = b->model;
    for (int i = 0; i < model->n_tensors; i++)
        b->views[i] = (tfl_view){.node = -1, .constant = model->tensors[i].data ? i : -1, .block = 1};
    mseg_status status = add_picture(b, err);
    for (int i = 0; i < model->n_operators && !status; i++) {
        status = check_operator(b, i, err);
        if (!status && !mseg_tfl_absorb(b, &model->operators[i]))
            add_node(b, i);
        status = status ? status : b->status;
    }
    return status;
}

mseg_status mseg_tfl_graph_build(mseg_graph *graph, mseg_weights *weights, const tfl_model *model, mseg_error *err)
{
    *graph = (mseg_graph){0};
    mseg_status status = MSEG_NOMEM;
    tfl_builder b = {.model = model, .weights = weights, .err = err, .before = {.scale = {1, 1, 1}}, .quantized_input = -1};
    b.nodes = mseg_alloc_array((size_t)model->n_operators + 1, sizeof *b.nodes);
    b.versions = mseg_alloc_array((size_t)model->n_operators + 1, sizeof *b.versions);
    b.views = mseg_alloc_array((size_t)model->n_tensors, sizeof *b.views);
    if (!b.nodes || !b.versions || !b.views)
        mseg_fail(err, status, NULL);
    else
        status = build(&b, err);
    if (status == MSEG_OK) {
        mseg_tfl_input_rule(&b, &weights->input);
        *graph = (mseg_graph){.nodes = b.nodes, .count = b.count};
        b.nodes = NULL;
    }
    mseg_free(&b.nodes);
    mseg_free(&b.versions);
    mseg_free(&b.views);
    return status;
}
