#include "kernels/train/registry.h"

/* Vectors of 16 bytes, in C for any processor: compilers make of them what they have. */
#ifdef MSEG_TRAIN_DOUBLE
#define LANES 2
#else
#define LANES 4
#endif
#if defined(__aarch64__) /* twice as many registers */
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif
#define TILE_VECTORS 2
#include "kernels/train/set.h"

const mseg_train_kernels mseg_train_f32__scalar = {"mseg_train_f32__scalar", MEMBERS};
