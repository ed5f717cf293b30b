#ifndef MSEG_PLAN_STAGES_MAKERS_H
#define MSEG_PLAN_STAGES_MAKERS_H

#include "plan/emit.h"

/* In: what a stage is to read and write. Out: the stage, in one kind of number. Who divides the work (steps.c, group_stages.c)
 * knows sizes alone, one table for each kind of number has the rest. */

/* Channels of a map. */
typedef struct mseg_slice {
    int first, channels;
} mseg_slice;

/* What of a convolution a stage does: these outputs from these inputs. bias_tensor: what vector gave, -1: none. */
typedef struct mseg_conv_part {
    mseg_slice out, in;
    int bias_tensor;
} mseg_conv_part;

/* A join's inputs, in the order of its stage's: their channels, those of the output from first on, the row between two that
 * resizing has in work. layers: what makes them. */
typedef struct mseg_join {
    int channels[MSEG_MAX_INPUTS], first[MSEG_MAX_INPUTS];
    mseg_value layers[MSEG_MAX_INPUTS];
    mseg_sampling sampling;
    mseg_rows line;
} mseg_join;

/* Functions append to pass a stage whose rows, window and rest are in stage; its run and work are theirs. */
typedef struct mseg_makers {
    size_t element; /* bytes of a number in maps */
    void (*picture)(mseg_emitter *emitter, mseg_pass *pass, const mseg_stage *stage);
    void (*conv)(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, int layer,
                 const mseg_conv_part *part);
    /** Bytes of zeros that a depthwise convolution reads where a row is outside of its map. */
    size_t (*zeros)(const mseg_emitter *emitter, const mseg_net_layer *depthwise, int width, int channels);
    void (*depthwise)(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, const mseg_stage *stage, int layer,
                      mseg_slice part);
    void (*max_pool)(mseg_emitter *emitter, mseg_pass *pass, const mseg_stage *stage, int layer);
    void (*join)(mseg_emitter *emitter, mseg_pass *pass, const mseg_stage *stage, const mseg_join *work);
    /** Sets what the step of a global pool does; its in and out are set. */
    void (*average)(mseg_emitter *emitter, mseg_step *step, int layer);
    /** The share of a convolution's vector, which is the same for all pixels: a step of its own adds it to the bias, in the
     * tensor that is returned. */
    int (*vector)(mseg_emitter *emitter, int layer);
    /** A row's average pixel, for global pools of maps that do not exist whole; NULL: such maps do. */
    void (*row_means)(mseg_emitter *emitter, mseg_pass *pass, const mseg_stage *stage, mseg_slice part);
} mseg_makers;

extern const mseg_makers mseg_f32_makers, mseg_u8_makers;

/* What one pass of a block reads and writes; add and means are not always there. */
typedef struct mseg_block_rows {
    mseg_rows in, out, add, means;
} mseg_block_rows;

/** Appends the stages of a layer that is no block's to pass; bias_tensor: what makers->vector gave, -1: none; ring: what the map
 * that mseg_layer_map tells streams through, NULL: it is whole (group_stages.c). */
void mseg_emit_layer(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, int layer, int bias_tensor, const mseg_rows *ring,
                     const mseg_rows *out);

/** Appends the stages of one slice of a block to pass. split: rows are every rate-th of the map's (group_stages.c). */
void mseg_emit_block(mseg_emitter *emitter, mseg_step *step, mseg_pass *pass, const mseg_group *group, mseg_slice slice,
                     const mseg_block_rows *rows, bool split);

#endif
