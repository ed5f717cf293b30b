#include <string.h>

#include "plan/stage.h"

/* Reports are about the net as it was given, a block in one line; steps run what it was rewritten to. Layers keep their names. */

static const mseg_net *given(const mseg_plan *plan)
{
    return &plan->net->net;
}

/* Whether layer i is the first of a line. */
static bool begins_line(const mseg_net *net, int i)
{
    return i == 0 || !*net->layers[i].block || strcmp(net->layers[i].block, net->layers[i - 1].block);
}

static int line_end(const mseg_net *net, int first)
{
    int end = first + 1;
    while (end < net->count && !begins_line(net, end))
        end++;
    return end;
}

/* First layer of the index-th line. */
static int line_at(const mseg_net *net, int index)
{
    int i = 0;
    while (index-- > 0)
        i = line_end(net, i);
    return i;
}

int mseg_plan_layers(const mseg_plan *plan)
{
    int lines = 0;
    for (int i = 0; i < given(plan)->count; i++)
        lines += begins_line(given(plan), i);
    return lines;
}

/* ---- steps ---- */

/* The layer that is run under that name, or that another one has taken in; -1: none. */
static int run_layer(const mseg_plan *plan, const char *name)
{
    const mseg_net *run = &plan->net->run;
    for (int i = 0; i < run->count; i++)
        if (!strcmp(run->layers[i].name, name) || !strcmp(run->layers[i].through, name))
            return i;
    return -1;
}

/* The step of a line: that of its depthwise convolution, or of its only layer. */
static int step_of_line(const mseg_plan *plan, int first)
{
    const mseg_net *net = given(plan);
    int layer = first;
    for (int i = first; i < line_end(net, first); i++)
        if (net->layers[i].kind == MSEG_DEPTHWISE)
            layer = i;
    const int run = run_layer(plan, net->layers[layer].name);
    return run < 0 ? 0 : plan->layer_step[run];
}

/* The step of the line that a step works for. */
static int step_served(const mseg_plan *plan, const mseg_step *step)
{
    const mseg_net *net = given(plan);
    for (int first = 0; first < net->count; first = line_end(net, first))
        for (int i = first; i < line_end(net, first); i++)
            if (!strcmp(net->layers[i].name, plan->net->run.layers[step->layer].name))
                return step_of_line(plan, first);
    return 0;
}

size_t mseg_plan_arena_bytes(const mseg_plan *plan)
{
    return plan->arena_bytes;
}

static size_t alive_bytes(const mseg_plan *plan, int step)
{
    size_t bytes = 0;
    for (int i = 0; i < plan->n_areas; i++)
        if (plan->areas[i].first <= step && step <= plan->areas[i].last)
            bytes += plan->areas[i].bytes;
    return bytes;
}

/* ---- counts ---- */

static int64_t madds_of(const mseg_net_layer *layer, const struct mseg_size *out)
{
    const int64_t taps = (int64_t)layer->kernel * layer->kernel, pixels = (int64_t)out->width * out->height;
    switch (layer->kind) {
    case MSEG_CONV:
        return pixels * taps * layer->in_channels * layer->channels;
    case MSEG_DEPTHWISE:
        return pixels * taps * layer->channels;
    default:
        return 0;
    }
}

static const char *kind_of(const mseg_net_layer *layer)
{
    static const char *const names[] = {[MSEG_INPUT] = "input",
                                        [MSEG_CONV] = "conv",
                                        [MSEG_DEPTHWISE] = "depthwise conv",
                                        [MSEG_GLOBAL_POOL] = "global average pool",
                                        [MSEG_MAX_POOL] = "max pool"};
    return *layer->block ? "inverted residual" : names[layer->kind];
}

/* What a line is described by: a block's depthwise convolution, or the only layer. */
static const mseg_net_layer *window_of(const mseg_net *net, int first, int end)
{
    for (int i = first; i < end; i++)
        if (net->layers[i].kind == MSEG_DEPTHWISE)
            return &net->layers[i];
    return &net->layers[first];
}

static mseg_plan_layer describe(const mseg_plan *plan, int first, int end)
{
    const mseg_net *net = given(plan);
    const mseg_net_layer *from = &net->layers[first], *to = &net->layers[end - 1], *window = window_of(net, first, end);
    const struct mseg_size *out = &plan->given_sizes[end - 1], *in = from->n_in ? NULL : out;
    for (int i = 0; i < from->n_in; i++)
        if (!in || !net->layers[from->in[i]].vector)
            in = &plan->given_sizes[from->in[i]];
    mseg_plan_layer line = {
        .name = *from->block ? from->block : from->name,
        .kind = kind_of(from),
        .in_width = in->width,
        .in_height = in->height,
        .in_channels = from->in_channels,
        .out_width = out->width,
        .out_height = out->height,
        .out_channels = to->channels,
        .expanded_channels = *from->block ? window->channels : 0,
        .kernel = window->kernel,
        .stride = window->stride,
        .rate = window->rate,
    };
    for (int i = first; i < end; i++) {
        line.madds += madds_of(&net->layers[i], &plan->given_sizes[i]);
        line.params += mseg_layer_params(&net->layers[i]);
    }
    return line;
}

mseg_plan_layer mseg_plan_layer_at(const mseg_plan *plan, int index)
{
    const int first = line_at(given(plan), index);
    mseg_plan_layer line = describe(plan, first, line_end(given(plan), first));
    line.step = step_of_line(plan, first);
    for (int i = 0; i < plan->n_steps; i++) {
        if (step_served(plan, &plan->steps[i]) != line.step)
            continue;
        const size_t alive = alive_bytes(plan, i);
        line.ms += plan->steps[i].ms;
        line.peak_bytes = alive > line.peak_bytes ? alive : line.peak_bytes;
    }
    return line;
}
