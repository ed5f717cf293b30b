#include <string.h>

#include "net/sampling.h"
#include "plan/stages/f32.h"

static size_t floats(size_t bytes)
{
    return bytes / sizeof(float);
}

/* line [width][channels] lies f of the way between two rows. */
static void mix_rows(const float *low, const float *high, float f, const mseg_rows *in, size_t channels, float *line)
{
    const size_t pixel = floats(in->pixel);
    for (int x = 0; x < in->width; x++, low += pixel, high += pixel, line += channels)
        for (size_t c = 0; c < channels; c++)
            line[c] = low[c] + (high[c] - low[c]) * f;
}

static void mix_columns(const float *line, int width, size_t channels, mseg_sampling sampling, const mseg_rows *to, float *out)
{
    for (int x = 0; x < to->width; x++, out += floats(to->pixel)) {
        int left, right;
        float f;
        mseg_sampling_between(mseg_sampling_at(sampling, x, to->width, width), width, &left, &right, &f);
        const float *l = line + (size_t)left * channels, *r = line + (size_t)right * channels;
        for (size_t c = 0; c < channels; c++)
            out[c] = l[c] + (r[c] - l[c]) * f;
    }
}

static void copy_row(const float *row, const mseg_rows *in, size_t channels, const mseg_rows *to, float *out)
{
    for (int x = 0; x < to->width; x++, row += floats(in->pixel), out += floats(to->pixel))
        memcpy(out, row, channels * sizeof *out);
}

/* One input's channels of output row y. */
static void join_row(const mseg_stage *s, const mseg_bases *bases, int input, int y, float *out)
{
    const mseg_join *work = s->work;
    const mseg_rows *in = &s->in[input];
    const size_t channels = (size_t)work->channels[input];
    if (in->width == s->out.width && in->height == s->out.height) {
        copy_row(mseg_row(in, bases, y), in, channels, &s->out, out);
        return;
    }
    float f, *line = mseg_row(&work->line, bases, 0);
    int low, high;
    mseg_sampling_between(mseg_sampling_at(work->sampling, y, s->out.height, in->height), in->height, &low, &high, &f);
    mix_rows(mseg_row(in, bases, low), mseg_row(in, bases, high), f, in, channels, line);
    mix_columns(line, in->width, channels, work->sampling, &s->out, out);
}

void mseg_stage_f32_join(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_join *work = s->work;
    for (int y = y0; y < y1; y++) {
        float *row = mseg_row(&s->out, bases, y);
        for (int i = 0; i < s->n_in; i++)
            join_row(s, bases, i, y, row + work->first[i]);
        mseg_clear_pads(&s->out, row);
    }
}
