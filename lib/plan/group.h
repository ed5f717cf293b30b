#ifndef MSEG_PLAN_GROUP_H
#define MSEG_PLAN_GROUP_H

#include "plan/stage.h"

/* In: a net and the sizes of its maps. Out: which layers run as one, and how their work is divided. Nothing is allocated or
 * placed here.
 *
 * A block is the paper's inverted residual (arXiv 1801.04381, section 3.3) or a part of it: 1x1 expansion, 3x3 depthwise
 * convolution, 1x1 projection. Its expanded maps live in rings of a few rows and never exist whole (section 5.1); where something
 * else reads one of them, the block ends or begins there. */

enum { MSEG_BLOCK_ROWS = 2 }; /* that a block's stages make at a time: two share their weights, and the depthwise rows */

typedef struct mseg_group {
    int first, n;                     /* layers first ... first + n - 1 */
    int expand, depthwise, pointwise; /* the layers of a block, -1: left out; without a depthwise one the group is one layer */
    bool pooled;                      /* global pools read the depthwise map, by the averages of its rows */
    bool streams;                     /* is in the step of the group before, whose map is a ring then */
    int classes; /* a block's rows y, y + classes ... need only one another (atrous rate at stride 1): passes of their own */
    int slice;   /* channels of the expanded map at a time, the projection adding up (the paper's t-way split) */
} mseg_group;

/** Groups the layers of net->run, whose maps have these sizes: groups has room for as many as layers; returns how many there are.
 */
int mseg_group_layers(mseg_group *groups, const mseg_packed_net *net, const struct mseg_size *sizes, const mseg_cpu *cpu);

/** Passes of a group, and the most stages that one of them has of it. */
int mseg_group_passes(const mseg_net *net, const mseg_group *group);
int mseg_group_stages(const mseg_net *net, const mseg_group *group);

/** Channels of a group's widest map inside; 0 of a single layer. */
int mseg_group_expanded(const mseg_net *net, const mseg_group *group);

/** Bytes from pixel to pixel of a value stored whole: its channels, rounded up to vectors where a depthwise convolution reads or
 * writes it; columns of the fill that its readers want on both sides. */
size_t mseg_value_bytes(const mseg_packed_net *net, mseg_value value);
int mseg_value_pad(const mseg_packed_net *net, mseg_value value);
/** What these hold. */
uint8_t mseg_value_fill(const mseg_packed_net *net, mseg_value value);

#endif
