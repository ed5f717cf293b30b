#include "kernels/f32_argmax.h"
#include "kernels/registry.h"

void mseg_f32_argmax__avx2(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                           uint8_t *labels)
{
    argmax(row, classes, runs, n_runs, fraction, labels);
}
