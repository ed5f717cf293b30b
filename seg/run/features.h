#ifndef MSEG_SEG_RUN_FEATURES_H
#define MSEG_SEG_RUN_FEATURES_H

#include "seg/mseg.h"

/* In: a session of a model that mseg_model_open_features opened, behind a run. Out: the backbone's last map of that run, until
 * the next one. */
typedef struct mseg_features {
    int width, height, channels;
    const float *values; /* the session's */
    size_t row, pixel;   /* from one to the next, in floats */
} mseg_features;

mseg_features mseg_session_features(const mseg_session *session);

/** The channels of point y * width + x. */
const float *mseg_features_at(const mseg_features *features, size_t point);

#endif
