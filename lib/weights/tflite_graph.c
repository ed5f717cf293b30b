#include "weights/tflite.h"

#include <string.h>

#include "base/alloc.h"

/* What a tensor is in terms of layers. */
typedef struct view {
    int node;     /* the layer it comes from; -1: none */
    int version;  /* the layer's version at this point */
    int constant; /* the tensor that holds its values; -1: not a constant */
    int block;    /* > 1: split into batches of that rate */
    int pad[4];   /* zeros already put around the layer's output: top, bottom, left, right */
} view;

typedef struct builder {
    const tfl_model *model;
    tfl_node *nodes;
    int count;
    view *views;
} builder;

/* Operator i's input: the view of that tensor, or NULL when it is left out. */
static view *input_view(builder *b, const tfl_operator *op, int input)
{
    return input < op->n_inputs && op->inputs[input] >= 0 ? &b->views[op->inputs[input]] : NULL;
}

static bool padded(const view *v)
{
    return v->pad[0] || v->pad[1] || v->pad[2] || v->pad[3];
}

/* A layer's output as the next layer may take it: not padded, not split, with everything that belongs to it. */
static bool whole(const builder *b, const view *v)
{
    return v && v->node >= 0 && v->block == 1 && !padded(v) && v->version == b->nodes[v->node].version;
}

/* A small constant list of int32 of exactly count elements. */
static bool constant_ints(builder *b, const tfl_operator *op, int input, int count, int *out)
{
    const view *v = input_view(b, op, input);
    const tfl_tensor *t = v && v->constant >= 0 ? &b->model->tensors[v->constant] : NULL;
    if (!t || t->type != TFL_INT32 || t->bytes != (size_t)count * 4)
        return false;
    for (int i = 0; i < count; i++)
        out[i] = (int32_t)mseg_load_u32(t->data + (size_t)i * 4);
    return true;
}

static bool in_range(const int *values, int count, int low, int high)
{
    for (int i = 0; i < count; i++)
        if (values[i] < low || values[i] > high)
            return false;
    return true;
}

static int tensor_index(const builder *b, const view *v)
{
    return (int)(v - b->views);
}

/* The output of op is the same layer as v, which may have grown. */
static void pass(builder *b, const tfl_operator *op, const view *v)
{
    view *out = &b->views[op->output];
    *out = *v;
    out->constant = -1;
    out->version = b->nodes[v->node].version;
}

static bool current(const builder *b, const view *v)
{
    return v && v->node >= 0 && v->version == b->nodes[v->node].version;
}

static bool is_convolution(const tfl_node *node)
{
    return node->kind == TFL_CONV || node->kind == TFL_DEPTHWISE || node->kind == TFL_DENSE;
}

/* The map size of a tensor; false when it has no [batch, height, width, channels]. */
static bool map_size(const tfl_tensor *t, tfl_node *node)
{
    if (t->rank != 4)
        return false;
    node->height = t->shape[1];
    node->width = t->shape[2];
    node->channels = t->shape[3];
    return true;
}

static bool absorb_format(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0);
    if (!v)
        return false;
    if (v->constant < 0) {
        if (!current(b, v))
            return false;
        pass(b, op, v);
        return true;
    }
    const tfl_tensor *in = &b->model->tensors[v->constant], *out = &b->model->tensors[op->output];
    if (op->code != TFL_OP_DEQUANTIZE || in->rank != out->rank || memcmp(in->shape, out->shape, sizeof in->shape) != 0)
        return false;
    b->views[op->output].constant = v->constant;
    return true;
}

static bool absorb_activation(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0);
    if (!current(b, v) || !is_convolution(&b->nodes[v->node]) || b->nodes[v->node].activation != TFL_NONE || padded(v) ||
        b->nodes[v->node].uses)
        return false;
    b->nodes[v->node].activation = op->code == TFL_OP_RELU6 ? TFL_RELU6 : TFL_RELU;
    b->nodes[v->node].version++;
    pass(b, op, v);
    return true;
}

static bool absorb_pad(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0);
    int pads[8]; /* before and after, for batch, rows, columns, channels */
    if (!current(b, v) || v->block != 1 || padded(v) || !constant_ints(b, op, 1, 8, pads) ||
        !in_range(pads, 8, 0, TFL_MAX_DIMENSION) || pads[0] || pads[1] || pads[6] || pads[7])
        return false;
    pass(b, op, v);
    memcpy(b->views[op->output].pad, pads + 2, sizeof b->views->pad);
    return true;
}

static bool absorb_space_to_batch(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0);
    int block[2], pads[4];
    if (!whole(b, v) || !constant_ints(b, op, 1, 2, block) || !constant_ints(b, op, 2, 4, pads) || block[0] != block[1] ||
        !in_range(block, 2, 2, TFL_MAX_STRIDE) || !in_range(pads, 4, 0, TFL_MAX_DIMENSION))
        return false;
    pass(b, op, v);
    b->views[op->output].block = block[0];
    memcpy(b->views[op->output].pad, pads, sizeof pads);
    return true;
}

static bool absorb_batch_to_space(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0);
    int block[2], crops[4];
    if (!current(b, v) || v->block == 1 || padded(v) || !constant_ints(b, op, 1, 2, block) ||
        !constant_ints(b, op, 2, 4, crops) || block[0] != v->block || block[1] != v->block ||
        b->nodes[v->node].block != v->block || !in_range(crops, 4, 0, TFL_MAX_DIMENSION))
        return false;
    tfl_node *node = &b->nodes[v->node];
    if (!map_size(&b->model->tensors[op->output], node))
        return false;
    node->pad_h -= crops[0];
    node->pad_w -= crops[2];
    node->block = 1;
    node->version++;
    pass(b, op, v);
    b->views[op->output].block = 1;
    return true;
}

/* A reshape of one value per channel stays one value per channel. */
static bool absorb_reshape(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0);
    const tfl_tensor *out = &b->model->tensors[op->output];
    if (!whole(b, v) || b->nodes[v->node].height != 1 || b->nodes[v->node].width != 1 || out->rank < 1)
        return false;
    for (int i = 0; i < out->rank; i++)
        if (out->shape[i] != 1 && out->shape[i] != b->nodes[v->node].channels)
            return false;
    pass(b, op, v);
    return true;
}

static bool all_zero(const tfl_tensor *t)
{
    if (t->bytes > TFL_MAX_DIMENSION * sizeof(float))
        return false;
    for (size_t i = 0; i < t->bytes; i++)
        if (t->data[i])
            return false;
    return true;
}

/* Old converters leave the bias of an atrous convolution behind its batch-to-space, and a bias of zeros in the convolution. */
static bool absorb_bias(builder *b, const tfl_operator *op)
{
    const view *v = input_view(b, op, 0), *c = input_view(b, op, 1);
    if (v && v->constant >= 0) {
        const view *swap = v;
        v = c;
        c = swap;
    }
    if (!v || !c || c->constant < 0 || !whole(b, v))
        return false;
    tfl_node *node = &b->nodes[v->node];
    if (!is_convolution(node) || node->activation != TFL_NONE || node->uses)
        return false;
    const tfl_tensor *bias = &b->model->tensors[c->constant];
    bool free_place = node->bias < 0 || all_zero(&b->model->tensors[node->bias]);
    if (!free_place || bias->rank != 1 || bias->shape[0] != node->channels)
        return false;
    node->bias = c->constant;
    node->activation = op->activation;
    node->version++;
    pass(b, op, v);
    return true;
}

/* True when op has become part of an earlier layer. */
static bool absorb(builder *b, const tfl_operator *op)
{
    switch (op->code) {
    case TFL_OP_QUANTIZE:
    case TFL_OP_DEQUANTIZE:
        return absorb_format(b, op);
    case TFL_OP_RELU:
    case TFL_OP_RELU6:
        return absorb_activation(b, op);
    case TFL_OP_PAD:
        return absorb_pad(b, op);
    case TFL_OP_SPACE_TO_BATCH_ND:
        return absorb_space_to_batch(b, op);
    case TFL_OP_BATCH_TO_SPACE_ND:
        return absorb_batch_to_space(b, op);
    case TFL_OP_RESHAPE:
    case TFL_OP_SQUEEZE:
        return absorb_reshape(b, op);
    case TFL_OP_ADD:
        return absorb_bias(b, op);
    default:
        return false;
    }
}

/* Fills what is common to both kinds of convolution; false when it is none that mseg knows. */
static bool make_convolution(builder *b, const tfl_operator *op, tfl_node *node)
{
    const tfl_model *model = b->model;
    const view *in = input_view(b, op, 0), *weight = input_view(b, op, 1), *bias = input_view(b, op, 2);
    int geometry[4] = {op->stride_h, op->stride_w, op->dilation_h, op->dilation_w};
    if (!current(b, in) || !weight || weight->constant < 0 || (bias && bias->constant < 0) || op->multiplier != 1 ||
        !in_range(geometry, 4, 1, TFL_MAX_STRIDE))
        return false;
    const tfl_tensor *map = &model->tensors[tensor_index(b, in)], *w = &model->tensors[weight->constant];
    if (map->rank != 4 || w->rank != 4 || !in_range(w->shape + 1, 2, 1, TFL_MAX_KERNEL) ||
        !map_size(&model->tensors[op->output], node))
        return false;
    if (in->block > 1 && (!in_range(geometry, 4, 1, 1) || b->nodes[in->node].block > 1))
        return false;
    node->kind = op->code == TFL_OP_CONV_2D ? TFL_CONV : TFL_DEPTHWISE;
    node->weight = weight->constant;
    node->bias = bias ? bias->constant : -1;
    node->in_height = b->nodes[in->node].height;
    node->in_width = b->nodes[in->node].width;
    node->stride_h = op->stride_h;
    node->stride_w = op->stride_w;
    node->block = in->block;
    node->rate_h = op->dilation_h * in->block;
    node->rate_w = op->dilation_w * in->block;
    node->pad_h = in->pad[0];
    node->pad_w = in->pad[2];
    if (op->padding == TFL_SAME) {
        node->pad_h += in->block * mseg_pad_before(MSEG_SAME, map->shape[1], w->shape[1], op->stride_h, op->dilation_h);
        node->pad_w += in->block * mseg_pad_before(MSEG_SAME, map->shape[2], w->shape[2], op->stride_w, op->dilation_w);
    }
    node->activation = op->activation;
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

static bool make_dense(builder *b, const tfl_operator *op, tfl_node *node)
{
    const view *in = input_view(b, op, 0), *weight = input_view(b, op, 1), *bias = input_view(b, op, 2);
    if (!whole(b, in) || !weight || weight->constant < 0 || (bias && bias->constant < 0) || b->nodes[in->node].height != 1 ||
        b->nodes[in->node].width != 1 || b->model->tensors[weight->constant].rank != 2)
        return false;
    node->kind = TFL_DENSE;
    node->weight = weight->constant;
    node->bias = bias ? bias->constant : -1;
    node->in_height = node->in_width = node->height = node->width = 1;
    node->channels = b->model->tensors[weight->constant].shape[0];
    node->stride_h = node->stride_w = node->rate_h = node->rate_w = 1;
    node->activation = op->activation;
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

/* The means over all rows and columns: an average pooling with a filter as large as the map, or MEAN over axes 1 and 2. */
static bool make_pool(builder *b, const tfl_operator *op, tfl_node *node)
{
    const view *in = input_view(b, op, 0);
    if (!whole(b, in) || op->activation != TFL_NONE || b->model->tensors[tensor_index(b, in)].rank != 4)
        return false;
    const tfl_node *source = &b->nodes[in->node];
    if (op->code == TFL_OP_AVERAGE_POOL_2D) {
        const tfl_tensor *out = &b->model->tensors[op->output];
        if (op->filter_h != source->height || op->filter_w != source->width || op->padding != TFL_VALID || out->rank != 4 ||
            out->shape[1] != 1 || out->shape[2] != 1)
            return false;
    } else {
        int axes[2]; /* negative ones count from the end */
        if (!constant_ints(b, op, 1, 2, axes) || !in_range(axes, 2, -4, 3))
            return false;
        int first = (axes[0] + 4) % 4, second = (axes[1] + 4) % 4;
        if (first * second != 2)
            return false;
    }
    node->kind = TFL_POOL;
    node->height = node->width = 1;
    node->channels = source->channels;
    node->inputs[node->n_inputs++] = in->node;
    return true;
}

/* Operators that only join or resize whole outputs. */
static bool make_plain(builder *b, const tfl_operator *op, tfl_node *node, tfl_kind kind, int inputs)
{
    for (int i = 0; i < inputs; i++) {
        const view *in = input_view(b, op, i);
        if (!whole(b, in))
            return false;
        node->inputs[node->n_inputs++] = in->node;
    }
    if (!map_size(&b->model->tensors[op->output], node))
        return false;
    node->kind = kind;
    return true;
}

static bool make_concat(builder *b, const tfl_operator *op, tfl_node *node)
{
    return (op->axis == 3 || op->axis == -1) && op->activation == TFL_NONE && make_plain(b, op, node, TFL_CONCAT, op->n_inputs);
}

static bool make_known(builder *b, const tfl_operator *op, tfl_node *node)
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
    case TFL_OP_ADD:
        return op->activation == TFL_NONE && make_plain(b, op, node, TFL_ADD, 2);
    case TFL_OP_CONCATENATION:
        return make_concat(b, op, node);
    case TFL_OP_RESIZE_BILINEAR:
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR:
        return make_plain(b, op, node, TFL_RESIZE, 1);
    default:
        return false;
    }
}

/* Anything else: only what it is and where it hangs. */
static void make_other(builder *b, const tfl_operator *op, tfl_node *node)
{
    memset(node, 0, sizeof *node);
    node->kind = TFL_OTHER;
    for (int i = 0; i < op->n_inputs; i++) {
        const view *in = input_view(b, op, i);
        if (in && in->node >= 0)
            node->inputs[node->n_inputs++] = in->node;
    }
}

static void add_node(builder *b, int index)
{
    const tfl_operator *op = &b->model->operators[index];
    tfl_node *node = &b->nodes[b->count];
    if (!make_known(b, op, node))
        make_other(b, op, node);
    node->op = index;
    for (int i = 0; i < node->n_inputs; i++)
        b->nodes[node->inputs[i]].uses++;
    view *out = &b->views[op->output];
    *out = (view){.node = b->count++, .constant = -1, .block = 1};
    if (node->block > 1)
        out->block = node->block;
}

/* Operators must stand in execution order, each writing a tensor of its own. */
static mseg_status check_operator(const builder *b, int index, mseg_error *err)
{
    const tfl_operator *op = &b->model->operators[index];
    const char *name = mseg_tfl_code_name(op->code);
    if (op->n_inputs > TFL_MAX_INPUTS || op->n_outputs > 1)
        return mseg_fail(err, MSEG_UNSUPPORTED, "operator %d (%s, code %d) has %d inputs and %d outputs", index, name, op->code,
                         op->n_inputs, op->n_outputs);
    const view *out = &b->views[op->output];
    if (out->node >= 0 || out->constant >= 0)
        return mseg_fail(err, MSEG_FORMAT, "operator %d (%s) writes tensor %d, which has a value already", index, name,
                         op->output);
    for (int i = 0; i < op->n_inputs; i++) {
        const view *in = op->inputs[i] >= 0 ? &b->views[op->inputs[i]] : NULL;
        if (in && in->node < 0 && in->constant < 0)
            return mseg_fail(err, MSEG_FORMAT, "operator %d (%s) reads tensor %d before anything writes it", index, name,
                             op->inputs[i]);
    }
    return MSEG_OK;
}

static mseg_status build(builder *b, mseg_error *err)
{
    const tfl_model *model = b->model;
    for (int i = 0; i < model->n_tensors; i++)
        b->views[i] = (view){.node = -1, .constant = model->tensors[i].data ? i : -1, .block = 1};
    tfl_node *input = &b->nodes[b->count++];
    *input = (tfl_node){.kind = TFL_INPUT, .op = -1};
    if (!map_size(&model->tensors[model->input], input) || input->channels != 3 || model->tensors[model->input].shape[0] != 1)
        return mseg_fail(err, MSEG_UNSUPPORTED, "the network's input is not one RGB image [1, height, width, 3] of known size");
    b->views[model->input] = (view){.node = 0, .constant = -1, .block = 1};
    for (int i = 0; i < model->n_operators; i++) {
        mseg_status status = check_operator(b, i, err);
        if (status != MSEG_OK)
            return status;
        if (!absorb(b, &model->operators[i]))
            add_node(b, i);
    }
    return MSEG_OK;
}

mseg_status mseg_tfl_graph_build(tfl_graph *graph, const tfl_model *model, mseg_error *err)
{
    memset(graph, 0, sizeof *graph);
    mseg_status status = MSEG_NOMEM;
    builder b = {.model = model};
    b.nodes = mseg_alloc_array((size_t)model->n_operators + 1, sizeof *b.nodes);
    b.views = mseg_alloc_array((size_t)model->n_tensors, sizeof *b.views);
    if (!b.nodes || !b.views) {
        mseg_fail(err, status, NULL);
        goto done;
    }
    status = build(&b, err);
    if (status != MSEG_OK)
        goto done;
    *graph = (tfl_graph){.model = model, .nodes = b.nodes, .count = b.count};
    b.nodes = NULL;
done:
    mseg_free(&b.nodes);
    mseg_free(&b.views);
    return status;
}

void mseg_tfl_graph_free(tfl_graph *graph)
{
    mseg_free(&graph->nodes);
    memset(graph, 0, sizeof *graph);
}
