#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "weights/description.h"
#include "weights/load.h"
#include "write/shapes.h"

/* 8 bytes of the header's length, the header in JSON, the tensors' bytes in the header's order (README of
 * github.com/huggingface/safetensors). As its own writer does: wider types first, then by name, and blanks behind the header so
 * that the bytes begin at a multiple of 8. */

enum { LENGTH_BYTES = 8 };

/* A tensor to be: a layer's weights or its bias. */
typedef struct entry {
    char name[MSEG_MAX_LAYER_NAME + 8];
    const mseg_net_layer *layer;
    bool bias, half;
    int rank, shape[4];
    size_t bytes;
} entry;

typedef struct writer {
    const mseg_net *net;
    const mseg_weights *weights;
    const mseg_write_options *options;
    mseg_error *err;
    entry *entries; /* two a layer at most */
    int count;
    size_t bytes; /* of all */
} writer;

/* ---- what there is ------------------------------------------------------------------------------------------------------ */

static bool has_weights(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE;
}

static mseg_status add_entry(writer *w, const mseg_net_layer *layer, bool bias)
{
    entry *e = &w->entries[w->count++];
    *e = (entry){.layer = layer, .bias = bias, .half = w->options->half && !bias, .rank = 1, .shape = {layer->channels}};
    if (!bias) {
        const bool depthwise = layer->kind == MSEG_DEPTHWISE;
        e->rank = 4;
        e->shape[0] = depthwise ? 1 : layer->channels;
        e->shape[1] = e->shape[2] = layer->kernel;
        e->shape[3] = depthwise ? layer->channels : layer->in_channels;
    }
    snprintf(e->name, sizeof e->name, "%s.%s", layer->name, bias ? "bias" : "weight");
    e->bytes = e->half ? 2 : 4;
    for (int i = 0; i < e->rank; i++)
        if (!mseg_mul(e->bytes, (size_t)e->shape[i], &e->bytes))
            return mseg_fail(w->err, MSEG_LIMIT, NULL);
    w->bytes += e->bytes;
    return w->bytes > INT32_MAX ? mseg_fail(w->err, MSEG_LIMIT, "the file would be larger than 2 GiB") : MSEG_OK;
}

static int by_type_and_name(const void *a, const void *b)
{
    const entry *one = a, *two = b;
    return one->half != two->half ? one->half - two->half : strcmp(one->name, two->name);
}

static mseg_status list_entries(writer *w)
{
    mseg_status status = MSEG_OK;
    w->entries = mseg_alloc_array(2 * (size_t)w->net->count, sizeof *w->entries);
    if (!w->entries)
        return mseg_fail(w->err, MSEG_NOMEM, NULL);
    for (int i = 0; i < w->net->count && !status; i++) {
        const mseg_net_layer *layer = &w->net->layers[i];
        if (has_weights(layer))
            status = add_entry(w, layer, false);
        if (!status && has_weights(layer) && layer->bias)
            status = add_entry(w, layer, true);
    }
    qsort(w->entries, (size_t)w->count, sizeof *w->entries, by_type_and_name);
    return status;
}

/* ---- the header --------------------------------------------------------------------------------------------------------- */

static void add_metadata(mseg_json *header, const writer *w, const char *description)
{
    mseg_json *metadata = mseg_json_add_object(header, "__metadata__");
    mseg_json_add_string(metadata, "format", "mseg");
    mseg_json_add_string(metadata, "mseg", description);
    if (w->options->name)
        mseg_json_add_string(metadata, "name", w->options->name);
}

static void add_entry_text(mseg_json *header, const entry *e, size_t begin)
{
    mseg_json *tensor = mseg_json_add_object(header, e->name);
    mseg_json_add_string(tensor, "dtype", e->half ? "F16" : "F32");
    mseg_json *shape = mseg_json_add_array(tensor, "shape");
    for (int i = 0; i < e->rank; i++)
        mseg_json_add_int(shape, NULL, e->shape[i]);
    mseg_json *offsets = mseg_json_add_array(tensor, "data_offsets");
    mseg_json_add_int(offsets, NULL, (int64_t)begin);
    mseg_json_add_int(offsets, NULL, (int64_t)(begin + e->bytes));
}

/* To be freed with free(); NULL with *err set. */
static char *header_text(const writer *w)
{
    const mseg_write_options *o = w->options;
    const mseg_description description = {
        .input = w->net->input,
        .padding = mseg_weights_padding(w->weights),
        .output_stride = o->output_stride,
        .height = o->height,
        .width = o->width,
        .labels = o->labels,
        .n_labels = o->n_labels,
    };
    char *about = mseg_description_text(&description, w->err), *text = NULL;
    if (!about)
        return NULL;
    mseg_json *header = mseg_json_object();
    add_metadata(header, w, about);
    size_t begin = 0;
    for (int i = 0; i < w->count; begin += w->entries[i++].bytes)
        add_entry_text(header, &w->entries[i], begin);
    text = mseg_json_print(header, false);
    if (!text)
        mseg_fail(w->err, MSEG_NOMEM, NULL);
    mseg_json_free(&header);
    free(about);
    return text;
}

/* ---- the bytes ---------------------------------------------------------------------------------------------------------- */

static mseg_status put_entry(const writer *w, const entry *e, uint8_t *to)
{
    mseg_layer_weights loaded;
    const mseg_net_layer *layer = e->layer;
    mseg_status status = layer->kind == MSEG_DEPTHWISE
                             ? mseg_weights_load_depthwise(&loaded, w->weights, layer->name, layer->channels, w->err)
                             : mseg_weights_load(&loaded, w->weights, layer->name, layer->in_channels, w->err);
    if (status)
        return status;
    if (loaded.out != layer->channels || loaded.kernel != layer->kernel || !loaded.bias != !layer->bias)
        status = mseg_fail(w->err, MSEG_MISMATCH, "the weights of %s are not the network's", layer->name);
    const float *values = e->bias ? loaded.bias : loaded.weight;
    if (!status && !e->half)
        memcpy(to, values, e->bytes);
    for (size_t i = 0; e->half && !status && i < e->bytes / 2; i++) {
        const uint16_t half = mseg_write_half(values[i]);
        memcpy(to + 2 * i, &half, 2);
    }
    mseg_layer_weights_free(&loaded);
    return status;
}

static mseg_status put_all(writer *w, mseg_bytes *out)
{
    char *text = header_text(w);
    if (!text)
        return MSEG_NOMEM;
    const size_t written = strlen(text), length = mseg_round_up(written, 8);
    mseg_status status = MSEG_OK;
    out->size = LENGTH_BYTES + length + w->bytes;
    out->data = mseg_alloc(out->size);
    if (!out->data) {
        status = mseg_fail(w->err, MSEG_NOMEM, NULL);
        goto done;
    }
    for (int i = 0; i < LENGTH_BYTES; i++)
        out->data[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(out->data + LENGTH_BYTES, text, written);
    memset(out->data + LENGTH_BYTES + written, ' ', length - written);
    uint8_t *to = out->data + LENGTH_BYTES + length;
    for (int i = 0; i < w->count && !status; to += w->entries[i++].bytes)
        status = put_entry(w, &w->entries[i], to);
done:
    free(text);
    return status;
}

mseg_status mseg_write_safetensors(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights,
                                   const mseg_write_options *options, mseg_error *err)
{
    writer w = {.net = net, .weights = weights, .options = options, .err = err};
    *out = (mseg_bytes){0};
    mseg_status status = list_entries(&w);
    if (!status)
        status = put_all(&w, out);
    mseg_free(&w.entries);
    if (status) {
        mseg_free(&out->data);
        out->size = 0;
    }
    return status;
}
