#include "seg/quantise/round.h"

#include <math.h>

#include "base/alloc.h"

enum { MOST = 127 };

void mseg_rounded_free(mseg_rounded *r)
{
    mseg_free(&r->weight);
    mseg_free(&r->bias);
    mseg_free(&r->scale);
    mseg_free(&r->real);
    *r = (mseg_rounded){0};
}

/* ---- one output channel ------------------------------------------------------------------------------------------------- */

/* Its weights: number i is at first + i * step, and reads input channel i % in, of a depthwise convolution its own. */
typedef struct channel {
    size_t first, step, count;
    int index, in;
    bool depthwise;
} channel;

static channel channel_of(const mseg_layer_weights *w, int index)
{
    const size_t taps = (size_t)w->kernel * (size_t)w->kernel, row = taps * (size_t)w->in;
    return (channel){.first = w->depthwise ? (size_t)index : (size_t)index * row,
                     .step = w->depthwise ? (size_t)w->out : 1,
                     .count = row,
                     .index = index,
                     .in = w->in,
                     .depthwise = w->depthwise};
}

static int input_of(const channel *c, size_t i)
{
    return c->depthwise ? c->index : (int)(i % (size_t)c->in);
}

static float largest(const mseg_layer_weights *w, const channel *c)
{
    float most = 0;
    for (size_t i = 0; i < c->count; i++)
        most = fmaxf(most, fabsf(w->weight[c->first + i * c->step]));
    return most;
}

static int nearest(float weight, float scale)
{
    const double value = rint((double)weight / (double)scale);
    return (int)(value < -MOST ? -MOST : value > MOST ? MOST : value);
}

/* The mean square of what rounding with that scale changes of an output, the mean itself apart. */
static double change(const mseg_layer_weights *w, const channel *c, float scale, const double *variance, double floor)
{
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        const float weight = w->weight[c->first + i * c->step];
        const double d = nearest(weight, scale) * (double)scale - (double)weight;
        sum += d * d * (variance[input_of(c, i)] + floor);
    }
    return sum;
}

/* ---- scales ------------------------------------------------------------------------------------------------------------- */

/* Between which scales of weights a channel's arithmetic is in range. */
typedef struct limits {
    float least, most;
} limits;

static limits limits_of(const channel *c, const mseg_round_rule *rule, double bias)
{
    const double unit = (double)rule->out_scale / (double)rule->in_scale;
    const double room = 2147483647.0 - (double)c->count * 255 * 255;               /* for a bias beside the largest sum */
    const double fits = 2 * fabs(bias) / ((double)rule->in_scale * fmax(room, 1)); /* twice: it may be corrected */
    return (limits){(float)fmax(fits, unit * 0x1p-20), (float)(unit * 255)};
}

static float within(limits l, float scale)
{
    return fmaxf(fminf(scale, l.most), l.least);
}

static float choose_scale(const mseg_layer_weights *w, const channel *c, const mseg_round_rule *rule, double floor)
{
    enum { STEPS = 25 };
    const limits l = limits_of(c, rule, w->bias ? (double)w->bias[c->index] : 0);
    const float most = largest(w, c);
    float best = within(l, most > 0 ? most / MOST : rule->out_scale / rule->in_scale / 256);
    double least = change(w, c, best, rule->variance, floor);
    for (int i = 1; i < STEPS && most > 0; i++) {
        const float scale = within(l, most / MOST * (1 - 0.02f * (float)i));
        const double error = change(w, c, scale, rule->variance, floor);
        if (error < least) {
            least = error;
            best = scale;
        }
    }
    return best;
}

float mseg_round_least(const mseg_layer_weights *weights, float in_scale)
{
    float most = 0;
    for (int i = 0; i < weights->out; i++) {
        const channel c = channel_of(weights, i);
        most = fmaxf(most, largest(weights, &c));
    }
    return most / MOST * in_scale / 250;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------- */

static void round_bias(mseg_rounded *r, float in_scale, int c)
{
    const double room = 2147483647.0 - (double)(r->depthwise ? 1 : r->in) * r->kernel * r->kernel * 255 * 255;
    const double value = rint(r->real[c] / ((double)in_scale * (double)r->scale[c]));
    r->bias[c] = (int32_t)fmax(-room, fmin(value, room));
}

static void round_channel(mseg_rounded *r, const mseg_layer_weights *w, const channel *c, const mseg_round_rule *rule)
{
    const float scale = r->scale[c->index];
    double added = 0;
    for (size_t i = 0; i < c->count; i++) {
        const size_t at = c->first + i * c->step;
        r->weight[at] = (int8_t)nearest(w->weight[at], scale);
        added += (r->weight[at] * (double)scale - (double)w->weight[at]) * rule->mean[input_of(c, i)];
    }
    r->real[c->index] = (w->bias ? (double)w->bias[c->index] : 0) - added;
    round_bias(r, rule->in_scale, c->index);
}

mseg_status mseg_round(mseg_rounded *r, const mseg_layer_weights *w, const mseg_round_rule *rule)
{
    const int inputs = w->depthwise ? w->out : w->in;
    const size_t channels = (size_t)w->out, elements = channels * (size_t)w->kernel * (size_t)w->kernel * (size_t)w->in;
    double floor = 1e-30; /* inputs that never change count a little, too */
    *r = (mseg_rounded){.out = w->out, .kernel = w->kernel, .in = w->in, .depthwise = w->depthwise};
    r->weight = mseg_alloc_array(elements, sizeof *r->weight);
    r->bias = mseg_alloc_array(channels, sizeof *r->bias);
    r->scale = mseg_alloc_array(channels, sizeof *r->scale);
    r->real = mseg_alloc_array(channels, sizeof *r->real);
    if (!r->weight || !r->bias || !r->scale || !r->real) {
        mseg_rounded_free(r);
        return MSEG_NOMEM;
    }
    for (int i = 0; i < inputs; i++)
        floor += rule->variance[i] / inputs / 100;
    for (int i = 0; i < w->out; i++) {
        const channel c = channel_of(w, i);
        r->scale[i] = choose_scale(w, &c, rule, floor);
        round_channel(r, w, &c, rule);
    }
    return MSEG_OK;
}

void mseg_round_shift(mseg_rounded *r, float in_scale, const double *more)
{
    for (int c = 0; c < r->out; c++) {
        r->real[c] += more[c];
        round_bias(r, in_scale, c);
    }
}

/* ---- pictures ----------------------------------------------------------------------------------------------------------- */

void mseg_round_input(mseg_input *input, mseg_layer_weights *w)
{
    float scale = 0;
    double zero = 0;
    for (int c = 0; c < 3; c++) {
        scale = fmaxf(scale, fabsf(input->scale[c]));
        zero -= (double)input->offset[c] / (double)input->scale[c] / 3;
    }
    zero = fmax(0, fmin(floor(zero + 0.501), 255)); /* 128 of 127.5, as it is in floats */
    const size_t row = (size_t)w->kernel * (size_t)w->kernel * 3;
    for (int o = 0; o < w->out; o++) {
        double more = 0;
        for (size_t i = 0; i < row; i++) {
            float *weight = &w->weight[(size_t)o * row + i];
            const int c = (int)(i % 3);
            more += (double)*weight * (zero * (double)input->scale[c] + (double)input->offset[c]);
            *weight = (float)((double)*weight * (double)input->scale[c] / (double)scale);
        }
        w->bias[o] = (float)((double)w->bias[o] + more);
    }
    for (int c = 0; c < 3; c++) {
        input->scale[c] = scale;
        input->offset[c] = (float)(-zero * (double)scale);
        input->pad[c] = (float)((128 - zero) * (double)scale);
    }
    input->quant = (mseg_quant){.scale = scale, .zero = (int)zero, .is_signed = true};
}
