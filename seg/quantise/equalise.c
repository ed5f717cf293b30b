#include "seg/quantise/equalise.h"

#include <math.h>

#include "base/alloc.h"

void mseg_equalise_free(double ***factors, int count)
{
    for (int i = 0; *factors && i < count; i++)
        mseg_free(&(*factors)[i]);
    mseg_free(factors);
}

/* The largest magnitude of a channel's numbers that is not worth clipping. */
static double reach(const mseg_histogram *h, bool from_zero)
{
    const mseg_range_part part = {h, 1, 1};
    if (!h->others)
        return 0;
    const mseg_quant quant = mseg_range_choose(&part, 1, (mseg_range_rule){.from_zero = from_zero});
    return fmax(quant.zero, 255 - quant.zero) * (double)quant.scale;
}

/* The value that a map shares its factors with: what it is a sum of, or is pooled from. */
static mseg_value source_of(const mseg_net *net, mseg_value value)
{
    const mseg_net_layer *layer = &net->layers[value];
    if (layer->add > 0)
        return source_of(net, layer->add);
    return layer->kind == MSEG_GLOBAL_POOL ? source_of(net, layer->in[0]) : value;
}

static bool is_fixed(const mseg_net *net, mseg_value source)
{
    for (int i = 0; i < net->count; i++)
        if (mseg_net_is_output(net, i) && source_of(net, i) == source)
            return true;
    return source == 0;
}

/* Notes the reach of all channels that share a source's factors. */
static void find_reach(double *most, const mseg_net *net, const mseg_map_stats *stats, mseg_value source)
{
    for (int i = source; i < net->count; i++)
        for (int c = 0; c < net->layers[i].channels && source_of(net, i) == source; c++)
            most[c] = fmax(most[c], reach(&stats[i].made[c], net->layers[i].activation != MSEG_LINEAR));
}

/* From what channels reach to factors, at least 1: behind an activation all reach the same, as weights that read it cost nothing
 * there; else the root of that, as what evens maps out makes weights uneven (equation 11 there). */
static void set_factors(double *factors, const mseg_net_layer *layer)
{
    enum { MOST = 64 };
    double whole = 0;
    for (int c = 0; c < layer->channels; c++)
        whole = fmax(whole, factors[c]);
    if (layer->activation == MSEG_RELU6)
        whole = 6; /* where it stays: what is less than that is multiplied */
    for (int c = 0; c < layer->channels; c++) {
        const double factor = factors[c] > 0 ? fmax(1, fmin(whole / factors[c], MOST)) : 1;
        factors[c] = layer->activation == MSEG_LINEAR ? sqrt(factor) : factor;
    }
}

/* A map's that has none of its own: those of the maps that it is made of, in their order. */
static void take_factors(double *factors, const mseg_net *net, mseg_value value, double *const *all)
{
    const mseg_net_layer *layer = &net->layers[value];
    const mseg_value source = source_of(net, value);
    const int parts = layer->kind == MSEG_JOIN ? layer->n_in : 1;
    for (int k = 0; k < parts; k++) {
        const mseg_value from = layer->kind == MSEG_JOIN ? layer->in[k] : source;
        for (int c = 0; c < net->layers[from].channels; c++)
            *factors++ = from == value ? 1 : all[from][c];
    }
}

double **mseg_equalise(const mseg_net *net, const mseg_map_stats *stats)
{
    double **factors = mseg_alloc_array((size_t)net->count, sizeof *factors);
    for (int i = 0; factors && i < net->count; i++) {
        const mseg_net_layer *layer = &net->layers[i];
        factors[i] = mseg_alloc_array((size_t)layer->channels, sizeof **factors);
        if (!factors[i]) {
            mseg_equalise_free(&factors, net->count);
        } else if (source_of(net, i) == i && layer->kind != MSEG_JOIN && !is_fixed(net, i)) {
            find_reach(factors[i], net, stats, i);
            set_factors(factors[i], layer);
        } else {
            take_factors(factors[i], net, i, factors);
        }
    }
    return factors;
}

void mseg_equalise_layer(mseg_layer_weights *w, const mseg_net *net, mseg_value value, double *const *factors)
{
    const mseg_net_layer *layer = &net->layers[value];
    const double *makes = factors[value];
    const size_t taps = (size_t)w->kernel * (size_t)w->kernel, out = (size_t)w->out;
    for (size_t o = 0; o < out; o++) {
        for (size_t tap = 0; tap < taps; tap++) {
            float *at = w->depthwise ? &w->weight[tap * out + o] : &w->weight[(o * taps + tap) * (size_t)w->in];
            if (w->depthwise)
                *at = (float)((double)*at * makes[o] / factors[layer->in[0]][o]);
            for (int k = 0; k < layer->n_in && !w->depthwise; k++)
                for (int c = 0; c < net->layers[layer->in[k]].channels; c++, at++)
                    *at = (float)((double)*at * makes[o] / factors[layer->in[k]][c]);
        }
        w->bias[o] = (float)((double)w->bias[o] * makes[o]);
    }
}
