#include "image/buffer.h"

#include <stdlib.h>

#include "image/image.h"

void mseg_bytes_free(uint8_t **bytes)
{
    free(*bytes);
    *bytes = NULL;
}

bool mseg_buffer_reserve(mseg_buffer *buffer, size_t extra)
{
    enum { LEAST = 1 << 14 };
    size_t needed;
    if (__builtin_add_overflow(buffer->size, extra, &needed))
        return false;
    if (needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity > SIZE_MAX / 2 ? needed : buffer->capacity * 2;
    capacity = capacity > needed ? capacity : needed;
    capacity = capacity > LEAST ? capacity : LEAST;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}
