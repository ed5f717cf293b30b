#include <string.h>

#include "plan/stage.h"

static int max(int a, int b)
{
    return a > b ? a : b;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* The input rows that output rows up to y (exclusive) of a stage need, of height in all. */
static int needed(const mseg_stage *s, int y, int height)
{
    return min(height, (y - 1) * s->window.stride - s->window.pad_y + (s->window.kernel - 1) * s->window.rate_y + 1);
}

/* Makes stage i's rows from made[i] up to y, after the rows of the stages before that they need. */
static void pull(const mseg_pass *pass, const mseg_bases *bases, int i, int y, int *made)
{
    const mseg_stage *s = &pass->stages[i];
    while (made[i] < y) {
        int to = min(y, made[i] + s->rows);
        if (i > 0)
            pull(pass, bases, i - 1, needed(s, to, s->in[0].height), made);
        s->run(s, bases, made[i], to);
        made[i] = to;
    }
}

static void run_pass(const mseg_pass *pass, const mseg_bases *bases, int y0, int y1)
{
    int made[MSEG_MAX_STAGES];
    int last = pass->n_stages - 1;
    made[last] = y0;
    for (int i = last; i > 0; i--)
        made[i - 1] = max(0, made[i] * pass->stages[i].window.stride - pass->stages[i].window.pad_y);
    pull(pass, bases, last, y1, made);
}

void mseg_step_passes(const mseg_step *step, const mseg_bases *bases, int u0, int u1)
{
    for (int i = 0; i < step->n_passes; i++) {
        const mseg_pass *pass = &step->passes[i];
        int y0 = max(u0, pass->first) - pass->first, y1 = min(u1, pass->first + pass->rows) - pass->first;
        if (y0 < y1)
            run_pass(pass, bases, y0, y1);
    }
}

void mseg_clear_pads(const mseg_rows *out, void *row)
{
    const size_t pad = (size_t)out->pad * out->pixel;
    if (pad) {
        memset((uint8_t *)row - pad, out->fill, pad);
        memset((uint8_t *)row + (size_t)out->width * out->pixel, out->fill, pad);
    }
}
