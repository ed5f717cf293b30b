#ifndef MSEG_HEADS_DEEPLABV3PLUS_H
#define MSEG_HEADS_DEEPLABV3PLUS_H

#include "heads/deeplabv3.h"

/** Appends DeepLabv3+'s head (arXiv 1802.02611): DeepLabv3's up to the projection, that resized to the size of low, a finer map
 * from inside the backbone, and concatenated with head.low_level of low; head.decoder0, head.decoder1 and as many more as the
 * weights have, 3x3 or depthwise separable with a ReLU behind both halves; and the classifier, all at the stride of low. Errors:
 * MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_head_deeplabv3plus(const mseg_builder *builder, mseg_value features, mseg_value low, int output_stride,
                                    mseg_value *logits, mseg_head_info *info);

#endif
