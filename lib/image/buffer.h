#ifndef MSEG_IMAGE_BUFFER_H
#define MSEG_IMAGE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow; zero it first, free(bytes) in the end. */
typedef struct mseg_buffer {
    uint8_t *bytes;
    size_t size, capacity;
} mseg_buffer;

/** Makes room for extra more bytes; false when memory runs out. */
bool mseg_buffer_reserve(mseg_buffer *buffer, size_t extra);

#endif
