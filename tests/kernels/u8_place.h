#ifndef TESTS_KERNELS_U8_PLACE_H
#define TESTS_KERNELS_U8_PLACE_H

/* The place of weight (i, j) in a panel of width columns, as kernels.h has it. */
static inline int u8_place(int kr, int width, int i, int j)
{
    if (kr == 1)
        return i * width + j;
    if (kr == 2)
        return ((i / 4 * 2 + i % 2) * width + j) * 2 + i % 4 / 2;
    return (i / 4 * width + j) * 4 + i % 4;
}

#endif
