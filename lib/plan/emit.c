#include "plan/emit.h"

#include <string.h>

#include "base/alloc.h"

static const size_t line = MSEG_ALIGN;

/* What stages need, in a list. */
struct mseg_work {
    struct mseg_work *next;
    max_align_t data[];
};

mseg_step *mseg_emit_step(mseg_emitter *e, int layer, int passes)
{
    mseg_plan *plan = e->plan;
    mseg_step *step = &plan->steps[plan->n_steps];
    *step = (mseg_step){.run = mseg_step_passes, .layer = layer, .scratch = -1};
    step->passes = &plan->passes[plan->n_passes];
    plan->n_steps++;
    plan->n_passes += passes;
    return step;
}

mseg_pass *mseg_emit_pass(mseg_emitter *e, mseg_step *step, int first, int rows)
{
    mseg_pass *pass = &step->passes[step->n_passes++];
    *pass = (mseg_pass){.stages = &e->plan->stages[e->plan->n_stages], .first = first, .rows = rows};
    if (step->units < first + rows)
        step->units = first + rows;
    return pass;
}

const void *mseg_emit_work(mseg_emitter *e, const void *work, size_t bytes)
{
    struct mseg_work *kept = mseg_alloc(sizeof *kept + bytes);
    if (!kept) {
        e->status = MSEG_NOMEM;
        return NULL;
    }
    memcpy(kept->data, work, bytes);
    kept->next = e->plan->works;
    e->plan->works = kept;
    return kept->data;
}

void mseg_emit_stage(mseg_emitter *e, mseg_pass *pass, const mseg_stage *stage, const void *work, size_t bytes)
{
    const void *kept = mseg_emit_work(e, work, bytes);
    if (!kept)
        return;
    pass->stages[pass->n_stages] = *stage;
    pass->stages[pass->n_stages++].work = kept;
    e->plan->n_stages++;
}

void mseg_plan_free_works(mseg_plan *plan)
{
    while (plan->works) {
        struct mseg_work *next = plan->works->next;
        mseg_free(&plan->works);
        plan->works = next;
    }
}

static mseg_rows shape(int tensor, int width, int height, size_t pixel, int pad, int slots)
{
    size_t row = ((size_t)width + 2 * (size_t)pad) * pixel;
    return (mseg_rows){.tensor = tensor,
                       .origin = (size_t)pad * pixel,
                       .height = height,
                       .width = width,
                       .slots = slots,
                       .pad = pad,
                       .pixel = pixel,
                       .row = row};
}

/* ---- areas ---- */

static int index_of(const mseg_emitter *e, const mseg_step *step)
{
    return (int)(step - e->plan->steps);
}

static int new_area(mseg_emitter *e, const mseg_step *step, size_t bytes)
{
    mseg_plan *plan = e->plan;
    if (!mseg_grow(&plan->areas, &plan->areas_capacity, plan->n_areas + 1, sizeof *plan->areas)) {
        e->status = MSEG_NOMEM;
        return 0;
    }
    const int now = index_of(e, step);
    plan->areas[plan->n_areas] = (mseg_area){.bytes = mseg_round_up(bytes, line), .first = now, .last = now};
    return plan->n_areas++;
}

void mseg_emit_keep(mseg_emitter *e, const mseg_step *step, int tensor)
{
    if (!e->status)
        e->plan->areas[tensor].last = index_of(e, step);
}

mseg_rows mseg_emit_map(mseg_emitter *e, const mseg_step *step, int width, int height, size_t pixel, int pad)
{
    mseg_rows rows = shape(0, width, height, pixel, pad, height);
    rows.tensor = new_area(e, step, rows.row * (size_t)height);
    return rows;
}

/* A map that has a place of its own among the values' areas. */
static mseg_rows placed(mseg_emitter *e, const mseg_step *step, mseg_value value, int width, size_t pixel, int pad)
{
    int *area = &e->plan->value_area[value], height = e->sizes[value].height;
    mseg_rows rows = shape(*area, width, height, pixel, pad, height);
    if (*area < 0)
        *area = rows.tensor = new_area(e, step, rows.row * (size_t)height);
    else
        mseg_emit_keep(e, step, *area);
    return rows;
}

mseg_rows mseg_emit_value(mseg_emitter *e, const mseg_step *step, mseg_value value)
{
    mseg_rows rows =
        placed(e, step, value, e->sizes[value].width, mseg_value_bytes(e->net, value), mseg_value_pad(e->net, value));
    rows.fill = mseg_value_fill(e->net, value);
    return rows;
}

mseg_rows mseg_emit_row_means(mseg_emitter *e, const mseg_step *step, mseg_value value)
{
    return placed(e, step, value, 1, (size_t)e->net->run.layers[value].channels * sizeof(float), 0);
}

/* ---- scratch ---- */

size_t mseg_emit_room(mseg_step *step, size_t bytes)
{
    size_t at = step->scratch_bytes;
    step->scratch_bytes += mseg_round_up(bytes, line);
    return at;
}

mseg_rows mseg_emit_ring(mseg_step *step, int width, int height, size_t pixel, int pad, int slots)
{
    if (slots > height)
        slots = height;
    mseg_rows rows = shape(MSEG_SCRATCH, width, height, pixel % (2 * line) ? pixel : pixel + line, pad, slots);
    rows.row = mseg_round_up(rows.row, line);
    rows.origin += mseg_emit_room(step, rows.row * (size_t)slots);
    return rows;
}

void mseg_emit_zeros(mseg_step *step, size_t bytes)
{
    if (bytes > step->zeros_bytes) {
        step->zeros = mseg_emit_room(step, bytes);
        step->zeros_bytes = bytes;
    }
}

mseg_window mseg_emit_window(const mseg_net_layer *layer, int width, int height)
{
    return (mseg_window){.kernel = layer->kernel,
                         .stride = layer->stride,
                         .rate_y = layer->rate,
                         .rate_x = layer->rate,
                         .pad_y = mseg_pad_before(layer->padding, height, layer->kernel, layer->stride, layer->rate),
                         .pad_x = mseg_pad_before(layer->padding, width, layer->kernel, layer->stride, layer->rate)};
}
