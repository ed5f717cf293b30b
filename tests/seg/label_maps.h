#ifndef MSEG_TESTS_LABEL_MAPS_H
#define MSEG_TESTS_LABEL_MAPS_H

/* Include behind cmocka.h. Pools of threads, and images to label whose rows are longer than their width. */

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "image/image.h"

enum { MAX_THREADS = 3, CANARY = 0xEE, ROW_GAP = 5 };

typedef struct fixture {
    mseg_pool *pools[MAX_THREADS + 1];
} fixture;

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    return !f || mseg_pool_open(&f->pools[2], 2) || mseg_pool_open(&f->pools[3], 3);
}

static inline int teardown(void **state)
{
    fixture *f = *state;
    mseg_pool_close(&f->pools[2]);
    mseg_pool_close(&f->pools[3]);
    free(f);
    return 0;
}

static inline mseg_image blank(int width, int height)
{
    mseg_image image = {.width = width, .height = height, .format = MSEG_GRAY, .stride = (size_t)width + ROW_GAP};
    image.data = malloc(image.stride * (size_t)height);
    assert_non_null(image.data);
    memset(image.data, CANARY, image.stride * (size_t)height);
    return image;
}

#endif
