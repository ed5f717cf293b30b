#ifndef MSEG_GRAPH_STAGE_H
#define MSEG_GRAPH_STAGE_H

#include "graph/op.h"
#include "graph/plan.h"

/* What a plan is made of. A step is what threads do between two barriers; most steps are passes, each a chain of stages that
 * stream rows to one another through rings of a few rows; a stage makes rows of one map by one kernel. */

/* A map, or the part of it that is alive, as rows in memory: row y is slot y % slots. */
typedef struct mseg_rows {
    int tensor;    /* which of the plan's tensors; MSEG_SCRATCH: the part's own memory */
    size_t origin; /* floats from there to pixel (0, 0) */
    int height, width, slots;
    int pad;           /* columns on both sides that hold zeros; who writes a row writes them */
    size_t pixel, row; /* floats from pixel to pixel, slot to slot */
} mseg_rows;

enum { MSEG_SCRATCH = -1, MSEG_MAX_STAGES = 12 };

/* Where a part of a step finds its memory. */
typedef struct mseg_bases {
    float *const *tensors;
    float *scratch;
    const float *zeros; /* a row of them, for depthwise stages */
    const mseg_picture *picture;
    const mseg_kernels *kernels;
} mseg_bases;

typedef struct mseg_stage mseg_stage;
typedef void (*mseg_stage_fn)(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

struct mseg_stage {
    mseg_stage_fn run; /* makes output rows y0 <= y < y1 */
    mseg_rows in[MSEG_MAX_INPUTS], out, add;
    int n_in;
    bool has_add;
    int kernel, stride;
    int rate_y, rate_x; /* they differ where a pass takes every rate-th row */
    int pad_y, pad_x;
    int rows;  /* output rows to make at a time */
    int n0, n; /* output channels (convolution) or channels (depthwise) of the whole that it makes */
    int k0, k; /* inputs of a tap that it reads */
    const mseg_packed *weights;
    const float *depthwise;
    const float *bias; /* of the whole, NULL: none */
    int bias_tensor;   /* >= 0: a tensor holds the bias */
    bool merged_columns;
    bool by_pairs;
    size_t pairs; /* then: where in the scratch the inputs' sums go, a row after the other */
    float min, max;
};

typedef struct mseg_pass {
    mseg_stage stages[MSEG_MAX_STAGES];
    int n_stages;
    int first, rows; /* the units of the step's work that are this pass's output rows */
} mseg_pass;

typedef struct mseg_step mseg_step;
struct mseg_step {
    void (*run)(const mseg_step *step, const mseg_bases *bases, int u0, int u1);
    mseg_pass *passes;
    int n_passes, passes_capacity;
    int units;                  /* what parts divide: output rows of the passes, or channels */
    mseg_rows in, out;          /* global pool */
    int first_op, last_op;      /* operators that it runs */
    int scratch;                /* tensor that holds every part's scratch, -1 none */
    size_t scratch_floats;      /* per part */
    size_t zeros, zeros_floats; /* the part of it that must be zero */
    double ms;
};

/* An area of the arena, alive from one step to another. */
typedef struct mseg_area {
    size_t floats, offset;
    int first, last;
} mseg_area;

struct mseg_plan {
    const mseg_graph *graph;
    int threads;
    int width, height;
    mseg_step *steps;
    int n_steps, steps_capacity;
    mseg_area *areas;
    float **tensors; /* where the areas begin */
    int n_areas, areas_capacity;
    float *arena;
    size_t arena_room; /* floats that it has, at least arena_floats */
    size_t arena_floats;
    struct mseg_size {
        int width, height;
    } * sizes; /* of the graph's values */
    int *value_area, *op_step;
    mseg_rows output;
};

struct mseg_planner {
    mseg_plan *plan;
    const mseg_graph *graph;
    mseg_cpu cpu;
};

/* ---- for the operators' planning (planner.c) ---- */

/** Appends an empty step for op. The pointer is good until the next step. NULL without memory. */
mseg_step *mseg_planner_step(mseg_planner *planner, const mseg_op *op);
/** Appends an empty pass with rows output rows to the last step; first: its first unit. NULL without memory. */
mseg_pass *mseg_planner_pass(mseg_planner *planner, int first, int rows);
/** The last step's last pass. */
mseg_pass *mseg_planner_last_pass(mseg_planner *planner);
/** A new tensor-backed map, alive from the last step on. tensor = -2 in the result: no memory. */
mseg_rows mseg_planner_rows(mseg_planner *planner, int width, int height, size_t pixel, int pad);
/** The map of a value; made when it is not there yet; the last step keeps it alive. */
mseg_rows mseg_planner_value(mseg_planner *planner, mseg_value value);
/** A ring of slots rows in the last step's scratch. Pixels are an odd number of cache lines apart, so that a column of them does
 * not fall into a few sets of the first-level cache. */
mseg_rows mseg_planner_ring(mseg_planner *planner, int width, int height, size_t channels, int pad, int slots);
/** Makes sure that the last step's scratch has that many zeros for mseg_bases. */
void mseg_planner_zeros(mseg_planner *planner, size_t floats);
/** Gives stage, whose inputs and rows are set, the scratch to work by pairs when its weights are for that and it pays. */
void mseg_planner_pairs(mseg_planner *planner, mseg_stage *stage);
/** Keeps a tensor alive to the last step. */
void mseg_planner_keep(mseg_planner *planner, int tensor);
/** Floats of a value's pixel: its channels, or whole vectors of them. */
size_t mseg_planner_pixel(const mseg_planner *planner, mseg_value value);
/** Channels rounded up to the depthwise kernels' vectors. */
size_t mseg_planner_whole(const mseg_planner *planner, int channels);
/** Zeros before the first row or column of in. */
int mseg_planner_pad(const mseg_op *op, int in);
/** Whether the step being planned for op may instead stream from the step before, whose output nobody else wants and which is too
 * large to keep in the cache. */
bool mseg_planner_streams(const mseg_planner *planner, const mseg_op *op);

/** The convolution of block's output that its steps compute with the projection as one; NULL: none (also of other operators). */
const mseg_op *mseg_planner_folded(const mseg_planner *planner, const mseg_op *block);
/** Whether op is such a convolution. */
bool mseg_planner_is_folded(const mseg_planner *planner, const mseg_op *op);
/** Appends a step that averages a map in into the new 1x1 map *out, of as many channels as in has floats a pixel. */
mseg_status mseg_plan_average(mseg_planner *planner, const mseg_op *op, const mseg_rows *in, mseg_rows *out);
/** Appends the steps that compute pool, the global average of block's output, when block was planned with the convolution of that
 * as one: the projection of the average of what it projects. */
mseg_status mseg_plan_folded_pool(mseg_planner *planner, const mseg_op *pool, const mseg_op *block);

/* ---- the stages (stage_*.c) ---- */
void mseg_stage_normalise(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);
void mseg_stage_conv(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);
void mseg_stage_depthwise(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);
/** A row's average pixel, for global pooling. */
void mseg_stage_row_means(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);
/** Zeroes the columns of padding beside a row of out; row: its pixel 0. Channels between the last one and pixel need no care: no
 * lane of a depthwise convolution reaches another. */
void mseg_clear_pads(const mseg_rows *out, float *row);
/** Runs units u0 <= u < u1 of a step of passes. */
void mseg_step_passes(const mseg_step *step, const mseg_bases *bases, int u0, int u1);

static inline float *mseg_row(const mseg_rows *rows, const mseg_bases *bases, int y)
{
    float *base = rows->tensor == MSEG_SCRATCH ? bases->scratch : bases->tensors[rows->tensor];
    return base + rows->origin + (size_t)(y % rows->slots) * rows->row;
}

/* Input rows that rows output rows of a stage reach over. */
static inline int mseg_stage_span(const mseg_stage *stage, int rows)
{
    return (rows - 1) * stage->stride + (stage->kernel - 1) * stage->rate_y + 1;
}

/* Of them, those that a map may have. */
static inline int mseg_stage_rows(const mseg_stage *stage, int rows)
{
    int span = mseg_stage_span(stage, rows);
    return span < stage->in[0].height ? span : stage->in[0].height;
}

/* Floats of a row of pairs: the pixels', and whether the row is of a size for them. */
static inline size_t mseg_stage_pairs_row(const mseg_stage *stage)
{
    return (size_t)stage->in[0].width + 1;
}

static inline void mseg_stage_clamp(mseg_stage *stage, mseg_activation activation)
{
    stage->min = activation == MSEG_LINEAR ? -__builtin_inff() : 0.0f;
    stage->max = activation == MSEG_RELU6 ? 6.0f : __builtin_inff();
}

#endif
