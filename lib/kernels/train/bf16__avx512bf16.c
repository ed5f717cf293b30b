#include "kernels/train/registry.h"

#define HALF
#define LANES        16
#define TILE_ROWS    8
#define TILE_VECTORS 3
#include "kernels/train/set.h"

const mseg_train_kernels mseg_train_bf16__avx512bf16 = {"mseg_train_bf16__avx512bf16", MEMBERS};
