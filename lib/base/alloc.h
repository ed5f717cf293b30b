#ifndef MSEG_BASE_ALLOC_H
#define MSEG_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Every vector kernel may rely on this alignment of whatever mseg_alloc returns. */
#define MSEG_ALIGN 64

/** bytes of memory aligned to MSEG_ALIGN and zeroed, or NULL. bytes = 0 gives a valid pointer. Free with mseg_free. */
void *mseg_alloc(size_t bytes);

/** As mseg_alloc, for count elements of the given size; NULL when the product overflows. */
void *mseg_alloc_array(size_t count, size_t size);

/** Makes room in an array of mseg_alloc_array for at least needed elements of the given size, twice as many as before or more;
 * what is in it stays. array is the address of the pointer, *room the elements that there is room for. False when there is no
 * memory: nothing has changed then. */
bool mseg_grow(void *array, int *room, int needed, size_t size);

/** Frees *pointer (NULL is fine) and sets it to NULL. pointer is the address of a pointer to any type. */
void mseg_free(void *pointer);

/** *out = a * b; false on overflow. */
bool mseg_mul(size_t a, size_t b, size_t *out);

/** value rounded up to the next multiple of step (step > 0). */
size_t mseg_round_up(size_t value, size_t step);

#endif
