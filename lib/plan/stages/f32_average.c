#include "plan/stages/f32.h"

/* A row's sum is float, the map's is double. */
void mseg_step_f32_average(const mseg_step *step, const mseg_bases *bases, int u0, int u1)
{
    enum { BLOCK = 64 };
    const size_t pixel = step->in.pixel / sizeof(float);
    float *out = mseg_row(&step->out, bases, 0);
    for (int c0 = u0; c0 < u1; c0 += BLOCK) {
        int n = u1 - c0 < BLOCK ? u1 - c0 : BLOCK;
        double sum[BLOCK] = {0};
        for (int y = 0; y < step->in.height; y++) {
            const float *row = (const float *)mseg_row(&step->in, bases, y) + c0;
            float line[BLOCK] = {0};
            for (int x = 0; x < step->in.width; x++, row += pixel)
                for (int c = 0; c < n; c++)
                    line[c] += row[c];
            for (int c = 0; c < n; c++)
                sum[c] += (double)line[c];
        }
        for (int c = 0; c < n; c++)
            out[c0 + c] = (float)(sum[c] / ((double)step->in.height * step->in.width));
    }
}
