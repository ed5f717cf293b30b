#include <stdio.h>
#include <string.h>

#include "weights/match.h"

enum { MAX_DENSE = 8, MAX_REFINEMENTS = 8 };

static const mseg_expected pointwise_relu = {MSEG_NODE_CONV, 1, MSEG_RELU, 1, false};
static const mseg_expected pointwise_linear = {MSEG_NODE_CONV, 1, MSEG_LINEAR, 1, false};
static const mseg_expected full_relu = {MSEG_NODE_CONV, 3, MSEG_RELU, 1, false};
static const mseg_expected spatial_relu = {MSEG_NODE_DEPTHWISE, 3, MSEG_RELU, 1, false};

/* A classifier: mean over the map, dense layers, the last of which gives the scores. */
static mseg_status match_classifier(mseg_matcher *m, mseg_node *pool)
{
    mseg_status status = MSEG_OK;
    char layer[MSEG_MAX_LAYER_NAME];
    mseg_match_claim(pool, "head.pool");
    m->current = pool;
    for (int i = 0; i < MAX_DENSE && !status; i++) {
        const mseg_node *dense = mseg_match_user(m, m->current, MSEG_NODE_CONV);
        if (!dense || !mseg_match_user(m, dense, MSEG_NODE_CONV))
            break;
        snprintf(layer, sizeof layer, "head.dense%d", i);
        status = mseg_match_step(m, layer, &pointwise_relu);
    }
    return status ? status : mseg_match_step(m, "head.classifier", &pointwise_linear);
}

/* Follows the branch of the image pooling back from the concatenation: resize, 1x1, mean over the features. */
static mseg_status match_pooling(mseg_matcher *m, mseg_node *resize, const mseg_node *features)
{
    mseg_node *conv = mseg_match_source(m, resize);
    if (conv->kind != MSEG_NODE_CONV)
        return mseg_match_fail(m, conv, "head.image_pooling", "is not the convolution that belongs here");
    mseg_node *pool = mseg_match_source(m, conv);
    if (pool->kind != MSEG_NODE_POOL || mseg_match_source(m, pool) != features)
        return mseg_match_fail(m, pool, "head.image_pooling", "is not the mean over the features");
    if (resize->channels != conv->channels)
        return mseg_match_fail(m, resize, "head.image_pooling", "changes the number of channels");
    mseg_match_claim(pool, "head.pool");
    resize->taken = true;
    return mseg_match_take(m, conv, "head.image_pooling", &pointwise_relu);
}

/* ASPP branch number 0 (1x1) to 3: rates 6, 12, 18 at output stride 16. A 3x3 one is full, or depthwise and pointwise. */
static mseg_status match_aspp(mseg_matcher *m, mseg_node *node, const mseg_node *features, int number)
{
    char layer[40];
    snprintf(layer, sizeof layer, "head.aspp%d", number);
    const int rate = mseg_aspp_rate(number, m->weights->origin.output_stride);
    const mseg_expected full = {MSEG_NODE_CONV, number == 0 ? 1 : 3, MSEG_RELU, rate, false};
    if (node->kind != MSEG_NODE_CONV)
        return mseg_match_fail(m, node, layer, "is not the convolution that belongs here");
    mseg_node *depthwise = mseg_match_source(m, node);
    if (depthwise == features)
        return mseg_match_take(m, node, layer, &full);
    if (number == 0 || depthwise->kind != MSEG_NODE_DEPTHWISE || mseg_match_source(m, depthwise) != features)
        return mseg_match_fail(m, node, layer, "does not read the backbone's features");
    const mseg_expected separable = {MSEG_NODE_DEPTHWISE, 3, MSEG_RELU, rate, false};
    snprintf(layer, sizeof layer, "head.aspp%d.depthwise", number);
    mseg_status status = mseg_match_take(m, depthwise, layer, &separable);
    if (status != MSEG_OK)
        return status;
    snprintf(layer, sizeof layer, "head.aspp%d.pointwise", number);
    return mseg_match_take(m, node, layer, &pointwise_relu);
}

/* The branches in the order of their channels: aspp0, [aspp1, aspp2, aspp3], with the image pooling, if any, first or last: *last
 * is how many channels it has there, else 0. */
static mseg_status match_branches(mseg_matcher *m, mseg_node *concat, const mseg_node *features, int *last)
{
    const int height = features->height, width = features->width;
    int channels = 0, number = 0;
    bool pooled = false;
    for (int i = 0; i < concat->n_inputs; i++) {
        mseg_node *branch = &m->graph->nodes[concat->inputs[i]];
        const bool pooling = branch->kind == MSEG_NODE_RESIZE;
        if (branch->kind == MSEG_NODE_OTHER)
            return mseg_match_fail(m, branch, "the concatenation", "is of a form that mseg does not know");
        if (pooling && i > 0 && (pooled || i < concat->n_inputs - 1))
            return mseg_match_fail(m, branch, "head.image_pooling",
                                   pooled ? "is a second one in the concatenation"
                                          : "is neither first nor last in the concatenation");
        pooled = pooled || pooling;
        *last = pooling && i > 0 ? branch->channels : 0;
        if (branch->taken || branch->height != height || branch->width != width)
            return mseg_match_fail(m, branch, "the concatenation", "does not give one %dx%d map", height, width);
        mseg_status status = pooling ? match_pooling(m, branch, features) : match_aspp(m, branch, features, number++);
        if (status != MSEG_OK)
            return status;
        channels += branch->channels;
    }
    if (number != 1 && number != MSEG_ASPP_BRANCHES)
        return mseg_match_fail(m, concat, "head", "joins %d atrous branches; 1 or 4 are known", number);
    if (concat->channels != channels || concat->height != height || concat->width != width)
        return mseg_match_fail(m, concat, "head", "does not join its inputs along the channels");
    concat->taken = true;
    m->current = concat;
    return MSEG_OK;
}

static mseg_node *first_concat(const mseg_matcher *m)
{
    for (int i = 0; i < m->graph->count; i++)
        if (m->graph->nodes[i].kind == MSEG_NODE_CONCAT)
            return &m->graph->nodes[i];
    return NULL;
}

/* A copy of a convolution's weights in which that many input channels, the last ones, come first. */
static mseg_status put_last_first(mseg_matcher *m, mseg_tensor *w, int last)
{
    const size_t row = (size_t)w->shape[3], element = w->bytes / mseg_tensor_elements(w), tail = (size_t)last * element;
    const size_t bytes = row * element;
    uint8_t *to = mseg_weights_room(m->weights, w->bytes, m->err);
    if (!to)
        return MSEG_NOMEM;
    for (size_t at = 0; at < w->bytes; at += bytes) {
        memcpy(to + at, w->data + at + bytes - tail, tail);
        memcpy(to + at + tail, w->data + at, bytes - tail);
    }
    w->data = to;
    return MSEG_OK;
}

/* The projection of the branches. mseg has the image pooling first; last: channels of one that the file has last, 0: none. */
static mseg_status match_projection(mseg_matcher *m, int last)
{
    static const char *const layer = "head.projection";
    mseg_node *conv = mseg_match_user(m, m->current, MSEG_NODE_CONV);
    if (!last || !conv || *conv->fault || conv->weight.shape[3] != m->current->channels)
        return mseg_match_step(m, layer, &pointwise_relu);
    const mseg_tensor weight = conv->weight;
    if (weight.n_scales > 1 && weight.axis == 3)
        return mseg_match_fail(m, conv, layer, "has weights whose scale changes along the input's channels");
    snprintf(conv->weight.name, sizeof conv->weight.name, "%s.weight", layer);
    mseg_status status = mseg_weights_check(m->weights, &conv->weight, m->err);
    if (!status)
        status = put_last_first(m, &conv->weight, last);
    if (!status)
        status = mseg_match_step(m, layer, &pointwise_relu);
    conv->weight = weight;
    return status;
}

/* A 3x3 convolution behind others, full, or depthwise and pointwise. */
static mseg_status match_refinement(mseg_matcher *m, const char *part, int number)
{
    char layer[MSEG_MAX_LAYER_NAME];
    snprintf(layer, sizeof layer, "head.%s%d", part, number);
    if (mseg_match_user(m, m->current, MSEG_NODE_CONV))
        return mseg_match_step(m, layer, &full_relu);
    snprintf(layer, sizeof layer, "head.%s%d.depthwise", part, number);
    mseg_status status = mseg_match_step(m, layer, &spatial_relu);
    snprintf(layer, sizeof layer, "head.%s%d.pointwise", part, number);
    return status ? status : mseg_match_step(m, layer, &pointwise_relu);
}

/* DeepLabv3+ (arXiv 1802.02611): the features, enlarged, beside the low-level ones through 3x3 convolutions. */
static mseg_status match_decoder(mseg_matcher *m, mseg_node *resize)
{
    static const char *const place = "head.low_level";
    mseg_node *concat = mseg_match_user(m, resize, MSEG_NODE_CONCAT);
    if (!m->low_level)
        return mseg_match_fail(m, resize, place, "begins a decoder, which mseg knows behind MobileNetV2");
    if (!concat || concat->n_inputs != 2 || mseg_match_source(m, concat) != resize)
        return mseg_match_fail(m, resize, place, "is not first of two in a concatenation");
    mseg_node *low = &m->graph->nodes[concat->inputs[1]];
    if (low->kind != MSEG_NODE_CONV || mseg_match_source(m, low) != m->low_level)
        return mseg_match_fail(m, low, place, "does not read %s", m->network->low_level);
    mseg_status status = mseg_match_take(m, low, place, &pointwise_relu);
    if (status)
        return status;
    if (resize->channels != m->current->channels || concat->channels != resize->channels + low->channels ||
        resize->height != low->height || resize->width != low->width || concat->height != low->height ||
        concat->width != low->width)
        return mseg_match_fail(m, concat, place, "does not join maps of one size along the channels");
    status = mseg_match_resize(m, resize, place);
    mseg_match_claim(concat, "head.join");
    m->current = concat;
    for (int i = 0; i < MAX_REFINEMENTS && !status; i++) {
        const mseg_node *conv = mseg_match_user(m, m->current, MSEG_NODE_CONV);
        if (conv && conv->weight.shape[1] == 1)
            break;
        status = match_refinement(m, "decoder", i);
    }
    return status;
}

/* The resize behind the projection when a concatenation follows it; NULL: the scores come next. */
static mseg_node *decoder_of(const mseg_matcher *m)
{
    mseg_node *resize = mseg_match_user(m, m->current, MSEG_NODE_RESIZE);
    return resize && mseg_match_user(m, resize, MSEG_NODE_CONCAT) ? resize : NULL;
}

/* What torchvision has between projection and classifier. */
static mseg_status match_refinements(mseg_matcher *m)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < MAX_REFINEMENTS && !status; i++) {
        const mseg_node *conv = mseg_match_user(m, m->current, MSEG_NODE_CONV);
        if (conv ? conv->weight.shape[1] == 1 : !mseg_match_user(m, m->current, MSEG_NODE_DEPTHWISE))
            break;
        status = match_refinement(m, "refine", i);
    }
    return status;
}

static mseg_status match_deeplab(mseg_matcher *m)
{
    int last = 0;
    mseg_node *concat = m->current->uses > 1 ? first_concat(m) : NULL;
    mseg_status status =
        concat ? match_branches(m, concat, m->current, &last) : mseg_match_step(m, "head.aspp0", &pointwise_relu);
    if (status == MSEG_OK)
        status = match_projection(m, last);
    mseg_node *resize = status ? NULL : decoder_of(m);
    if (!status)
        status = resize ? match_decoder(m, resize) : match_refinements(m);
    return status == MSEG_OK ? mseg_match_step(m, "head.classifier", &pointwise_linear) : status;
}

mseg_status mseg_match_head(mseg_matcher *m)
{
    mseg_node *pool = m->current->uses == 1 ? mseg_match_user(m, m->current, MSEG_NODE_POOL) : NULL;
    mseg_status status = pool ? match_classifier(m, pool) : match_deeplab(m);
    if (!status && m->current->channels < 2)
        status = mseg_match_fail(m, m->current, "head.classifier", "gives one score, a yes or no, where each class has its own");
    return status;
}
