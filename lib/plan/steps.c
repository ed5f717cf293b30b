#include "plan/stages/makers.h"

/* From groups to steps and passes: slices of channels, classes of rows, chains of groups. */

static const mseg_net_layer *layer_at(const mseg_emitter *e, int index)
{
    return &e->net->run.layers[index];
}

/* Every step-th row of a map, from row first on. */
static mseg_rows every(mseg_rows rows, int first, int step)
{
    rows.origin += (size_t)first * rows.row;
    rows.row *= (size_t)step;
    rows.height = rows.slots = (rows.height - first + step - 1) / step;
    return rows;
}

/* Whether a value exists only as a ring in the block that makes it. */
static bool is_ring(const mseg_emitter *e, mseg_value value)
{
    for (int i = 0; i < e->n_groups; i++)
        if (e->groups[i].depthwise == value && e->groups[i].pointwise >= 0)
            return true;
    return false;
}

static void emit_average(mseg_emitter *e, int index)
{
    const mseg_net_layer *layer = layer_at(e, index);
    const mseg_value in = layer->in[0];
    mseg_step *step = mseg_emit_step(e, index, 0);
    step->units = layer->channels;
    step->in = is_ring(e, in) ? mseg_emit_row_means(e, step, in) : mseg_emit_value(e, step, in);
    step->out = mseg_emit_value(e, step, index);
    e->makers->average(e, step, index);
}

/* ---- blocks ---- */

static mseg_block_rows every_of(const mseg_block_rows *rows, int first, int step)
{
    return (mseg_block_rows){every(rows->in, first, step), every(rows->out, first, step), every(rows->add, first, step),
                             every(rows->means, first, step)};
}

static mseg_block_rows rows_of(mseg_emitter *e, const mseg_step *step, const mseg_group *g, const mseg_rows *in,
                               const mseg_rows *out)
{
    const mseg_value add = g->pointwise >= 0 ? layer_at(e, g->pointwise)->add : -1;
    mseg_block_rows rows = {.in = *in, .out = *out};
    if (add >= 0)
        rows.add = mseg_emit_value(e, step, add);
    if (g->pooled)
        rows.means = mseg_emit_row_means(e, step, g->depthwise);
    return rows;
}

/* All slices and row classes of a block as passes of one step. */
static void emit_passes(mseg_emitter *e, mseg_step *step, const mseg_group *g, const mseg_rows *in, const mseg_rows *out)
{
    const int expanded = mseg_group_expanded(&e->net->run, g);
    const mseg_block_rows rows = rows_of(e, step, g, in, out);
    mseg_emit_zeros(step, e->makers->zeros(e, layer_at(e, g->depthwise), in->width, g->slice));
    const size_t base = step->scratch_bytes; /* behind the zeros, passes take turns in the same scratch */
    size_t largest = base;
    for (int first = 0; first < expanded; first += g->slice) {
        const mseg_slice s = {first, expanded - first < g->slice ? expanded - first : g->slice};
        for (int c = 0, unit = 0; c < g->classes; c++) {
            const mseg_block_rows class = every_of(&rows, c, g->classes);
            step->scratch_bytes = base;
            mseg_emit_block(e, step, mseg_emit_pass(e, step, unit, class.out.height), g, s, &class, g->classes > 1);
            unit += class.out.height;
            largest = step->scratch_bytes > largest ? step->scratch_bytes : largest;
        }
    }
    step->scratch_bytes = largest;
}

/* ---- chains and steps ---- */

static mseg_value output_of(const mseg_group *g)
{
    return g->first + g->n - 1;
}

/* The ring through which a group's output streams to the one behind it. */
static mseg_rows ring_between(mseg_emitter *e, mseg_step *step, const mseg_group *g, const mseg_group *reader)
{
    const mseg_value map = output_of(g);
    const struct mseg_size *size = &e->sizes[map];
    const mseg_window window = mseg_emit_window(layer_at(e, reader->first), size->width, size->height);
    const int slots = mseg_window_span(&window, MSEG_BLOCK_ROWS);
    mseg_rows ring =
        mseg_emit_ring(step, size->width, size->height, mseg_value_bytes(e->net, map), mseg_value_pad(e->net, map), slots);
    ring.fill = mseg_value_fill(e->net, map);
    return ring;
}

/* n groups as one pass, each streaming from the one before. */
static void emit_chain(mseg_emitter *e, mseg_step *step, const mseg_group *groups, int n, int bias_tensor)
{
    const mseg_value last = output_of(&groups[n - 1]);
    const mseg_net_layer *first = layer_at(e, groups[0].first);
    mseg_pass *pass = mseg_emit_pass(e, step, 0, e->sizes[last].height);
    mseg_rows in = {0};
    if (groups[0].depthwise >= 0)
        in = mseg_emit_value(e, step, first->in[0]);
    for (int i = 0; i < n; i++) {
        const mseg_rows out = i + 1 < n ? ring_between(e, step, &groups[i], &groups[i + 1]) : mseg_emit_value(e, step, last);
        if (groups[i].depthwise >= 0) {
            const mseg_block_rows rows = rows_of(e, step, &groups[i], &in, &out);
            mseg_emit_block(e, step, pass, &groups[i], (mseg_slice){0, groups[i].slice}, &rows, false);
        } else {
            mseg_emit_layer(e, step, pass, groups[i].first, bias_tensor, i ? &in : NULL, &out);
        }
        in = out;
    }
}

int mseg_emit_groups(mseg_emitter *e, const mseg_group *groups, int n)
{
    const mseg_group *g = &groups[0];
    int chained = 1, passes = mseg_group_passes(&e->net->run, g), bias_tensor = -1;
    while (chained < n && groups[chained].streams)
        chained++;
    if (layer_at(e, g->first)->kind == MSEG_GLOBAL_POOL) {
        emit_average(e, g->first);
    } else {
        if (e->net->layers[g->first].vector_in >= 0)
            bias_tensor = e->makers->vector(e, g->first);
        mseg_step *step = mseg_emit_step(e, g->first, passes);
        if (chained == 1 && g->depthwise >= 0) {
            const mseg_rows in = mseg_emit_value(e, step, layer_at(e, g->first)->in[0]);
            const mseg_rows out = mseg_emit_value(e, step, output_of(g));
            emit_passes(e, step, g, &in, &out);
        } else {
            emit_chain(e, step, groups, chained, bias_tensor);
        }
    }
    for (int i = g->first; i <= output_of(&groups[chained - 1]); i++)
        e->plan->layer_step[i] = e->plan->n_steps - 1;
    return chained;
}
