#include "weights/tflite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "net/networks.h"

enum { MAX_BLOCKS = 32 };

typedef struct matcher {
    tfl_graph *graph;
    mseg_weights *weights;
    mseg_error *err;
    const mseg_network *network;
    const tfl_node *current;                    /* the layer whose output comes next */
    int strides[MAX_BLOCKS], rates[MAX_BLOCKS]; /* of the blocks' depthwise convolutions */
    bool same, symmetric;                       /* every padding so far is that of SAME; is equal on both sides */
} matcher;

/* What a layer must be. rate 0: any. */
typedef struct expected {
    tfl_kind kind;
    int kernel, activation, rate;
    bool may_stride;
} expected;

static const expected spatial_relu6 = {TFL_DEPTHWISE, 3, TFL_RELU6, 0, true};
static const expected pointwise_relu6 = {TFL_CONV, 1, TFL_RELU6, 1, false};
static const expected pointwise_relu = {TFL_CONV, 1, TFL_RELU, 1, false};
static const expected pointwise_linear = {TFL_CONV, 1, TFL_NONE, 1, false};

static const char *activation_name(int activation)
{
    static const char *const names[] = {"no activation", "RELU", "RELU_N1_TO_1", "RELU6"};
    return activation >= 0 && activation < 4 ? names[activation] : "another activation";
}

__attribute__((format(printf, 4, 5))) static mseg_status unsupported(const matcher *m, const tfl_node *node, const char *layer,
                                                                     const char *format, ...)
{
    char found[128];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    int code = node->op >= 0 ? m->graph->model->operators[node->op].code : -1;
    if (code < 0)
        return mseg_fail(m->err, MSEG_UNSUPPORTED, "not MobileNetV2 with a known head: at %s: the input %s", layer, found);
    return mseg_fail(m->err, MSEG_UNSUPPORTED, "not MobileNetV2 with a known head: at %s: operator %d (%s, code %d) %s", layer,
                     node->op, mseg_tfl_code_name(code), code, found);
}

static bool reads(const tfl_node *node, int source)
{
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] == source)
            return true;
    return false;
}

/* The first layer of that kind (ANY: of any), not taken yet, that reads from node; NULL when there is none. */
enum { ANY = -1 };
static tfl_node *user_of(const matcher *m, const tfl_node *node, int kind)
{
    int index = (int)(node - m->graph->nodes);
    for (int i = index + 1; i < m->graph->count; i++) {
        tfl_node *user = &m->graph->nodes[i];
        if ((kind == ANY || (int)user->kind == kind) && !user->taken && reads(user, index))
            return user;
    }
    return NULL;
}

static const tfl_node *input_of(const matcher *m, const tfl_node *node, int input)
{
    return input < node->n_inputs ? &m->graph->nodes[node->inputs[input]] : NULL;
}

static mseg_status dtype_of(int type, mseg_element *dtype)
{
    switch (type) {
    case TFL_FLOAT32:
        *dtype = MSEG_F32;
        return MSEG_OK;
    case TFL_FLOAT16:
        *dtype = MSEG_F16;
        return MSEG_OK;
    case TFL_INT32:
        *dtype = MSEG_S32;
        return MSEG_OK;
    case TFL_UINT8:
        *dtype = MSEG_U8;
        return MSEG_OK;
    case TFL_INT8:
        *dtype = MSEG_S8;
        return MSEG_OK;
    default:
        return MSEG_UNSUPPORTED;
    }
}

static mseg_status zero_point_of(const tfl_tensor *t, int *zero_point)
{
    for (int i = 0; i < t->n_zero_points; i++) {
        int64_t value = (int64_t)mseg_load_u64(t->zero_points + (size_t)i * 8);
        if (value < INT32_MIN || value > INT32_MAX || (i > 0 && value != *zero_point))
            return MSEG_UNSUPPORTED;
        *zero_point = (int)value;
    }
    return MSEG_OK;
}

/* Adds tensor index of the file as layer.part, with the shape that it has here. */
static mseg_status add_tensor(const matcher *m, const tfl_node *node, int index, const char *layer, const char *part, int rank,
                              const int *shape)
{
    const tfl_tensor *t = &m->graph->model->tensors[index];
    mseg_tensor out = {.rank = rank, .data = t->data, .bytes = t->bytes};
    snprintf(out.name, sizeof out.name, "%s.%s", layer, part);
    memcpy(out.shape, shape, (size_t)rank * sizeof *shape);
    if (t->sparse || dtype_of(t->type, &out.dtype) != MSEG_OK)
        return unsupported(m, node, layer, "has a %s of an unknown type (%d)%s", part, t->type, t->sparse ? ", sparse" : "");
    if (out.dtype == MSEG_U8 || out.dtype == MSEG_S8 || out.dtype == MSEG_S32) {
        out.scales = t->scales;
        out.n_scales = t->n_scales;
        out.axis = t->axis;
        if (t->n_scales < 1)
            return unsupported(m, node, layer, "has an integer %s without a scale", part);
        if (zero_point_of(t, &out.zero_point) != MSEG_OK)
            return unsupported(m, node, layer, "has a %s whose zero point changes from channel to channel", part);
    }
    return mseg_weights_add(m->weights, &out, m->err);
}

static mseg_status add_tensors(const matcher *m, const tfl_node *node, const char *layer)
{
    const tfl_tensor *w = &m->graph->model->tensors[node->weight];
    int shape[4] = {w->shape[0], 1, 1, w->shape[1]}; /* of a fully connected layer */
    mseg_status status = add_tensor(m, node, node->weight, layer, "weight", 4, node->kind == TFL_DENSE ? shape : w->shape);
    if (status != MSEG_OK || node->bias < 0)
        return status;
    const tfl_tensor *bias = &m->graph->model->tensors[node->bias];
    if (bias->rank != 1 || bias->shape[0] != node->channels)
        return unsupported(m, node, layer, "has a bias that is not one value for each of its %d channels", node->channels);
    return add_tensor(m, node, node->bias, layer, "bias", 1, bias->shape);
}

static mseg_status check_weight_shape(const matcher *m, const tfl_node *node, const char *layer, int kernel)
{
    const tfl_tensor *w = &m->graph->model->tensors[node->weight];
    int in = input_of(m, node, 0)->channels;
    if (node->kind == TFL_DENSE) {
        if (w->shape[1] != in)
            return unsupported(m, node, layer, "takes %d channels where %d come in", w->shape[1], in);
        return MSEG_OK;
    }
    int out = node->kind == TFL_CONV ? node->channels : 1;
    int last = node->kind == TFL_CONV ? in : node->channels;
    if (w->shape[1] != kernel || w->shape[2] != kernel)
        return unsupported(m, node, layer, "has a %dx%d kernel, not %dx%d", w->shape[1], w->shape[2], kernel, kernel);
    if (w->shape[0] != out || w->shape[3] != last || (node->kind == TFL_DEPTHWISE && in != node->channels))
        return unsupported(m, node, layer, "has weights [%d, %d, %d, %d] between %d and %d channels", w->shape[0], w->shape[1],
                           w->shape[2], w->shape[3], in, node->channels);
    return MSEG_OK;
}

/* Notes whether one axis is padded as SAME does and as symmetric padding does; false when it is neither. */
static bool note_padding(matcher *m, int in, int out, int kernel, int stride, int rate, int pad)
{
    m->same = m->same && pad == mseg_pad_before(MSEG_SAME, in, kernel, stride, rate);
    m->symmetric = m->symmetric && pad == mseg_pad_before(MSEG_SYMMETRIC, in, kernel, stride, rate);
    return out == mseg_out_size(in, stride) && (m->same || m->symmetric);
}

static mseg_status check_geometry(matcher *m, const tfl_node *node, const char *layer, const expected *want)
{
    int stride = node->stride_h, rate = node->rate_h, kernel = want->kernel;
    if (node->stride_w != stride || stride > (want->may_stride ? 2 : 1))
        return unsupported(m, node, layer, "has stride %dx%d", node->stride_h, node->stride_w);
    /* With a 1x1 kernel the rate means nothing. */
    if (kernel > 1 && (node->rate_w != rate || (stride > 1 && rate > 1) || (want->rate && rate != want->rate)))
        return unsupported(m, node, layer, "has atrous rate %dx%d at stride %d%s", node->rate_h, node->rate_w, stride,
                           want->rate ? ", not what this output stride has" : "");
    if (kernel == 1)
        rate = 1;
    if (node->block > 1 || !note_padding(m, node->in_height, node->height, kernel, stride, rate, node->pad_h) ||
        !note_padding(m, node->in_width, node->width, kernel, stride, rate, node->pad_w))
        return unsupported(m, node, layer, "makes %dx%d of %dx%d with %d and %d zeros before: neither SAME nor symmetric padding",
                           node->height, node->width, node->in_height, node->in_width, node->pad_h, node->pad_w);
    return MSEG_OK;
}

/* Checks a convolution, adds its tensors under that name and takes it. */
static mseg_status take(matcher *m, tfl_node *node, const char *layer, const expected *want)
{
    if (node->kind != want->kind)
        return unsupported(m, node, layer, "is not the convolution that belongs here");
    if (node->activation != want->activation)
        return unsupported(m, node, layer, "has %s where %s is expected", activation_name(node->activation),
                           activation_name(want->activation));
    mseg_status status = check_weight_shape(m, node, layer, want->kernel);
    if (status == MSEG_OK && node->kind != TFL_DENSE)
        status = check_geometry(m, node, layer, want);
    if (status == MSEG_OK)
        status = add_tensors(m, node, layer);
    node->taken = true;
    return status;
}

/* Takes the convolution that reads from the current layer and makes it current. */
static mseg_status step(matcher *m, const char *layer, const expected *want)
{
    tfl_node *node = user_of(m, m->current, (int)want->kind);
    if (!node) {
        const char *what = want->kind == TFL_DEPTHWISE ? "depthwise convolution" : "convolution";
        const tfl_node *other = user_of(m, m->current, ANY);
        return other ? unsupported(m, other, layer, "is not a %s, or one of a form that mseg does not know", what)
                     : unsupported(m, m->current, layer, "is followed by no %s", what);
    }
    m->current = node;
    return take(m, node, layer, want);
}

static mseg_status match_stem(matcher *m)
{
    static const expected stem = {TFL_CONV, 3, TFL_RELU6, 1, true};
    m->current = m->graph->nodes;
    mseg_status status = step(m, "backbone.stem", &stem);
    if (status == MSEG_OK && m->current->stride_h != 2)
        status = unsupported(m, m->current, "backbone.stem", "has stride 1, not 2");
    return status;
}

/* The sum of a block's input and its projection, where slim has it: at stride 1 (also one turned to 1) with equal channels. A sum
 * anywhere else is found by the next step, which then has no convolution to take. */
static mseg_status match_residual(matcher *m, int block, const tfl_node *input)
{
    char layer[MSEG_MAX_LAYER_NAME];
    mseg_block_name(layer, block, NULL);
    const tfl_node *project = m->current;
    if (m->strides[block] != 1 || input->channels != project->channels)
        return MSEG_OK;
    tfl_node *add = user_of(m, project, TFL_ADD);
    if (!add)
        return unsupported(m, project, layer, "is not followed by the sum with the block's input");
    const tfl_node *a = input_of(m, add, 0), *b = input_of(m, add, 1);
    if (!(a == project && b == input) && !(a == input && b == project))
        return unsupported(m, add, layer, "does not add the block's input");
    if (add->height != project->height || add->width != project->width || add->channels != project->channels)
        return unsupported(m, add, layer, "changes the shape");
    add->taken = true;
    m->current = add;
    return MSEG_OK;
}

static mseg_status match_block(matcher *m, int block)
{
    const tfl_node *input = m->current;
    char layer[MSEG_MAX_LAYER_NAME];
    mseg_status status = MSEG_OK;
    if (m->network->blocks[block].expansion) {
        mseg_block_name(layer, block, "expand");
        status = step(m, layer, &pointwise_relu6);
    }
    if (status == MSEG_OK) {
        mseg_block_name(layer, block, "depthwise");
        status = step(m, layer, &spatial_relu6);
    }
    if (status == MSEG_OK) {
        m->strides[block] = m->current->stride_h;
        m->rates[block] = m->current->rate_h;
        mseg_block_name(layer, block, m->network->pointwise);
        status = step(m, layer, &pointwise_linear);
    }
    return status == MSEG_OK ? match_residual(m, block, input) : status;
}

/* The output stride is told by the first block that keeps its stride; everything else must follow from it. */
static mseg_status check_output_stride(matcher *m)
{
    const mseg_block *blocks = m->network->blocks;
    int os = 2;
    for (int block = 0; block < m->network->n_blocks && m->strides[block] == blocks[block].stride; block++)
        os *= blocks[block].stride;
    mseg_atrous atrous = {os, 2, 1};
    for (int block = 0; block < m->network->n_blocks; block++) {
        int rate, stride = mseg_atrous_stride(&atrous, blocks[block].stride, &rate);
        if (m->strides[block] != stride || m->rates[block] != rate)
            return mseg_fail(m->err, MSEG_UNSUPPORTED,
                             "backbone.block%d.depthwise has stride %d and rate %d; output stride %d has %d and %d there", block,
                             m->strides[block], m->rates[block], os, stride, rate);
    }
    m->weights->origin.output_stride = os;
    return MSEG_OK;
}

static mseg_status match_backbone(matcher *m)
{
    mseg_status status = match_stem(m);
    for (int block = 0; block < m->network->n_blocks && status == MSEG_OK; block++)
        status = match_block(m, block);
    if (status == MSEG_OK)
        status = check_output_stride(m);
    if (status != MSEG_OK)
        return status;
    const tfl_node *last = m->current->uses == 1 ? user_of(m, m->current, TFL_CONV) : NULL;
    return last && last->activation == TFL_RELU6 ? step(m, "backbone.last", &pointwise_relu6) : MSEG_OK;
}

/* The layers behind the scores change no weights: whatever resizes or names classes is fine. */
static void take_tail(matcher *m)
{
    for (int i = (int)(m->current - m->graph->nodes) + 1; i < m->graph->count; i++) {
        tfl_node *node = &m->graph->nodes[i];
        const tfl_node *source = input_of(m, node, 0);
        if (node->taken || node->n_inputs != 1 || (source != m->current && !(source->taken && source > m->current)))
            continue;
        int code = m->graph->model->operators[node->op].code;
        node->taken = node->kind == TFL_RESIZE || code == TFL_OP_SOFTMAX || code == TFL_OP_ARG_MAX || code == TFL_OP_CAST ||
                      code == TFL_OP_RESHAPE || code == TFL_OP_SQUEEZE || code == TFL_OP_QUANTIZE || code == TFL_OP_DEQUANTIZE;
    }
}

/* An ImageNet classifier: mean over the map, then a 1x1 convolution or a fully connected layer. */
static mseg_status match_classifier(matcher *m, tfl_node *pool)
{
    pool->taken = true;
    m->current = pool;
    expected want = pointwise_linear;
    if (!user_of(m, pool, TFL_CONV))
        want.kind = TFL_DENSE;
    return step(m, "head.classifier", &want);
}

/* Follows the branch of the image pooling back from the concatenation: resize, 1x1, mean over the features. */
static mseg_status match_pooling(matcher *m, tfl_node *resize, const tfl_node *features)
{
    tfl_node *conv = &m->graph->nodes[resize->inputs[0]];
    if (conv->kind != TFL_CONV)
        return unsupported(m, conv, "head.image_pooling", "is not the convolution that belongs here");
    tfl_node *pool = &m->graph->nodes[conv->inputs[0]];
    if (pool->kind != TFL_POOL || input_of(m, pool, 0) != features)
        return unsupported(m, pool, "head.image_pooling", "is not the mean over the features");
    if (resize->channels != conv->channels)
        return unsupported(m, resize, "head.image_pooling", "changes the number of channels");
    pool->taken = resize->taken = true;
    return take(m, conv, "head.image_pooling", &pointwise_relu);
}

/* ASPP branch number 0 (1x1) to 3: rates 6, 12, 18 at output stride 16. A 3x3 one is full, or depthwise and pointwise. */
static mseg_status match_aspp(matcher *m, tfl_node *node, const tfl_node *features, int number)
{
    char layer[40];
    snprintf(layer, sizeof layer, "head.aspp%d", number);
    int rate = mseg_aspp_rate(number, m->weights->origin.output_stride);
    expected full = {TFL_CONV, number == 0 ? 1 : 3, TFL_RELU, rate, false};
    if (node->kind != TFL_CONV)
        return unsupported(m, node, layer, "is not the convolution that belongs here");
    if (input_of(m, node, 0) == features)
        return take(m, node, layer, &full);
    tfl_node *depthwise = &m->graph->nodes[node->inputs[0]];
    if (number == 0 || depthwise->kind != TFL_DEPTHWISE || input_of(m, depthwise, 0) != features)
        return unsupported(m, node, layer, "does not read the backbone's features");
    expected separable = {TFL_DEPTHWISE, 3, TFL_RELU, rate, false};
    snprintf(layer, sizeof layer, "head.aspp%d.depthwise", number);
    mseg_status status = take(m, depthwise, layer, &separable);
    if (status != MSEG_OK)
        return status;
    snprintf(layer, sizeof layer, "head.aspp%d.pointwise", number);
    return take(m, node, layer, &pointwise_relu);
}

/* The branches in the order of their channels: [image pooling], aspp0, [aspp1, aspp2, aspp3]. */
static mseg_status match_branches(matcher *m, tfl_node *concat, const tfl_node *features)
{
    int height = features->height, width = features->width, channels = 0, number = 0;
    for (int i = 0; i < concat->n_inputs; i++) {
        tfl_node *branch = &m->graph->nodes[concat->inputs[i]];
        bool pooling = branch->kind == TFL_RESIZE;
        if (branch->kind == TFL_OTHER)
            return unsupported(m, branch, "the concatenation", "is of a form that mseg does not know");
        if (pooling && i > 0)
            return unsupported(m, branch, "head.image_pooling", "is not first in the concatenation");
        if (branch->taken || branch->height != height || branch->width != width)
            return unsupported(m, branch, "the concatenation", "does not give one %dx%d map", height, width);
        mseg_status status = pooling ? match_pooling(m, branch, features) : match_aspp(m, branch, features, number++);
        if (status != MSEG_OK)
            return status;
        channels += branch->channels;
    }
    if (number != 1 && number != MSEG_ASPP_BRANCHES)
        return unsupported(m, concat, "head", "joins %d atrous branches; 1 or 4 are known", number);
    if (concat->channels != channels || concat->height != height || concat->width != width)
        return unsupported(m, concat, "head", "does not join its inputs along the channels");
    concat->taken = true;
    m->current = concat;
    return MSEG_OK;
}

static tfl_node *first_concat(const matcher *m)
{
    for (int i = 0; i < m->graph->count; i++)
        if (m->graph->nodes[i].kind == TFL_CONCAT)
            return &m->graph->nodes[i];
    return NULL;
}

static mseg_status match_deeplab(matcher *m)
{
    tfl_node *concat = first_concat(m);
    mseg_status status = concat ? match_branches(m, concat, m->current) : step(m, "head.aspp0", &pointwise_relu);
    if (status == MSEG_OK)
        status = step(m, "head.projection", &pointwise_relu);
    return status == MSEG_OK ? step(m, "head.classifier", &pointwise_linear) : status;
}

/* Layers that no step has taken are something that mseg would leave out. */
static mseg_status check_all_taken(const matcher *m)
{
    for (int i = 1; i < m->graph->count; i++)
        if (!m->graph->nodes[i].taken)
            return unsupported(m, &m->graph->nodes[i], "the end", "is not part of it");
    return MSEG_OK;
}

mseg_status mseg_tfl_match(tfl_graph *graph, mseg_weights *weights, mseg_error *err)
{
    matcher m = {.network = &mseg_mobilenet_v2, .graph = graph, .weights = weights, .err = err, .same = true, .symmetric = true};
    weights->origin.input_height = graph->nodes[0].height;
    weights->origin.input_width = graph->nodes[0].width;
    mseg_status status = match_backbone(&m);
    if (status != MSEG_OK)
        return status;
    tfl_node *pool = m.current->uses == 1 ? user_of(&m, m.current, TFL_POOL) : NULL;
    status = pool ? match_classifier(&m, pool) : match_deeplab(&m);
    if (status != MSEG_OK)
        return status;
    weights->padding = m.same ? MSEG_SAME : MSEG_SYMMETRIC;
    take_tail(&m);
    return check_all_taken(&m);
}
