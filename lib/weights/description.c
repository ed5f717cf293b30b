#include "weights/description.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "weights/label.h"
#include "weights/reader.h"
#include "weights/tflite.h"

enum { VERSION = 1, MAX_OUTPUT_STRIDE = 64 };

static const char *const sampling_names[] = {"align_corners", "half_pixel", "legacy"};
static const char *const padding_names[] = {"same", "symmetric"};

enum { SAMPLINGS = sizeof sampling_names / sizeof *sampling_names, PADDINGS = sizeof padding_names / sizeof *padding_names };

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static void add_channels(mseg_json *parent, const char *key, const float values[3])
{
    mseg_json *list = mseg_json_add_array(parent, key);
    for (int c = 0; c < 3; c++)
        mseg_json_add_number(list, NULL, (double)values[c]);
}

char *mseg_description_text(const mseg_description *description, mseg_error *err)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_int(root, "version", VERSION);
    mseg_json *input = mseg_json_add_object(root, "input");
    add_channels(input, "scale", description->input.scale);
    add_channels(input, "offset", description->input.offset);
    add_channels(input, "pad", description->input.pad);
    mseg_json_add_string(root, "sampling", sampling_names[description->input.sampling]);
    mseg_json_add_string(root, "padding", padding_names[description->padding]);
    mseg_json_add_int(root, "output_stride", description->output_stride);
    mseg_json_add_int(root, "width", description->width);
    mseg_json_add_int(root, "height", description->height);
    if (description->n_labels) {
        mseg_json *labels = mseg_json_add_array(root, "labels");
        for (int i = 0; i < description->n_labels; i++)
            mseg_json_add_string(labels, NULL, description->labels[i]);
    }
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    if (!text)
        mseg_fail(err, MSEG_NOMEM, NULL);
    return text;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

static mseg_status fail(mseg_error *err, const char *key, const char *what)
{
    return mseg_fail(err, MSEG_FORMAT, "mseg's description in the file: %s %s", key, what);
}

static mseg_status read_channels(float values[3], const mseg_json *input, const char *key, mseg_error *err)
{
    const mseg_json *list = mseg_json_get(input, key), *item = mseg_json_first(list);
    if (mseg_json_length(list) != 3)
        return fail(err, key, "is not a list of three numbers");
    for (int c = 0; c < 3; c++, item = mseg_json_next(item)) {
        double value;
        if (!mseg_json_number(item, &value) || !isfinite((float)value))
            return fail(err, key, "has a value that is no finite number");
        values[c] = (float)value;
    }
    return MSEG_OK;
}

static mseg_status read_choice(int *choice, const mseg_json *root, const char *key, const char *const *names, int count,
                               mseg_error *err)
{
    const char *text = mseg_json_text(mseg_json_get(root, key));
    for (*choice = 0; *choice < count; ++*choice)
        if (text && !strcmp(text, names[*choice]))
            return MSEG_OK;
    return fail(err, key, "is none that mseg knows");
}

/* A size that may be left out: it stays then. */
static mseg_status read_size(int *size, const mseg_json *root, const char *key, int most, mseg_error *err)
{
    const mseg_json *value = mseg_json_get(root, key);
    uint64_t count;
    if (!value)
        return MSEG_OK;
    if (!mseg_json_count(value, &count) || count > (uint64_t)most)
        return fail(err, key, "is no number that it can be");
    *size = (int)count;
    return MSEG_OK;
}

/* Bytes of all labels with a 0 behind each; 0 with *status set: they cannot be names. */
static size_t check_labels(const mseg_json *list, mseg_status *status, mseg_error *err)
{
    size_t bytes = 0;
    int index = 0;
    for (const mseg_json *item = mseg_json_first(list); item && !*status; item = mseg_json_next(item), index++) {
        const char *text = mseg_json_text(item);
        const size_t length = text ? strlen(text) : 0;
        if (!text || length > MSEG_MAX_LABEL_BYTES || !mseg_is_line(text))
            *status = mseg_fail(err, MSEG_FORMAT,
                                "mseg's description in the file: label %d is not a line of text of at most %d bytes in UTF-8",
                                index, MSEG_MAX_LABEL_BYTES);
        bytes += length + 1;
        if (!*status && (index >= MSEG_MAX_LABELS || bytes > MSEG_MAX_LABEL_TEXT))
            *status = fail(err, "labels", "are too many");
    }
    return *status ? 0 : bytes;
}

/* They replace those that weights has. */
static mseg_status read_labels(mseg_weights *weights, const mseg_json *root, mseg_error *err)
{
    const mseg_json *list = mseg_json_get(root, "labels");
    const int count = mseg_json_length(list);
    mseg_status status = MSEG_OK;
    if (list && count < 0)
        return fail(err, "labels", "are no list");
    const size_t bytes = check_labels(list, &status, err);
    if (status || count <= 0)
        return status;
    char *text = mseg_alloc(bytes);
    const char **labels = mseg_alloc_array((size_t)count, sizeof *labels);
    if (!text || !labels) {
        mseg_free(&text);
        mseg_free(&labels);
        return mseg_fail(err, MSEG_NOMEM, NULL);
    }
    mseg_free(&weights->label_text);
    mseg_free(&weights->labels);
    weights->label_text = text;
    weights->labels = labels;
    weights->n_labels = count;
    for (const mseg_json *item = mseg_json_first(list); item; item = mseg_json_next(item)) {
        const char *label = mseg_json_text(item);
        *labels++ = text;
        memcpy(text, label, strlen(label) + 1);
        text += strlen(label) + 1;
    }
    return MSEG_OK;
}

static mseg_status read_input(mseg_input *rule, const mseg_json *root, mseg_error *err)
{
    const mseg_json *input = mseg_json_get(root, "input");
    int sampling = 0;
    mseg_status status = read_channels(rule->scale, input, "scale", err);
    if (!status)
        status = read_channels(rule->offset, input, "offset", err);
    if (!status)
        status = read_channels(rule->pad, input, "pad", err);
    if (!status)
        status = read_choice(&sampling, root, "sampling", sampling_names, SAMPLINGS, err);
    rule->sampling = (mseg_sampling)sampling;
    rule->from = MSEG_INPUT_METADATA;
    return status;
}

static mseg_status read_all(mseg_weights *weights, const mseg_json *root, mseg_error *err)
{
    uint64_t version;
    int padding = 0;
    if (!mseg_json_count(mseg_json_get(root, "version"), &version) || version != VERSION)
        return fail(err, "version", "is not 1");
    mseg_weights_origin *origin = &weights->origin;
    mseg_status status = read_input(&weights->input, root, err);
    if (!status)
        status = read_choice(&padding, root, "padding", padding_names, PADDINGS, err);
    if (!status)
        status = read_size(&origin->output_stride, root, "output_stride", MAX_OUTPUT_STRIDE, err);
    if (!status)
        status = read_size(&origin->input_width, root, "width", TFL_MAX_DIMENSION, err);
    if (!status)
        status = read_size(&origin->input_height, root, "height", TFL_MAX_DIMENSION, err);
    if (!status)
        status = read_labels(weights, root, err);
    weights->padding = (mseg_padding)padding;
    weights->described = true;
    return status;
}

mseg_status mseg_description_read(mseg_weights *weights, const char *text, size_t length, mseg_error *err)
{
    mseg_json *root;
    mseg_error why = {0};
    mseg_status status = mseg_json_parse(&root, text, length, &why);
    if (status == MSEG_NOMEM)
        return mseg_fail(err, status, NULL);
    if (status)
        return mseg_fail(err, status, "mseg's description in the file: %.160s", why.text);
    status = read_all(weights, root, err);
    mseg_json_free(&root);
    return status;
}
