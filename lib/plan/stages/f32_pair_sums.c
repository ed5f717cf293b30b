#include "plan/stages/f32.h"

void mseg_stage_f32_pair_sums(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const float least = (float)MSEG_PAIRS_INPUT / MSEG_PAIRS_RANGE, most = (float)MSEG_PAIRS_INPUT * MSEG_PAIRS_RANGE;
    const int *k = s->work, width = s->in[0].width;
    for (int i = 0; i < s->n_in; i++)
        for (int y = y0; y < y1; y++) {
            float *row = (float *)mseg_row(&s->out, bases, y) + (size_t)i * mseg_f32_sums(width);
            float bound =
                bases->kernels->gemm.pair_sums(mseg_row(&s->in[i], bases, y), s->in[i].pixel / sizeof *row, *k, width, row);
            row[width] = bound >= least * least * (float)*k && bound <= most * most * (float)*k;
        }
}
