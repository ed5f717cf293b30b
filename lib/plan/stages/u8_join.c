#include <string.h>

#include "net/sampling.h"
#include "plan/stages/u8.h"

enum { PARTS = 2048 }; /* of the way between two rows or columns */

/* line [width][channels] lies part of the way between two rows. */
static void mix_rows(const uint8_t *low, const uint8_t *high, int32_t part, const mseg_rows *in, size_t channels, int32_t *line)
{
    for (int x = 0; x < in->width; x++, low += in->pixel, high += in->pixel, line += channels)
        for (size_t c = 0; c < channels; c++)
            line[c] = low[c] * (PARTS - part) + high[c] * part;
}

static void mix_columns(const int32_t *line, int width, size_t channels, mseg_sampling sampling, const mseg_rows *to,
                        uint8_t *out)
{
    for (int x = 0; x < to->width; x++, out += to->pixel) {
        int left, right;
        int32_t part;
        mseg_sampling_u8(sampling, x, to->width, width, &left, &right, &part);
        const int32_t *l = line + (size_t)left * channels, *r = line + (size_t)right * channels;
        for (size_t c = 0; c < channels; c++)
            out[c] = (uint8_t)((l[c] * PARTS + (r[c] - l[c]) * part + PARTS * PARTS / 2) / (PARTS * PARTS));
    }
}

static void copy_row(const uint8_t *row, const mseg_rows *in, size_t channels, const mseg_rows *to, uint8_t *out)
{
    for (int x = 0; x < to->width; x++, row += in->pixel, out += to->pixel)
        memcpy(out, row, channels);
}

/* One input's channels of output row y. */
static void join_row(const mseg_stage *s, const mseg_bases *bases, int input, int y, uint8_t *out)
{
    const mseg_join *join = &((const mseg_u8_join *)s->work)->join;
    const mseg_rows *in = &s->in[input];
    const size_t channels = (size_t)join->channels[input];
    if (in->width == s->out.width && in->height == s->out.height) {
        copy_row(mseg_row(in, bases, y), in, channels, &s->out, out);
        return;
    }
    int32_t part, *line = mseg_row(&join->line, bases, 0);
    int low, high;
    mseg_sampling_u8(join->sampling, y, s->out.height, in->height, &low, &high, &part);
    mix_rows(mseg_row(in, bases, low), mseg_row(in, bases, high), part, in, channels, line);
    mix_columns(line, in->width, channels, join->sampling, &s->out, out);
}

static void translate(const uint8_t table[256], const mseg_rows *to, size_t channels, uint8_t *out)
{
    for (int x = 0; x < to->width; x++, out += to->pixel)
        for (size_t c = 0; c < channels; c++)
            out[c] = table[out[c]];
}

void mseg_stage_u8_join(const mseg_stage *s, const mseg_bases *bases, int y0, int y1)
{
    const mseg_u8_join *work = s->work;
    for (int y = y0; y < y1; y++) {
        uint8_t *row = mseg_row(&s->out, bases, y);
        for (int i = 0; i < s->n_in; i++) {
            uint8_t *out = row + work->join.first[i];
            join_row(s, bases, i, y, out);
            if (work->tables[i])
                translate(work->tables[i], &s->out, (size_t)work->join.channels[i], out);
        }
        mseg_clear_pads(&s->out, row);
    }
}
