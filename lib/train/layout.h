#ifndef MSEG_TRAIN_LAYOUT_H
#define MSEG_TRAIN_LAYOUT_H

#include <math.h>

#include "train/maps.h"

/* Places in memory. */

/** bytes behind what has been taken of base, aligned to 64; NULL when base is. */
static inline void *mseg_take(char *base, size_t *at, size_t bytes)
{
    void *taken = base ? base + *at : NULL;
    *at += (bytes + 63) / 64 * 64;
    return taken;
}

/** Whether the layer was added to those of the weights. */
static inline bool mseg_train_is_added(const mseg_engine *e, const mseg_train_value *v)
{
    return e->options.added && !strcmp(v->layer->name, e->options.added);
}

/** Row of a convolution's weights that channel c of input k meets at a tap. */
static inline int mseg_train_row(const mseg_engine *e, const mseg_train_value *v, int tap, int k, int c)
{
    if (v->layer->in[0] == 0)
        return 3 * tap + c;
    return e->values[v->layer->in[k]].layer->vector ? v->segment[k] + c : tap * v->map_rows + v->segment[k] + c;
}

/** Allocates and places everything that depends on the batch's size. Errors: MSEG_NOMEM, MSEG_LIMIT. */
mseg_status mseg_layout_open(mseg_engine *engine, int batch, int height, int width, mseg_error *err);

/** Bytes that this allocates; 0 on overflow. */
size_t mseg_layout_bytes(mseg_engine *engine, int batch, int height, int width);

#endif
