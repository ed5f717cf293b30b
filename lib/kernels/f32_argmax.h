#include <string.h>

#include "kernels/kernels.h"

/* The body of the mseg_f32_argmax kernels, vectorised by the compiler for the instruction set of the includer. */
enum { BLOCK = 16 };

static inline void argmax_block(const float *restrict left, const float *restrict right, int classes,
                                const float *restrict fraction, int n, uint8_t *restrict labels)
{
    float f[BLOCK] = {0}, best[BLOCK];
    int32_t id[BLOCK] = {0};
    memcpy(f, fraction, (size_t)n * sizeof *f);
    for (int i = 0; i < BLOCK; i++)
        best[i] = left[0] + (right[0] - left[0]) * f[i];
    for (int c = 1; c < classes; c++) {
        const float l = left[c], d = right[c] - left[c];
        for (int i = 0; i < BLOCK; i++) {
            float y = l + d * f[i];
            id[i] = y > best[i] ? c : id[i];
            best[i] = y > best[i] ? y : best[i];
        }
    }
    for (int i = 0; i < n; i++)
        labels[i] = (uint8_t)id[i];
}

static inline void argmax(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                          uint8_t *labels)
{
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += BLOCK) {
            int n = runs[r].x1 - x;
            argmax_block(left, right, classes, fraction + x, n < BLOCK ? n : BLOCK, labels + x);
        }
    }
}
