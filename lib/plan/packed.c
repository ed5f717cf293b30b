#include "plan/packed.h"

#include <string.h>

#include "base/alloc.h"
#include "weights/load.h"

enum { ROWS = 4 }; /* of a projection at a time */

/* weights [n][k] and bias [n] of conv after projection. Room: row [k], rows of projection [m rounded up to ROWS][k]. */
static void multiply(const mseg_layer_weights *projection, const mseg_layer_weights *conv, mseg_layer_weights *product,
                     double *row, const float *rows)
{
    const int k = projection->in, m = projection->out;
    for (int n = 0; n < conv->out; n++) {
        double sum = conv->bias ? (double)conv->bias[n] : 0;
        for (int j = 0; j < k; j++)
            row[j] = 0;
        for (int i = 0; i < m; i += ROWS) {
            const float *p = rows + (size_t)i * (size_t)k;
            double w[ROWS] = {0};
            for (int r = 0; r < ROWS && i + r < m; r++) {
                w[r] = (double)conv->weight[(size_t)n * (size_t)m + (size_t)(i + r)];
                sum += w[r] * (projection->bias ? (double)projection->bias[i + r] : 0);
            }
            for (int j = 0; j < k; j++, p++)
                row[j] += w[0] * (double)p[0] + w[1] * (double)p[k] + w[2] * (double)p[2 * k] + w[3] * (double)p[3 * k];
        }
        product->bias[n] = (float)sum;
        for (int j = 0; j < k; j++)
            product->weight[(size_t)n * (size_t)k + (size_t)j] = (float)row[j];
    }
}

/* *conv becomes its product with the projection that comes first. */
static mseg_status load_product(mseg_layer_weights *conv, const mseg_weights *weights, const mseg_net_layer *layer,
                                mseg_error *err)
{
    mseg_layer_weights projection = {0}, product = {.out = conv->out, .kernel = 1, .in = layer->in_channels};
    float *rows = NULL;
    double *row = NULL;
    mseg_status status = mseg_weights_load(&projection, weights, layer->through, layer->in_channels, err);
    if (!status && (projection.out != conv->in || projection.kernel != 1))
        status = mseg_fail(err, MSEG_MISMATCH, "%s.weight takes %d channels, %s makes %d", layer->name, conv->in, layer->through,
                           projection.out);
    if (status)
        goto done;
    const size_t k = (size_t)projection.in, m = (size_t)projection.out;
    rows = mseg_alloc_array(mseg_round_up(m, ROWS) * k, sizeof *rows);
    row = mseg_alloc_array(k, sizeof *row);
    product.weight = mseg_alloc_array((size_t)conv->out * k, sizeof *product.weight);
    product.bias = mseg_alloc_array((size_t)conv->out, sizeof *product.bias);
    if (!rows || !row || !product.weight || !product.bias) {
        status = mseg_fail(err, MSEG_NOMEM, NULL);
        goto done;
    }
    memcpy(rows, projection.weight, m * k * sizeof *rows);
    multiply(&projection, conv, &product, row, rows);
    const mseg_layer_weights old = *conv;
    *conv = product;
    product = old;
done:
    mseg_free(&rows);
    mseg_free(&row);
    mseg_layer_weights_free(&projection);
    mseg_layer_weights_free(&product);
    return status;
}

/* One tap per map and kernel position (or kernel row), the vector's part by itself. */
static mseg_status find_taps(mseg_conv_taps *taps, mseg_packed_layer *packed, const mseg_net *net, const mseg_net_layer *conv)
{
    size_t first = 0;
    int channels = 0;
    packed->merged_columns = conv->in[0] == 0 && conv->kernel > 1;
    const int columns = packed->merged_columns ? 1 : conv->kernel;
    if (conv->n_in * conv->kernel * columns > MSEG_MAX_TAPS)
        return MSEG_UNSUPPORTED;
    for (int i = 0; i < conv->n_in; i++) {
        const mseg_net_layer *in = &net->layers[conv->in[i]];
        if (in->vector && !conv->vector) {
            packed->vector_in = conv->in[i];
            taps->vector_offset = first;
        } else {
            channels = in->channels;
            for (int y = 0; y < conv->kernel; y++)
                for (int x = 0; x < columns; x++)
                    taps->offsets[taps->n++] = (size_t)(y * conv->kernel + x) * (size_t)conv->in_channels + first;
        }
        first += (size_t)in->channels;
    }
    taps->row = (size_t)conv->kernel * (size_t)conv->kernel * (size_t)conv->in_channels;
    taps->k = packed->merged_columns ? conv->kernel * channels : channels;
    taps->vector_in = packed->vector_in;
    return MSEG_OK;
}

static mseg_status pack_conv(mseg_packed_layer *packed, const mseg_net *net, const mseg_net_layer *conv,
                             const mseg_layer_weights *weights, const mseg_gemm_kernel *gemm)
{
    mseg_conv_taps taps = {0};
    mseg_status status = find_taps(&taps, packed, net, conv);
    if (!status)
        status = mseg_panels_pack(&packed->panels, gemm, weights->weight, taps.row, taps.offsets, taps.n, taps.k, conv->channels);
    if (!status && packed->vector_in >= 0)
        status = mseg_panels_pack(&packed->vector, gemm, weights->weight, taps.row, &taps.vector_offset, 1,
                                  net->layers[packed->vector_in].channels, conv->channels);
    packed->bias = mseg_bias_pack(weights->bias, conv->channels, gemm->nr);
    return packed->bias ? status : MSEG_NOMEM;
}

static mseg_status pack_depthwise(mseg_packed_layer *packed, const mseg_net_layer *layer, const mseg_layer_weights *weights,
                                  int vec)
{
    packed->depthwise = mseg_depthwise_pack(weights->weight, layer->channels, vec);
    packed->bias = mseg_bias_pack(weights->bias, layer->channels, vec);
    return packed->depthwise && packed->bias ? MSEG_OK : MSEG_NOMEM;
}

/* The net may have been made for other weights. */
static mseg_status check_shape(const mseg_net_layer *layer, const mseg_layer_weights *weights, mseg_error *err)
{
    if (weights->out == layer->channels && weights->kernel == layer->kernel)
        return MSEG_OK;
    return mseg_fail(err, MSEG_MISMATCH, "%s.weight makes %d channels by %dx%d, the network's layer %d by %dx%d", layer->name,
                     weights->out, weights->kernel, weights->kernel, layer->channels, layer->kernel, layer->kernel);
}

static mseg_status pack_layer(mseg_packed_net *p, int index, const mseg_weights *weights, mseg_error *err)
{
    const mseg_net_layer *layer = &p->run.layers[index];
    mseg_packed_layer *packed = &p->layers[index];
    mseg_layer_weights values = {0};
    mseg_status status = MSEG_OK;
    packed->vector_in = -1;
    if (layer->kind == MSEG_CONV) {
        status = mseg_weights_load(&values, weights, layer->name, *layer->through ? 0 : layer->in_channels, err);
        if (!status)
            status = check_shape(layer, &values, err);
        if (!status && *layer->through)
            status = load_product(&values, weights, layer, err);
        if (!status && (status = pack_conv(packed, &p->run, layer, &values, &p->kernels->gemm)))
            mseg_fail(err, status, status == MSEG_NOMEM ? NULL : "%s does not fit the layers before it", layer->name);
        p->bytes += packed->panels.bytes + packed->vector.bytes;
    } else if (layer->kind == MSEG_DEPTHWISE) {
        const int vec = p->kernels->dwconv_vec;
        status = mseg_weights_load_depthwise(&values, weights, layer->name, layer->channels, err);
        if (!status && (status = pack_depthwise(packed, layer, &values, vec)))
            mseg_fail(err, status, NULL);
        p->bytes += mseg_round_up((size_t)layer->channels, (size_t)vec) * 9 * sizeof(float);
    }
    mseg_layer_weights_free(&values);
    return status;
}

static mseg_status pack_u8_layer(mseg_packed_net *p, int index, const mseg_weights *weights, mseg_error *err)
{
    const mseg_net_layer *layer = &p->run.layers[index];
    mseg_packed_layer *packed = &p->layers[index];
    mseg_conv_taps taps = {0};
    mseg_status status = MSEG_OK;
    packed->vector_in = -1;
    if (layer->kind == MSEG_CONV) {
        status = find_taps(&taps, packed, &p->run, layer);
        if (status)
            return mseg_fail(err, status, "%s does not fit the layers before it", layer->name);
        status = mseg_u8_pack_conv(&packed->u8, &p->run, index, weights, &p->kernels->u8.gemm, &taps, err);
        p->bytes += packed->u8.panels.bytes;
    } else if (layer->kind == MSEG_DEPTHWISE) {
        status = mseg_u8_pack_depthwise(&packed->u8, &p->run, index, weights, &p->kernels->u8.dwconv, err);
        p->bytes += packed->u8.depthwise_bytes;
    } else if (layer->kind == MSEG_MAX_POOL) {
        status = mseg_fail(err, MSEG_UNSUPPORTED, "%s is a max pool", layer->name);
    }
    return status;
}

mseg_status mseg_packed_net_open(mseg_packed_net **out, const mseg_net *net, const mseg_weights *weights,
                                 const mseg_kernels *kernels, bool unfused, bool integers, mseg_error *err)
{
    mseg_packed_net *p = *out = mseg_alloc(sizeof *p);
    if (!p)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    p->kernels = kernels;
    p->unfused = unfused;
    p->integers = integers;
    mseg_status status = mseg_net_copy(&p->net, net);
    if (!status)
        status = unfused || integers ? mseg_net_copy(&p->run, net) : mseg_net_fold(&p->run, net); /* a projection rounds */
    if (!status && !(p->layers = mseg_alloc_array((size_t)p->run.count, sizeof *p->layers)))
        status = MSEG_NOMEM;
    if (!status)
        status = mseg_packed_net_line_up(p);
    if (status)
        mseg_fail(err, status, NULL);
    for (int i = 0; i < p->run.count && !status; i++)
        status = integers ? pack_u8_layer(p, i, weights, err) : pack_layer(p, i, weights, err);
    if (status)
        mseg_packed_net_close(out);
    return status;
}

void mseg_packed_net_close(mseg_packed_net **pointer)
{
    mseg_packed_net *p = *pointer;
    if (!p)
        return;
    for (int i = 0; p->layers && i < p->run.count; i++) {
        mseg_free(&p->layers[i].panels.data);
        mseg_free(&p->layers[i].vector.data);
        mseg_free(&p->layers[i].depthwise);
        mseg_free(&p->layers[i].bias);
        mseg_packed_u8_free(&p->layers[i].u8);
    }
    mseg_free(&p->layers);
    mseg_free(&p->lines);
    mseg_free(&p->line_of);
    mseg_net_free(&p->net);
    mseg_net_free(&p->run);
    mseg_free(pointer);
}
