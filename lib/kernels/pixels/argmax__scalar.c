#include "kernels/registry.h"

void mseg_pixels_argmax__scalar(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                                uint8_t *labels)
{
    for (int r = 0; r < n_runs; r++) {
        const float *left = row + (size_t)runs[r].left * (size_t)classes;
        const float *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x++) {
            float best = left[0] + (right[0] - left[0]) * fraction[x];
            int id = 0;
            for (int c = 1; c < classes; c++) {
                float y = left[c] + (right[c] - left[c]) * fraction[x];
                if (y > best) {
                    best = y;
                    id = c;
                }
            }
            labels[x] = (uint8_t)id;
        }
    }
}
