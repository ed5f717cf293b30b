#ifndef MSEG_KERNELS_TRAIN_REGISTRY_H
#define MSEG_KERNELS_TRAIN_REGISTRY_H

#include "kernels/train/train.h"

#define ROW(name, needs, prefers, half) extern const mseg_train_kernels name;
#include "kernels/train/train.def"

#endif
