#ifndef MSEG_SEG_QUANTISE_MAPS_H
#define MSEG_SEG_QUANTISE_MAPS_H

#include "image/image.h"
#include "plan/plan.h"
#include "seg/quantise/range.h"

/* In: a net and weights. Out: the maps of all its layers for pictures, and what can be said of them. */

/* A net that runs layer by layer and keeps every map, on one canvas. All zero: closed. */
typedef struct mseg_maps {
    mseg_packed_net *packed;
    mseg_plan *plan;
    mseg_pool *pool;
    int side;
} mseg_maps;

typedef struct mseg_machine {
    const mseg_kernels *kernels;
    mseg_cpu cpu;
    mseg_pool *pool; /* NULL: one thread */
} mseg_machine;

/** For canvases of side x side pixels. integers: in 8 bits. machine's kernels and pool must outlive it. On failure *maps is
 * closed. Errors: those of mseg_packed_net_open and mseg_plan_open, MSEG_LIMIT (more layers than a net has outputs). */
mseg_status mseg_maps_open(mseg_maps *maps, const mseg_net *net, const mseg_weights *weights, const mseg_machine *machine,
                           int side, bool integers, mseg_error *err);

void mseg_maps_close(mseg_maps *maps);

/** Runs it on a picture, which is at the canvas' top left. */
void mseg_maps_run(const mseg_maps *maps, mseg_view picture);

/** What layer value (1 or above) made of the last picture. */
mseg_map mseg_maps_at(const mseg_maps *maps, mseg_value value);

/** Row y of a map as numbers, whatever it is held in: row [width * channels]. */
void mseg_map_numbers(const mseg_map *map, int y, float *row);

/* What pictures have shown of a layer's map: [channels] each. */
typedef struct mseg_map_stats {
    mseg_histogram *made, *before; /* with what is added to it and before, NULL: nothing is */
    mseg_histogram *top;           /* one: of an output of the net, the largest number of each position; NULL: it is none */
    double *sum, *squares;         /* of what is made */
    double positions;
} mseg_map_stats;

/** [net->count]; that of the picture (layer 0) has the sums of its bytes alone. NULL without memory. */
mseg_map_stats *mseg_stats_open(const mseg_net *net);
void mseg_stats_close(mseg_map_stats **stats, const mseg_net *net);

/** Adds the maps of the last picture of a net in floats. Errors: MSEG_NOMEM, MSEG_FORMAT (a layer makes what is no finite
 * number).
 */
mseg_status mseg_stats_add(mseg_map_stats *stats, const mseg_maps *maps, mseg_view picture, mseg_error *err);

/** The mean and the variance of each channel. */
void mseg_stats_moments(const mseg_map_stats *stats, int channels, double *mean, double *variance);

#endif
