#include "kernels/registry.h"

void mseg_u8_argmax__scalar(const int32_t *row, int classes, const mseg_column_run *runs, int n_runs, const int32_t *fraction,
                            uint8_t *labels)
{
    for (const mseg_column_run *run = runs; run < runs + n_runs; run++) {
        const int32_t *l = row + (size_t)run->left * (size_t)classes, *r = row + (size_t)run->right * (size_t)classes;
        for (int x = run->x0; x < run->x1; x++) {
            int best = -1;
            for (int c = 0; c < classes; c++) {
                const int value = (l[c] * 2048 + (r[c] - l[c]) * fraction[x] + (1 << 21)) >> 22;
                if (value > best) {
                    best = value;
                    labels[x] = (uint8_t)c;
                }
            }
        }
    }
}
