#include "weights/match.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *activation_name(mseg_activation activation)
{
    static const char *const names[] = {"no activation", "RELU", "RELU6"};
    return names[activation];
}

mseg_status mseg_match_fail(const mseg_matcher *m, const mseg_node *node, const char *layer, const char *format, ...)
{
    char found[160];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    return mseg_fail(m->err, MSEG_UNSUPPORTED, "not %s with a known head: at %s: %s %s", m->network->name, layer, node->what,
                     found);
}

static bool reads(const mseg_node *node, int source)
{
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] == source)
            return true;
    return false;
}

mseg_node *mseg_match_user(const mseg_matcher *m, const mseg_node *node, int kind)
{
    int index = (int)(node - m->graph->nodes);
    for (int i = index + 1; i < m->graph->count; i++) {
        mseg_node *user = &m->graph->nodes[i];
        if ((kind == MSEG_ANY_NODE || (int)user->kind == kind) && !user->taken && reads(user, index))
            return user;
    }
    return NULL;
}

mseg_node *mseg_match_source(const mseg_matcher *m, const mseg_node *node)
{
    return node->n_inputs ? &m->graph->nodes[node->inputs[0]] : NULL;
}

bool mseg_match_activation(const mseg_node *node, mseg_activation activation)
{
    /* 255 steps of a scale that has been rounded to float32 */
    static const float six = 6 * 1.0001f;
    const bool relu = node->activation == MSEG_RELU || (node->activation == MSEG_LINEAR && node->low == 0);
    switch (activation) {
    case MSEG_LINEAR:
        return node->activation == MSEG_LINEAR && !node->caps.data;
    case MSEG_RELU:
        return relu && !node->caps.data;
    case MSEG_RELU6:
        return node->activation == MSEG_RELU6 || (relu && (node->caps.data || (node->low == 0 && node->high <= six)));
    }
    return false;
}

/* ---- kernels with zeros between their values: atrous ones as they are multiplied --------------------------------------------
 */

static bool is_zero(const mseg_tensor *t, size_t element, size_t size)
{
    const uint8_t *at = t->data + element * size;
    if (size == 1)
        return *at == (uint8_t)t->zero_point;
    for (size_t i = 0; i + 1 < size; i++)
        if (at[i])
            return false;
    return at[size - 1] == 0 || (at[size - 1] == 0x80 && t->dtype != MSEG_S32); /* -0 */
}

/* The rate at which a kernel of that size holds a 3x3 one, zeros elsewhere; 0: it does not. */
static int rate_of_kernel(const mseg_tensor *w)
{
    const int kernel = w->shape[1], rate = (kernel - 1) / 2, last = w->shape[3];
    const size_t size = w->bytes / mseg_tensor_elements(w);
    if (kernel != w->shape[2] || kernel != 2 * rate + 1)
        return 0;
    for (int out = 0; out < w->shape[0]; out++)
        for (int y = 0; y < kernel; y++)
            for (int x = 0; x < kernel; x++) {
                if (y % rate == 0 && x % rate == 0)
                    continue;
                const size_t first = (((size_t)out * (size_t)kernel + (size_t)y) * (size_t)kernel + (size_t)x) * (size_t)last;
                for (int i = 0; i < last; i++)
                    if (!is_zero(w, first + (size_t)i, size))
                        return 0;
            }
    return rate;
}

/* The 3x3 kernel within. */
static mseg_status shrink_kernel(const mseg_matcher *m, mseg_tensor *w, int rate)
{
    const size_t row = w->bytes / (size_t)w->shape[0] / (size_t)w->shape[1] / (size_t)w->shape[2]; /* of one position */
    uint8_t *to = mseg_weights_room(m->weights, row * (size_t)w->shape[0] * 9, m->err), *at = to;
    if (!to)
        return MSEG_NOMEM;
    for (int out = 0; out < w->shape[0]; out++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++, at += row) {
                const size_t position = ((size_t)out * (size_t)w->shape[1] + (size_t)(y * rate)) * (size_t)w->shape[2];
                memcpy(at, w->data + (position + (size_t)(x * rate)) * row, row);
            }
    w->data = to;
    w->bytes = row * (size_t)w->shape[0] * 9;
    w->shape[1] = w->shape[2] = 3;
    return MSEG_OK;
}

/* ---- bounds that differ from channel to channel ------------------------------------------------------------------------------
 * min(relu(x), cap) = cap / 6 * relu6(6 / cap * x): weights and bias times 6 / cap, the next layer's times cap / 6. Nagel et al.
 * 2019 (arXiv 1906.04721), whose equalised channels look so. */

/* The cap of each channel; NULL with *status set: none that can be. */
static const float *caps_of(const mseg_matcher *m, const mseg_node *node, const char *layer, mseg_status *status)
{
    static const float least = 1e-12f, most = 1e12f; /* else 6 / cap times a weight may leave float's range */
    const size_t channels = (size_t)node->channels, count = mseg_tensor_elements(&node->caps);
    float *caps = mseg_weights_room(m->weights, channels * sizeof *caps, m->err);
    if (!caps) {
        *status = MSEG_NOMEM;
        return NULL;
    }
    const bool in_a_row =
        count == 1 || (count == channels && node->caps.rank > 0 && node->caps.shape[node->caps.rank - 1] == node->channels);
    if (!in_a_row || node->caps.n_scales > 1) {
        *status = mseg_match_fail(m, node, layer, "is bounded by %zu values for %zu channels", count, channels);
        return NULL;
    }
    mseg_tensor_to_f32(&node->caps, caps);
    for (size_t c = 0; c < channels; c++) {
        caps[c] = caps[count == 1 ? 0 : c];
        const bool usable = caps[c] == 0 || (caps[c] >= least && caps[c] <= most);
        if (!usable || (node->activation == MSEG_RELU6 && caps[c] > 6)) {
            *status = mseg_match_fail(m, node, layer, "is bounded by %g", (double)caps[c]);
            return NULL;
        }
    }
    return caps;
}

static double to_six(const float *caps, size_t c)
{
    return !caps ? 1 : caps[c] > 0 ? 6 / (double)caps[c] : 0;
}

static double from_six(const float *caps, size_t c)
{
    return caps ? (double)caps[c] / 6 : 1;
}

/* Makes t one of floats: t times from_six(before) of its input channel times to_six(caps) of its output channel. */
static mseg_status scale_tensor(const mseg_matcher *m, mseg_tensor *t, bool depthwise, const float *before, const float *caps)
{
    const size_t elements = mseg_tensor_elements(t), last = (size_t)t->shape[t->rank - 1];
    float *values = mseg_weights_room(m->weights, elements * sizeof *values, m->err);
    if (!values)
        return MSEG_NOMEM;
    mseg_tensor_to_f32(t, values);
    for (size_t i = 0; i < elements; i++) {
        const size_t in = i % last, out = depthwise || t->rank == 1 ? in : i / (elements / (size_t)t->shape[0]);
        values[i] = (float)((double)values[i] * (t->rank > 1 ? from_six(before, in) : 1) * to_six(caps, out));
    }
    *t = (mseg_tensor){.rank = t->rank, .data = (const uint8_t *)values, .bytes = elements * sizeof *values};
    return MSEG_OK;
}

/* Whether every reader of the node's output, or of its mean, multiplies by weights, which then take what the bounds leave to
 * them. */
static bool readers_multiply(const mseg_matcher *m, const mseg_node *node)
{
    const int index = (int)(node - m->graph->nodes);
    for (int i = index + 1; i < m->graph->count; i++) {
        const mseg_node *reader = &m->graph->nodes[i];
        if (!reads(reader, index) || reader->kind == MSEG_NODE_CONV || reader->kind == MSEG_NODE_DEPTHWISE)
            continue;
        if (reader->kind != MSEG_NODE_POOL || node->kind == MSEG_NODE_POOL || !readers_multiply(m, reader))
            return false;
    }
    return true;
}

/* Bounds of 6 are ReLU6's own. */
static bool all_six(const float *caps, int channels)
{
    for (int c = 0; c < channels; c++)
        if (caps[c] != 6)
            return false;
    return true;
}

static mseg_status apply_caps(const mseg_matcher *m, const mseg_node *node, const char *layer, mseg_tensor *weight,
                              mseg_tensor *bias)
{
    mseg_status status = MSEG_OK;
    const mseg_node *source = mseg_match_source(m, node);
    if (source->kind == MSEG_NODE_POOL)
        source = mseg_match_source(m, source);
    const float *before = source->caps.data ? caps_of(m, source, layer, &status) : NULL;
    const float *caps = node->caps.data && !status ? caps_of(m, node, layer, &status) : NULL;
    if (node->norm[MSEG_NODE_VARIANCE].data && !status) {
        if ((before && !all_six(before, source->channels)) || (caps && !all_six(caps, node->channels)))
            return mseg_match_fail(m, node, layer, "has batch norm apart and bounds");
        return MSEG_OK;
    }
    if (caps && !readers_multiply(m, node))
        return mseg_match_fail(m, node, layer, "is bounded where no convolution follows");
    if (status || (!before && !caps))
        return status;
    int shape[4];
    memcpy(shape, weight->shape, sizeof shape);
    status = scale_tensor(m, weight, node->kind == MSEG_NODE_DEPTHWISE, before, caps);
    memcpy(weight->shape, shape, sizeof shape);
    if (status || !bias->data || !caps)
        return status;
    status = scale_tensor(m, bias, false, NULL, caps);
    bias->shape[0] = node->channels;
    return status;
}

/* ---- one convolution ---------------------------------------------------------------------------------------------------- */

static mseg_status add_tensor(const mseg_matcher *m, const char *layer, const char *part, mseg_tensor *t)
{
    snprintf(t->name, sizeof t->name, "%s.%s", layer, part);
    return mseg_weights_add(m->weights, t, m->err);
}

/* Whether data and scales are what the shape needs. */
static mseg_status check_tensor(const mseg_matcher *m, const char *layer, const char *part, mseg_tensor *t)
{
    snprintf(t->name, sizeof t->name, "%s.%s", layer, part);
    return mseg_weights_check(m->weights, t, m->err);
}

/* Batch norm, which mseg_weights_load makes a part of the convolution. */
static mseg_status add_norm(const mseg_matcher *m, const mseg_node *node, const char *layer)
{
    static const char *const parts[MSEG_NODE_NORMS] = {"norm.gamma", "norm.beta", "norm.mean", "norm.variance"};
    mseg_status status = MSEG_OK;
    if (!node->norm[MSEG_NODE_VARIANCE].data)
        return MSEG_OK;
    for (int i = 0; i < MSEG_NODE_NORMS && !status; i++) {
        mseg_tensor part = node->norm[i];
        if (part.data && (part.rank != 1 || part.shape[0] != node->channels))
            return mseg_match_fail(m, node, layer, "has a %s that is not one value for each of its %d channels", parts[i],
                                   node->channels);
        if (part.data)
            status = add_tensor(m, layer, parts[i], &part);
    }
    uint8_t *epsilon = status ? NULL : mseg_weights_room(m->weights, sizeof node->epsilon, m->err);
    if (!epsilon)
        return status ? status : MSEG_NOMEM;
    memcpy(epsilon, &node->epsilon, sizeof node->epsilon);
    mseg_tensor one = {.dtype = MSEG_F32, .rank = 1, .shape = {1}, .data = epsilon, .bytes = sizeof node->epsilon};
    return add_tensor(m, layer, "norm.epsilon", &one);
}

static mseg_status add_tensors(const mseg_matcher *m, const mseg_node *node, const char *layer)
{
    mseg_tensor weight = node->weight, bias = node->bias;
    if (bias.data && (bias.rank != 1 || bias.shape[0] != node->channels))
        return mseg_match_fail(m, node, layer, "has a bias that is not one value for each of its %d channels", node->channels);
    mseg_status status = check_tensor(m, layer, "weight", &weight);
    if (!status && bias.data)
        status = check_tensor(m, layer, "bias", &bias);
    if (!status)
        status = apply_caps(m, node, layer, &weight, &bias);
    if (!status)
        status = add_tensor(m, layer, "weight", &weight);
    if (!status && bias.data)
        status = add_tensor(m, layer, "bias", &bias);
    return status ? status : add_norm(m, node, layer);
}

static mseg_status check_weight_shape(const mseg_matcher *m, mseg_node *node, const char *layer, int kernel)
{
    mseg_tensor *w = &node->weight;
    const int in = mseg_match_source(m, node)->channels;
    const int out = node->kind == MSEG_NODE_CONV ? node->channels : 1;
    const int last = node->kind == MSEG_NODE_CONV ? in : node->channels;
    if (kernel == 3 && w->shape[1] > 3 && node->rate_h == 1 && node->rate_w == 1) {
        mseg_status status = check_tensor(m, layer, "weight", w);
        const int rate = status ? 0 : rate_of_kernel(w);
        if (rate) {
            node->rate_h = node->rate_w = rate;
            status = shrink_kernel(m, w, rate);
        }
        if (status)
            return status;
    }
    if (w->shape[1] != kernel || w->shape[2] != kernel)
        return mseg_match_fail(m, node, layer, "has a %dx%d kernel, not %dx%d", w->shape[1], w->shape[2], kernel, kernel);
    if (w->shape[0] != out || w->shape[3] != last || (node->kind == MSEG_NODE_DEPTHWISE && in != node->channels))
        return mseg_match_fail(m, node, layer, "has weights [%d, %d, %d, %d] between %d and %d channels", w->shape[0],
                               w->shape[1], w->shape[2], w->shape[3], in, node->channels);
    return MSEG_OK;
}

/* Notes whether one axis is padded as SAME does and as symmetric padding does; false when it is neither. */
static bool note_padding(mseg_matcher *m, int in, int out, int kernel, int stride, int rate, int pad)
{
    m->same = m->same && pad == mseg_pad_before(MSEG_SAME, in, kernel, stride, rate);
    m->symmetric = m->symmetric && pad == mseg_pad_before(MSEG_SYMMETRIC, in, kernel, stride, rate);
    return out == mseg_out_size(in, stride) && (m->same || m->symmetric);
}

/* Whether both axes are padded by a rule. In slim's ResNet strided convolutions have one of their own: equal on both sides. */
static bool padding_fits(mseg_matcher *m, const mseg_node *node, int kernel, int stride, int rate)
{
    mseg_matcher own = {.symmetric = true};
    const bool slim = m->network->unit && !m->network->strided_first;
    mseg_matcher *to = slim && stride > 1 && node->kind == MSEG_NODE_CONV ? &own : m;
    to->given = to->given || (node->pads_given && kernel > 1 && stride > 1);
    return note_padding(to, node->in_height, node->height, kernel, stride, rate, node->pad_h) &&
           note_padding(to, node->in_width, node->width, kernel, stride, rate, node->pad_w);
}

mseg_status mseg_match_geometry(mseg_matcher *m, const mseg_node *node, const char *layer, const mseg_expected *want)
{
    const int stride = node->stride_h, kernel = want->kernel;
    int rate = node->rate_h;
    if (node->stride_w != stride || stride > (want->may_stride ? 2 : 1))
        return mseg_match_fail(m, node, layer, "has stride %dx%d", node->stride_h, node->stride_w);
    /* With a 1x1 kernel the rate means nothing. */
    if (kernel > 1 && (node->rate_w != rate || (stride > 1 && rate > 1) || (want->rate && rate != want->rate)))
        return mseg_match_fail(m, node, layer, "has atrous rate %dx%d at stride %d%s", node->rate_h, node->rate_w, stride,
                               want->rate ? ", not what this output stride has" : "");
    if (kernel == 1)
        rate = 1;
    if (node->block > 1 || !padding_fits(m, node, kernel, stride, rate))
        return mseg_match_fail(m, node, layer,
                               "makes %dx%d of %dx%d with %d and %d zeros before: neither SAME nor symmetric padding",
                               node->height, node->width, node->in_height, node->in_width, node->pad_h, node->pad_w);
    return MSEG_OK;
}

void mseg_match_claim(mseg_node *node, const char *layer)
{
    node->taken = true;
    snprintf(node->layer, sizeof node->layer, "%s", layer);
}

mseg_status mseg_match_take(mseg_matcher *m, mseg_node *node, const char *layer, const mseg_expected *want)
{
    if (node->kind != want->kind)
        return mseg_match_fail(m, node, layer, "is not the convolution that belongs here");
    if (*node->fault)
        return mseg_match_fail(m, node, layer, "%s", node->fault);
    if (!mseg_match_activation(node, want->activation))
        return mseg_match_fail(m, node, layer, "has %s%s where %s is expected", activation_name(node->activation),
                               node->caps.data ? " and bounds" : "", activation_name(want->activation));
    mseg_status status = check_weight_shape(m, node, layer, want->kernel);
    if (status == MSEG_OK)
        status = mseg_match_geometry(m, node, layer, want);
    if (status == MSEG_OK)
        status = add_tensors(m, node, layer);
    mseg_match_claim(node, layer);
    m->taken++;
    return status;
}

mseg_status mseg_match_step(mseg_matcher *m, const char *layer, const mseg_expected *want)
{
    mseg_node *node = mseg_match_user(m, m->current, (int)want->kind);
    if (!node) {
        const char *what = want->kind == MSEG_NODE_DEPTHWISE ? "depthwise convolution" : "convolution";
        const mseg_node *other = mseg_match_user(m, m->current, MSEG_ANY_NODE);
        return other ? mseg_match_fail(m, other, layer, "is not a %s, or one of a form that mseg does not know", what)
                     : mseg_match_fail(m, m->current, layer, "is followed by no %s", what);
    }
    m->current = node;
    return mseg_match_take(m, node, layer, want);
}

/* ---- the whole graph ---------------------------------------------------------------------------------------------------- */

mseg_status mseg_match_resize(mseg_matcher *m, mseg_node *resize, const char *layer)
{
    if (m->resize && m->resize->sampling != resize->sampling)
        return mseg_match_fail(m, resize, layer, "places its points by another rule than %s", m->resize->what);
    m->resize = resize;
    m->weights->input.sampling = resize->sampling;
    resize->taken = true;
    return MSEG_OK;
}

/* The nodes behind the scores change no weights: whatever resizes or names classes is fine. The resizes tell how the scores and
 * the picture lie on each other. */
static mseg_status take_tail(mseg_matcher *m)
{
    mseg_status status = MSEG_OK;
    for (int i = (int)(m->current - m->graph->nodes) + 1; i < m->graph->count && !status; i++) {
        mseg_node *node = &m->graph->nodes[i];
        const mseg_node *source = mseg_match_source(m, node);
        if (node->taken || node->n_inputs != 1 || (source != m->current && !(source->taken && source > m->current)))
            continue;
        node->taken = node->kind == MSEG_NODE_RESIZE || node->kind == MSEG_NODE_TAIL;
        if (node->kind == MSEG_NODE_RESIZE && (source->height != node->height || source->width != node->width))
            status = mseg_match_resize(m, node, "the end");
    }
    return status;
}

/* Nodes that no step has taken are something that mseg would leave out. */
static mseg_status check_all_taken(const mseg_matcher *m)
{
    for (int i = 1; i < m->graph->count; i++)
        if (!m->graph->nodes[i].taken)
            return mseg_match_fail(m, &m->graph->nodes[i], "the end", "is not part of it");
    return MSEG_OK;
}

static mseg_status match(mseg_matcher *m)
{
    mseg_weights_clear(m->weights);
    for (int i = 0; i < m->graph->count; i++) {
        m->graph->nodes[i].taken = false;
        m->graph->nodes[i].layer[0] = '\0';
    }
    mseg_status status = mseg_match_backbone(m);
    if (status == MSEG_OK)
        status = mseg_match_head(m);
    if (status != MSEG_OK)
        return status;
    m->graph->scores = (int)(m->current - m->graph->nodes);
    /* What fits both rules at this size and is given as numbers is the same at every size. */
    if (!(m->same && m->symmetric && m->weights->described))
        m->weights->padding = m->same && !(m->symmetric && m->given) ? MSEG_SAME : MSEG_SYMMETRIC;
    status = take_tail(m);
    if (!status)
        status = check_all_taken(m);
    return status ? status : mseg_match_quants(m);
}

mseg_status mseg_graph_match(mseg_graph *graph, mseg_weights *weights, mseg_error *err)
{
    static const mseg_network *const networks[] = {&mseg_mobilenet_v2, &mseg_mobilenet_v1, &mseg_resnet_v1_5, &mseg_resnet};
    mseg_status status = MSEG_UNSUPPORTED;
    mseg_error why[sizeof networks / sizeof *networks] = {0};
    int most = -1;
    size_t nearest = 0;
    weights->origin.input_height = graph->nodes[0].height;
    weights->origin.input_width = graph->nodes[0].width;
    for (size_t i = 0; i < sizeof networks / sizeof *networks && status == MSEG_UNSUPPORTED; i++) {
        mseg_matcher m = {.network = networks[i], .graph = graph, .weights = weights, .err = &why[i]};
        m.same = m.symmetric = true;
        status = match(&m);
        if (m.taken > most || status != MSEG_UNSUPPORTED) {
            most = m.taken;
            nearest = i;
        }
    }
    if (status && err)
        *err = why[nearest];
    return status;
}
