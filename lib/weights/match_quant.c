#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/flatbuffer.h"
#include "weights/match.h"

/* What an engine for 8 bits must know of the nodes of a match, and the first node that it could not run exactly as TensorFlow
 * Lite does. */

/* Of the layer of that name, added when there is none; NULL: no memory. */
static mseg_layer_quant *quant_of(mseg_weights *w, const char *layer)
{
    for (int i = 0; i < w->n_quants; i++)
        if (strcmp(w->quants[i].name, layer) == 0)
            return &w->quants[i];
    if (!mseg_grow(&w->quants, &w->quants_capacity, w->n_quants + 1, sizeof *w->quants))
        return NULL;
    mseg_layer_quant *quant = &w->quants[w->n_quants++];
    *quant = (mseg_layer_quant){0};
    snprintf(quant->name, sizeof quant->name, "%s", layer);
    return quant;
}

/* Notes why not, unless something earlier has been noted. False. */
__attribute__((format(printf, 3, 4))) static bool refuse(const mseg_matcher *m, const mseg_node *node, const char *format, ...)
{
    char found[160];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    snprintf(m->weights->no_integers, sizeof m->weights->no_integers, "%s %s", node->what, found);
    return false;
}

/* ---- one convolution ---------------------------------------------------------------------------------------------------- */

static float scale_at(const mseg_tensor *t, int channel)
{
    return mseg_load_f32(t->scales + 4 * (size_t)(t->n_scales > 1 ? channel : 0));
}

static bool weight_fits(const mseg_matcher *m, const mseg_node *node)
{
    const mseg_tensor *w = &node->weight;
    const int axis = node->kind == MSEG_NODE_DEPTHWISE ? 3 : 0;
    if (w->dtype != MSEG_U8 && w->dtype != MSEG_S8)
        return refuse(m, node, "has float weights");
    if ((w->dtype == MSEG_S8) != node->quant.is_signed)
        return refuse(m, node, "has weights and makes bytes of which one kind only is signed");
    if (w->dtype == MSEG_S8 && w->zero_point)
        return refuse(m, node, "has signed weights with a zero point");
    if (w->n_scales > 1 && (w->dtype == MSEG_U8 || w->axis != axis))
        return refuse(m, node, "has weights whose scale changes along dimension %d", w->axis);
    if (w->dtype == MSEG_U8 && w->axis != 0)
        return refuse(m, node, "has a scale along dimension %d: TensorFlow Lite runs an older kernel, which rounds otherwise",
                      w->axis);
    for (int i = 0; i < w->n_scales; i++)
        if (!(scale_at(w, i) > 0))
            return refuse(m, node, "has weights of scale 0");
    return true;
}

/* The file's scales of biases are not used; TensorFlow Lite refuses those that are far from the sums'. */
static bool bias_fits(const mseg_matcher *m, const mseg_node *node, int64_t terms)
{
    const mseg_tensor *bias = &node->bias;
    int64_t most = 0;
    if (bias->data && bias->dtype != MSEG_S32)
        return refuse(m, node, "has a bias that is not of 32-bit integers");
    for (int i = 0; i < node->channels && bias->data; i++) {
        const int64_t value = llabs((int64_t)(int32_t)mseg_load_u32(bias->data + 4 * (size_t)i));
        const double sums = (double)node->reads[0].quant.scale * (double)scale_at(&node->weight, i);
        most = value > most ? value : most;
        if (fabs(sums - (double)scale_at(bias, i)) > 0.02 * (double)node->quant.scale)
            return refuse(m, node, "has a bias of another scale (%g) than its sums (%g)", (double)scale_at(bias, i), sums);
    }
    if (terms * 255 * 255 + most > INT32_MAX)
        return refuse(m, node, "has sums that may not fit 32 bits");
    return true;
}

static bool convolution_fits(const mseg_matcher *m, const mseg_node *node)
{
    const mseg_tensor *w = &node->weight;
    const int64_t terms = (int64_t)w->shape[1] * w->shape[2] * (node->kind == MSEG_NODE_DEPTHWISE ? 1 : w->shape[3]);
    if (!weight_fits(m, node))
        return false;
    for (int i = 0; i < w->n_scales; i++)
        if (!(node->reads[0].quant.scale * scale_at(w, i) / node->quant.scale < 256))
            return refuse(m, node, "multiplies its sums by 256 or more");
    return bias_fits(m, node, terms);
}

/* ---- what every node has ------------------------------------------------------------------------------------------------ */

/* XNNPACK's range for the quotients of scales that ADD multiplies by. */
static bool sum_fits(const mseg_matcher *m, const mseg_node *node)
{
    for (int i = 0; i < 2; i++) {
        const float ratio = node->reads[i].quant.scale / node->quant.scale;
        if (!(ratio >= 0x1p-10f && ratio < 256))
            return refuse(m, node, "adds numbers of %g times the scale of its sum", (double)ratio);
    }
    return true;
}

/* XNNPACK refuses a network with a resize whose bytes change what they stand for, and TensorFlow Lite runs its older kernels. */
static bool resize_fits(const mseg_matcher *m, const mseg_node *node)
{
    const mseg_quant in = node->reads[0].quant;
    return !(in.scale > 0) || !(node->quant.scale > 0) || mseg_quant_same(in, node->quant) ||
           refuse(m, node, "changes what bytes stand for: TensorFlow Lite then runs older kernels, which round otherwise");
}

/* XNNPACK's range for the quotient of scales that a MEAN multiplies by. */
static bool pool_fits(const mseg_matcher *m, const mseg_node *node)
{
    const float ratio = node->reads[0].quant.scale / node->quant.scale;
    if (!node->mean && !mseg_quant_same(node->quant, node->reads[0].quant))
        return refuse(m, node, "makes bytes of another scale than it reads");
    return (ratio >= 0x1p-8f && ratio < 256) || refuse(m, node, "averages numbers of %g times its own scale", (double)ratio);
}

static bool node_fits(const mseg_matcher *m, const mseg_node *node)
{
    if (*node->apart)
        return refuse(m, node, "%s", node->apart);
    if ((node->kind == MSEG_NODE_CONV || node->kind == MSEG_NODE_DEPTHWISE) && !node->weight.n_scales)
        return refuse(m, node, "has float weights");
    if (!(node->quant.scale > 0))
        return refuse(m, node, "makes no bytes, or such without a scale and zero point of use");
    if (node->activation != MSEG_LINEAR && node->bounds.most == 0)
        return refuse(m, node, "leaves only byte 0");
    for (int i = 0; i < node->n_inputs; i++) {
        const mseg_node *source = &m->graph->nodes[node->inputs[i]];
        const mseg_node_read *read = &node->reads[i];
        if (!(read->quant.scale > 0))
            return refuse(m, node, "reads no bytes, or such as were floats before");
        if (read->quant.is_signed != node->quant.is_signed)
            return refuse(m, node, "reads and makes bytes of which one kind only is signed");
        if (!read->quantized && !mseg_quant_same(read->quant, source->quant))
            return refuse(m, node, "reads other bytes than %s makes", source->what);
        if (read->quantized && node->kind != MSEG_NODE_CONCAT && node->kind != MSEG_NODE_RESIZE)
            return refuse(m, node, "reads bytes that a QUANTIZE makes of those of %s", source->what);
    }
    switch (node->kind) {
    case MSEG_NODE_CONV:
    case MSEG_NODE_DEPTHWISE:
        return convolution_fits(m, node);
    case MSEG_NODE_ADD:
        return sum_fits(m, node);
    case MSEG_NODE_POOL:
        return pool_fits(m, node);
    case MSEG_NODE_MAX_POOL:
        return refuse(m, node, "is a max pool, which mseg computes in float only");
    case MSEG_NODE_RESIZE:
        return resize_fits(m, node);
    default:
        return true;
    }
}

/* ---- concatenations ----------------------------------------------------------------------------------------------------- */

/* Input i of a concatenation, directly or through a resize: its layer, and how it is joined. */
static bool join(const mseg_matcher *m, const mseg_node *concat, int i, const mseg_node **layer, mseg_joining *joining)
{
    const mseg_node *nodes = m->graph->nodes, *source = &nodes[concat->inputs[i]];
    const mseg_node *resize = source->kind == MSEG_NODE_RESIZE ? source : NULL;
    const bool behind = concat->reads[i].quantized, rescaled = !mseg_quant_same(concat->reads[i].quant, concat->quant);
    *layer = resize ? &nodes[resize->inputs[0]] : source;
    const bool before = resize && resize->reads[0].quantized;
    if (before && ((*layer)->height > 1 || (*layer)->width > 1))
        return refuse(m, resize, "resizes bytes that a QUANTIZE makes of those of %s", (*layer)->what);
    *joining = before || behind ? MSEG_JOINS_BY_QUANTIZE : MSEG_JOINS_AS_IT_IS;
    if (rescaled)
        return refuse(m, concat, "joins bytes of another scale, which versions of TensorFlow Lite do differently");
    if (before && behind)
        return refuse(m, concat, "reads bytes that are changed more than once since %s", (*layer)->what);
    const float ratio = (*layer)->quant.scale / concat->quant.scale;
    if (*joining == MSEG_JOINS_BY_QUANTIZE && !(ratio >= 0x1p-8f && ratio <= 0x1p7f)) /* XNNPACK's range */
        return refuse(m, concat, "reads bytes that a QUANTIZE scales by %g", (double)ratio);
    return true;
}

static mseg_status note_concat(const mseg_matcher *m, const mseg_node *concat, bool *fits)
{
    for (int i = 0; i < concat->n_inputs && *fits; i++) {
        const mseg_node *layer;
        mseg_joining joining = MSEG_JOINS_AS_IT_IS;
        *fits = join(m, concat, i, &layer, &joining);
        mseg_layer_quant *quant = *fits ? quant_of(m->weights, layer->layer) : NULL;
        if (*fits && !quant)
            return mseg_fail(m->err, MSEG_NOMEM, NULL);
        if (quant) {
            quant->joined = concat->quant;
            quant->joining = joining;
        }
    }
    return MSEG_OK;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */

static mseg_status note_layer(const mseg_matcher *m, const mseg_node *node)
{
    mseg_layer_quant *quant = *node->layer && node->quant.scale > 0 ? quant_of(m->weights, node->layer) : NULL;
    if (*node->layer && node->quant.scale > 0 && !quant)
        return mseg_fail(m->err, MSEG_NOMEM, NULL);
    if (quant && node->kind == MSEG_NODE_ADD) {
        quant->sum = node->quant;
    } else if (quant) {
        quant->quant = node->quant;
        quant->bounds = node->bounds;
        quant->mean = node->mean;
    }
    return MSEG_OK;
}

/* Whether any of the nodes up to last holds bytes, or at least weights in bytes. */
static bool any_bytes(const mseg_matcher *m, int last)
{
    bool weights = false;
    for (int i = 1; i <= last; i++) {
        const mseg_node *node = &m->graph->nodes[i];
        if (node->quant.scale > 0)
            return true;
        weights = weights || node->weight.n_scales > 0;
    }
    if (weights)
        snprintf(m->weights->no_integers, sizeof m->weights->no_integers, "only the file's weights are quantised");
    return false;
}

mseg_status mseg_match_quants(mseg_matcher *m)
{
    const int last = (int)(m->current - m->graph->nodes);
    mseg_node *picture = m->graph->nodes;
    mseg_status status = MSEG_OK;
    *m->weights->no_integers = '\0';
    m->weights->integers = false;
    if (!any_bytes(m, last))
        return MSEG_OK;
    const mseg_node_read *stem = &m->graph->nodes[1].reads[0];
    bool fits = !*picture->apart || refuse(m, picture, "%s", picture->apart);
    for (int i = 1; i <= last && !status; i++) {
        const mseg_node *node = &m->graph->nodes[i];
        fits = fits && node_fits(m, node);
        status = note_layer(m, node);
        if (!status && fits && node->kind == MSEG_NODE_CONCAT)
            status = note_concat(m, node, &fits);
    }
    for (int i = last + 1; i < m->graph->count && fits; i++)
        fits = m->graph->nodes[i].kind != MSEG_NODE_RESIZE || resize_fits(m, &m->graph->nodes[i]);
    if (!stem->quantized)
        m->weights->input.quant = stem->quant;
    m->weights->integers = fits;
    return status;
}
