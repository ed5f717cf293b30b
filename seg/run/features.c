#include "seg/run/features.h"

#include "seg/run/session.h"

mseg_features mseg_session_features(const mseg_session *session)
{
    const mseg_map map = mseg_plan_output(session->plan, 1);
    return (mseg_features){map.width, map.height, map.channels, map.data, map.row, map.pixel};
}

const float *mseg_features_at(const mseg_features *features, size_t point)
{
    const size_t width = (size_t)features->width;
    return features->values + point / width * features->row + point % width * features->pixel;
}
