#ifndef MSEG_SEG_RUN_FEATURES_H
#define MSEG_SEG_RUN_FEATURES_H

#include "seg/mseg.h"

/* In: a session of a model that mseg_model_open_features opened, behind a run. Out: the backbone's last map of that run. */
typedef struct mseg_features {
    int width, height, channels;
    float *values; /* [height][width][channels]; to be freed with mseg_free */
} mseg_features;

/** Copies it. Errors: MSEG_NOMEM. */
mseg_status mseg_session_features(const mseg_session *session, mseg_features *features);

#endif
