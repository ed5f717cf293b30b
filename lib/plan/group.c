#include "plan/group.h"

#include "base/alloc.h"

/* Whether a layer that reads value wants its pixels in whole vectors. */
static bool wants_vectors(const mseg_net *net, const mseg_net_layer *layer, mseg_value value)
{
    int maps = 0;
    for (int i = 0; i < layer->n_in; i++)
        maps += !net->layers[layer->in[i]].vector;
    /* a convolution of several maps reads all by one step */
    return mseg_layer_reads(layer, value) && (layer->kind == MSEG_DEPTHWISE || (layer->kind == MSEG_CONV && maps > 1));
}

size_t mseg_value_bytes(const mseg_packed_net *net, mseg_value value)
{
    const mseg_net *run = &net->run;
    bool aligned = run->layers[value].kind == MSEG_DEPTHWISE;
    for (int i = value + 1; i < run->count; i++)
        aligned = aligned || wants_vectors(run, &run->layers[i], value);
    const size_t channels = (size_t)run->layers[value].channels;
    if (net->integers) /* convolutions read four inputs at a time */
        return aligned ? mseg_round_up(channels, (size_t)net->kernels->u8.dwconv.vec)
               : mseg_net_readers(run, value) > mseg_net_is_output(run, value) ? mseg_round_up(channels, 4)
                                                                               : channels;
    return (aligned ? mseg_round_up(channels, (size_t)net->kernels->dwconv_vec) : channels) * sizeof(float);
}

int mseg_value_pad(const mseg_packed_net *net, mseg_value value)
{
    int pad = 0;
    for (int i = value + 1; i < net->run.count; i++) {
        const mseg_net_layer *layer = &net->run.layers[i];
        if (layer->kind == MSEG_DEPTHWISE && layer->in[0] == value && layer->rate > pad)
            pad = layer->rate;
    }
    return pad;
}

uint8_t mseg_value_fill(const mseg_packed_net *net, mseg_value value)
{
    return net->integers ? (uint8_t)mseg_u8_value(&net->run, value).zero : 0;
}

int mseg_group_expanded(const mseg_net *net, const mseg_group *group)
{
    return group->depthwise < 0 ? 0 : net->layers[group->depthwise].channels;
}

/* ---- blocks ---- */

static bool is_pointwise(const mseg_net *net, int index)
{
    const mseg_net_layer *layer = &net->layers[index];
    return index < net->count && layer->kind == MSEG_CONV && layer->kernel == 1 && layer->stride == 1 && layer->n_in == 1 &&
           layer->in[0] != 0 && !layer->vector;
}

static int pools_of(const mseg_net *net, mseg_value value)
{
    int pools = 0;
    for (int i = value + 1; i < net->count; i++)
        pools += net->layers[i].kind == MSEG_GLOBAL_POOL && net->layers[i].in[0] == value;
    return pools;
}

static bool expands(const mseg_net *net, int index)
{
    return is_pointwise(net, index) && net->layers[index].add < 0 && index + 1 < net->count &&
           net->layers[index + 1].kind == MSEG_DEPTHWISE && net->layers[index + 1].in[0] == index &&
           mseg_net_readers(net, index) == 1;
}

static mseg_group group_at(const mseg_packed_net *packed, int index)
{
    const mseg_net *net = &packed->run;
    mseg_group g = {.first = index, .n = 1, .expand = -1, .depthwise = -1, .pointwise = -1, .classes = 1};
    if (packed->unfused) {
        g.depthwise = net->layers[index].kind == MSEG_DEPTHWISE ? index : -1;
        return g;
    }
    int at = index;
    if (expands(net, at))
        g.expand = at++;
    if (net->layers[at].kind != MSEG_DEPTHWISE)
        return g;
    g.depthwise = at;
    const int pools = pools_of(net, at);
    if (is_pointwise(net, at + 1) && net->layers[at + 1].in[0] == at && net->layers[at + 1].add != at &&
        mseg_net_readers(net, at) == pools + 1 && !(pools && packed->integers)) {
        g.pointwise = ++at;
        g.pooled = pools > 0;
    }
    g.n = at - index + 1;
    return g;
}

/* ---- how a block's work is divided ---- */

/* Whole panels of the expansion. Every further slice reads and writes the output once more, which was measured to
 * cost more than streaming weights from the last-level cache does, from 9 pixels a row on: so slices are for working sets beyond
 * what a core has of that, taken as CACHES second-level caches. */
static int slice_of(const mseg_packed_net *net, const mseg_group *g, const struct mseg_size *sizes, const mseg_cpu *cpu)
{
    enum { CACHES = 8 };
    const int expanded = mseg_group_expanded(&net->run, g);
    if (g->expand < 0 || g->pointwise < 0 || net->integers) /* bytes are too small for parts of sums, and their rings are small */
        return expanded;
    const mseg_net_layer *expand = &net->run.layers[g->expand], *depthwise = &net->run.layers[g->depthwise];
    const struct mseg_size *in = &sizes[expand->in[0]], *out = &sizes[g->pointwise];
    size_t rings = (size_t)(depthwise->stride * (MSEG_BLOCK_ROWS - 1) + 3) * (size_t)(in->width + 2 * depthwise->rate) +
                   (size_t)(MSEG_BLOCK_ROWS * out->width);
    size_t bytes = ((size_t)expand->in_channels + (size_t)net->run.layers[g->pointwise].channels + 9 + rings) * sizeof(float);
    size_t budget = cpu->l2_bytes * CACHES;
    int slices = (int)(((size_t)expanded * bytes + budget - 1) / budget);
    int slice = (int)mseg_round_up((size_t)((expanded + slices - 1) / slices), (size_t)net->kernels->gemm.nr);
    return slice < expanded ? slice : expanded;
}

static void divide(const mseg_packed_net *net, mseg_group *g, const struct mseg_size *sizes, const mseg_cpu *cpu)
{
    const mseg_net_layer *depthwise = &net->run.layers[g->depthwise];
    if (depthwise->stride == 1 && depthwise->rate <= sizes[depthwise->in[0]].height)
        g->classes = depthwise->rate;
    g->slice = slice_of(net, g, sizes, cpu);
}

/* Stages of a group, without sums for pairs. */
static int stages_of(const mseg_net *net, const mseg_group *g)
{
    if (g->depthwise < 0)
        return net->layers[g->first].kind == MSEG_CONV && net->layers[g->first].in[0] == 0 ? 2 : 1;
    return g->n + g->pooled;
}

int mseg_group_stages(const mseg_net *net, const mseg_group *g)
{
    return stages_of(net, g) + (g->expand >= 0) + 1; /* sums for pairs */
}

int mseg_group_passes(const mseg_net *net, const mseg_group *g)
{
    const int expanded = mseg_group_expanded(net, g);
    return g->depthwise < 0 ? 1 : g->classes * ((expanded + g->slice - 1) / g->slice);
}

/* Whether a group reads the map of the one before row by row: a block that adds nothing, a join, a 1x1 convolution of a block. */
static bool can_stream(const mseg_net *net, const mseg_group *before, const mseg_group *g)
{
    const mseg_net_layer *first = &net->layers[g->first];
    if (mseg_layer_map(net, first) != before->first + before->n - 1)
        return false;
    if (g->depthwise >= 0)
        return g->pointwise < 0 || net->layers[g->pointwise].add < 0;
    return first->kind == MSEG_JOIN || (before->depthwise >= 0 && is_pointwise(net, g->first) && first->add < 0);
}

/* Whether a group may stream from the group before, whose step has stages in one pass: nobody else wants the map between them,
 * and it is too large to keep in the cache. Not from one that averages its rows: those on the border of two threads would be
 * written by both. */
static bool may_stream(const mseg_packed_net *net, const mseg_group *before, const mseg_group *g, int stages,
                       const struct mseg_size *sizes, const mseg_cpu *cpu)
{
    enum { MOST = 12 }; /* and sums for pairs, one a convolution: MSEG_MAX_STAGES */
    const mseg_value map = before->first + before->n - 1;
    if (net->unfused || before->pooled || !can_stream(&net->run, before, g) || mseg_net_readers(&net->run, map) != 1 ||
        stages + 4 > MOST)
        return false;
    size_t bytes = (size_t)sizes[map].width * (size_t)sizes[map].height * mseg_value_bytes(net, map);
    return bytes > (net->integers ? cpu->l2_bytes / 2 : 2 * cpu->l2_bytes);
}

int mseg_group_layers(mseg_group *groups, const mseg_packed_net *net, const struct mseg_size *sizes, const mseg_cpu *cpu)
{
    int n = 0, stages = 0;
    bool one_pass = false;
    for (int i = 1; i < net->run.count; i += groups[n++].n) { /* the picture is read by the first convolution's own pass */
        mseg_group *g = &groups[n];
        *g = group_at(net, i);
        g->slice = mseg_group_expanded(&net->run, g);
        g->streams = one_pass && may_stream(net, g - 1, g, stages, sizes, cpu);
        if (!g->streams && g->depthwise >= 0)
            divide(net, g, sizes, cpu);
        stages = (g->streams ? stages : 0) + stages_of(&net->run, g);
        one_pass = g->classes == 1 && g->slice == mseg_group_expanded(&net->run, g) &&
                   net->run.layers[g->first].kind != MSEG_GLOBAL_POOL;
    }
    return n;
}
