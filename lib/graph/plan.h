#ifndef MSEG_GRAPH_PLAN_H
#define MSEG_GRAPH_PLAN_H

#include "base/cpu.h"
#include "base/pool.h"
#include "graph/graph.h"

enum { MSEG_MAX_CANVAS = 1 << 30 }; /* pixels */

/* How to run a graph on pictures of one size: every buffer's place in one arena, every loop's block size. Making one can fail,
 * running it cannot and never allocates. A plan belongs to one thread, or one pool's threads, at a time. */
typedef struct mseg_plan mseg_plan;

/* The picture that a run reads: RGB bytes at the canvas' top left, the rest of the canvas being 0 after normalisation; or a whole
 * canvas of values that are normalised already. */
typedef struct mseg_picture {
    const uint8_t *data;
    size_t stride; /* bytes from row to row */
    int width, height;
    const float *normalised; /* when not NULL: [canvas height, canvas width, 3] instead of data */
    bool mirrored;           /* the canvas is read from right to left */
} mseg_picture;

/* One operator as planned, for reports. */
typedef struct mseg_plan_layer {
    const char *name, *kind;
    int in_width, in_height, in_channels;
    int out_width, out_height, out_channels;
    int expanded_channels;
    int kernel, stride, rate;
    int64_t madds; /* multiplies of its convolutions, nothing left out for what the plan saves */
    int64_t params;
    size_t peak_bytes; /* arena bytes alive while it runs */
    int step;          /* operators of one step run as one */
    double ms;         /* of that step in the last run */
} mseg_plan_layer;

/** A plan for a canvas of width x height (any sizes >= 1), for threads threads. graph must outlive it. Errors: MSEG_NOMEM,
 * MSEG_INVAL, MSEG_LIMIT (more than 2^30 pixels), MSEG_MISMATCH (maps of two sizes meet). */
mseg_status mseg_plan_open(mseg_plan **plan, const mseg_graph *graph, int width, int height, int threads, const mseg_cpu *cpu,
                           mseg_error *err);

/** Closes *plan (may be NULL) and opens another in its place, as mseg_plan_open, keeping its memory where that is large enough.
 */
mseg_status mseg_plan_replace(mseg_plan **plan, const mseg_graph *graph, int width, int height, int threads, const mseg_cpu *cpu,
                              mseg_error *err);

/** NULL-safe; sets *plan to NULL. */
void mseg_plan_close(mseg_plan **plan);

/** Runs it; pool as many threads as planned for (NULL: one). Returns the output [height, width, channels], valid until the next
 * run. */
const float *mseg_plan_run(mseg_plan *plan, const mseg_picture *picture, mseg_pool *pool);

/** Size of the output map. */
void mseg_plan_output_size(const mseg_plan *plan, int *width, int *height, int *channels);

size_t mseg_plan_arena_bytes(const mseg_plan *plan);
int mseg_plan_layers(const mseg_plan *plan);
mseg_plan_layer mseg_plan_layer_at(const mseg_plan *plan, int index);

#endif
