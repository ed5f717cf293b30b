#ifndef MSEG_PLAN_STAGE_H
#define MSEG_PLAN_STAGE_H

#include "plan/plan.h"

/* What a plan is made of. A step is what threads do between two barriers; most steps are passes, each a chain of stages that
 * stream rows to one another through rings of a few rows; a stage makes rows of one map by one kernel. In: rows of maps. Out:
 * rows of one map. */

/* A map, or the part of it that is alive, as rows in memory: row y is slot y % slots. Sizes are bytes. */
typedef struct mseg_rows {
    int tensor;    /* which of the plan's tensors; MSEG_SCRATCH: the part's own memory */
    size_t origin; /* from there to pixel (0, 0) */
    int height, width, slots;
    int pad;           /* columns on both sides that hold the fill; who writes a row writes them */
    size_t pixel, row; /* from pixel to pixel, slot to slot */
    uint8_t fill;      /* every byte of what lies beside the map: 0 for floats, a zero point for integers */
} mseg_rows;

enum { MSEG_SCRATCH = -1, MSEG_MAX_STAGES = 20 /* of a pass */ };

/* Where a part of a step finds its memory. */
typedef struct mseg_bases {
    uint8_t *const *tensors;
    uint8_t *scratch;
    const void *zeros; /* a row of them, for depthwise stages */
    const mseg_picture *picture;
    const mseg_kernels *kernels;
} mseg_bases;

/* Which rows and columns of the input an output position reads. */
typedef struct mseg_window {
    int kernel, stride;
    int rate_y, rate_x; /* they differ where a pass takes every rate-th row */
    int pad_y, pad_x;
} mseg_window;

typedef struct mseg_stage mseg_stage;
typedef void (*mseg_stage_fn)(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

struct mseg_stage {
    mseg_stage_fn run; /* makes output rows y0 <= y < y1 */
    mseg_rows in[MSEG_MAX_INPUTS], add, out;
    int n_in;
    bool has_add;
    mseg_window window;
    int rows;         /* output rows to make at a time */
    const void *work; /* what this kind of stage needs, a struct of its header; the plan's */
};

typedef struct mseg_pass {
    mseg_stage *stages;
    int n_stages;
    int first, rows; /* the units of the step's work that are this pass's output rows */
} mseg_pass;

typedef struct mseg_step mseg_step;
struct mseg_step {
    void (*run)(const mseg_step *step, const mseg_bases *bases, int u0, int u1);
    mseg_pass *passes;
    int n_passes;
    int units;                 /* what parts divide: output rows of the passes, or channels */
    mseg_rows in, out;         /* average, */
    const void *work;          /* and what it needs besides */
    int layer;                 /* the first one that it runs */
    int scratch;               /* tensor that holds every part's scratch, -1 none */
    size_t scratch_bytes;      /* per part */
    size_t zeros, zeros_bytes; /* the part of it that must be zero */
    double ms;
};

/* An area of the arena, alive from one step to another. */
typedef struct mseg_area {
    size_t bytes, offset;
    int first, last;
} mseg_area;

struct mseg_plan {
    const mseg_packed_net *net;
    int threads;
    int width, height;
    mseg_step *steps;
    int n_steps;
    mseg_pass *passes;  /* of all steps */
    mseg_stage *stages; /* of all passes */
    int n_passes, n_stages;
    mseg_area *areas;
    uint8_t **tensors; /* where the areas begin */
    int n_areas, areas_capacity;
    struct mseg_work *works; /* what stages' work points to */
    uint8_t *arena;
    size_t arena_room; /* bytes that it has, at least arena_bytes */
    size_t arena_bytes;
    struct mseg_size {
        int width, height;
    } * sizes, *given_sizes; /* of the values of the net as it is run, and as it was given */
    int *value_area;         /* -1: the value is not in memory as a whole */
    int *layer_step;         /* the step that makes a layer's output */
    mseg_rows outputs[MSEG_MAX_OUTPUTS];
};

/** Runs units u0 <= u < u1 of a step of passes (pass.c). */
void mseg_step_passes(const mseg_step *step, const mseg_bases *bases, int u0, int u1);

/** Gives every area its place (arena.c). Errors: MSEG_NOMEM. */
mseg_status mseg_plan_place(mseg_plan *plan);

/** Frees what stages' work points to (emit.c). */
void mseg_plan_free_works(mseg_plan *plan);

static inline void *mseg_row(const mseg_rows *rows, const mseg_bases *bases, int y)
{
    uint8_t *base = rows->tensor == MSEG_SCRATCH ? bases->scratch : bases->tensors[rows->tensor];
    return base + rows->origin + (size_t)(y % rows->slots) * rows->row;
}

/* Input rows that rows output rows of a window reach over. */
static inline int mseg_window_span(const mseg_window *window, int rows)
{
    return (rows - 1) * window->stride + (window->kernel - 1) * window->rate_y + 1;
}

/** Fills the columns of padding beside a row of out; row: its pixel 0. Channels between the last one and pixel need no care: no
 * lane of a depthwise convolution reaches another. */
void mseg_clear_pads(const mseg_rows *out, void *row);

#endif
