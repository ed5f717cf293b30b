#include "paper/counts.h"

#include <string.h>

#include "cli/model.h"

/* Counts of arXiv 1801.04381's tables (docs/paper-tables.md has the arithmetic). */

static int64_t pixels(const mseg_layer *l)
{
    return (int64_t)l->out_width * l->out_height;
}

/* An inverted residual whose input is as wide as its depthwise convolution has no expansion. */
static bool expands(const mseg_layer *l)
{
    return l->expanded_channels && l->expanded_channels != l->in_channels;
}

/* Channels that batch norm follows: all but the classifier's. Folded they have one parameter each, unfolded two. */
static int64_t normalised_channels(const mseg_layer *l)
{
    if (!l->params || !strcmp(l->name, "head.classifier"))
        return 0;
    return l->out_channels + l->expanded_channels + (expands(l) ? l->expanded_channels : 0);
}

static int tensorflow_rate(const mseg_layer *l, bool multi_grid)
{
    if (multi_grid && !strcmp(l->name, "backbone.unit31.conv"))
        return 2 * l->rate;
    if (multi_grid && !strcmp(l->name, "backbone.unit32.conv"))
        return 4 * l->rate;
    return l->rate;
}

static int64_t tensorflow_madds(const mseg_layer *l, bool multi_grid)
{
    const int rate = tensorflow_rate(l, multi_grid);
    if (rate == 1)
        return l->madds;
    const int64_t padded = (int64_t)((l->out_width + rate - 1) / rate * rate) * ((l->out_height + rate - 1) / rate * rate);
    const int64_t atrous = l->expanded_channels ? 9 * (int64_t)l->expanded_channels : l->madds / pixels(l);
    return l->madds + atrous * (padded - pixels(l));
}

/* ---- memory ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t tensor_bytes(int64_t width, int64_t height, int64_t channels)
{
    return width * height * channels * (int64_t)sizeof(float);
}

/* Whether this is the last layer of those that run as one, whose output is a whole tensor; the picture is not counted. */
static bool materialised(const mseg_session *session, int index, int layers)
{
    return index &&
           (index + 1 == layers || mseg_session_layer(session, index + 1).group != mseg_session_layer(session, index).group);
}

static void measure_fused(cli_paper_counts *c, const mseg_session *session, const mseg_plan_info *plan)
{
    c->memory = larger(c->memory, (int64_t)plan->arena_bytes);
    for (int i = 0; i < plan->layers; i++) {
        const mseg_layer l = mseg_session_layer(session, i);
        if (materialised(session, i, plan->layers))
            c->largest = larger(c->largest, tensor_bytes(l.out_width, l.out_height, l.out_channels));
    }
}

static void measure_unfused(cli_paper_counts *c, const mseg_session *session, const mseg_plan_info *plan)
{
    c->memory_expanded = (int64_t)plan->arena_bytes;
    for (int i = 1; i < plan->layers; i++) {
        const mseg_layer l = mseg_session_layer(session, i);
        const int channels = l.expanded_channels > l.out_channels ? l.expanded_channels : l.out_channels;
        c->largest_expanded = larger(c->largest_expanded, tensor_bytes(l.out_width, l.out_height, channels));
        if (expands(&l))
            c->largest_expanded = larger(c->largest_expanded, tensor_bytes(l.in_width, l.in_height, l.expanded_channels));
    }
}

/* Table 3's: the widest output at each resolution. */
static void map_layer(cli_paper_counts *c, const mseg_layer *l)
{
    for (int i = 0; i < CLI_PAPER_MAPS; i++)
        if (c->maps[i].side == l->out_width && l->out_channels > c->maps[i].channels && strcmp(l->name, "head.classifier"))
            c->maps[i].channels = l->out_channels;
}

/* ---- plans ---- */

typedef struct counting {
    mseg_model *model;
    mseg_session *session;
} counting;

static mseg_status open_session(counting *n, const cli_paper_system *system, const char *cpu, bool unfused, mseg_error *err)
{
    mseg_model_options options;
    cli_model_options(&options);
    options.output_stride = system->output_stride;
    options.unfused = unfused;
    options.cpu = cpu ? cpu : options.cpu;
    mseg_status status = mseg_model_open_random(&n->model, system->architecture, &options, err);
    return status ? status : mseg_session_open(&n->session, n->model, NULL, err);
}

static void close_session(counting *n)
{
    mseg_session_close(&n->session);
    mseg_model_close(&n->model);
}

static mseg_status count_scale(cli_paper_counts *c, counting *n, const cli_paper_system *system, int side, int times,
                               mseg_error *err)
{
    mseg_plan_info plan;
    mseg_status status = mseg_session_plan(n->session, side, side, &plan, err);
    if (status)
        return status;
    c->params = c->params_bn = plan.params;
    for (int i = 0; i < plan.layers; i++) {
        const mseg_layer l = mseg_session_layer(n->session, i);
        c->params_bn += normalised_channels(&l);
        c->madds += times * l.madds;
        c->madds_tensorflow += times * tensorflow_madds(&l, system->multi_grid);
        map_layer(c, &l);
    }
    measure_fused(c, n->session, &plan);
    return MSEG_OK;
}

mseg_status cli_paper_count(cli_paper_counts *c, const cli_paper_system *system, const char *cpu, mseg_error *err)
{
    static const double scales[] = {0.5, 0.75, 1, 1.25, 1.5, 1.75};
    static const int sides[CLI_PAPER_MAPS] = {112, 56, 28, 14, 7, 1};
    mseg_plan_info plan;
    counting n = {0};
    int side = system->side;
    *c = (cli_paper_counts){0};
    for (int i = 0; i < CLI_PAPER_MAPS; i++)
        c->maps[i].side = sides[i];
    mseg_status status = open_session(&n, system, cpu, false, err);
    if (!status && !system->mf)
        status = count_scale(c, &n, system, side, 1, err);
    for (size_t i = 0; i < sizeof scales / sizeof *scales && system->mf && !status; i++) {
        side = (int)((system->side - 1) * scales[i] + 1);
        status = count_scale(c, &n, system, side, 2, err);
    }
    close_session(&n);
    if (!status)
        status = open_session(&n, system, cpu, true, err);
    if (!status)
        status = mseg_session_plan(n.session, side, side, &plan, err);
    if (!status)
        measure_unfused(c, n.session, &plan);
    close_session(&n);
    return status;
}
