#ifndef MSEG_PLAN_PLAN_H
#define MSEG_PLAN_PLAN_H

#include "base/cpu.h"
#include "base/pool.h"
#include "net/quant.h"
#include "plan/packed.h"
#include "plan/picture.h"

enum { MSEG_MAX_CANVAS = 1 << 30 }; /* pixels */

/* In: a packed net and the size of a canvas. Out: how to run the net on pictures of that size, every buffer's place in one arena,
 * every loop's block size; then, picture by picture, the net's output maps. Making a plan can fail, running it cannot and never
 * allocates. A plan belongs to one thread, or one pool's threads, at a time. */
typedef struct mseg_plan mseg_plan;

/* An output of the net, valid until the next run: channel c of pixel (x, y) is data[y * row + x * pixel + c], or in 8 bits
 * bytes[y * row + x * pixel + c]. What a convolution made and no layer reads is dense: [height, width, channels]. */
typedef struct mseg_map {
    const float *data;    /* NULL: in 8 bits */
    const uint8_t *bytes; /* NULL: in float */
    mseg_quant quant;     /* of bytes */
    int width, height, channels;
    size_t pixel, row;
} mseg_map;

/* One layer of the net as planned, or one block of layers, for reports. */
typedef struct mseg_plan_layer {
    const char *name, *kind;
    int in_width, in_height, in_channels;
    int out_width, out_height, out_channels;
    int expanded_channels;
    int kernel, stride, rate;
    int64_t madds; /* multiplies of its convolutions, nothing left out for what the plan saves */
    int64_t params;
    size_t peak_bytes; /* arena bytes alive while it runs */
    int step;          /* layers of one step run as one */
    double ms;         /* of that step, and of what else only it needs, in the last run */
} mseg_plan_layer;

/** A plan for a canvas of width x height (any sizes >= 1), for threads threads. net must outlive it. Errors: MSEG_NOMEM,
 * MSEG_INVAL, MSEG_LIMIT (more than 2^30 pixels), MSEG_MISMATCH (maps of two sizes meet). */
mseg_status mseg_plan_open(mseg_plan **plan, const mseg_packed_net *net, int width, int height, int threads, const mseg_cpu *cpu,
                           mseg_error *err);

/** Closes *plan (may be NULL) and opens another in its place, as mseg_plan_open, keeping its memory where that is large enough.
 */
mseg_status mseg_plan_replace(mseg_plan **plan, const mseg_packed_net *net, int width, int height, int threads,
                              const mseg_cpu *cpu, mseg_error *err);

/** NULL-safe; sets *plan to NULL. */
void mseg_plan_close(mseg_plan **plan);

/** Runs it; pool as many threads as planned for (NULL: one). */
void mseg_plan_run(mseg_plan *plan, const mseg_picture *picture, mseg_pool *pool);

/** Output index of the net. Its size is there before a run, its data after. */
mseg_map mseg_plan_output(const mseg_plan *plan, int index);

size_t mseg_plan_arena_bytes(const mseg_plan *plan);
int mseg_plan_layers(const mseg_plan *plan);
mseg_plan_layer mseg_plan_layer_at(const mseg_plan *plan, int index);

#endif
