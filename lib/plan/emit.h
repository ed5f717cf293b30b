#ifndef MSEG_PLAN_EMIT_H
#define MSEG_PLAN_EMIT_H

#include "plan/group.h"

/* In: groups of layers. Out: their steps, passes and stages, and the areas of the arena that these live in. The first failure
 * stays in status; what is emitted after it is of no use, but harmless. */
typedef struct mseg_emitter {
    mseg_plan *plan;
    const mseg_packed_net *net;
    const struct mseg_size *sizes;
    const mseg_group *groups;
    int n_groups;
    mseg_cpu cpu;
    const struct mseg_makers *makers; /* of the stages, in float or in 8 bits */
    mseg_status status;
} mseg_emitter;

/** Appends the steps of groups[0] and of those after it that stream from it; returns how many groups that are (steps.c). */
int mseg_emit_groups(mseg_emitter *emitter, const mseg_group *groups, int n);

/** Appends an empty step that begins with that layer and has so many passes. */
mseg_step *mseg_emit_step(mseg_emitter *emitter, int layer, int passes);

/** The step's next pass; first: its first unit. rows: its output rows. */
mseg_pass *mseg_emit_pass(mseg_emitter *emitter, mseg_step *step, int first, int rows);

/** Appends a stage to the last pass and gives it a copy of its kind's work of so many bytes. */
void mseg_emit_stage(mseg_emitter *emitter, mseg_pass *pass, const mseg_stage *stage, const void *work, size_t bytes);

/** A copy of so many bytes that lives as long as the plan. NULL without memory, which status then says. */
const void *mseg_emit_work(mseg_emitter *emitter, const void *work, size_t bytes);

/** A new map in the arena, alive in that step. pixel, as in mseg_rows, is bytes. */
mseg_rows mseg_emit_map(mseg_emitter *emitter, const mseg_step *step, int width, int height, size_t pixel, int pad);

/** The map of a value, what lies beside it being 0 or its zero point; made when it is not there yet; that step keeps it alive. */
mseg_rows mseg_emit_value(mseg_emitter *emitter, const mseg_step *step, mseg_value value);

/** Averages of the rows of a depthwise map that does not exist whole, in its value's place: floats [height][channels]. */
mseg_rows mseg_emit_row_means(mseg_emitter *emitter, const mseg_step *step, mseg_value value);

/** A ring of slots rows in the step's scratch, pixels of so many bytes. They become an odd number of cache lines apart where they
 * would be an even one, so that a column of them does not fall into a few sets of the first-level cache. */
mseg_rows mseg_emit_ring(mseg_step *step, int width, int height, size_t pixel, int pad, int slots);

/** Makes sure that the step's scratch has that many zeros for mseg_bases. */
void mseg_emit_zeros(mseg_step *step, size_t bytes);

/** Keeps a tensor alive to that step. */
void mseg_emit_keep(mseg_emitter *emitter, const mseg_step *step, int tensor);

/** A part of the step's scratch for a stage's own use; returns where it begins. */
size_t mseg_emit_room(mseg_step *step, size_t bytes);

/** The window of a layer on a map of that size. */
mseg_window mseg_emit_window(const mseg_net_layer *layer, int width, int height);

#endif
