#include "plan/u8.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/load.h"

/* ---- how bytes stand for numbers ---- */

mseg_quant mseg_u8_value(const mseg_net *net, mseg_value value)
{
    const mseg_net_layer *layer = &net->layers[value];
    return value == 0 ? net->input.quant : layer->add >= 0 ? layer->sum : layer->quant;
}

mseg_quant mseg_u8_input(const mseg_net *net, const mseg_net_layer *layer, int i)
{
    const mseg_net_layer *in = &net->layers[layer->in[i]];
    return layer->n_in > 1 && in->joined.scale > 0 ? in->joined : mseg_u8_value(net, layer->in[i]);
}

static uint8_t saturate(float value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

uint8_t mseg_u8_byte(mseg_quant quant, float real)
{
    return saturate(rintf(real * (1 / quant.scale)) + (float)quant.zero);
}

/* What is held as from becomes what is held as to, by the rule of QUANTIZE. */
static uint8_t translate(int byte, mseg_quant from, mseg_quant to)
{
    const int multiplier = (int)lrintf(256 * (from.scale / to.scale));
    const int value = (((byte - from.zero) * multiplier + 128) >> 8) + to.zero;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* ---- what follows a sum ---- */

/* TensorFlow Lite's ADD as XNNPACK has it: both factors in steps of the output, 20 bits of the larger one. False: out of its
 * range. */
static bool add_of(mseg_u8_add *how, mseg_quant x, mseg_quant y, mseg_quant out)
{
    const float rx = x.scale / out.scale, ry = y.scale / out.scale, larger = rx > ry ? rx : ry, smaller = rx > ry ? ry : rx;
    int exponent;
    frexpf(larger, &exponent); /* larger = m * 2^exponent, m from 0.5 to 1 */
    const int shift = 20 - (exponent - 1);
    if (!(smaller >= 0x1p-10f) || !(larger < 256))
        return false;
    *how = (mseg_u8_add){.x_mul = (int32_t)lrintf(ldexpf(rx, shift)),
                         .y_mul = (int32_t)lrintf(ldexpf(ry, shift)),
                         .shift = shift,
                         .zero = out.zero,
                         .max = 255};
    how->bias = (int32_t)(1u << (shift - 1)) - x.zero * how->x_mul - y.zero * how->y_mul;
    return true;
}

static mseg_status unsupported(const mseg_net_layer *layer, const char *what, mseg_error *err)
{
    return mseg_fail(err, MSEG_UNSUPPORTED, "%s: %s", layer->name, what);
}

static bool reader_joins(const mseg_net *net, mseg_value value)
{
    for (int i = value + 1; i < net->count; i++)
        if (net->layers[i].kind == MSEG_JOIN && mseg_layer_reads(&net->layers[i], value))
            return true;
    return false;
}

/* The bounds of the output and what becomes of it. */
static mseg_status finish(mseg_packed_u8 *p, const mseg_net *net, mseg_value index, mseg_error *err)
{
    const mseg_net_layer *layer = &net->layers[index];
    const mseg_quant out = layer->quant;
    p->zero = out.zero;
    p->min = layer->bounds.least;
    p->max = layer->bounds.most ? layer->bounds.most : 255;
    if (layer->add >= 0) {
        p->adds = true;
        if (!add_of(&p->how, out, mseg_u8_value(net, layer->add), layer->sum))
            return unsupported(layer, "the scales of a sum are too far apart", err);
    }
    if (layer->joined.scale > 0 && layer->joining == MSEG_JOINS_BY_QUANTIZE) {
        p->join_translates = reader_joins(net, index);
        p->translates = !p->join_translates;
        if (p->translates && (mseg_net_readers(net, index) > 1 || layer->kind == MSEG_DEPTHWISE))
            return unsupported(layer, "its output is held in two ways", err);
        const float ratio = mseg_u8_value(net, index).scale / layer->joined.scale;
        if (!(ratio >= 0x1p-8f && ratio <= 0x1p7f)) /* XNNPACK's range, in which the factor fits */
            return unsupported(layer, "the scales of a QUANTIZE are too far apart", err);
        for (int i = 0; i < 256; i++)
            p->table[i] = translate(i, mseg_u8_value(net, index), layer->joined);
    }
    return MSEG_OK;
}

/* bound: for the largest sum that bytes can give, of each channel. */
static mseg_status room_for(mseg_packed_u8 *p, int64_t **bound, size_t channels, size_t taps, size_t vec, mseg_error *err)
{
    p->bias = mseg_alloc_array(mseg_round_up(channels, vec), sizeof *p->bias);
    p->scale = mseg_alloc_array(mseg_round_up(channels, vec), sizeof *p->scale);
    p->outside = mseg_alloc_array(channels * taps, sizeof *p->outside);
    *bound = mseg_alloc_array(channels, sizeof **bound);
    return p->bias && p->scale && p->outside && *bound ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
}

/* Scales of the output's channels; every sum must fit 32 bits, and so must it in steps of the output. */
static mseg_status set_scales(mseg_packed_u8 *p, const mseg_net *net, const mseg_net_layer *layer, const mseg_layer_bytes *bytes,
                              const int64_t *sums, mseg_error *err)
{
    const float in = mseg_u8_input(net, layer, layer->n_in - 1).scale, out = layer->quant.scale;
    if (!(in > 0) || !(out > 0))
        return unsupported(layer, "its maps are not in 8 bits", err);
    for (int c = 0; c < layer->channels; c++) {
        const double bound = (double)sums[c] + fabs((double)bytes->bias[c]);
        p->scale[c] = in * bytes->scale[c] / out;
        if (!(bound < 2147483648.0 && bound * (double)p->scale[c] < 2147483000.0))
            return unsupported(layer, "its sums would not fit 32 bits", err);
    }
    return MSEG_OK;
}

/* ---- convolutions ---- */

typedef struct conv_source {
    const mseg_layer_bytes *bytes;
    const mseg_conv_taps *taps;
} conv_source;

static const int16_t *weights_of(const conv_source *from, int tap, int channel)
{
    return from->bytes->weight + (size_t)channel * from->taps->row + from->taps->offsets[tap];
}

/* Folds the input's zero point into the biases. */
static void sum_channels(mseg_packed_u8 *p, int64_t *bound, const conv_source *from, int channels, int zero)
{
    for (int c = 0; c < channels; c++) {
        int64_t bias = from->bytes->bias[c];
        for (int t = 0; t < from->taps->n; t++) {
            const int16_t *w = weights_of(from, t, c);
            int64_t sum = 0;
            for (int k = 0; k < from->taps->k; k++) {
                sum += w[k];
                bound[c] += 255 * (int64_t)(w[k] < 0 ? -w[k] : w[k]);
            }
            p->outside[(size_t)t * (size_t)channels + (size_t)c] = (int32_t)(-zero * sum);
            bias -= zero * sum;
        }
        p->bias[c] = (int32_t)bias;
    }
}

static mseg_status keep_vector(mseg_packed_u8 *p, const mseg_net *net, const mseg_net_layer *layer, const conv_source *from,
                               int64_t *bound, mseg_error *err)
{
    int i = 0;
    while (layer->in[i] != from->taps->vector_in)
        i++;
    p->vector_k = net->layers[layer->in[i]].channels;
    p->vector_zero = mseg_u8_input(net, layer, i).zero;
    p->vector = mseg_alloc_array((size_t)layer->channels * (size_t)p->vector_k, sizeof *p->vector);
    if (!p->vector)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int c = 0; c < layer->channels; c++) {
        const int16_t *w = from->bytes->weight + (size_t)c * from->taps->row + from->taps->vector_offset;
        memcpy(p->vector + (size_t)c * (size_t)p->vector_k, w, (size_t)p->vector_k * sizeof *w);
        for (int k = 0; k < p->vector_k; k++)
            bound[c] += 255 * (int64_t)(w[k] < 0 ? -w[k] : w[k]);
    }
    return MSEG_OK;
}

/* Whether all inputs are held alike, as a concatenation of them must be. */
static bool inputs_agree(const mseg_net *net, const mseg_net_layer *layer)
{
    const mseg_quant first = mseg_u8_input(net, layer, 0);
    for (int i = 1; i < layer->n_in; i++)
        if (!mseg_quant_same(first, mseg_u8_input(net, layer, i)))
            return false;
    return true;
}

mseg_status mseg_u8_pack_conv(mseg_packed_u8 *p, const mseg_net *net, mseg_value index, const mseg_weights *weights,
                              const mseg_u8_gemm_kernel *kernel, const mseg_conv_taps *taps, mseg_error *err)
{
    const mseg_net_layer *layer = &net->layers[index];
    mseg_layer_bytes bytes = {0};
    int64_t *bound = NULL;
    const conv_source from = {&bytes, taps};
    mseg_status status = inputs_agree(net, layer) ? MSEG_OK : unsupported(layer, "its inputs are not held alike", err);
    if (!status)
        status = mseg_weights_load_bytes(&bytes, weights, layer->name, layer->in_channels, err);
    if (!status && (bytes.out != layer->channels || bytes.kernel != layer->kernel))
        status = mseg_fail(err, MSEG_MISMATCH, "%s.weight has another shape than the network's layer", layer->name);
    if (!status)
        status = room_for(p, &bound, (size_t)layer->channels, (size_t)taps->n, (size_t)kernel->nr, err);
    if (status)
        goto done;
    sum_channels(p, bound, &from, layer->channels, mseg_u8_input(net, layer, layer->n_in - 1).zero);
    if (taps->vector_in >= 0 && (status = keep_vector(p, net, layer, &from, bound, err)))
        goto done;
    if ((status = mseg_u8_panels_pack(&p->panels, kernel, bytes.weight, taps, layer->channels))) {
        mseg_fail(err, status, status == MSEG_NOMEM ? NULL : "%s: too many taps", layer->name);
        goto done;
    }
    status = set_scales(p, net, layer, &bytes, bound, err);
    if (!status)
        status = finish(p, net, index, err);
done:
    mseg_free(&bound);
    mseg_layer_bytes_free(&bytes);
    return status;
}

/* ---- depthwise convolutions ---- */

mseg_status mseg_u8_pack_depthwise(mseg_packed_u8 *p, const mseg_net *net, mseg_value index, const mseg_weights *weights,
                                   const mseg_u8_dwconv_kernel *kernel, mseg_error *err)
{
    const mseg_net_layer *layer = &net->layers[index];
    const int zero = mseg_u8_input(net, layer, 0).zero;
    mseg_layer_bytes bytes = {0};
    int64_t *bound = NULL;
    mseg_status status = mseg_weights_load_depthwise_bytes(&bytes, weights, layer->name, layer->channels, err);
    if (!status)
        status = room_for(p, &bound, (size_t)layer->channels, 0, (size_t)kernel->vec, err);
    if (status)
        goto done;
    for (int c = 0; c < layer->channels; c++) {
        int32_t sum = 0;
        for (int tap = 0; tap < 9; tap++) {
            const int w = bytes.weight[tap * layer->channels + c];
            sum += w;
            bound[c] += 255 * (w < 0 ? -w : w);
        }
        const int64_t bias = bytes.bias[c] - (int64_t)zero * sum;
        p->bias[c] = (int32_t)bias;
    }
    status = set_scales(p, net, layer, &bytes, bound, err);
    if (!status)
        status = finish(p, net, index, err);
    p->depthwise_bytes = kernel->bytes(layer->channels);
    if (!status && !(p->depthwise = mseg_alloc(p->depthwise_bytes)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        kernel->pack(p->depthwise, bytes.weight, layer->channels);
done:
    mseg_free(&bound);
    mseg_layer_bytes_free(&bytes);
    return status;
}

void mseg_packed_u8_free(mseg_packed_u8 *p)
{
    mseg_u8_panels_free(&p->panels);
    mseg_free(&p->vector);
    mseg_free(&p->depthwise);
    mseg_free(&p->bias);
    mseg_free(&p->outside);
    mseg_free(&p->scale);
}
