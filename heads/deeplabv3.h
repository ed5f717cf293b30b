#ifndef MSEG_HEADS_DEEPLABV3_H
#define MSEG_HEADS_DEEPLABV3_H

#include "heads/build.h"

typedef struct mseg_head_info {
    bool aspp, image_pooling;
} mseg_head_info;

/** Appends what comes before the classifier: branches and their projection. Errors: MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_head_aspp(const mseg_builder *builder, mseg_value features, int output_stride, mseg_value *projected,
                           mseg_head_info *info);

/** Appends the convolutions head.PART0, head.PART1 ... as far as the weights have them and at least so many, full (3x3) or
 * depthwise separable, with a ReLU behind each and behind both halves. *map is what the first reads and becomes what the last
 * makes. Errors: MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_head_convs(const mseg_builder *builder, const char *part, int least, mseg_value *map);

/** Appends the DeepLabv3 head (arXiv 1706.05587; without ASPP: arXiv 1801.04381, section 6.3) on the feature map: image pooling
 * and the 1x1 and atrous branches that the weights hold, their concatenation (image pooling first) projected, the convolutions
 * head.refine0 ... of mseg_head_convs when the weights hold any (torchvision's has one), and the classifier.
 * *logits is the map of class scores; the net's output is left to the caller. Atrous rates are 6, 12, 18 at output stride 16,
 * in proportion at others. Errors: MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_head_deeplabv3(const mseg_builder *builder, mseg_value features, int output_stride, mseg_value *logits,
                                mseg_head_info *info);

#endif
