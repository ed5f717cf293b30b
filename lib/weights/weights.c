#include "weights/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "weights/flatbuffer.h"
#include "weights/foreign.h"
#include "weights/reader.h"
#include "weights/seeded.h"

static const mseg_weights_reader readers[] = {
    {"tflite", mseg_tflite_probe, mseg_tflite_read},
    {"onnx", mseg_onnx_probe, mseg_onnx_read},
    {"safetensors", mseg_safetensors_probe, mseg_safetensors_read},
    {"graphdef", mseg_graphdef_probe, mseg_graphdef_read},
};

enum { READERS = sizeof readers / sizeof *readers };

/* FlatBuffers and protocol buffers cannot be larger. */
#define MAX_FILE_BYTES INT32_MAX

static const mseg_weights_reader *find_reader(const uint8_t *data, size_t size)
{
    for (int i = 0; i < READERS; i++)
        if (readers[i].probe(data, size))
            return &readers[i];
    return NULL;
}

static void checksum(char hex[2 * SHA256_DIGEST_SIZE + 1], const uint8_t *data, size_t size)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, size, data);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static mseg_status read_weights(mseg_weights *weights, mseg_error *err)
{
    const mseg_weights_reader *reader = find_reader(weights->data, weights->size);
    if (!reader)
        return mseg_foreign(weights->data, weights->size, err);
    weights->origin.format = reader->name;
    checksum(weights->origin.sha256, weights->data, weights->size);
    return reader->read(weights, err);
}

static mseg_status check_size(uint64_t size, mseg_error *err)
{
    if (!size)
        return mseg_fail(err, MSEG_FORMAT, "empty file");
    if (size > MAX_FILE_BYTES)
        return mseg_fail(err, MSEG_LIMIT, "model file of %" PRIu64 " bytes, more than 2 GiB", size);
    return MSEG_OK;
}

mseg_status mseg_weights_open_memory(mseg_weights **weights, const uint8_t *data, size_t size, mseg_error *err)
{
    *weights = NULL;
    mseg_status status = check_size(size, err);
    if (status)
        return status;
    mseg_weights *w = mseg_alloc(sizeof *w);
    if (!w)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    w->data = data;
    w->size = size;
    w->input = mseg_input_deeplab;
    status = read_weights(w, err);
    if (status == MSEG_OK)
        *weights = w;
    else
        mseg_weights_close(&w);
    return status;
}

/* Maps a regular file. O_NONBLOCK: a named pipe would otherwise hold open() until someone writes. */
static mseg_status map_file(const uint8_t **data, size_t *size, const char *path, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return mseg_fail_errno(err, NULL, errno);
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = mseg_fail_errno(err, NULL, errno);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = mseg_fail(err, MSEG_IO, "not a regular file");
        goto done;
    }
    status = check_size((uint64_t)info.st_size, err);
    if (status)
        goto done;
    void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        status = mseg_fail_errno(err, NULL, errno);
        goto done;
    }
    *data = map;
    *size = (size_t)info.st_size;
done:
    close(fd);
    return status;
}

static void unmap(const uint8_t *data, size_t size)
{
    void *map;
    memcpy(&map, &data, sizeof map);
    munmap(map, size);
}

mseg_status mseg_weights_open(mseg_weights **weights, const char *path, mseg_error *err)
{
    *weights = NULL;
    const uint8_t *data = NULL;
    size_t size = 0;
    mseg_status status = map_file(&data, &size, path, err);
    if (status != MSEG_OK)
        return status;
    status = mseg_weights_open_memory(weights, data, size, err);
    if (status == MSEG_OK)
        (*weights)->mapped = true;
    else
        unmap(data, size);
    return status;
}

void mseg_weights_close(mseg_weights **weights)
{
    mseg_weights *w = *weights;
    *weights = NULL;
    if (!w)
        return;
    if (w->mapped)
        unmap(w->data, w->size);
    while (w->room) {
        mseg_weights_block *next = w->room->next;
        mseg_free(&w->room);
        w->room = next;
    }
    mseg_free(&w->tensors);
    mseg_free(&w->quants);
    mseg_free(&w->labels);
    mseg_free(&w->label_text);
    mseg_free(&w);
}

const mseg_tensor *mseg_weights_find(const mseg_weights *weights, const char *name)
{
    for (int i = 0; i < weights->count; i++)
        if (strcmp(weights->tensors[i].name, name) == 0)
            return &weights->tensors[i];
    return NULL;
}

int mseg_weights_count(const mseg_weights *weights)
{
    return weights->count;
}

const mseg_tensor *mseg_weights_at(const mseg_weights *weights, int index)
{
    return &weights->tensors[index];
}

mseg_padding mseg_weights_padding(const mseg_weights *weights)
{
    return weights->padding;
}

mseg_input mseg_weights_input(const mseg_weights *weights)
{
    return weights->input;
}

mseg_weights_origin mseg_weights_origin_of(const mseg_weights *weights)
{
    return weights->origin;
}

const mseg_layer_quant *mseg_weights_quant(const mseg_weights *weights, const char *layer)
{
    for (int i = 0; i < weights->n_quants; i++)
        if (strcmp(weights->quants[i].name, layer) == 0)
            return &weights->quants[i];
    return NULL;
}

const char *mseg_weights_no_integers(const mseg_weights *weights)
{
    if (weights->integers)
        return NULL;
    return *weights->no_integers ? weights->no_integers : "the file is not quantised";
}

int mseg_weights_labels(const mseg_weights *weights)
{
    return weights->n_labels;
}

const char *mseg_weights_label(const mseg_weights *weights, int index)
{
    return index >= 0 && index < weights->n_labels ? weights->labels[index] : NULL;
}

static size_t element_bytes(mseg_element dtype)
{
    switch (dtype) {
    case MSEG_F32:
    case MSEG_S32:
    case MSEG_SEEDED:
        return 4;
    case MSEG_F16:
        return 2;
    case MSEG_U8:
    case MSEG_S8:
        return 1;
    }
    return 0;
}

static bool scales_fit(const mseg_tensor *t)
{
    if (t->dtype == MSEG_F32 || t->dtype == MSEG_F16 || t->dtype == MSEG_SEEDED)
        return t->n_scales == 0;
    if (t->axis < 0 || t->axis >= t->rank || (t->n_scales != 1 && t->n_scales != t->shape[t->axis]))
        return false;
    for (int i = 0; i < t->n_scales; i++) {
        float scale = mseg_load_f32(t->scales + (size_t)i * 4);
        if (!isfinite(scale) || scale < 0)
            return false;
    }
    int low = t->dtype == MSEG_S8 ? -128 : 0, high = t->dtype == MSEG_S8 ? 127 : t->dtype == MSEG_U8 ? 255 : 0;
    return t->zero_point >= low && t->zero_point <= high;
}

/* Whether no real value is infinite or not a number. */
static bool all_finite(const mseg_tensor *t)
{
    const size_t size = element_bytes(t->dtype);
    if (t->dtype != MSEG_F32 && t->dtype != MSEG_F16)
        return true;
    for (size_t at = 0; at < t->bytes; at += size)
        if (size == 4 ? !isfinite(mseg_load_f32(t->data + at)) : (mseg_load_u16(t->data + at) >> 10 & 31) == 31)
            return false;
    return true;
}

mseg_status mseg_weights_check(const mseg_weights *weights, const mseg_tensor *tensor, mseg_error *err)
{
    size_t bytes = element_bytes(tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] < 1 || !mseg_mul(bytes, (size_t)tensor->shape[i], &bytes))
            return mseg_fail(err, MSEG_FORMAT, "%s has an impossible shape", tensor->name);
    if (tensor->bytes != bytes)
        return mseg_fail(err, MSEG_FORMAT, "%s has %zu bytes where its shape needs %zu", tensor->name, tensor->bytes, bytes);
    if (!scales_fit(tensor))
        return mseg_fail(err, MSEG_FORMAT, "%s has scales or zero points that do not suit its type and shape", tensor->name);
    if (!all_finite(tensor))
        return mseg_fail(err, MSEG_FORMAT, "%s has a value that is no finite number", tensor->name);
    if (bytes > weights->size + weights->room_bytes || weights->bytes + bytes > 2 * weights->size + weights->room_bytes)
        return mseg_fail(err, MSEG_FORMAT, "the tensors are larger than the file (%s and those before it)", tensor->name);
    return MSEG_OK;
}

mseg_status mseg_weights_add(mseg_weights *weights, const mseg_tensor *tensor, mseg_error *err)
{
    mseg_status status = mseg_weights_check(weights, tensor, err);
    if (status)
        return status;
    if (!mseg_grow(&weights->tensors, &weights->capacity, weights->count + 1, sizeof *weights->tensors))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    weights->bytes += tensor->bytes;
    weights->tensors[weights->count++] = *tensor;
    return MSEG_OK;
}

void mseg_weights_clear(mseg_weights *weights)
{
    weights->count = 0;
    weights->bytes = 0;
    weights->n_quants = 0;
}

void *mseg_weights_room(mseg_weights *weights, size_t bytes, mseg_error *err)
{
    enum { MOST = 16 };
    mseg_weights_block *block = NULL;
    if (bytes / MOST > weights->size || (weights->room_bytes + bytes) / MOST > weights->size)
        mseg_fail(err, MSEG_LIMIT, "the tensors become much larger than the file");
    else if (!(block = mseg_alloc(sizeof *block + bytes)))
        mseg_fail(err, MSEG_NOMEM, NULL);
    if (!block)
        return NULL;
    block->next = weights->room;
    weights->room = block;
    weights->room_bytes += bytes;
    return block->bytes;
}

size_t mseg_tensor_elements(const mseg_tensor *tensor)
{
    return tensor->bytes / element_bytes(tensor->dtype);
}

/* IEEE half precision: 1 sign, 5 exponent, 10 fraction bits. */
static double half_to_double(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 0    ? ldexp(fraction, -24)
                   : exponent == 31 ? (fraction ? NAN : INFINITY)
                                    : ldexp(fraction + 1024, exponent - 25);
    return half >> 15 ? -value : value;
}

/* Elements start to start + n, which share one scale (step is 1 for real values). */
static void convert(const mseg_tensor *tensor, size_t start, size_t n, double step, float *out)
{
    const uint8_t *data = tensor->data ? tensor->data + start * element_bytes(tensor->dtype) : NULL;
    double zero = tensor->zero_point;
    switch (tensor->dtype) {
    case MSEG_F32:
        for (size_t i = 0; i < n; i++)
            out[i] = mseg_load_f32(data + i * 4);
        break;
    case MSEG_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)half_to_double(mseg_load_u16(data + i * 2));
        break;
    case MSEG_U8:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)((data[i] - zero) * step);
        break;
    case MSEG_S8:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)(((int8_t)data[i] - zero) * step);
        break;
    case MSEG_S32:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)(((int32_t)mseg_load_u32(data + i * 4) - zero) * step);
        break;
    case MSEG_SEEDED:
        mseg_seeded_values(tensor, out);
        break;
    }
}

void mseg_tensor_to_f32(const mseg_tensor *tensor, float *out)
{
    size_t elements = mseg_tensor_elements(tensor);
    size_t run = elements; /* neighbours with one scale */
    if (tensor->n_scales > 1) {
        run = 1;
        for (int i = tensor->axis + 1; i < tensor->rank; i++)
            run *= (size_t)tensor->shape[i];
    }
    for (size_t start = 0; start < elements; start += run) {
        size_t scale = tensor->n_scales > 1 ? start / run % (size_t)tensor->n_scales : 0;
        double step = tensor->n_scales ? mseg_load_f32(tensor->scales + scale * 4) : 1;
        convert(tensor, start, run, step, out + start);
    }
}
