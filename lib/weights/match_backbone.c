#include "weights/match.h"

#include <string.h>

static const mseg_expected spatial_relu6 = {MSEG_NODE_DEPTHWISE, 3, MSEG_RELU6, 0, true};
static const mseg_expected pointwise_relu6 = {MSEG_NODE_CONV, 1, MSEG_RELU6, 1, false};

static mseg_status match_stem(mseg_matcher *m)
{
    static const mseg_expected stem = {MSEG_NODE_CONV, 3, MSEG_RELU6, 1, true};
    m->current = m->graph->nodes;
    mseg_status status = mseg_match_step(m, "backbone.stem", &stem);
    if (status == MSEG_OK && m->current->stride_h != 2)
        status = mseg_match_fail(m, m->current, "backbone.stem", "has stride 1, not 2");
    return status;
}

/* The sum of a block's input and its projection, where slim has it: at stride 1 (also one turned to 1) with equal channels. A sum
 * anywhere else is found by the next step, which then has no convolution to take. */
static mseg_status match_residual(mseg_matcher *m, int block, const mseg_node *input)
{
    char layer[MSEG_MAX_LAYER_NAME];
    mseg_block_name(layer, block, NULL);
    const mseg_node *project = m->current, *nodes = m->graph->nodes;
    if (!m->network->residual || m->strides[block] != 1 || input->channels != project->channels)
        return MSEG_OK;
    mseg_node *add = mseg_match_user(m, project, MSEG_NODE_ADD);
    if (!add)
        return mseg_match_fail(m, project, layer, "is not followed by the sum with the block's input");
    const mseg_node *a = &nodes[add->inputs[0]], *b = &nodes[add->inputs[1]];
    if (!(a == project && b == input) && !(a == input && b == project))
        return mseg_match_fail(m, add, layer, "does not add the block's input");
    if (add->height != project->height || add->width != project->width || add->channels != project->channels)
        return mseg_match_fail(m, add, layer, "changes the shape");
    if (add->activation != MSEG_LINEAR)
        return mseg_match_fail(m, add, layer, "is followed by an activation");
    if (add->low == 0)
        return mseg_match_fail(m, add, layer, "holds no numbers below 0, as if RELU followed");
    mseg_match_claim(add, project->layer);
    m->current = add;
    return MSEG_OK;
}

static mseg_status match_block(mseg_matcher *m, int block)
{
    const mseg_expected pointwise = {MSEG_NODE_CONV, 1, m->network->activation, 1, false};
    const mseg_node *input = m->current;
    char layer[MSEG_MAX_LAYER_NAME];
    mseg_status status = MSEG_OK;
    if (m->network->blocks[block].expansion) {
        mseg_block_name(layer, block, "expand");
        status = mseg_match_step(m, layer, &pointwise_relu6);
    }
    if (status == MSEG_OK) {
        mseg_block_name(layer, block, "depthwise");
        status = mseg_match_step(m, layer, &spatial_relu6);
    }
    if (status != MSEG_OK)
        return status;
    if (m->network->low_level && !strcmp(layer, m->network->low_level))
        m->low_level = m->current;
    m->strides[block] = m->current->stride_h;
    m->rates[block] = m->current->rate_h;
    mseg_block_name(layer, block, m->network->pointwise);
    status = mseg_match_step(m, layer, &pointwise);
    if (status == MSEG_OK && pointwise.activation == MSEG_LINEAR && m->current->low == 0)
        return mseg_match_fail(m, m->current, layer, "holds no numbers below 0, as if RELU followed");
    return status == MSEG_OK ? match_residual(m, block, input) : status;
}

mseg_status mseg_match_output_stride(mseg_matcher *m, const int *strides, int count, int before, const char *kind,
                                     const char *part)
{
    int os = before;
    for (int i = 0; i < count && m->strides[i] == strides[i]; i++)
        os *= strides[i];
    mseg_atrous atrous = {os, before, 1};
    for (int i = 0; i < count; i++) {
        int rate, stride = mseg_atrous_stride(&atrous, strides[i], &rate);
        if (m->strides[i] != stride || m->rates[i] != rate)
            return mseg_fail(m->err, MSEG_UNSUPPORTED,
                             "backbone.%s%d.%s has stride %d and rate %d; output stride %d has %d and %d there", kind, i, part,
                             m->strides[i], m->rates[i], os, stride, rate);
    }
    m->weights->origin.output_stride = os;
    return MSEG_OK;
}

static mseg_status match_blocks(mseg_matcher *m)
{
    int strides[MSEG_MATCH_BLOCKS];
    mseg_status status = match_stem(m);
    for (int block = 0; block < m->network->n_blocks && status == MSEG_OK; block++) {
        status = match_block(m, block);
        strides[block] = m->network->blocks[block].stride;
    }
    return status ? status : mseg_match_output_stride(m, strides, m->network->n_blocks, 2, "block", "depthwise");
}

mseg_status mseg_match_backbone(mseg_matcher *m)
{
    mseg_status status = m->network->unit ? mseg_match_resnet(m) : match_blocks(m);
    if (status != MSEG_OK || !m->network->last)
        return status;
    const mseg_node *last = m->current->uses == 1 ? mseg_match_user(m, m->current, MSEG_NODE_CONV) : NULL;
    const bool found = last && (last->activation == MSEG_RELU6 ||
                                (mseg_match_activation(last, MSEG_RELU6) && mseg_match_user(m, last, MSEG_NODE_POOL)));
    return found ? mseg_match_step(m, "backbone.last", &pointwise_relu6) : MSEG_OK;
}
