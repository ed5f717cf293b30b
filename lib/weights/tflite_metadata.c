#include "weights/tflite_metadata.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <zip.h>

#include "base/alloc.h"
#include "weights/description.h"
#include "weights/label.h"
#include "weights/tflite_schema.h"

enum { MAX_NAME = 255 };

/* ---- the FlatBuffer ---------------------------------------------------------------------------------------------------- */

/* The bytes, at least so many, of the model's buffer that its metadata calls by that name; count 0: there is none. */
static mseg_fb_vector find_metadata(mseg_fb *fb, mseg_fb_table root, const char *wanted, uint32_t least)
{
    const mseg_fb_vector entries = mseg_fb_list(fb, root, MODEL_METADATA, 4), none = {0};
    for (uint32_t i = 0; i < entries.count; i++) {
        const mseg_fb_table entry = mseg_fb_table_at(fb, entries, i);
        const mseg_fb_vector name = mseg_fb_list(fb, entry, ENTRY_NAME, 1);
        if (name.count != strlen(wanted) || memcmp(fb->data + name.position, wanted, name.count) != 0)
            continue;
        const mseg_fb_vector buffers = mseg_fb_list(fb, root, MODEL_BUFFERS, 4);
        const uint32_t buffer = mseg_fb_u32(fb, entry, ENTRY_BUFFER, 0);
        mseg_fb_vector bytes = none;
        if (buffer < buffers.count)
            bytes = mseg_fb_list(fb, mseg_fb_table_at(fb, buffers, buffer), BUFFER_DATA, 1);
        if (bytes.count < least)
            mseg_fb_damage(fb, entry.position, "there is no metadata where the file says");
        return bytes;
    }
    return none;
}

static mseg_status read_normalisation(mseg_input *input, mseg_fb *meta, mseg_fb_table options, mseg_error *err)
{
    const mseg_fb_vector means = mseg_fb_list(meta, options, NORMALISATION_MEAN, 4);
    const mseg_fb_vector stds = mseg_fb_list(meta, options, NORMALISATION_STD, 4);
    if (meta->damage)
        return MSEG_OK;
    if ((means.count != 1 && means.count != 3) || (stds.count != 1 && stds.count != 3))
        return mseg_fail(err, MSEG_FORMAT,
                         "damaged metadata: the normalisation has %u means and %u deviations, an RGB image has 1 or 3",
                         means.count, stds.count);
    for (uint32_t c = 0; c < 3; c++) {
        const double mean = mseg_load_f32(meta->data + means.position + (size_t)(c % means.count) * 4);
        const double std = mseg_load_f32(meta->data + stds.position + (size_t)(c % stds.count) * 4);
        mseg_input_normalise(input, (int)c, mean, std);
        if (!(std > 0) || !isfinite(input->offset[c]) || !isfinite(input->pad[c]) || !isfinite(std))
            return mseg_fail(err, MSEG_FORMAT, "damaged metadata: a normalisation by mean %g and deviation %g", mean, std);
    }
    input->from = MSEG_INPUT_METADATA;
    return MSEG_OK;
}

/* The first normalisation among the units of the first input. */
static mseg_status read_input(mseg_input *input, mseg_fb *meta, mseg_fb_table subgraph, mseg_error *err)
{
    const mseg_fb_vector inputs = mseg_fb_list(meta, subgraph, SUBGRAPH_INPUTS, 4);
    if (inputs.count == 0)
        return MSEG_OK;
    const mseg_fb_vector units = mseg_fb_list(meta, mseg_fb_table_at(meta, inputs, 0), TENSOR_UNITS, 4);
    for (uint32_t i = 0; i < units.count; i++) {
        const mseg_fb_table unit = mseg_fb_table_at(meta, units, i);
        if (mseg_fb_i8(meta, unit, UNIT_TYPE, 0) == NORMALISATION)
            return read_normalisation(input, meta, mseg_fb_child(meta, unit, UNIT_OPTIONS), err);
    }
    return MSEG_OK;
}

/* How well a file serves as the classes' names, 0: not at all. Names along an axis of the output come before those of its values,
 * names in no certain language before others. */
static int rank_of(mseg_fb *meta, mseg_fb_table file)
{
    const int type = mseg_fb_i8(meta, file, FILE_TYPE, 0);
    if (type != AXIS_LABELS && type != VALUE_LABELS)
        return 0;
    return (type == AXIS_LABELS ? 2 : 0) + (mseg_fb_list(meta, file, FILE_LOCALE, 1).count == 0 ? 1 : 0) + 1;
}

/* Which file of the archive holds the labels; "": none. */
static void find_labels(char name[MAX_NAME + 1], mseg_fb *meta, mseg_fb_table subgraph)
{
    const mseg_fb_vector outputs = mseg_fb_list(meta, subgraph, SUBGRAPH_OUTPUTS, 4);
    mseg_fb_vector best = {0};
    int best_rank = 0;
    for (uint32_t i = 0; i < outputs.count && !meta->damage; i++) {
        const mseg_fb_vector files = mseg_fb_list(meta, mseg_fb_table_at(meta, outputs, i), TENSOR_FILES, 4);
        for (uint32_t k = 0; k < files.count && !meta->damage; k++) {
            const mseg_fb_table file = mseg_fb_table_at(meta, files, k);
            const int rank = rank_of(meta, file);
            if (rank <= best_rank)
                continue;
            best_rank = rank;
            best = mseg_fb_list(meta, file, FILE_NAME, 1);
        }
    }
    name[0] = 0;
    if (best_rank == 0 || meta->damage)
        return;
    if (best.count > 0 && best.count <= MAX_NAME)
        memcpy(name, meta->data + best.position, best.count);
    name[best.count <= MAX_NAME ? best.count : 0] = 0;
    if (best.count == 0 || strlen(name) != best.count || !mseg_is_line(name))
        mseg_fb_damage(meta, best.position, "a file of labels has no proper name");
}

/* ---- the archive ------------------------------------------------------------------------------------------------------- */

/* Whether memory ran out since errno was 0; libzip gives other errors then, too, or none. */
static bool out_of_memory(const zip_error_t *error)
{
    return zip_error_code_zip(error) == ZIP_ER_MEMORY || errno == ENOMEM;
}

/* error is not const, as it keeps its text. */
static mseg_status fail_zip(const char *name, zip_error_t *error, mseg_error *err)
{
    if (out_of_memory(error))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    return mseg_fail(err, MSEG_FORMAT, "damaged metadata: %.80s, the labels, cannot be unzipped: %s", name,
                     zip_error_strerror(error));
}

/* All of a file that says that it has size bytes, and not one more, with a 0 behind them. */
static mseg_status read_text(char **text, zip_file_t *file, size_t size, const char *name, mseg_error *err)
{
    *text = mseg_alloc(size + 2);
    if (!*text)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    size_t got = 0;
    zip_int64_t n = 1;
    while (n > 0 && got <= size) {
        n = zip_fread(file, *text + got, size + 1 - got);
        got += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        return fail_zip(name, zip_file_get_error(file), err);
    if (strlen(*text) != size)
        return mseg_fail(err, MSEG_FORMAT, "damaged metadata: %.80s, the labels, is not the text that the archive says", name);
    return MSEG_OK;
}

/* The text of a file of the archive; NULL: it is not there. */
static mseg_status read_entry(char **text, zip_t *zip, const char *name, mseg_error *err)
{
    zip_stat_t entry;
    const zip_int64_t index = zip_name_locate(zip, name, 0);
    if (index < 0 && zip_error_code_zip(zip_get_error(zip)) == ZIP_ER_NOENT)
        return MSEG_OK;
    if (index < 0 || zip_stat_index(zip, (zip_uint64_t)index, 0, &entry))
        return fail_zip(name, zip_get_error(zip), err);
    if (entry.size > MSEG_MAX_LABEL_TEXT)
        return mseg_fail(err, MSEG_LIMIT, "the labels inside (%.80s) are larger than 1 MiB", name);
    zip_file_t *file = zip_fopen_index(zip, (zip_uint64_t)index, 0);
    if (!file)
        return fail_zip(name, zip_get_error(zip), err);
    mseg_status status = read_text(text, file, (size_t)entry.size, name, err);
    zip_fclose(file);
    return status;
}

/* Whether the file ends as an archive does, in a record of its end. */
static bool ends_in_archive(const mseg_weights *weights)
{
    enum { END_BYTES = 22 };
    return weights->size >= END_BYTES && memcmp(weights->data + weights->size - END_BYTES, "PK\5\6", 4) == 0;
}

/* The text of a file in the zip archive behind the model, to be freed; NULL: there is no archive or no such file in it. */
static mseg_status unzip(char **text, const mseg_weights *weights, const char *name, mseg_error *err)
{
    *text = NULL;
    zip_error_t error;
    zip_error_init(&error);
    mseg_status status = MSEG_OK;
    errno = 0;
    zip_source_t *source = zip_source_buffer_create(weights->data, weights->size, 0, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (zip)
        status = read_entry(text, zip, name, err);
    else if (zip_error_code_zip(&error) != ZIP_ER_NOZIP || ends_in_archive(weights) || out_of_memory(&error))
        status = fail_zip(name, &error, err);
    if (zip)
        zip_discard(zip); /* and the source */
    else if (source)
        zip_source_free(source);
    zip_error_fini(&error);
    if (status)
        mseg_free(text);
    return status;
}

/* ---- the labels -------------------------------------------------------------------------------------------------------- */

/* Ends each line of text with a 0, without blanks around it and with blanks for tabs; *names: where they begin, to be freed;
 * *count: how many. */
static mseg_status split(const char ***names, int *count, char *text, const char *file, mseg_error *err)
{
    char *line = strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3; /* byte order mark */
    int lines = 0;
    for (const char *c = line; *c; c++)
        lines += *c == '\n' || !c[1];
    if (lines > MSEG_MAX_LABELS)
        return mseg_fail(err, MSEG_LIMIT, "the labels inside (%.80s) are more than %d lines", file, MSEG_MAX_LABELS);
    *names = mseg_alloc_array((size_t)lines, sizeof **names);
    if (!*names)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 0; i < lines; i++) {
        char *next = line + strcspn(line, "\n"), *end = next;
        line += strspn(line, " \t");
        for (char *c = line; c < end; c++)
            *c = *c == '\t' ? ' ' : *c;
        while (end > line && strchr(" \r", end[-1]))
            end--;
        next += *next ? 1 : 0;
        *end = 0;
        if (end - line > MSEG_MAX_LABEL_BYTES)
            return mseg_fail(err, MSEG_LIMIT, "the labels inside (%.80s): line %d is longer than %d bytes", file, i + 1,
                             MSEG_MAX_LABEL_BYTES);
        if (!mseg_is_line(line))
            return mseg_fail(err, MSEG_FORMAT, "the labels inside (%.80s): line %d is not text in UTF-8", file, i + 1);
        (*names)[i] = line;
        line = next;
    }
    *count = lines;
    return MSEG_OK;
}

static mseg_status read_labels(mseg_weights *weights, const char *name, mseg_error *err)
{
    mseg_status status = unzip(&weights->label_text, weights, name, err);
    if (!status && weights->label_text)
        status = split(&weights->labels, &weights->n_labels, weights->label_text, name, err);
    return status;
}

/* The standard metadata: how a float picture enters, and labels. */
static mseg_status read_standard(mseg_weights *weights, mseg_fb *meta, bool real_input, mseg_error *err)
{
    char labels[MAX_NAME + 1] = "";
    mseg_status status = MSEG_OK;
    const mseg_fb_vector subgraphs = mseg_fb_list(meta, mseg_fb_root(meta), META_SUBGRAPHS, 4);
    const mseg_fb_table subgraph = subgraphs.count ? mseg_fb_table_at(meta, subgraphs, 0) : (mseg_fb_table){0};
    if (real_input)
        status = read_input(&weights->input, meta, subgraph, err);
    find_labels(labels, meta, subgraph);
    if (!status && meta->damage)
        status = mseg_fail(err, MSEG_FORMAT, "damaged metadata: %s (at byte %zu)", meta->damage,
                           (size_t)(meta->data - weights->data) + meta->where);
    return status || !*labels ? status : read_labels(weights, labels, err);
}

mseg_status mseg_tfl_metadata_read(mseg_weights *weights, mseg_fb *fb, mseg_fb_table root, bool real_input, mseg_error *err)
{
    enum { LEAST = 8 /* root and identifier */ };
    const mseg_fb_vector standard = find_metadata(fb, root, TFL_METADATA, LEAST),
                         ours = find_metadata(fb, root, TFL_METADATA_MSEG, 1);
    mseg_status status = MSEG_OK;
    if (fb->damage)
        return mseg_fail(err, MSEG_FORMAT, "damaged metadata: %s (at byte %zu)", fb->damage, fb->where);
    if (standard.count) {
        mseg_fb meta = {.data = fb->data + standard.position, .size = standard.count};
        if (memcmp(meta.data + 4, "M001", 4) != 0)
            return mseg_fail(err, MSEG_UNSUPPORTED, "metadata of an unknown schema; mseg knows M001");
        status = read_standard(weights, &meta, real_input, err);
    }
    if (!status && ours.count)
        status = mseg_description_read(weights, (const char *)fb->data + ours.position, ours.count, err);
    return status;
}
