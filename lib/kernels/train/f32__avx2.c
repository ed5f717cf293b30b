#include "kernels/train/registry.h"

#define LANES        8
#define TILE_ROWS    6
#define TILE_VECTORS 2
#include "kernels/train/set.h"

const mseg_train_kernels mseg_train_f32__avx2 = {"mseg_train_f32__avx2", MEMBERS};
