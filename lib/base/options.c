#include "base/options.h"

#include <stdint.h>
#include <string.h>

void mseg_options_init(void *options, size_t struct_size, const void *defaults, size_t size)
{
    memset(options, 0, struct_size);
    memcpy(options, defaults, struct_size < size ? struct_size : size);
    memcpy(options, &struct_size, sizeof struct_size);
}

mseg_status mseg_options_take(void *own, size_t size, const void *given, const char *init, mseg_error *err)
{
    enum { MOST = 4096 };
    const uint8_t *bytes = given;
    size_t struct_size;
    if (!given)
        return MSEG_OK;
    memcpy(&struct_size, given, sizeof struct_size);
    if (struct_size < sizeof struct_size || struct_size > MOST)
        return mseg_fail(err, MSEG_INVAL, "struct_size %zu is not the options' size: fill them in by %s first", struct_size,
                         init);
    for (size_t i = size; i < struct_size; i++)
        if (bytes[i])
            return mseg_fail(err, MSEG_UNSUPPORTED, "an option is set that this version of the library does not know");
    memcpy(own, given, struct_size < size ? struct_size : size);
    memcpy(own, &size, sizeof size);
    return MSEG_OK;
}
