#ifndef MSEG_WRITE_SHAPES_H
#define MSEG_WRITE_SHAPES_H

#include "write/write.h"

/* Inside lib/write only: what writers of graphs share. */

typedef struct mseg_write_size {
    int height, width;
} mseg_write_size;

/** The size of every value of net for a picture of that size; the caller frees it with mseg_free. NULL: no memory. */
mseg_write_size *mseg_write_sizes(const mseg_net *net, int height, int width);

/** The nearest number of IEEE half precision, halves to even; what is too large becomes the largest one of its sign. */
uint16_t mseg_write_half(float value);

#endif
