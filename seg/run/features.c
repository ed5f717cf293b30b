#include "seg/run/features.h"

#include <string.h>

#include "base/alloc.h"
#include "seg/run/session.h"

mseg_status mseg_session_features(const mseg_session *session, mseg_features *features)
{
    const mseg_map map = mseg_plan_output(session->plan, 1);
    const size_t width = (size_t)map.width, height = (size_t)map.height, channels = (size_t)map.channels;
    *features = (mseg_features){map.width, map.height, map.channels, mseg_alloc_array(width * height, channels * sizeof(float))};
    if (!features->values)
        return MSEG_NOMEM;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            memcpy(features->values + (y * width + x) * channels, map.data + y * map.row + x * map.pixel,
                   channels * sizeof(float));
    return MSEG_OK;
}
