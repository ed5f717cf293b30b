#include <math.h>

#include "kernels/registry.h"

enum { CLASSES = 256 };

void mseg_pixels_softmax_add__scalar(const float *row, int classes, const mseg_column_run *runs, int n_runs,
                                     const float *fraction, float *sums, size_t stride)
{
    float y[CLASSES];
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x++) {
            float most = -INFINITY, sum = 0;
            for (int c = 0; c < classes; c++) {
                y[c] = left[c] + (right[c] - left[c]) * fraction[x];
                most = y[c] > most ? y[c] : most;
            }
            for (int c = 0; c < classes; c++)
                sum += y[c] = expf(y[c] - most);
            for (int c = 0; c < classes; c++)
                sums[(size_t)c * stride + (size_t)x] += y[c] / sum;
        }
    }
}
