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

/* On top of calloc, with the distance to its memory in the byte before ours: glibc's aligned_alloc (before 2.38) cannot reuse the
 * holes that its own blocks leave, and the heap of a long batch of images grows without end. */
void *mseg_alloc(size_t bytes)
{
    if (bytes > (size_t)PTRDIFF_MAX - 2 * MSEG_ALIGN) /* calloc would fail, ASan's end the program */
        return NULL;
    uint8_t *memory = calloc(1, mseg_round_up(bytes ? bytes : 1, MSEG_ALIGN) + MSEG_ALIGN);
    if (!memory)
        return NULL;
    size_t distance = MSEG_ALIGN - (uintptr_t)memory % MSEG_ALIGN;
    memory += distance;
    memory[-1] = (uint8_t)distance;
    return memory;
}

void *mseg_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    return mseg_mul(count, size, &bytes) ? mseg_alloc(bytes) : NULL;
}

bool mseg_grow(void *array, int *room, int needed, size_t size)
{
    if (needed <= *room)
        return true;
    const int wanted = *room > needed / 2 ? 2 * *room : needed;
    void *old, *grown = mseg_alloc_array((size_t)wanted, size);
    if (!grown)
        return false;
    memcpy(&old, array, sizeof old);
    if (old)
        memcpy(grown, old, (size_t)*room * size);
    mseg_free(&old);
    memcpy(array, &grown, sizeof grown);
    *room = wanted;
    return true;
}

void mseg_free(void *pointer)
{
    uint8_t *memory;
    memcpy(&memory, pointer, sizeof memory);
    if (memory)
        free(memory - memory[-1]);
    memory = NULL;
    memcpy(pointer, &memory, sizeof memory);
}
