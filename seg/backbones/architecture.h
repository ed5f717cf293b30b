#ifndef MSEG_SEG_BACKBONES_ARCHITECTURE_H
#define MSEG_SEG_BACKBONES_ARCHITECTURE_H

#include <stdbool.h>

#include "base/api.h"
#include "weights/weights.h"

/** Seeded weights (weights/seeded.h) of a network described as NETWORK[:OPTION]...
 *
 * NETWORK: mnv2, mnv1, resnet14, resnet50, resnet101. OPTION: a width multiplier (0.1 to 4, default 1), aspp (full 3x3 branches),
 * separable (depthwise separable ones), nopool (no image pooling), decoder (MobileNetV2: DeepLabv3+'s, depthwise separable), last
 * (MobileNetV2: the head sits on the 1280-channel map), exact (MobileNetV2: widths as in DeepLab's own checkpoints, which round
 * expansions only; default: multiples of 8, as slim's, whose MobileNetV1 cuts off instead), beta (ResNet: three 3x3 convolutions
 * for the stem), classes=N (default 21), imagenet (a classifier head instead of DeepLabv3's). Errors: MSEG_NOENT when there is no
 * such NETWORK, MSEG_INVAL with what is wrong, MSEG_NOMEM. */
mseg_status mseg_architecture_weights(mseg_weights **weights, const char *description, mseg_error *err);

/** Whether the description's NETWORK exists. */
MSEG_API bool mseg_architecture_known(const char *description);

#endif
