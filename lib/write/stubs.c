#include "write/write.h"

#define STUB(format)                                                                                                             \
    mseg_status mseg_write_##format(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights,                           \
                                    const mseg_write_options *options, mseg_error *err)                                          \
    {                                                                                                                            \
        (void)net, (void)weights, (void)options;                                                                                 \
        *out = (mseg_bytes){0};                                                                                                  \
        return mseg_fail(err, MSEG_UNSUPPORTED, "writing " #format " is not there yet");                                         \
    }

STUB(safetensors)
