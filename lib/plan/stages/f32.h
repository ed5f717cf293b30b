#ifndef MSEG_PLAN_STAGES_F32_H
#define MSEG_PLAN_STAGES_F32_H

#include "plan/emit.h"

/* The stages of networks in float, an operator a file. In: rows of floats (the picture's bytes for the first). Out: rows of
 * floats. Each comes with what its stage's work points to. */

/* A convolution, or a part of one: output channels n0 ... n0 + n - 1 of the panels, inputs k0 ... k0 + k - 1 of their taps. */
typedef struct mseg_f32_conv {
    const mseg_panels *panels;
    const float *bias; /* of all channels, NULL: none */
    int bias_tensor;   /* >= 0: a tensor holds the bias */
    int n0, n, k0, k;
    bool merged_columns;
    float min, max;
    bool by_pairs;  /* mseg_emit_f32_conv sets these: what it reads of its inputs' sums */
    mseg_rows sums; /* per row, the inputs' mseg_f32_sums one after the other */
} mseg_f32_conv;

/** Appends a convolution (stage: all but run and work), after a stage that sums its inputs by pairs when its weights are for that
 * and it pays. */
void mseg_emit_f32_conv(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, const mseg_stage *stage,
                        const mseg_f32_conv *work);

/* Floats of the sums of a row: the pixels', and whether the row is of a size for them. */
static inline size_t mseg_f32_sums(int width)
{
    return (size_t)width + 1;
}

/** mseg_pair_sums_fn over rows of the inputs. work: int, how many inputs of a pixel. */
void mseg_stage_f32_pair_sums(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/* Channels first ... first + channels - 1 of a 3x3 depthwise convolution. */
typedef struct mseg_f32_depthwise {
    const float *weights, *bias; /* of all channels */
    int first, channels;
    float min, max;
} mseg_f32_depthwise;
void mseg_stage_f32_depthwise(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/** The picture's rows by the input rule. work: mseg_input. */
void mseg_stage_f32_normalise(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/** A row's average pixel, for global pools of maps that do not exist whole. work: int, channels. */
void mseg_stage_f32_row_means(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/** work: int, channels. */
void mseg_stage_f32_max_pool(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/* Input i's channels, of the output from first on, and the row between two that resizing has in work. */
typedef struct mseg_f32_join {
    int channels[MSEG_MAX_INPUTS], first[MSEG_MAX_INPUTS];
    mseg_sampling sampling;
    mseg_rows line;
} mseg_f32_join;

/** The inputs' channels side by side, resized to the output's size. work: mseg_f32_join. */
void mseg_stage_f32_join(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/** A step, not a stage: channels u0 <= c < u1 of the average of all pixels of step->in. */
void mseg_step_f32_average(const mseg_step *step, const mseg_bases *bases, int u0, int u1);

/* ---- what a group's stages are (f32.c), for steps.c ---- */

/* Channels of a block's expanded map. */
typedef struct mseg_slice {
    int first, channels;
} mseg_slice;

/* What one pass of a block reads and writes; add and means are not always there. */
typedef struct mseg_block_rows {
    mseg_rows in, out, add, means;
} mseg_block_rows;

/** Appends the stages of a layer that is no block's to pass; bias_tensor: what mseg_emit_f32_vector gave, -1: none; ring: what
 * the map that mseg_layer_map tells streams through, NULL: it is whole. */
void mseg_emit_f32_layer(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, int layer, int bias_tensor,
                         const mseg_rows *ring, const mseg_rows *out);

/** The share of a convolution's vector, which is the same for all pixels: a step of its own adds it to the bias, in the tensor
 * that is returned. */
int mseg_emit_f32_vector(mseg_emitter *emitter, int layer);

/** Appends the stages of one slice of a block to pass. split: rows are every rate-th of the map's. */
void mseg_emit_f32_block(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, const mseg_group *group, mseg_slice slice,
                         const mseg_block_rows *rows, bool split);

/** Bytes of a padded row of a depthwise convolution's input, with the line that rings add to a pixel. */
size_t mseg_emit_f32_zeros(const mseg_emitter *emitter, const mseg_net_layer *depthwise, int width, int channels);

/** The bounds of an activation. */
static inline float mseg_f32_min(mseg_activation activation)
{
    return activation == MSEG_LINEAR ? -__builtin_inff() : 0.0f;
}

static inline float mseg_f32_max(mseg_activation activation)
{
    return activation == MSEG_RELU6 ? 6.0f : __builtin_inff();
}

#endif
