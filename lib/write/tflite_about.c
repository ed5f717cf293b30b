#include "write/tflite_about.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/description.h"
#include "weights/tflite_schema.h"

#define LABEL_FILE "labels.txt"

/* ---- the standard metadata --------------------------------------------------------------------------------------------- */

/* (byte - mean) / std; false where the rule is none that such can say. */
static bool normalisation_of(const mseg_input *input, float means[3], float stds[3])
{
    bool can = true;
    for (int c = 0; c < 3; c++) {
        const double scale = (double)input->scale[c], offset = (double)input->offset[c];
        means[c] = (float)(offset < 0 || offset > 0 ? -offset / scale : 0);
        stds[c] = (float)(1 / scale);
        can = can && scale > 0 && stds[c] > 0 && isfinite(stds[c]) && isfinite(means[c]);
    }
    return can;
}

/* The list of process units of the input; 0: none. */
static mseg_fbw_ref process_units(mseg_fbw *m, const mseg_input *input)
{
    float means[3], stds[3];
    if (!normalisation_of(input, means, stds))
        return 0;
    const mseg_fbw_ref std = mseg_fbw_numbers(m, stds, 3, sizeof *stds), mean = mseg_fbw_numbers(m, means, 3, sizeof *means);
    mseg_fbw_begin(m);
    mseg_fbw_child(m, NORMALISATION_MEAN, mean);
    mseg_fbw_child(m, NORMALISATION_STD, std);
    const mseg_fbw_ref options = mseg_fbw_end(m);
    mseg_fbw_begin(m);
    mseg_fbw_child(m, UNIT_OPTIONS, options);
    mseg_fbw_i8(m, UNIT_TYPE, NORMALISATION, 0);
    const mseg_fbw_ref unit = mseg_fbw_end(m);
    return mseg_fbw_refs(m, &unit, 1);
}

/* That the input is an image. */
static mseg_fbw_ref image_content(mseg_fbw *m)
{
    mseg_fbw_begin(m);
    mseg_fbw_i8(m, IMAGE_COLOURS, COLOURS_RGB, 0);
    const mseg_fbw_ref properties = mseg_fbw_end(m);
    mseg_fbw_begin(m);
    mseg_fbw_child(m, CONTENT_PROPERTIES, properties);
    mseg_fbw_i8(m, CONTENT_TYPE, CONTENT_IMAGE, 0);
    return mseg_fbw_end(m);
}

/* The list of the output's files; 0: none. */
static mseg_fbw_ref label_files(mseg_fbw *m, const mseg_write_options *options)
{
    if (!options->n_labels)
        return 0;
    const mseg_fbw_ref what = mseg_fbw_text(m, "Names of the classes, one a line."), name = mseg_fbw_text(m, LABEL_FILE);
    mseg_fbw_begin(m);
    mseg_fbw_child(m, FILE_NAME, name);
    mseg_fbw_child(m, FILE_DESCRIPTION, what);
    mseg_fbw_i8(m, FILE_TYPE, AXIS_LABELS, 0);
    const mseg_fbw_ref file = mseg_fbw_end(m);
    return mseg_fbw_refs(m, &file, 1);
}

/* A list of one tensor's metadata. */
static mseg_fbw_ref tensor(mseg_fbw *m, const char *name, const char *what, mseg_fbw_ref content, mseg_fbw_ref units,
                           mseg_fbw_ref files)
{
    const mseg_fbw_ref description = mseg_fbw_text(m, what), called = mseg_fbw_text(m, name);
    mseg_fbw_begin(m);
    mseg_fbw_child(m, TENSOR_META_NAME, called);
    mseg_fbw_child(m, TENSOR_META_DESCRIPTION, description);
    mseg_fbw_child(m, TENSOR_CONTENT, content);
    mseg_fbw_child(m, TENSOR_UNITS, units);
    mseg_fbw_child(m, TENSOR_FILES, files);
    const mseg_fbw_ref one = mseg_fbw_end(m);
    return mseg_fbw_refs(m, &one, 1);
}

static mseg_status write_standard(mseg_bytes *out, const mseg_net *net, const mseg_write_options *options)
{
    mseg_fbw metadata = {0}, *m = &metadata;
    const bool classifier = net->layers[net->outputs[0]].vector;
    const char *what =
        classifier ? "Scores of the classes, before a softmax." : "Scores of the classes at each pixel, before a softmax.";
    const mseg_fbw_ref files = label_files(m, options), units = process_units(m, &net->input), content = image_content(m);
    const mseg_fbw_ref outputs = tensor(m, "logits", what, 0, 0, files),
                       inputs = tensor(m, "input", "The picture.", content, units, 0);
    mseg_fbw_begin(m);
    mseg_fbw_child(m, SUBGRAPH_INPUTS, inputs);
    mseg_fbw_child(m, SUBGRAPH_OUTPUTS, outputs);
    const mseg_fbw_ref subgraph = mseg_fbw_end(m);
    const mseg_fbw_ref subgraphs = mseg_fbw_refs(m, &subgraph, 1), name = options->name ? mseg_fbw_text(m, options->name) : 0,
                       description = mseg_fbw_text(m, classifier ? "An image classifier." : "Semantic segmentation."),
                       parser = mseg_fbw_text(m, "1.0.0");
    mseg_fbw_begin(m);
    mseg_fbw_child(m, META_NAME, name);
    mseg_fbw_child(m, META_DESCRIPTION, description);
    mseg_fbw_child(m, META_SUBGRAPHS, subgraphs);
    mseg_fbw_child(m, META_PARSER, parser);
    return mseg_fbw_finish(m, mseg_fbw_end(m), "M001", 0, out);
}

mseg_status mseg_tflw_about(tflw_file *f, tflw_entry entries[TFLW_ABOUT_ENTRIES], const mseg_net *net,
                            const mseg_weights *weights, const mseg_write_options *options, mseg_error *err)
{
    const mseg_description description = {.input = net->input,
                                          .padding = mseg_weights_padding(weights),
                                          .output_stride = options->output_stride,
                                          .height = options->height,
                                          .width = options->width,
                                          .labels = options->labels,
                                          .n_labels = options->n_labels};
    mseg_bytes standard;
    if (write_standard(&standard, net, options))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    entries[0] = (tflw_entry){TFL_METADATA, mseg_tflw_buffer(f, standard.data, standard.size, 1)};
    mseg_free(&standard.data);
    char *text = mseg_description_text(&description, err);
    if (!text)
        return MSEG_NOMEM;
    entries[1] = (tflw_entry){TFL_METADATA_MSEG, mseg_tflw_buffer(f, text, strlen(text), 1)};
    free(text);
    return MSEG_OK;
}

/* ---- the archive: PKWARE's APPNOTE.TXT, one file, stored ---------------------------------------------------------------- */

enum { LOCAL = 30, CENTRAL = 46, END = 22, NAME = sizeof LABEL_FILE - 1 };

static size_t text_size(const mseg_write_options *options)
{
    size_t size = 0;
    for (int i = 0; i < options->n_labels; i++)
        size += strlen(options->labels[i]) + 1;
    return size;
}

size_t mseg_tflw_archive_size(const mseg_write_options *options)
{
    return options->n_labels ? LOCAL + NAME + text_size(options) + CENTRAL + NAME + END : 0;
}

static uint32_t crc32_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put(mseg_bytes *file, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        file->data[file->size++] = (uint8_t)(value >> 8 * i);
}

static void put_text(mseg_bytes *file, const char *text, size_t size)
{
    memcpy(file->data + file->size, text, size);
    file->size += size;
}

/* What both headers of the file say: from the version that is needed up to the length of an extra field. */
static void put_entry(mseg_bytes *file, uint32_t crc, size_t size)
{
    enum { VERSION = 10, UTF8 = 1 << 11, STORED = 0, MIDNIGHT = 0, FIRST_OF_1980 = 1 << 5 | 1 };
    put(file, VERSION, 2);
    put(file, UTF8, 2);
    put(file, STORED, 2);
    put(file, MIDNIGHT, 2);
    put(file, FIRST_OF_1980, 2);
    put(file, crc, 4);
    put(file, size, 4);
    put(file, size, 4);
    put(file, NAME, 2);
    put(file, 0, 2);
}

void mseg_tflw_archive(mseg_bytes *file, const mseg_write_options *options)
{
    const size_t start = file->size, size = text_size(options);
    if (!options->n_labels)
        return;
    const uint8_t *text = file->data + start + LOCAL + NAME;
    file->size = start + LOCAL + NAME; /* the text first, whose sum the header before it has */
    for (int i = 0; i < options->n_labels; i++) {
        put_text(file, options->labels[i], strlen(options->labels[i]));
        put_text(file, "\n", 1);
    }
    const uint32_t crc = crc32_of(text, size);
    const size_t central = file->size;
    file->size = start;
    put_text(file, "PK\3\4", 4);
    put_entry(file, crc, size);
    put_text(file, LABEL_FILE, NAME);
    file->size = central;
    put_text(file, "PK\1\2", 4);
    put(file, 10, 2); /* made by: the version, MS-DOS */
    put_entry(file, crc, size);
    put(file, 0, 6); /* comment, disk, attributes */
    put(file, 0, 4);
    put(file, start, 4);
    put_text(file, LABEL_FILE, NAME);
    const size_t end = file->size;
    put_text(file, "PK\5\6", 4);
    put(file, 0, 4);           /* disks */
    put(file, 1 | 1 << 16, 4); /* files on this disk, and in all */
    put(file, end - central, 4);
    put(file, central, 4);
    put(file, 0, 2);
}
