#ifndef MSEG_KERNELS_TRAIN_SET_H
#define MSEG_KERNELS_TRAIN_SET_H

#include "kernels/train/depthwise.h"
#include "kernels/train/product.h"
#include "kernels/train/rows.h"

/* The members of a mseg_train_kernels behind its name. */
#ifdef HALF
#define PAIRED true
#else
#define PAIRED false
#endif
#define MEMBERS                                                                                                                  \
    sizeof(cell), sizeof(cell), PAIRED, load, load_gradient, load_reals, read, read_gradient, sum, add, packed, pack, pack_back, \
        product, weights, dwconv, dwconv_back, gather

#endif
