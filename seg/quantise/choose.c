#include "seg/quantise/choose.h"

#include <math.h>

#include "base/alloc.h"

mseg_quant mseg_held(const mseg_net *net, mseg_value value)
{
    const mseg_net_layer *layer = &net->layers[value];
    return value == 0 ? net->input.quant : layer->add >= 0 ? layer->sum : layer->quant;
}

static void hold(mseg_net *net, mseg_value value, mseg_quant quant)
{
    mseg_net_layer *layer = &net->layers[value];
    *(layer->add >= 0 ? &layer->sum : &layer->quant) = quant;
}

/* ---- maps that are held alike ------------------------------------------------------------------------------------------- */

/* Whether the bytes of what it reads and makes must be the same. */
static bool concatenates(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_JOIN || layer->n_in > 1;
}

static void unite(int *group, int count, int a, int b)
{
    const int from = group[a], to = group[b];
    for (int i = 0; i < count; i++)
        if (group[i] == from)
            group[i] = to;
}

/* The number of each value's group. */
static void find_groups(const mseg_net *net, int *group)
{
    for (int i = 0; i < net->count; i++)
        group[i] = i;
    for (int i = 0; i < net->count; i++) {
        const mseg_net_layer *layer = &net->layers[i];
        for (int k = 0; k < layer->n_in && concatenates(layer); k++)
            unite(group, net->count, layer->in[k], layer->kind == MSEG_JOIN ? i : layer->in[0]);
    }
}

mseg_status mseg_choose_coarser(mseg_net *net, mseg_value value, float least)
{
    mseg_net_layer *layer = &net->layers[value];
    if (!(layer->quant.scale < least))
        return MSEG_OK;
    layer->quant.scale = least;
    int *group = layer->add < 0 ? mseg_alloc_array((size_t)net->count, sizeof *group) : NULL;
    if (!group)
        return layer->add < 0 ? MSEG_NOMEM : MSEG_OK;
    find_groups(net, group);
    for (int i = 1; i < net->count; i++)
        if (group[i] == group[value])
            hold(net, i, layer->quant);
    mseg_free(&group);
    return MSEG_OK;
}

/* ---- choosing ----------------------------------------------------------------------------------------------------------- */

static mseg_status check(const mseg_net *net, mseg_error *err)
{
    for (int i = 0; i < net->count; i++) {
        const mseg_net_layer *layer = &net->layers[i];
        if (layer->kind == MSEG_MAX_POOL)
            return mseg_fail(err, MSEG_UNSUPPORTED, "%s is a max pool, which mseg does not run in 8 bits", layer->name);
        if (layer->add >= 0 && layer->activation != MSEG_LINEAR)
            return mseg_fail(err, MSEG_UNSUPPORTED, "%s: a sum with an activation, which mseg does not run in 8 bits",
                             layer->name);
    }
    return MSEG_OK;
}

/* Whether a map has no numbers below 0. */
static bool from_zero(const mseg_net *net, mseg_value value)
{
    const mseg_net_layer *layer = &net->layers[value];
    bool result = layer->activation != MSEG_LINEAR;
    if (layer->kind == MSEG_GLOBAL_POOL)
        result = from_zero(net, layer->in[0]);
    for (int i = 0; i < layer->n_in && layer->kind == MSEG_JOIN; i++)
        result = (result || i == 0) && from_zero(net, layer->in[i]);
    return result;
}

/* What choosing works with. */
typedef struct chooser {
    mseg_net *net;
    const mseg_map_stats *stats;
    double *const *factors;
    int *group;             /* [net->count] */
    mseg_range_part *parts; /* as many as channels */
} chooser;

static size_t add_parts(const chooser *c, size_t n, mseg_value value, const mseg_histogram *histograms)
{
    for (int i = 0; i < c->net->layers[value].channels; i++)
        if (histograms[i].others)
            c->parts[n++] = (mseg_range_part){&histograms[i], c->factors[value][i], 1};
    return n;
}

/* The bytes of a group. Each channel counts the same. */
static mseg_quant quant_of_group(const chooser *c, int number)
{
    mseg_range_rule rule = {.from_zero = true};
    size_t n = 0;
    for (int i = 1; i < c->net->count; i++) {
        if (c->group[i] != number || c->net->layers[i].kind == MSEG_JOIN)
            continue;
        if (c->stats[i].top)
            c->parts[n++] = (mseg_range_part){c->stats[i].top, 1, 1};
        else
            n = add_parts(c, n, i, c->stats[i].made);
        rule.from_zero = rule.from_zero && from_zero(c->net, i);
        rule.most = c->net->layers[i].activation == MSEG_RELU6 ? 6 : 0; /* which readers of several inputs have not */
        rule.whole_top = rule.whole_top || c->stats[i].top;
    }
    return mseg_range_choose(c->parts, n, rule);
}

/* What an activation leaves of bytes. */
static void bound(mseg_net_layer *layer)
{
    const float six = fminf(rintf(6 / layer->quant.scale + (float)layer->quant.zero), 255);
    layer->bounds = (mseg_quant_bounds){0};
    if (layer->activation != MSEG_LINEAR)
        layer->bounds = (mseg_quant_bounds){(uint8_t)layer->quant.zero, layer->activation == MSEG_RELU6 ? (uint8_t)six : 255};
}

/* A sum's addend must not be a thousand times finer than it, which XNNPACK does not add. */
static void hold_addend(const chooser *c, mseg_value value)
{
    mseg_net_layer *layer = &c->net->layers[value];
    const size_t n = add_parts(c, 0, value, c->stats[value].before);
    layer->quant = mseg_range_choose(c->parts, n, (mseg_range_rule){0});
    layer->quant.scale = fmaxf(layer->quant.scale, layer->sum.scale * 0x1p-9f);
    layer->sum.scale = fmaxf(layer->sum.scale, layer->quant.scale * 0x1p-7f);
}

static void choose(const chooser *c)
{
    find_groups(c->net, c->group);
    for (int i = 1; i < c->net->count; i++) {
        mseg_net_layer *layer = &c->net->layers[i];
        layer->quant = layer->sum = layer->joined = (mseg_quant){0};
        layer->joining = MSEG_JOINS_AS_IT_IS;
        layer->mean = layer->kind == MSEG_GLOBAL_POOL;
        hold(c->net, i, quant_of_group(c, c->group[i]));
        if (layer->add >= 0)
            hold_addend(c, i);
        bound(layer);
    }
}

mseg_status mseg_choose_quants(mseg_net *net, const mseg_map_stats *stats, double *const *factors, mseg_error *err)
{
    chooser c = {net, stats, factors, NULL, NULL};
    size_t channels = 0;
    mseg_status status = check(net, err);
    for (int i = 0; i < net->count; i++)
        channels += (size_t)net->layers[i].channels;
    if (status)
        return status;
    c.group = mseg_alloc_array((size_t)net->count, sizeof *c.group);
    c.parts = mseg_alloc_array(channels, sizeof *c.parts);
    if (c.group && c.parts)
        choose(&c);
    else
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_free(&c.group);
    mseg_free(&c.parts);
    return status;
}
