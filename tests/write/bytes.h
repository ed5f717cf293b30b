#ifndef MSEG_TESTS_BYTES_H
#define MSEG_TESTS_BYTES_H

/* A net in 8 bits for tests of writers: signed, per channel, with ranges that nobody measured. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "weights/load.h"
#include "write/write.h"

typedef struct made_bytes {
    int count;
    mseg_write_bytes *of;
} made_bytes;

/* RELU6 0 to 6, RELU 0 to 8, others -8 to 8. */
static inline mseg_quant range_of(mseg_activation activation)
{
    if (activation == MSEG_LINEAR)
        return (mseg_quant){.scale = 16.0f / 255, .zero = 128, .is_signed = true};
    return (mseg_quant){.scale = (activation == MSEG_RELU6 ? 6.0f : 8.0f) / 255, .is_signed = true};
}

static inline void set_quants(mseg_net *net)
{
    net->input.quant = (mseg_quant){.scale = 1.0f / 128, .zero = 128, .is_signed = true};
    for (int i = 1; i < net->count; i++) {
        mseg_net_layer *layer = &net->layers[i];
        const mseg_net_layer *in = &net->layers[layer->in[0]];
        const bool own = layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE;
        layer->quant = own ? range_of(layer->add >= 0 ? MSEG_LINEAR : layer->activation) : in->add >= 0 ? in->sum : in->quant;
        layer->mean = layer->kind == MSEG_GLOBAL_POOL;
        if (layer->add >= 0)
            layer->sum = (mseg_quant){.scale = 24.0f / 255, .zero = 120, .is_signed = true};
        for (int k = 0; k < layer->n_in && layer->n_in > 1; k++)
            net->layers[layer->in[k]].joined = net->layers[layer->in[k]].quant;
    }
}

static inline void make_layer(mseg_write_bytes *out, const mseg_net *net, int index, const mseg_weights *weights)
{
    const mseg_net_layer *layer = &net->layers[index], *in = &net->layers[layer->in[0]];
    const bool depthwise = layer->kind == MSEG_DEPTHWISE;
    const float input = layer->in[0] == 0 ? net->input.quant.scale : in->add >= 0 ? in->sum.scale : in->quant.scale;
    mseg_layer_weights loaded;
    if (depthwise)
        mseg_weights_load_depthwise(&loaded, weights, layer->name, layer->channels, NULL);
    else
        mseg_weights_load(&loaded, weights, layer->name, layer->in_channels, NULL);
    const size_t channels = (size_t)layer->channels, row = (size_t)layer->kernel * (size_t)layer->kernel * (size_t)loaded.in;
    int8_t *weight = malloc(channels * row);
    int32_t *bias = malloc(channels * sizeof *bias);
    float *scale = malloc(channels * sizeof *scale);
    for (size_t c = 0; c < channels; c++) {
        float most = 1e-6f;
        for (size_t i = 0; i < row; i++)
            most = fmaxf(most, fabsf(loaded.weight[depthwise ? i * channels + c : c * row + i]));
        scale[c] = most / 127;
        for (size_t i = 0; i < row; i++) {
            const size_t at = depthwise ? i * channels + c : c * row + i;
            weight[at] = (int8_t)lrintf(loaded.weight[at] / scale[c]);
        }
        bias[c] = loaded.bias ? (int32_t)lrintf(loaded.bias[c] / (input * scale[c])) : 0;
    }
    *out = (mseg_write_bytes){weight, bias, scale};
    mseg_layer_weights_free(&loaded);
}

/* Gives net its quants. The result is freed with free_bytes. */
static inline const mseg_write_bytes *make_bytes(made_bytes *made, mseg_net *net, const mseg_weights *weights)
{
    *made = (made_bytes){net->count, calloc((size_t)net->count, sizeof *made->of)};
    set_quants(net);
    for (int i = 1; i < net->count; i++)
        if (net->layers[i].kind == MSEG_CONV || net->layers[i].kind == MSEG_DEPTHWISE)
            make_layer(&made->of[i], net, i, weights);
    return made->of;
}

static inline void free_list(const void *list)
{
    void *memory;
    memcpy(&memory, &list, sizeof memory);
    free(memory);
}

static inline void free_bytes(made_bytes *made)
{
    for (int i = 0; i < made->count; i++) {
        free_list(made->of[i].weight);
        free_list(made->of[i].bias);
        free_list(made->of[i].scale);
    }
    free(made->of);
    *made = (made_bytes){0};
}

#endif
