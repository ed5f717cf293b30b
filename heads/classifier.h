#ifndef MSEG_HEADS_CLASSIFIER_H
#define MSEG_HEADS_CLASSIFIER_H

#include "heads/build.h"

/** Appends a classifier's head: global average pooling, then head.dense0, head.dense1 ... as far as the
 * weights have them, each with a ReLU, and head.classifier. *logits is a 1x1 map of class scores.
 * Errors: MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_head_classifier(const mseg_builder *builder, mseg_value features, mseg_value *logits);

#endif
