#include "kernels/train/registry.h"

#define LANES        16
#define TILE_ROWS    8
#define TILE_VECTORS 3
#include "kernels/train/set.h"

const mseg_train_kernels mseg_train_f32__avx512 = {"mseg_train_f32__avx512", MEMBERS};
