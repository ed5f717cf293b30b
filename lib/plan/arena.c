#include "base/alloc.h"
#include "plan/stage.h"

static bool alive_together(const mseg_area *a, const mseg_area *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which area overlaps none of the placed ones that live when it does. */
static size_t lowest_place(const mseg_plan *plan, const mseg_area *area, const bool *placed)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < plan->n_areas; i++) {
            const mseg_area *other = &plan->areas[i];
            if (placed[i] && alive_together(area, other) && offset < other->offset + other->bytes &&
                other->offset < offset + area->bytes) {
                offset = other->offset + other->bytes;
                moved = true;
            }
        }
    }
    return offset;
}

/* Largest first, each as low as it goes. */
static mseg_status place_areas(mseg_plan *plan)
{
    bool *placed = mseg_alloc_array((size_t)plan->n_areas + 1, sizeof *placed);
    if (!placed)
        return MSEG_NOMEM;
    for (int n = 0; n < plan->n_areas; n++) {
        int next = -1;
        for (int i = 0; i < plan->n_areas; i++)
            if (!placed[i] && (next < 0 || plan->areas[i].bytes > plan->areas[next].bytes))
                next = i;
        mseg_area *area = &plan->areas[next];
        area->offset = lowest_place(plan, area, placed);
        placed[next] = true;
        if (area->offset + area->bytes > plan->arena_bytes)
            plan->arena_bytes = area->offset + area->bytes;
    }
    mseg_free(&placed);
    return MSEG_OK;
}

mseg_status mseg_plan_place(mseg_plan *plan)
{
    mseg_status status = place_areas(plan);
    if (status)
        return status;
    if (plan->arena_room < plan->arena_bytes) {
        mseg_free(&plan->arena);
        plan->arena = mseg_alloc(plan->arena_bytes);
        plan->arena_room = plan->arena_bytes;
    }
    plan->tensors = mseg_alloc_array((size_t)plan->n_areas, sizeof *plan->tensors);
    if (!plan->arena || !plan->tensors)
        return MSEG_NOMEM;
    for (int i = 0; i < plan->n_areas; i++)
        plan->tensors[i] = plan->arena + plan->areas[i].offset;
    return MSEG_OK;
}
