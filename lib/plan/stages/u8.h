#ifndef MSEG_PLAN_STAGES_U8_H
#define MSEG_PLAN_STAGES_U8_H

#include "plan/stages/makers.h"

/* Stages whose maps are bytes: lib/plan/u8.h says how these stand for numbers. Each comes with what its stage's work points to.
 */

typedef struct mseg_u8_conv {
    const mseg_packed_u8 *packed;
    int bias_tensor; /* >= 0: a tensor holds the bias, of 32 bits */
    bool merged_columns;
} mseg_u8_conv;
void mseg_stage_u8_conv(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/** bias [channels] of 32 bits = a convolution's with the share of a vector. work: const mseg_packed_u8 *. */
void mseg_stage_u8_vector(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

typedef struct mseg_u8_depthwise {
    const mseg_packed_u8 *packed;
    int channels;
    size_t outside, outside_bytes; /* in the part's scratch: a row of zero points */
} mseg_u8_depthwise;
void mseg_stage_u8_depthwise(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/* The picture's bytes as the network's: byte b of channel c becomes table[c][b], what lies beside the picture pad[c]. */
typedef struct mseg_u8_picture {
    uint8_t table[3][256], pad[3];
    bool as_it_is;
    mseg_quant quant;
} mseg_u8_picture;
void mseg_stage_u8_picture(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/* The inputs' channels side by side, resized to the output's size; tables NULL: their bytes are the output's. */
typedef struct mseg_u8_join {
    mseg_join join;
    const uint8_t *tables[MSEG_MAX_INPUTS];
} mseg_u8_join;
void mseg_stage_u8_join(const mseg_stage *stage, const mseg_bases *bases, int y0, int y1);

/* A step, not a stage: channels u0 <= c < u1 of the average of all pixels of step->in. work: this. */
typedef struct mseg_u8_average {
    mseg_quant in, out;
    bool mean;
} mseg_u8_average;
void mseg_step_u8_average(const mseg_step *step, const mseg_bases *bases, int u0, int u1);

#endif
