#include "base/options.h"
#include "image/decode.h"

static const mseg_limits defaults = {
    .struct_size = sizeof(mseg_limits), .max_pixels = 178956970, .max_file_bytes = (uint64_t)1 << 30};

void mseg_limits_init(mseg_limits *limits, size_t struct_size)
{
    mseg_options_init(limits, struct_size, &defaults, sizeof defaults);
}

mseg_status mseg_limits_take(mseg_limits *used, const mseg_limits *given, mseg_error *err)
{
    *used = defaults;
    return mseg_options_take(used, sizeof *used, given, "mseg_limits_init", err);
}
