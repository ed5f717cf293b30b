#include "seg/train/widen.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/train/data_inside.h"
#include "weights/load.h"
#include "weights/made.h"

/* ---- the network -------------------------------------------------------------------------------------------------------- */

static bool has_place_for(const mseg_net_layer *wide, const mseg_net_layer *narrow)
{
    return wide->kind == narrow->kind && !strcmp(wide->name, narrow->name) && wide->kernel == narrow->kernel &&
           wide->n_in == narrow->n_in && !memcmp(wide->in, narrow->in, (size_t)wide->n_in * sizeof *wide->in);
}

mseg_status mseg_widen_net(mseg_net *net, const mseg_net *wide, mseg_error *err)
{
    const int least = net->count < wide->count ? net->count : wide->count;
    for (int i = 0; i < least; i++)
        if (!has_place_for(&wide->layers[i], &net->layers[i]))
            return mseg_fail(err, MSEG_MISMATCH, "its layer %s is another one than the model's %s", wide->layers[i].name,
                             net->layers[i].name);
        else if (wide->layers[i].add != net->layers[i].add)
            return mseg_fail(err, MSEG_MISMATCH,
                             "%s adds a map to what it makes in only one of the two: the narrower one has as many "
                             "channels before as behind",
                             net->layers[i].name);
        else if (!mseg_net_is_output(net, i) && wide->layers[i].channels < net->layers[i].channels)
            return mseg_fail(err, MSEG_MISMATCH, "%s has %d channels, the model's %d: no layer may be narrower",
                             wide->layers[i].name, wide->layers[i].channels, net->layers[i].channels);
    if (net->count != wide->count)
        return mseg_fail(err, MSEG_MISMATCH, "it has %d layers, the model %d", wide->count, net->count);
    for (int i = 0; i < net->count; i++) {
        mseg_net_layer *layer = &net->layers[i];
        if (!mseg_net_is_output(net, i))
            layer->channels = wide->layers[i].channels;
        layer->in_channels = 0;
        for (int k = 0; k < layer->n_in; k++)
            layer->in_channels += net->layers[layer->in[k]].channels;
    }
    return MSEG_OK;
}

/* ---- its numbers -------------------------------------------------------------------------------------------------------- */

/* Channel c of a map that had so many channels: which one it copies. It depends on numbers of channels alone, so that maps that
 * are added have the same copies. */
static int source_of(int c, int had)
{
    return c % had;
}

/* What of the source's weight a reader of channel c has: of n copies 1, 2, 3 ... n parts of their sum. */
static double share_of(int c, int had, int has)
{
    const int n = (has - c % had + had - 1) / had;
    return (c / had + 1) / (n * (n + 1) / 2.0);
}

/* About normal, of deviation 1: the sum of twelve uniform numbers (Irwin, Hall). */
static double bell(uint64_t *state)
{
    double sum = -6;
    for (int k = 0; k < 12; k++)
        sum += (double)(mseg_train_scramble(*state += MSEG_TRAIN_GOLDEN) >> 11) * 0x1p-53;
    return sum;
}

typedef struct widening {
    const mseg_net *wide, *narrow;
    double noise;
    uint64_t state;
} widening;

/* The factor of a weight of output channel o. */
static float factor(widening *w, int o, int had)
{
    return o < had || w->noise <= 0 ? 1 : (float)(1 + w->noise * bell(&w->state));
}

static void widen_depthwise(widening *w, float *to, const mseg_layer_weights *from, int out)
{
    for (int tap = 0; tap < from->kernel * from->kernel; tap++)
        for (int c = 0; c < out; c++)
            *to++ = factor(w, c, from->out) * from->weight[tap * from->out + source_of(c, from->out)];
}

/* Inputs of a convolution are one behind another: at first and from so many of each on. */
static void widen_conv(widening *w, float *to, const mseg_layer_weights *from, int layer)
{
    const mseg_net_layer *wide = &w->wide->layers[layer];
    const int taps = from->kernel * from->kernel;
    for (int o = 0; o < wide->channels; o++)
        for (int tap = 0; tap < taps; tap++) {
            const float *row = from->weight + (size_t)(source_of(o, from->out) * taps + tap) * (size_t)from->in;
            for (int k = 0; k < wide->n_in; k++) {
                const int has = w->wide->layers[wide->in[k]].channels, had = w->narrow->layers[wide->in[k]].channels;
                for (int c = 0; c < has; c++)
                    *to++ = factor(w, o, from->out) * (float)share_of(c, had, has) * row[source_of(c, had)];
                row += had;
            }
        }
}

static mseg_status widen_layer(widening *w, mseg_weights *weights, const mseg_layer_weights *from, int layer, mseg_error *err)
{
    const mseg_net_layer *wide = &w->wide->layers[layer];
    const int out = wide->channels, in = from->depthwise ? 1 : wide->in_channels;
    const int shape[4] = {from->depthwise ? 1 : out, from->kernel, from->kernel, from->depthwise ? out : in};
    float *weight = mseg_alloc_array((size_t)(from->kernel * from->kernel) * (size_t)in, (size_t)out * sizeof *weight);
    float *bias = mseg_alloc_array((size_t)out, sizeof *bias);
    mseg_status status = weight && bias ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status) {
        if (from->depthwise)
            widen_depthwise(w, weight, from, out);
        else
            widen_conv(w, weight, from, layer);
        for (int o = 0; o < out; o++)
            bias[o] = from->bias ? from->bias[source_of(o, from->out)] : 0;
        status = mseg_weights_made_add_floats(weights, wide->name, shape, from->depthwise, weight, bias, err);
    }
    mseg_free(&weight);
    mseg_free(&bias);
    return status;
}

mseg_status mseg_widen_weights(mseg_weights **weights, const mseg_net *wide, const mseg_net *narrow,
                               const mseg_weights *narrow_weights, double noise, uint64_t seed, mseg_error *err)
{
    widening w = {wide, narrow, noise, seed};
    mseg_status status = mseg_weights_made(weights, mseg_weights_padding(narrow_weights));
    if (status)
        return mseg_fail(err, status, NULL);
    for (int i = 1; i < wide->count && !status; i++) {
        const mseg_net_layer *layer = &narrow->layers[i];
        mseg_layer_weights from = {0};
        if (layer->kind == MSEG_GLOBAL_POOL || layer->kind == MSEG_MAX_POOL)
            continue;
        if (layer->kind == MSEG_CONV)
            status = mseg_weights_load(&from, narrow_weights, layer->name, layer->in_channels, err);
        else if (layer->kind == MSEG_DEPTHWISE)
            status = mseg_weights_load_depthwise(&from, narrow_weights, layer->name, layer->channels, err);
        else
            status = mseg_fail(err, MSEG_UNSUPPORTED, "%s: joined maps are not widened", layer->name);
        if (!status)
            status = widen_layer(&w, *weights, &from, i, err);
        mseg_layer_weights_free(&from);
    }
    if (status)
        mseg_weights_close(weights);
    return status;
}
