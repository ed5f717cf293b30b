#include <string.h>

#include "base/alloc.h"
#include "plan/stage.h"

/* Reports are about the net as it was given, a block in one line; steps run what it was rewritten to. Layers keep their names. */

static const mseg_net *given(const mseg_plan *plan)
{
    return &plan->net->net;
}

/* The layer that is run under that name, or that another one has taken in. Every layer is one of them. */
static int run_layer(const mseg_net *run, const char *name)
{
    for (int i = 0; i < run->count; i++)
        if (!strcmp(run->layers[i].name, name) || !strcmp(run->layers[i].through, name))
            return i;
    return 0;
}

/* The line that begins with layer first. */
static mseg_report_line line_from(const mseg_packed_net *packed, int first)
{
    const mseg_net_layer *layers = packed->net.layers;
    mseg_report_line line = {.first = first, .end = first + 1};
    while (*layers[first].block && line.end < packed->net.count && !strcmp(layers[line.end].block, layers[first].block))
        line.end++;
    int layer = first;
    for (int i = first; i < line.end; i++)
        if (layers[i].kind == MSEG_DEPTHWISE)
            layer = i;
    line.run = run_layer(&packed->run, layers[layer].name);
    return line;
}

mseg_status mseg_packed_net_line_up(mseg_packed_net *packed)
{
    packed->lines = mseg_alloc_array((size_t)packed->net.count, sizeof *packed->lines);
    packed->line_of = mseg_alloc_array((size_t)packed->run.count, sizeof *packed->line_of);
    if (!packed->lines || !packed->line_of)
        return MSEG_NOMEM;
    for (int first = 0; first < packed->net.count; first = packed->lines[packed->n_lines++].end) {
        const mseg_report_line line = packed->lines[packed->n_lines] = line_from(packed, first);
        for (int i = line.first; i < line.end; i++) {
            const mseg_value run = mseg_net_find(&packed->run, packed->net.layers[i].name);
            if (run >= 0)
                packed->line_of[run] = packed->n_lines;
        }
    }
    return MSEG_OK;
}

int mseg_plan_layers(const mseg_plan *plan)
{
    return plan->net->n_lines;
}

/* ---- steps ---- */

static int step_of_line(const mseg_plan *plan, int line)
{
    return plan->layer_step[plan->net->lines[line].run];
}

/* The step of the line that a step works for. */
static int step_served(const mseg_plan *plan, const mseg_step *step)
{
    return step_of_line(plan, plan->net->line_of[step->layer]);
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
                                        [MSEG_MAX_POOL] = "max pool",
                                        [MSEG_JOIN] = "resize and join"};
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
    const mseg_value map = mseg_layer_map(net, from);
    const struct mseg_size *out = &plan->given_sizes[end - 1], *in = map < 0 ? out : &plan->given_sizes[map];
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
    const mseg_report_line *of = &plan->net->lines[index];
    mseg_plan_layer line = describe(plan, of->first, of->end);
    line.step = step_of_line(plan, index);
    for (int i = 0; i < plan->n_steps; i++) {
        if (step_served(plan, &plan->steps[i]) != line.step)
            continue;
        const size_t alive = alive_bytes(plan, i);
        line.ms += plan->steps[i].ms;
        line.peak_bytes = alive > line.peak_bytes ? alive : line.peak_bytes;
    }
    return line;
}
