#ifndef MSEG_PLAN_STAGES_F32_H
#define MSEG_PLAN_STAGES_F32_H

#include "plan/stages/makers.h"

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

/** The inputs' channels side by side, resized to the output's size. work: mseg_join. */
void mseg_stage_f32_join(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/** A step, not a stage: channels u0 <= c < u1 of the average of all pixels of step->in. */
void mseg_step_f32_average(const mseg_step *step, const mseg_bases *bases, int u0, int u1);

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
