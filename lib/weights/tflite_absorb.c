#include <string.h>

#include "weights/tflite.h"

bool mseg_tfl_padded(const tfl_view *v)
{
    return v->pad[0] || v->pad[1] || v->pad[2] || v->pad[3];
}

bool mseg_tfl_current(const tfl_builder *b, const tfl_view *v)
{
    return v && v->node >= 0 && v->version == b->versions[v->node];
}

bool mseg_tfl_whole(const tfl_builder *b, const tfl_view *v)
{
    return mseg_tfl_current(b, v) && v->block == 1 && !mseg_tfl_padded(v) && !v->channels_first;
}

void mseg_tfl_pass(tfl_builder *b, const tfl_operator *op, const tfl_view *v)
{
    tfl_view *out = &b->views[op->output];
    *out = *v;
    out->constant = -1;
    out->version = b->versions[v->node];
    mseg_tfl_narrow(&b->nodes[v->node], &b->model->tensors[op->output]);
}

/* The node of v when more may become part of it; NULL: none may. */
static mseg_node *open_node(const tfl_builder *b, const tfl_view *v)
{
    return mseg_tfl_current(b, v) && !mseg_tfl_padded(v) && !b->nodes[v->node].uses ? &b->nodes[v->node] : NULL;
}

mseg_node *mseg_tfl_open_convolution(const tfl_builder *b, const tfl_view *v)
{
    mseg_node *node = open_node(b, v);
    return node && (node->kind == MSEG_NODE_CONV || node->kind == MSEG_NODE_DEPTHWISE) ? node : NULL;
}

static bool is_integer_type(int type)
{
    return type == TFL_UINT8 || type == TFL_INT8;
}

static bool absorb_format(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    if (!v)
        return false;
    if (v->constant < 0) {
        if (!mseg_tfl_current(b, v))
            return false;
        if (v->node == 0 && b->quantized_input < 0 && is_integer_type(b->model->tensors[op->output].type))
            b->quantized_input = op->output;
        mseg_tfl_pass(b, op, v);
        mseg_tfl_note_format(b, op);
        return true;
    }
    const tfl_tensor *in = &b->model->tensors[v->constant], *out = &b->model->tensors[op->output];
    if (op->code != TFL_OP_DEQUANTIZE || in->rank != out->rank || memcmp(in->shape, out->shape, sizeof in->shape) != 0)
        return false;
    b->views[op->output].constant = v->constant;
    return true;
}

/* Bytes as floats, before arithmetic on them. */
static bool absorb_cast(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    if (!mseg_tfl_whole(b, v) || v->node != 0 || b->nodes[0].uses || b->model->tensors[op->output].type != TFL_FLOAT32)
        return false;
    mseg_tfl_pass(b, op, v);
    mseg_tfl_set_apart(b, op, &b->nodes[0], "is turned into floats by");
    return true;
}

/* Whether operator op's input is a constant of zeros. */
static bool is_zero(const tfl_builder *b, const tfl_operator *op, int input)
{
    const tfl_view *v = mseg_tfl_input(b, op, input);
    mseg_tensor t;
    char fault[TFL_FAULT];
    float values[16];
    if (!v || v->constant < 0 || !mseg_tfl_constant(&b->model->tensors[v->constant], "constant", &t, fault) || t.n_scales > 1 ||
        mseg_tensor_elements(&t) > sizeof values / sizeof *values)
        return false;
    mseg_tensor_to_f32(&t, values);
    for (size_t i = 0; i < mseg_tensor_elements(&t); i++)
        if (values[i] != 0)
            return false;
    return t.bytes > 0;
}

static bool absorb_activation(tfl_builder *b, const tfl_operator *op, int input)
{
    const tfl_view *v = mseg_tfl_input(b, op, input);
    mseg_node *sum = open_node(b, v), *node = sum && sum->kind == MSEG_NODE_ADD ? sum : mseg_tfl_open_convolution(b, v);
    const mseg_activation activation = op->code == TFL_OP_RELU6 ? MSEG_RELU6 : MSEG_RELU;
    if (!node || (node->activation != MSEG_LINEAR && node->activation != activation))
        return false;
    node->activation = activation;
    if (!mseg_quant_same(node->quant, mseg_tfl_quant(&b->model->tensors[op->output])))
        mseg_tfl_set_apart(b, op, node, "gets other bytes by");
    mseg_tfl_bound(node, activation, true);
    b->versions[v->node]++;
    mseg_tfl_pass(b, op, v);
    return true;
}

/* The larger of the output and 0, which may stand first: RELU. */
static bool absorb_maximum(tfl_builder *b, const tfl_operator *op)
{
    const int input = is_zero(b, op, 0) ? 1 : 0;
    return is_zero(b, op, 1 - input) && absorb_activation(b, op, input);
}

bool mseg_tfl_constant_first(const tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    return v && v->constant >= 0;
}

/* The smaller of the output and a constant, or one constant for each channel: the 6 of ReLU6, or what equalising channels has
 * made of it. */
static bool absorb_minimum(tfl_builder *b, const tfl_operator *op)
{
    const int constant = mseg_tfl_constant_first(b, op) ? 0 : 1;
    const tfl_view *v = mseg_tfl_input(b, op, 1 - constant), *caps = mseg_tfl_input(b, op, constant);
    mseg_node *node = mseg_tfl_open_convolution(b, v);
    if (!node || !caps || caps->constant < 0 || node->caps.data)
        return false;
    mseg_tfl_constant(&b->model->tensors[caps->constant], "bound", &node->caps, node->fault);
    mseg_tfl_set_apart(b, op, node, "is bounded by");
    b->versions[v->node]++;
    mseg_tfl_pass(b, op, v);
    return true;
}

static bool absorb_pad(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    int pads[8]; /* before and after, for batch, rows, columns, channels */
    if (!mseg_tfl_whole(b, v) || !mseg_tfl_ints(b, op, 1, 8, pads) || !mseg_tfl_in_range(pads, 8, 0, TFL_MAX_DIMENSION) ||
        pads[0] || pads[1] || pads[6] || pads[7])
        return false;
    mseg_tfl_pass(b, op, v);
    memcpy(b->views[op->output].pad, pads + 2, sizeof b->views->pad);
    return true;
}

/* What works on the sizes of tensors only: converters compute where a reshape or a resize leads. */
static bool absorb_sizes(tfl_builder *b, const tfl_operator *op)
{
    bool size = op->code == TFL_OP_SHAPE;
    for (int i = 0; i < op->n_inputs && op->code != TFL_OP_SHAPE; i++) {
        const tfl_view *v = mseg_tfl_input(b, op, i);
        if (v && v->constant < 0 && !v->size)
            return false;
        size = size || (v && v->size);
    }
    b->views[op->output].size = size;
    return size;
}

static bool absorb_space_to_batch(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    int block[2], pads[4];
    if (!mseg_tfl_whole(b, v) || !mseg_tfl_ints(b, op, 1, 2, block) || !mseg_tfl_ints(b, op, 2, 4, pads) ||
        block[0] != block[1] || !mseg_tfl_in_range(block, 2, 2, TFL_MAX_STRIDE) ||
        !mseg_tfl_in_range(pads, 4, 0, TFL_MAX_DIMENSION))
        return false;
    mseg_tfl_pass(b, op, v);
    b->views[op->output].block = block[0];
    memcpy(b->views[op->output].pad, pads, sizeof pads);
    return true;
}

static bool absorb_batch_to_space(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    int block[2], crops[4];
    if (!mseg_tfl_current(b, v) || v->block == 1 || mseg_tfl_padded(v) || !mseg_tfl_ints(b, op, 1, 2, block) ||
        !mseg_tfl_ints(b, op, 2, 4, crops) || block[0] != v->block || block[1] != v->block ||
        b->nodes[v->node].block != v->block || !mseg_tfl_in_range(crops, 4, 0, TFL_MAX_DIMENSION))
        return false;
    mseg_node *node = &b->nodes[v->node];
    if (!mseg_tfl_map_size(&b->model->tensors[op->output], node))
        return false;
    node->pad_h -= crops[0];
    node->pad_w -= crops[2];
    node->block = 1;
    b->versions[v->node]++;
    mseg_tfl_pass(b, op, v);
    b->views[op->output].block = 1;
    return true;
}

/* A reshape of one value per channel stays one value per channel. */
static bool absorb_reshape(tfl_builder *b, const tfl_operator *op)
{
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    const tfl_tensor *out = &b->model->tensors[op->output];
    if (!mseg_tfl_whole(b, v) || b->nodes[v->node].height != 1 || b->nodes[v->node].width != 1 || out->rank < 1)
        return false;
    for (int i = 0; i < out->rank; i++)
        if (out->shape[i] != 1 && out->shape[i] != b->nodes[v->node].channels)
            return false;
    mseg_tfl_pass(b, op, v);
    return true;
}

/* A picture with channels first becomes one with channels last. */
static bool absorb_transpose(tfl_builder *b, const tfl_operator *op)
{
    static const int to_last[4] = {0, 2, 3, 1};
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    int order[4];
    if (!mseg_tfl_current(b, v) || !v->channels_first || !mseg_tfl_ints(b, op, 1, 4, order) ||
        memcmp(order, to_last, sizeof order) != 0)
        return false;
    mseg_tfl_pass(b, op, v);
    b->views[op->output].channels_first = false;
    return true;
}

static bool all_zero(const mseg_tensor *t)
{
    if (t->bytes > TFL_MAX_DIMENSION * sizeof(float))
        return false;
    for (size_t i = 0; i < t->bytes; i++)
        if (t->data[i])
            return false;
    return true;
}

/* Old converters leave the bias of an atrous convolution behind its batch-to-space, and a bias of zeros in the convolution. */
static bool absorb_bias(tfl_builder *b, const tfl_operator *op)
{
    const int constant = mseg_tfl_constant_first(b, op) ? 0 : 1;
    const tfl_view *v = mseg_tfl_input(b, op, 1 - constant), *c = mseg_tfl_input(b, op, constant);
    mseg_node *node = mseg_tfl_whole(b, v) ? mseg_tfl_open_convolution(b, v) : NULL;
    mseg_tensor bias;
    mseg_activation activation;
    char fault[TFL_FAULT];
    if (!node || !c || c->constant < 0 || node->activation != MSEG_LINEAR || node->caps.data ||
        (node->bias.data && !all_zero(&node->bias)) || node->norm[MSEG_NODE_VARIANCE].data ||
        !mseg_tfl_constant(&b->model->tensors[c->constant], "bias", &bias, fault) || bias.rank != 1 ||
        bias.shape[0] != node->channels || !mseg_tfl_activation(op->activation, &activation))
        return false;
    node->bias = bias;
    node->activation = activation;
    mseg_tfl_set_apart(b, op, node, "gets its bias by");
    b->versions[v->node]++;
    mseg_tfl_pass(b, op, v);
    return true;
}

static bool absorb_norm(tfl_builder *b, const tfl_operator *op)
{
    static const char *const parts[MSEG_NODE_NORMS] = {"gamma", "beta", "mean", "variance"};
    const tfl_view *v = mseg_tfl_input(b, op, 0);
    mseg_node *node = mseg_tfl_whole(b, v) ? mseg_tfl_open_convolution(b, v) : NULL;
    if (!node || node->activation != MSEG_LINEAR || node->caps.data || node->norm[MSEG_NODE_VARIANCE].data)
        return false;
    for (int i = 0; i < MSEG_NODE_NORMS; i++) {
        const tfl_view *part = mseg_tfl_input(b, op, 1 + i);
        if (part ? part->constant < 0 : i >= MSEG_NODE_MEAN)
            return false;
        if (part)
            mseg_tfl_constant(&b->model->tensors[part->constant], parts[i], &node->norm[i], node->fault);
    }
    node->epsilon = op->epsilon;
    mseg_tfl_set_apart(b, op, node, "is normalised by");
    b->versions[v->node]++;
    mseg_tfl_pass(b, op, v);
    return true;
}

bool mseg_tfl_absorb(tfl_builder *b, const tfl_operator *op)
{
    if (absorb_sizes(b, op))
        return true;
    switch (op->code) {
    case TFL_OP_QUANTIZE:
    case TFL_OP_DEQUANTIZE:
        return absorb_format(b, op);
    case TFL_OP_CAST:
        return absorb_cast(b, op);
    case TFL_OP_RELU:
    case TFL_OP_RELU6:
        return absorb_activation(b, op, 0);
    case TFL_OP_MINIMUM:
        return absorb_minimum(b, op);
    case TFL_OP_MAXIMUM:
        return absorb_maximum(b, op);
    case TFL_OP_BATCH_NORM:
        return absorb_norm(b, op);
    case TFL_OP_PAD:
        return mseg_tfl_absorb_surroundings(b, op) || absorb_pad(b, op);
    case TFL_OP_PADV2:
        return mseg_tfl_absorb_surroundings(b, op) || (is_zero(b, op, 2) && absorb_pad(b, op));
    case TFL_OP_SPACE_TO_BATCH_ND:
        return absorb_space_to_batch(b, op);
    case TFL_OP_BATCH_TO_SPACE_ND:
        return absorb_batch_to_space(b, op);
    case TFL_OP_RESHAPE:
    case TFL_OP_SQUEEZE:
    case TFL_OP_EXPAND_DIMS:
        return absorb_reshape(b, op);
    case TFL_OP_TRANSPOSE:
        return absorb_transpose(b, op);
    case TFL_OP_ADD:
        return mseg_tfl_absorb_arithmetic(b, op) || absorb_bias(b, op) || mseg_tfl_absorb_affine(b, op);
    case TFL_OP_MUL:
    case TFL_OP_SUB:
    case TFL_OP_DIV:
        return mseg_tfl_absorb_arithmetic(b, op) || mseg_tfl_absorb_affine(b, op);
    default:
        return false;
    }
}
