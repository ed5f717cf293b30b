#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "train/layout.h"
#include "weights/made.h"

/* ---- random numbers ----------------------------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014): 0 <= x < 1. */
static double uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Box and Muller. */
static double normal(uint64_t *state)
{
    const double r = sqrt(-2 * log(1 - uniform(state)));
    return r * cos(2 * acos(-1) * uniform(state));
}

static int inputs_of(const mseg_train_value *v)
{
    const mseg_net_layer *layer = v->layer;
    return (layer->kind == MSEG_DEPTHWISE ? 1 : layer->in_channels) * layer->kernel * layer->kernel;
}

/* The size of random weights: He et al. 2015, where no activation follows half of the variance. */
static double deviation(const mseg_train_value *v)
{
    return sqrt((v->layer->activation == MSEG_LINEAR ? 1.0 : 2.0) / inputs_of(v));
}

static void randomise(mseg_engine *e, const mseg_train_value *v, uint64_t *state)
{
    const mseg_net_layer *layer = v->layer;
    mseg_real *w = e->parameters + v->weight;
    const double by = deviation(v);
    const bool depthwise = layer->kind == MSEG_DEPTHWISE;
    for (int tap = 0; tap < layer->kernel * layer->kernel; tap++)
        for (int k = 0; k < layer->n_in; k++)
            for (int c = 0; c < (depthwise ? 1 : e->net.layers[layer->in[k]].channels); c++)
                for (int o = 0; o < layer->channels; o++)
                    w[(size_t)(depthwise ? tap : mseg_train_row(e, v, tap, k, c)) * (size_t)v->padded + (size_t)o] =
                        (mseg_real)(by * normal(state));
    for (int o = 0; o < layer->channels; o++) {
        e->parameters[v->shift + (size_t)o] = 0;
        if (v->normed)
            e->parameters[v->scale + (size_t)o] = 1;
    }
}

static bool has_parameters(const mseg_train_value *v)
{
    return v->layer->kind == MSEG_CONV || v->layer->kind == MSEG_DEPTHWISE;
}

void mseg_engine_randomise(mseg_engine *e, const char *only, uint64_t seed)
{
    for (int i = 1; i < e->net.count; i++) {
        const mseg_train_value *v = &e->values[i];
        uint64_t state = seed * 0x9e3779b97f4a7c15u + (uint64_t)i;
        if (has_parameters(v) && v->trained && (!only || !strncmp(v->layer->name, only, strlen(only))))
            randomise(e, v, &state);
    }
}

/* ---- measuring ---------------------------------------------------------------------------------------------------------- */

void mseg_engine_measure(mseg_engine *e)
{
    for (int i = 1; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        if (!v->normed)
            continue;
        memset(v->measured1, 0, (size_t)v->padded * sizeof *v->measured1);
        memset(v->measured2, 0, (size_t)v->padded * sizeof *v->measured2);
        v->measured = 0;
    }
    e->measuring = true;
}

/* A channel's weights become by times as large, and so does what its norm sees. */
static void scale_channel(mseg_engine *e, const mseg_train_value *v, int c, double by)
{
    for (int row = 0; row < v->rows; row++)
        e->parameters[v->weight + (size_t)row * (size_t)v->padded + (size_t)c] *= (mseg_real)by;
    e->statistics[v->statistics + (size_t)c] *= (mseg_real)by;
    e->statistics[v->statistics + (size_t)(v->padded + c)] *= (mseg_real)(by * by);
}

/* y = x + shift becomes y = scale * (x - mean) / sqrt(variance + epsilon) + the new shift. */
static void unfold(mseg_engine *e, const mseg_train_value *v, int c)
{
    double squares = 0;
    for (int row = 0; row < v->rows; row++) {
        const double w = (double)e->parameters[v->weight + (size_t)row * (size_t)v->padded + (size_t)c];
        squares += w * w;
    }
    const double size = sqrt(squares / inputs_of(v)), by = size > 1e-12 ? deviation(v) / size : 1;
    scale_channel(e, v, c, by);
    const mseg_real *statistics = e->statistics + v->statistics;
    const double mean = (double)statistics[c], variance = (double)statistics[v->padded + c];
    e->parameters[v->scale + (size_t)c] = (mseg_real)(sqrt(variance + e->epsilon) / by);
    e->parameters[v->shift + (size_t)c] += (mseg_real)(mean / by);
}

void mseg_engine_measured(mseg_engine *e, bool unfolding)
{
    e->measuring = false;
    for (int i = 1; i < e->net.count; i++) {
        mseg_train_value *v = &e->values[i];
        if (!v->normed || v->measured <= 0)
            continue;
        for (int c = 0; c < v->layer->channels; c++) {
            const double mean = v->measured1[c] / v->measured;
            e->statistics[v->statistics + (size_t)c] = (mseg_real)mean;
            e->statistics[v->statistics + (size_t)(v->padded + c)] =
                (mseg_real)fmax(v->measured2[c] / v->measured - mean * mean, 0);
            if (unfolding)
                unfold(e, v, c);
        }
    }
}

/* ---- as weights --------------------------------------------------------------------------------------------------------- */

/* A channel's factor and bias with its norm multiplied in. */
static void fold(const mseg_engine *e, const mseg_train_value *v, const mseg_real *p, int c, double *by, double *bias)
{
    *by = 1;
    *bias = (double)p[v->shift + (size_t)c];
    if (!v->normed)
        return;
    const mseg_real *statistics = e->statistics + v->statistics;
    *by = (double)p[v->scale + (size_t)c] / sqrt((double)statistics[v->padded + c] + e->epsilon);
    *bias -= (double)statistics[c] * *by;
}

static mseg_status add_layer(mseg_weights *weights, const mseg_engine *e, const mseg_train_value *v, const mseg_real *p,
                             mseg_error *err)
{
    const mseg_net_layer *layer = v->layer;
    const bool depthwise = layer->kind == MSEG_DEPTHWISE;
    const int taps = layer->kernel * layer->kernel, in = depthwise ? 1 : layer->in_channels, out = layer->channels;
    const int shape[4] = {depthwise ? 1 : out, layer->kernel, layer->kernel, depthwise ? out : in};
    float *weight = mseg_alloc_array((size_t)out * (size_t)(in * taps), sizeof *weight);
    float *bias = mseg_alloc_array((size_t)out, sizeof *bias);
    mseg_status status = weight && bias ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
    for (int o = 0; o < out && !status; o++) {
        double by, shift;
        fold(e, v, p, o, &by, &shift);
        bias[o] = (float)shift;
        for (int tap = 0; tap < taps; tap++)
            for (int k = 0, input = 0; k < layer->n_in; k++)
                for (int c = 0; c < (depthwise ? 1 : e->net.layers[layer->in[k]].channels); c++, input++) {
                    const int row = depthwise ? tap : mseg_train_row(e, v, tap, k, c);
                    const int at = depthwise ? tap * out + o : (o * taps + tap) * in + input;
                    weight[at] = (float)(by * (double)p[v->weight + (size_t)row * (size_t)v->padded + (size_t)o]);
                }
    }
    if (!status)
        status = mseg_weights_made_add_floats(weights, layer->name, shape, depthwise, weight, bias, err);
    mseg_free(&weight);
    mseg_free(&bias);
    return status;
}

mseg_status mseg_engine_weights(mseg_weights **weights, const mseg_engine *e, const mseg_real *parameters, mseg_error *err)
{
    mseg_status status = mseg_weights_made(weights, e->padding);
    if (status)
        return mseg_fail(err, status, NULL);
    for (int i = 1; i < e->net.count && !status; i++)
        if (has_parameters(&e->values[i]) && !mseg_train_is_added(e, &e->values[i]))
            status = add_layer(*weights, e, &e->values[i], parameters, err);
    if (status)
        mseg_weights_close(weights);
    return status;
}
