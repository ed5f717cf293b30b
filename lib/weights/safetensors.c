#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/description.h"
#include "weights/flatbuffer.h"
#include "weights/tflite.h"

enum { LENGTH_BYTES = 8, FORMAT_MAX_HEADER = 100000000, MAX_HEADER = 4 << 20 };

static const char metadata_key[] = "__metadata__";

/* ---- the header --------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static mseg_status fail(mseg_error *err, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return mseg_fail(err, MSEG_FORMAT, "damaged safetensors file: %s; get it again", what);
}

static mseg_status read_type(mseg_st_tensor *t, size_t *element, mseg_error *err)
{
    static const struct {
        const char *name;
        size_t bytes;
        mseg_st_type type;
    } types[] = {
        {"BOOL", 1, MSEG_ST_OTHER},    {"U8", 1, MSEG_ST_OTHER},  {"I8", 1, MSEG_ST_OTHER},  {"F8_E5M2", 1, MSEG_ST_OTHER},
        {"F8_E4M3", 1, MSEG_ST_OTHER}, {"I16", 2, MSEG_ST_OTHER}, {"U16", 2, MSEG_ST_OTHER}, {"F16", 2, MSEG_ST_F16},
        {"BF16", 2, MSEG_ST_BF16},     {"I32", 4, MSEG_ST_OTHER}, {"U32", 4, MSEG_ST_OTHER}, {"F32", 4, MSEG_ST_F32},
        {"F64", 8, MSEG_ST_F64},       {"I64", 8, MSEG_ST_OTHER}, {"U64", 8, MSEG_ST_OTHER}, {"C64", 8, MSEG_ST_OTHER},
    };
    if (!t->dtype)
        return fail(err, "%.60s has no type", t->name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, t->dtype)) {
            t->type = types[i].type;
            *element = types[i].bytes;
            return MSEG_OK;
        }
    return mseg_fail(err, MSEG_UNSUPPORTED, "%.60s is of type %.20s, which mseg does not know", t->name, t->dtype);
}

/* Also multiplies *bytes by every dimension. */
static mseg_status read_shape(mseg_st_tensor *t, const mseg_json *shape, size_t *bytes, mseg_error *err)
{
    const int rank = mseg_json_length(shape);
    bool usable = rank <= 4;
    int i = 0;
    if (rank < 0)
        return fail(err, "%.60s has no shape", t->name);
    for (const mseg_json *item = mseg_json_first(shape); item; item = mseg_json_next(item), i++) {
        uint64_t side;
        if (!mseg_json_count(item, &side) || !mseg_mul(*bytes, (size_t)side, bytes))
            return fail(err, "%.60s has an impossible shape", t->name);
        usable = usable && side <= TFL_MAX_DIMENSION;
        if (usable)
            t->shape[i] = (int)side;
    }
    t->rank = usable ? rank : -1;
    return MSEG_OK;
}

/* One member of the header that is a tensor; size: of the file's data. */
static mseg_status read_tensor(mseg_st_tensor *t, const mseg_json *member, const uint8_t *data, size_t size, mseg_error *err)
{
    size_t bytes = 0;
    uint64_t begin, end;
    const mseg_json *offsets = mseg_json_get(member, "data_offsets"), *first = mseg_json_first(offsets);
    t->name = mseg_json_key(member);
    t->dtype = mseg_json_text(mseg_json_get(member, "dtype"));
    mseg_status status = read_type(t, &bytes, err);
    if (!status)
        status = read_shape(t, mseg_json_get(member, "shape"), &bytes, err);
    if (status)
        return status;
    if (mseg_json_length(offsets) != 2 || !mseg_json_count(first, &begin) || !mseg_json_count(mseg_json_next(first), &end))
        return fail(err, "%.60s does not say where its bytes are", t->name);
    if (begin > end || end > size)
        return fail(err, "%.60s has bytes %" PRIu64 " to %" PRIu64 " of %zu", t->name, begin, end, size);
    if (end - begin != bytes)
        return fail(err, "%.60s has %" PRIu64 " bytes where its type and shape need %zu", t->name, end - begin, bytes);
    t->data = data + begin;
    t->begin = (size_t)begin;
    t->bytes = bytes;
    return MSEG_OK;
}

static mseg_status read_metadata(mseg_st_file *file, const mseg_json *metadata, mseg_error *err)
{
    if (!mseg_json_is_object(metadata))
        return fail(err, "%s is no object", metadata_key);
    file->format = mseg_json_text(mseg_json_get(metadata, "format"));
    file->description = mseg_json_text(mseg_json_get(metadata, "mseg"));
    for (const mseg_json *item = mseg_json_first_member(metadata); item; item = mseg_json_next(item))
        if (!mseg_json_text(item))
            return fail(err, "%s has a value that is no text", metadata_key);
    return MSEG_OK;
}

static mseg_status read_members(mseg_st_file *file, const uint8_t *data, size_t size, mseg_error *err)
{
    int members = 0;
    mseg_status status = MSEG_OK;
    for (const mseg_json *m = mseg_json_first_member(file->header); m; m = mseg_json_next(m))
        members++;
    file->tensors = mseg_alloc_array((size_t)members, sizeof *file->tensors);
    if (!file->tensors)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (const mseg_json *m = mseg_json_first_member(file->header); m && !status; m = mseg_json_next(m)) {
        if (!strcmp(mseg_json_key(m), metadata_key))
            status = read_metadata(file, m, err);
        else
            status = read_tensor(&file->tensors[file->count++], m, data, size, err);
    }
    if (!status && members > file->count + 1)
        status = fail(err, "two members are called %s", metadata_key);
    return status;
}

/* ---- all tensors together ----------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const mseg_st_tensor *)a)->name, ((const mseg_st_tensor *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const mseg_st_tensor *one = a, *two = b;
    const size_t end = one->begin + one->bytes, other = two->begin + two->bytes;
    return one->begin != two->begin ? (one->begin > two->begin) - (one->begin < two->begin) : (end > other) - (end < other);
}

static mseg_status check_names(mseg_st_file *file, mseg_error *err)
{
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_name);
    for (int i = 1; i < file->count; i++)
        if (!strcmp(file->tensors[i].name, file->tensors[i - 1].name))
            return fail(err, "two tensors are called %.60s", file->tensors[i].name);
    return MSEG_OK;
}

/* Neither holes nor overlaps. */
static mseg_status check_places(mseg_st_file *file, size_t size, mseg_error *err)
{
    size_t end = 0;
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_place);
    for (int i = 0; i < file->count; i++) {
        const mseg_st_tensor *t = &file->tensors[i];
        if (t->begin != end)
            return fail(err, "%.60s begins at byte %zu of the data, the tensors before it end at %zu", t->name, t->begin, end);
        end += t->bytes;
    }
    return end == size ? MSEG_OK : fail(err, "the tensors are %zu bytes of %zu", end, size);
}

static mseg_status read_header(mseg_st_file *file, const uint8_t *data, size_t size, mseg_error *err)
{
    const uint64_t length = size < LENGTH_BYTES ? 0 : mseg_load_u64(data);
    mseg_error why = {0};
    if (size < LENGTH_BYTES || length > size - LENGTH_BYTES)
        return fail(err, "it is %zu bytes, its header alone %" PRIu64, size, length);
    if (length > MAX_HEADER)
        return mseg_fail(err, MSEG_LIMIT, "a safetensors file with a header of more than 4 MiB");
    const uint8_t *text = data + LENGTH_BYTES, *tensors = text + length;
    const mseg_status status = mseg_json_parse(&file->header, (const char *)text, (size_t)length, &why);
    if (status == MSEG_NOMEM)
        return mseg_fail(err, status, NULL);
    if (status || !mseg_json_is_object(file->header))
        return fail(err, "its header is %s", status ? why.text : "no object");
    return read_members(file, tensors, size - LENGTH_BYTES - (size_t)length, err);
}

mseg_status mseg_st_open(mseg_st_file *file, const uint8_t *data, size_t size, mseg_error *err)
{
    *file = (mseg_st_file){0};
    mseg_status status = read_header(file, data, size, err);
    if (!status)
        status = check_names(file, err);
    if (!status)
        status = check_places(file, size - LENGTH_BYTES - (size_t)mseg_load_u64(data), err);
    if (status)
        mseg_st_close(file);
    return status;
}

void mseg_st_close(mseg_st_file *file)
{
    mseg_json_free(&file->header);
    mseg_free(&file->tensors);
    *file = (mseg_st_file){0};
}

/* ---- the reader --------------------------------------------------------------------------------------------------------- */

bool mseg_safetensors_probe(const uint8_t *data, size_t size)
{
    enum { LOOK = 1024 };
    const size_t look = size < LOOK ? size : LOOK;
    return size > LENGTH_BYTES && data[LENGTH_BYTES] == '{' && mseg_load_u64(data) <= FORMAT_MAX_HEADER &&
           (memmem(data, look, "\"dtype\"", 7) || memmem(data, look, metadata_key, sizeof metadata_key - 1));
}

mseg_status mseg_safetensors_read(mseg_weights *weights, mseg_error *err)
{
    mseg_st_file file;
    mseg_status status = mseg_st_open(&file, weights->data, weights->size, err);
    if (!status)
        status = mseg_st_add_all(weights, &file, err);
    if (!status && file.description)
        status = mseg_description_read(weights, file.description, strlen(file.description), err);
    mseg_st_close(&file);
    return status;
}
