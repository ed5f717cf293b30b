#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool mseg_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

size_t mseg_round_up(size_t value, size_t step)
{
    return (value + step - 1) / step * step;
}

void *mseg_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - MSEG_ALIGN)
        return NULL;
    size_t padded = mseg_round_up(bytes ? bytes : 1, MSEG_ALIGN);
    void *memory = aligned_alloc(MSEG_ALIGN, padded);
    if (memory)
        memset(memory, 0, padded);
    return memory;
}

void *mseg_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    return mseg_mul(count, size, &bytes) ? mseg_alloc(bytes) : NULL;
}

void mseg_free(void *pointer)
{
    void *memory;
    memcpy(&memory, pointer, sizeof memory);
    free(memory);
    memory = NULL;
    memcpy(pointer, &memory, sizeof memory);
}
