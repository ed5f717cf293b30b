#ifndef MSEG_TESTS_GUARD_H
#define MSEG_TESTS_GUARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* Buffers between two pages that fault when touched. A buffer ends exactly where the second page begins or starts where the first
 * one ends; the slack on its other side holds a pattern. */
enum { GUARD_PAGE = 4096, GUARD_CAPACITY = 64 * GUARD_PAGE, GUARD_SLACK = 1024, GUARD_BYTE = 0xA5 };

typedef enum guard_side { GUARD_END, GUARD_START } guard_side;

typedef struct guard {
    uint8_t *pages; /* GUARD_CAPACITY usable bytes */
    uint8_t *slack;
} guard;

static inline void guard_open(guard *g)
{
    uint8_t *map = mmap(NULL, GUARD_CAPACITY + 2 * GUARD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map, GUARD_PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(map + GUARD_PAGE + GUARD_CAPACITY, GUARD_PAGE, PROT_NONE), 0);
    *g = (guard){.pages = map + GUARD_PAGE};
}

static inline void guard_close(guard *g)
{
    munmap(g->pages - GUARD_PAGE, GUARD_CAPACITY + 2 * GUARD_PAGE);
}

/* bytes of memory, every byte 0xFF (floats: NaN). The buffer placed before is gone. */
static inline void *guard_place(guard *g, size_t bytes, guard_side side)
{
    assert_true(bytes + GUARD_SLACK <= GUARD_CAPACITY);
    uint8_t *data = side == GUARD_END ? g->pages + GUARD_CAPACITY - bytes : g->pages;
    g->slack = side == GUARD_END ? data - GUARD_SLACK : data + bytes;
    memset(g->slack, GUARD_BYTE, GUARD_SLACK);
    memset(data, 0xFF, bytes);
    return data;
}

static inline float *guard_floats(guard *g, size_t count, guard_side side)
{
    return guard_place(g, count * sizeof(float), side);
}

/* Fails when the pattern beside the buffer (if one was placed) was touched. */
static inline void guard_check(const guard *g)
{
    for (size_t i = 0; g->slack && i < GUARD_SLACK; i++)
        assert_int_equal(g->slack[i], GUARD_BYTE);
}

#endif
