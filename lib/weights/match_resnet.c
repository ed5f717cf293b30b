#include <stdio.h>

#include "weights/match.h"

static const mseg_expected pointwise_relu = {MSEG_NODE_CONV, 1, MSEG_RELU, 1, false};
static const mseg_expected pointwise_linear = {MSEG_NODE_CONV, 1, MSEG_LINEAR, 1, false};
static const mseg_expected strided_linear = {MSEG_NODE_CONV, 1, MSEG_LINEAR, 1, true};
static const mseg_expected spatial_relu = {MSEG_NODE_CONV, 3, MSEG_RELU, 0, true};

/* ---- in front of the units ---------------------------------------------------------------------------------------------- */

static mseg_status match_pool(mseg_matcher *m)
{
    static const char *const layer = "backbone.pool";
    static const mseg_expected want = {MSEG_NODE_MAX_POOL, 3, MSEG_LINEAR, 1, true};
    mseg_node *pool = mseg_match_user(m, m->current, MSEG_NODE_MAX_POOL);
    if (!pool)
        return mseg_match_fail(m, m->current, layer, "is not followed by a max pool");
    if (pool->kernel_h != 3 || pool->kernel_w != 3 || pool->stride_h != 2)
        return mseg_match_fail(m, pool, layer, "takes %dx%d at stride %d, not 3x3 at 2", pool->kernel_h, pool->kernel_w,
                               pool->stride_h);
    mseg_match_claim(pool, layer);
    m->current = pool;
    return mseg_match_geometry(m, pool, layer, &want);
}

/* One 7x7 convolution, or three of 3x3; then the max pool. */
static mseg_status match_stem(mseg_matcher *m)
{
    static const mseg_expected whole = {MSEG_NODE_CONV, 7, MSEG_RELU, 1, true}, part = {MSEG_NODE_CONV, 3, MSEG_RELU, 1, true};
    m->current = m->graph->nodes;
    const mseg_node *first = mseg_match_user(m, m->current, MSEG_NODE_CONV);
    const bool parts = first && first->weight.shape[1] == 3;
    mseg_status status = MSEG_OK;
    for (int i = 1; i <= (parts ? 3 : 1) && !status; i++) {
        char layer[MSEG_MAX_LAYER_NAME];
        snprintf(layer, sizeof layer, parts ? "backbone.stem%d" : "backbone.stem", i);
        status = mseg_match_step(m, layer, parts ? &part : &whole);
        if (!status && m->current->stride_h != (i == 1 ? 2 : 1))
            status = mseg_match_fail(m, m->current, layer, "has stride %d, not %d", m->current->stride_h, i == 1 ? 2 : 1);
    }
    return status ? status : match_pool(m);
}

/* ---- units -------------------------------------------------------------------------------------------------------------- */

/* The first convolution of a unit on the current node: one that a larger one follows. NULL: none begins here. */
static mseg_node *reduction(const mseg_matcher *m)
{
    for (int i = (int)(m->current - m->graph->nodes) + 1; i < m->graph->count; i++) {
        mseg_node *node = &m->graph->nodes[i];
        if (node->kind != MSEG_NODE_CONV || node->taken || mseg_match_source(m, node) != m->current)
            continue;
        const mseg_node *next = mseg_match_user(m, node, MSEG_NODE_CONV);
        if (next && next->weight.shape[1] > 1)
            return node;
    }
    return NULL;
}

/* Takes what is added to the unit's last convolution, the current node, when it is not the unit's input itself. */
static mseg_status match_shortcut(mseg_matcher *m, int index, mseg_node *shortcut, const mseg_node *input)
{
    char layer[MSEG_MAX_LAYER_NAME];
    const int stride = m->strides[index];
    const bool reads_input = mseg_match_source(m, shortcut) == input;
    mseg_unit_name(layer, m->network, index, "shortcut");
    if (reads_input && shortcut->kind == MSEG_NODE_MAX_POOL && !m->network->strided_first) {
        if (shortcut->kernel_h != 1 || shortcut->kernel_w != 1 || shortcut->pad_h || shortcut->pad_w ||
            shortcut->stride_h != stride || shortcut->stride_w != stride)
            return mseg_match_fail(m, shortcut, layer, "does not take one pixel of %d", stride);
        mseg_unit_name(layer, m->network, index, "subsample");
        mseg_match_claim(shortcut, layer);
        return MSEG_OK;
    }
    if (!reads_input || shortcut->kind != MSEG_NODE_CONV)
        return mseg_match_fail(m, shortcut, layer, "is added, not the unit's input or a convolution of it");
    mseg_status status = mseg_match_take(m, shortcut, layer, &strided_linear);
    if (!status && shortcut->stride_h != stride)
        status =
            mseg_match_fail(m, shortcut, layer, "has stride %d beside a convolution of stride %d", shortcut->stride_h, stride);
    if (!status && shortcut->low == 0)
        status = mseg_match_fail(m, shortcut, layer, "holds no numbers below 0, as if RELU followed");
    return status;
}

/* The sum of the unit's input, or of a convolution of it (*begins: that), and its last convolution, which is current. */
static mseg_status match_sum(mseg_matcher *m, int index, const mseg_node *input, bool *begins)
{
    char layer[MSEG_MAX_LAYER_NAME];
    mseg_node *last = m->current, *add = mseg_match_user(m, last, MSEG_NODE_ADD);
    mseg_unit_name(layer, m->network, index, "expand");
    if (!add)
        return mseg_match_fail(m, last, layer, "is not followed by the sum with the unit's input");
    mseg_node *first = &m->graph->nodes[add->inputs[0]], *other = first == last ? &m->graph->nodes[add->inputs[1]] : first;
    mseg_status status = other == input ? MSEG_OK : match_shortcut(m, index, other, input);
    if (status)
        return status;
    if (add->height != last->height || add->width != last->width || add->channels != last->channels ||
        other->height != last->height || other->width != last->width || other->channels != last->channels)
        return mseg_match_fail(m, add, layer, "does not add maps of one shape");
    if (!mseg_match_activation(add, MSEG_RELU))
        return mseg_match_fail(m, add, layer, "is not followed by RELU");
    mseg_match_claim(add, last->layer);
    m->current = add;
    *begins = other != input && other->kind == MSEG_NODE_CONV;
    return MSEG_OK;
}

static mseg_status match_unit(mseg_matcher *m, mseg_node *reduce, int index, bool *begins)
{
    char layer[MSEG_MAX_LAYER_NAME];
    const mseg_node *input = m->current;
    mseg_unit_name(layer, m->network, index, "reduce");
    mseg_status status = mseg_match_take(m, reduce, layer, &pointwise_relu);
    m->current = reduce;
    mseg_unit_name(layer, m->network, index, "conv");
    if (!status)
        status = mseg_match_step(m, layer, &spatial_relu);
    m->strides[index] = m->current->stride_h;
    m->rates[index] = m->current->rate_h;
    mseg_unit_name(layer, m->network, index, "expand");
    if (!status)
        status = mseg_match_step(m, layer, &pointwise_linear);
    if (!status && m->current->low == 0)
        status = mseg_match_fail(m, m->current, layer, "holds no numbers below 0, as if RELU followed");
    return status ? status : match_sum(m, index, input, begins);
}

/* ---- an auxiliary classifier -------------------------------------------------------------------------------------------- */

/* Training alone needs the scores that torchvision's takes of an earlier map: a 3x3 convolution with RELU, a 1x1 one, a resize.
 * They make no difference to the others. */
static void leave_auxiliary(const mseg_matcher *m, const mseg_node *map)
{
    mseg_node *conv = mseg_match_user(m, map, MSEG_NODE_CONV);
    mseg_node *last = conv && conv->weight.shape[1] == 3 ? mseg_match_user(m, conv, MSEG_NODE_CONV) : NULL;
    if (!last || last->weight.shape[1] != 1 || last->activation != MSEG_LINEAR)
        return;
    conv->taken = last->taken = true;
    for (mseg_node *next = last; next; next = mseg_match_user(m, last, MSEG_ANY_NODE)) {
        if (next != last && next->kind != MSEG_NODE_RESIZE && next->kind != MSEG_NODE_TAIL)
            return;
        next->taken = true;
        last = next;
    }
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */

mseg_status mseg_match_resnet(mseg_matcher *m)
{
    bool begins[MSEG_MATCH_BLOCKS + 1] = {false};
    int strides[MSEG_MATCH_BLOCKS], count = 0;
    mseg_status status = match_stem(m);
    for (mseg_node *reduce; !status && count < MSEG_MATCH_BLOCKS && (reduce = reduction(m)); count++) {
        const mseg_node *map = m->current;
        status = match_unit(m, reduce, count, &begins[count]);
        if (!status)
            leave_auxiliary(m, map);
    }
    if (!status && !begins[0]) {
        char layer[MSEG_MAX_LAYER_NAME];
        mseg_unit_name(layer, m->network, 0, "shortcut");
        status = mseg_match_fail(m, m->current, layer, count ? "comes behind a first unit without it" : "is followed by no unit");
    }
    for (int i = 0, block = 0; i < count && !status; i++)
        strides[i] = mseg_unit_stride(m->network, &block, begins[i], begins[i + 1]);
    return status ? status : mseg_match_output_stride(m, strides, count, 4, m->network->unit, "conv");
}
