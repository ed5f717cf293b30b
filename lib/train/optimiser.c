#include "train/optimiser.h"

#include <math.h>
#include <tgmath.h>

#include "base/alloc.h"
#include "base/parallel.h"

/* Parameters are worked on in chunks, which do not depend on the threads. */
enum { CHUNK = 4096, LANES = 8 };

mseg_optimiser_options mseg_optimiser_defaults(mseg_rule rule)
{
    switch (rule) {
    case MSEG_RULE_RMSPROP:
        return (mseg_optimiser_options){.rule = rule, .momentum = 0.9, .decay = 0.9, .epsilon = 1};
    case MSEG_RULE_ADAMW:
        return (mseg_optimiser_options){.rule = rule, .momentum = 0.9, .decay = 0.99, .epsilon = 1e-8};
    case MSEG_RULE_SGD:
        break;
    }
    return (mseg_optimiser_options){.rule = rule, .momentum = 0.9};
}

static int chunks(const mseg_optimiser *o)
{
    return (int)((o->size + CHUNK - 1) / CHUNK);
}

static void fill_in(mseg_optimiser *o, const mseg_real *values, const uint8_t *decays)
{
    for (size_t i = 0; i < o->size; i++) {
        o->decays[i] = decays[i] != 0;
        if (o->average)
            o->average[i] = values[i];
        if (o->options.rule == MSEG_RULE_RMSPROP)
            o->second[i] = 1;
    }
}

mseg_status mseg_optimiser_make(mseg_optimiser *o, const mseg_optimiser_options *options, size_t size, const mseg_real *values,
                                const uint8_t *decays)
{
    *o = (mseg_optimiser){.options = *options, .size = size};
    o->decays = mseg_alloc_array(size, sizeof *o->decays);
    o->first = mseg_alloc_array(size, sizeof *o->first);
    o->squares = mseg_alloc_array((size_t)chunks(o), sizeof *o->squares);
    if (options->rule != MSEG_RULE_SGD)
        o->second = mseg_alloc_array(size, sizeof *o->second);
    if (options->average > 0)
        o->average = mseg_alloc_array(size, sizeof *o->average);
    if (!o->decays || !o->first || !o->squares || (options->rule != MSEG_RULE_SGD && !o->second) ||
        (options->average > 0 && !o->average)) {
        mseg_optimiser_close(o);
        return MSEG_NOMEM;
    }
    fill_in(o, values, decays);
    return MSEG_OK;
}

mseg_status mseg_optimiser_open(mseg_optimiser *optimiser, const mseg_optimiser_options *options, mseg_engine *engine)
{
    const size_t size = mseg_engine_size(engine);
    uint8_t *decays = mseg_alloc_array(size, sizeof *decays);
    *optimiser = (mseg_optimiser){0};
    if (!decays)
        return MSEG_NOMEM;
    for (int i = 0; i < mseg_engine_params(engine); i++) {
        const mseg_param *param = mseg_engine_param(engine, i);
        for (size_t k = param->at; k < param->at + param->count; k++)
            decays[k] = param->decays && param->trained;
    }
    const mseg_status status = mseg_optimiser_make(optimiser, options, size, mseg_engine_parameters(engine), decays);
    mseg_free(&decays);
    return status;
}

void mseg_optimiser_close(mseg_optimiser *optimiser)
{
    mseg_free(&optimiser->first);
    mseg_free(&optimiser->second);
    mseg_free(&optimiser->average);
    mseg_free(&optimiser->decays);
    mseg_free(&optimiser->squares);
    *optimiser = (mseg_optimiser){0};
}

/* One step, and its numbers as the loops take them. */
typedef struct step {
    mseg_optimiser *o;
    mseg_real *parameters, *gradient;
    mseg_real shrink;              /* of the gradient; 1: it stays */
    mseg_real rate, weight_decay;  /* AdamW: corrected for the first moment's start from 0; times the learning rate */
    mseg_real momentum, new_first; /* new_...: what the new gradient counts, of AdamW and of mean squares */
    mseg_real decay, new_second, epsilon;
    mseg_real root_scale; /* AdamW: corrects the second moment's root */
    mseg_real kept;       /* of the average */
} step;

static void add_squares(void *context, int task, int worker)
{
    (void)worker;
    const step *s = context;
    const size_t from = (size_t)task * CHUNK, left = s->o->size - from, n = left < CHUNK ? left : CHUNK;
    const mseg_real *gradient = s->gradient + from;
    double lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += (double)gradient[i + k] * (double)gradient[i + k];
    for (size_t k = 0; k < LANES; k++)
        sum += lanes[k];
    for (; i < n; i++)
        sum += (double)gradient[i] * (double)gradient[i];
    s->o->squares[task] = sum;
}

static void step_sgd(const step *s, size_t from, size_t to)
{
    mseg_real *restrict p = s->parameters, *restrict first = s->o->first;
    const mseg_real *restrict gradient = s->gradient;
    const uint8_t *restrict decays = s->o->decays;
    for (size_t i = from; i < to; i++) {
        first[i] = s->momentum * first[i] + (gradient[i] + s->weight_decay * (mseg_real)decays[i] * p[i]);
        p[i] -= s->rate * first[i];
    }
}

static void step_rmsprop(const step *s, size_t from, size_t to)
{
    mseg_real *restrict p = s->parameters, *restrict first = s->o->first, *restrict second = s->o->second;
    const mseg_real *restrict gradient = s->gradient;
    const uint8_t *restrict decays = s->o->decays;
    for (size_t i = from; i < to; i++) {
        const mseg_real g = gradient[i] + s->weight_decay * (mseg_real)decays[i] * p[i];
        second[i] = s->decay * second[i] + s->new_second * (g * g);
        first[i] = s->momentum * first[i] + s->rate * g / sqrt(second[i] + s->epsilon);
        p[i] -= first[i];
    }
}

static void step_adamw(const step *s, size_t from, size_t to)
{
    mseg_real *restrict p = s->parameters, *restrict first = s->o->first, *restrict second = s->o->second;
    const mseg_real *restrict gradient = s->gradient;
    const uint8_t *restrict decays = s->o->decays;
    for (size_t i = from; i < to; i++) {
        const mseg_real g = gradient[i];
        first[i] = s->momentum * first[i] + s->new_first * g;
        second[i] = s->decay * second[i] + s->new_second * (g * g);
        p[i] -= s->weight_decay * (mseg_real)decays[i] * p[i];
        p[i] -= s->rate * first[i] / (sqrt(second[i]) * s->root_scale + s->epsilon);
    }
}

static void take_step(void *context, int task, int worker)
{
    (void)worker;
    const step *s = context;
    const size_t from = (size_t)task * CHUNK, left = s->o->size - from, to = from + (left < CHUNK ? left : CHUNK);
    for (size_t i = from; s->shrink < 1 && i < to; i++)
        s->gradient[i] *= s->shrink;
    if (s->o->options.rule == MSEG_RULE_SGD)
        step_sgd(s, from, to);
    else if (s->o->options.rule == MSEG_RULE_RMSPROP)
        step_rmsprop(s, from, to);
    else
        step_adamw(s, from, to);
    for (size_t i = from; s->o->average && i < to; i++)
        s->o->average[i] = s->parameters[i] - s->kept * (s->parameters[i] - s->o->average[i]);
}

static void prepare(step *s, double learning_rate, double norm)
{
    const mseg_optimiser_options *options = &s->o->options;
    const double steps = (double)s->o->steps, clip = options->clip;
    s->shrink = (mseg_real)(clip > 0 && norm > clip ? clip / norm : 1);
    s->rate = (mseg_real)learning_rate;
    s->weight_decay = (mseg_real)options->weight_decay;
    s->momentum = (mseg_real)options->momentum;
    s->decay = (mseg_real)options->decay;
    s->new_second = (mseg_real)(1 - options->decay);
    s->epsilon = (mseg_real)options->epsilon;
    s->kept = (mseg_real)fmin(options->average, (1 + steps) / (10 + steps));
    if (options->rule == MSEG_RULE_ADAMW) {
        s->rate = (mseg_real)(learning_rate / (1 - pow(options->momentum, steps + 1)));
        s->weight_decay = (mseg_real)(learning_rate * options->weight_decay);
        s->new_first = (mseg_real)(1 - options->momentum);
        s->root_scale = (mseg_real)(1 / sqrt(1 - pow(options->decay, steps + 1)));
    }
}

double mseg_optimiser_step(mseg_optimiser *optimiser, mseg_real *parameters, mseg_real *gradient, double learning_rate,
                           mseg_pool *pool)
{
    step s = {.o = optimiser, .parameters = parameters, .gradient = gradient};
    double squares = 0;
    mseg_pool_for(pool, chunks(optimiser), add_squares, &s);
    for (int i = 0; i < chunks(optimiser); i++)
        squares += optimiser->squares[i];
    const double norm = sqrt(squares);
    if (!isfinite(norm))
        return norm;
    prepare(&s, learning_rate, norm);
    mseg_pool_for(pool, chunks(optimiser), take_step, &s);
    optimiser->steps++;
    return norm;
}
