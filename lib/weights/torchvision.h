#ifndef MSEG_WEIGHTS_TORCHVISION_H
#define MSEG_WEIGHTS_TORCHVISION_H

/* Inside lib/weights only. What names in a PyTorch user's file tell. */

#include <stdbool.h>

#include "net/input.h"

/** Whether a tensor, or a node of a graph that PyTorch has exported, is called as one of torchvision's models that mseg knows
 * (mobilenet_v2, ResNets, DeepLabv3) calls it and hardly anyone else. */
bool mseg_is_torchvision_name(const char *name);

/** ImageNet's mean and standard deviation, by which all of torchvision's models take pictures; from MSEG_INPUT_NAMES. The
 * sampling rule stays. */
void mseg_torchvision_input(mseg_input *input);

#endif
