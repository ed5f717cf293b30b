#ifndef MSEG_SEG_RUN_TILE_H
#define MSEG_SEG_RUN_TILE_H

#include "seg/run/geometry.h"

/* Tiles along one axis, in points of the logits' grid: with aligned corners point i stands for pixel i * logits' stride of the
 * picture, in every tile, because tiles start at multiples of the output stride and are k * output stride + 1 pixels long.
 * Without, tiles are k * output stride pixels long and a point stands for as many pixels as the logits' stride (MSEG_HALF_PIXEL:
 * for their middle, MSEG_LEGACY: for the first). */
typedef struct mseg_tile_axis {
    int points; /* of the picture: the last one at its last pixel or beyond, or for its last pixels */
    int side;   /* points of a tile */
    int tiles;
    int step; /* points that an output stride spans: where tiles may start */
} mseg_tile_axis;

/** As few tiles of size pixels as cover length pixels with neighbours sharing at least overlap. */
mseg_tile_axis mseg_tile_axis_of(int length, const mseg_canvas_rule *rule, int logits_stride, const mseg_tile_options *options);

/** First point of tile t. Tiles are spread evenly and the last one ends with the picture, so that only a picture smaller than a
 * tile is padded by more than output stride - 1 pixels. */
int mseg_tile_origin(const mseg_tile_axis *axis, int t);

/** The share of tile t in each of its side points: proportional to the distance from the outside of the tile, the shares of all
 * tiles at a point adding up to one. */
void mseg_tile_weights(const mseg_tile_axis *axis, int t, float *weights);

#endif
