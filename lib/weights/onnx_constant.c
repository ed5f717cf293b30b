#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/onnx.h"

/* ONNX' TensorProto.DataType. */
enum { ONNX_FLOAT = 1, ONNX_UINT8, ONNX_INT8, ONNX_INT32 = 6, ONNX_INT64, ONNX_BOOL = 9, ONNX_FLOAT16, ONNX_DOUBLE };
enum { TENSOR_RAW = 9 };

void *mseg_ox_room(onnx_reader *r, size_t bytes)
{
    mseg_error why;
    void *room = r->status ? NULL : mseg_weights_room(r->weights, bytes, &why);
    if (!room && !r->status)
        mseg_ox_fail(r, NULL, why.status, "%s", why.text);
    return room;
}

static void put(uint8_t *at, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void put_float(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(at, sizeof bits, bits);
}

int mseg_ox_elements(const onnx_value *v)
{
    int count = 1;
    for (int i = 0; i < v->rank; i++)
        count *= v->dims[i];
    return count;
}

/* ---- tensors in messages -------------------------------------------------------------------------------------------------- */

/* The types of constants; size 0: none that mseg knows. from: bytes of an element in the file. */
static int type_of(int type, size_t *size, size_t *from)
{
    static const struct {
        int type;
        size_t size;
    } types[] = {
        [ONNX_FLOAT] = {TFL_FLOAT32, 4},   [ONNX_UINT8] = {TFL_UINT8, 1},    [ONNX_INT8] = {TFL_INT8, 1},
        [ONNX_INT32] = {TFL_INT32, 4},     [ONNX_INT64] = {TFL_INT64, 8},    [ONNX_BOOL] = {TFL_UINT8, 1},
        [ONNX_FLOAT16] = {TFL_FLOAT16, 2}, [ONNX_DOUBLE] = {TFL_FLOAT32, 4},
    };
    const bool known = type > 0 && type <= ONNX_DOUBLE;
    *size = known ? types[type].size : 0;
    *from = type == ONNX_DOUBLE ? 8 : *size;
    return known ? types[type].type : -1;
}

/* Rank and dimensions; false when mseg does not follow values of that shape. */
static bool read_shape(onnx_reader *r, const onnx_node *n, const MsegOnnx__Tensor *t, onnx_value *v)
{
    enum { MOST = INT32_MAX / 8 };
    int64_t elements = 1;
    v->rank = t->n_dims <= ONNX_RANK ? (int)t->n_dims : -1;
    for (int i = 0; i < v->rank; i++) {
        const int64_t size = t->dims[i];
        if (size < 0 || size > MOST || elements * size > MOST) {
            mseg_ox_fail(r, n, MSEG_FORMAT, "tensor %.80s has an impossible shape", t->name ? t->name : "");
            return false;
        }
        elements *= size;
        v->dims[i] = (int)size;
    }
    return v->rank >= 0;
}

/* Element i of what the message lists as numbers of a type. */
static bool listed(const MsegOnnx__Tensor *t, int type, int elements)
{
    const size_t count = (size_t)elements;
    switch (type) {
    case ONNX_FLOAT:
        return t->n_float_data == count;
    case ONNX_DOUBLE:
        return t->n_double_data == count;
    case ONNX_INT64:
        return t->n_int64_data == count;
    default:
        return t->n_int32_data == count;
    }
}

static void copy_listed(uint8_t *to, size_t size, const MsegOnnx__Tensor *t, int type, int elements)
{
    for (int i = 0; i < elements; i++, to += size) {
        if (type == ONNX_FLOAT)
            put_float(to, t->float_data[i]);
        else if (type == ONNX_DOUBLE)
            put_float(to, (float)t->double_data[i]);
        else
            put(to, size, type == ONNX_INT64 ? (uint64_t)t->int64_data[i] : (uint64_t)(int64_t)t->int32_data[i]);
    }
}

static void copy_doubles(uint8_t *to, const uint8_t *from, int elements)
{
    for (int i = 0; i < elements; i++) {
        const uint64_t bits = mseg_load_u64(from + 8 * (size_t)i);
        double value;
        memcpy(&value, &bits, sizeof value);
        put_float(to + 4 * (size_t)i, (float)value);
    }
}

/* A tensor's values. raw: its raw data where it may stay for as long as the weights; NULL: it may not. */
static void read_data(onnx_reader *r, const onnx_node *n, const MsegOnnx__Tensor *t, const uint8_t *raw, onnx_value *v)
{
    const char *name = t->name ? t->name : "";
    const int type = t->has_data_type ? t->data_type : 0;
    size_t size, from;
    v->kind = ONNX_OTHER;
    v->type = type_of(type, &size, &from);
    if (t->has_data_location && t->data_location == 1) {
        mseg_ox_fail(r, n, MSEG_UNSUPPORTED, "tensor %.80s is in another file (external data); save the model as one file", name);
        return;
    }
    if (!size || !read_shape(r, n, t, v))
        return;
    const int elements = mseg_ox_elements(v);
    v->kind = ONNX_CONSTANT;
    v->bytes = (size_t)elements * size;
    if (t->has_raw_data && t->raw_data.len != (size_t)elements * from)
        mseg_ox_fail(r, n, MSEG_FORMAT, "tensor %.80s has %zu bytes where its shape needs %zu", name, t->raw_data.len,
                     (size_t)elements * from);
    else if (!t->has_raw_data && !listed(t, type, elements))
        mseg_ox_fail(r, n, MSEG_FORMAT, "tensor %.80s has not the %d values that its shape needs", name, elements);
    if (t->has_raw_data && raw && from == size)
        v->data = raw;
    if (r->status || v->data || !elements)
        return;
    uint8_t *data = mseg_ox_room(r, v->bytes);
    if (data && !t->has_raw_data)
        copy_listed(data, size, t, type, elements);
    else if (data && from != size)
        copy_doubles(data, t->raw_data.data, elements);
    else if (data)
        memcpy(data, t->raw_data.data, v->bytes);
    v->data = data;
}

void mseg_ox_read_tensor(onnx_reader *r, const onnx_node *n, onnx_value *value)
{
    mseg_wire m = value->message;
    mseg_wire_field f;
    const uint8_t *raw = NULL;
    MsegOnnx__Tensor *t = (MsegOnnx__Tensor *)mseg_ox_unpack(r, &mseg_onnx__tensor__descriptor, m, "a tensor");
    while (mseg_wire_take(&m, &f))
        if (f.number == TENSOR_RAW && f.wire == MSEG_WIRE_BYTES)
            raw = f.bytes.data;
    value->message = (mseg_wire){NULL, 0};
    if (t) {
        read_data(r, n, t, raw, value);
        protobuf_c_message_free_unpacked(&t->base, &r->allocator);
    }
}

void mseg_ox_take_tensor(onnx_reader *r, const onnx_node *n, MsegOnnx__Tensor *t, onnx_value *value)
{
    read_data(r, n, t, NULL, value);
    if (t->has_raw_data) {
        free(t->raw_data.data);
        t->raw_data = (ProtobufCBinaryData){0, NULL};
    }
}

/* ---- constants ------------------------------------------------------------------------------------------------------------ */

/* Numbers that have been computed, as data. */
static void make_data(onnx_reader *r, onnx_value *v)
{
    const size_t size = v->type == TFL_INT64 ? 8 : v->type == TFL_UINT8 ? 1 : 4;
    const int elements = mseg_ox_elements(v);
    uint8_t *data = mseg_ox_room(r, size * (size_t)elements);
    for (int i = 0; i < elements && data; i++) {
        if (v->type == TFL_FLOAT32)
            put_float(data + size * (size_t)i, (float)v->numbers[i]);
        else
            put(data + size * (size_t)i, size, (uint64_t)(int64_t)v->numbers[i]);
    }
    v->data = data;
    v->bytes = size * (size_t)elements;
}

const onnx_value *mseg_ox_constant(onnx_reader *r, const onnx_node *n, int input)
{
    onnx_value *v = mseg_ox_input(r, n, input);
    if (v && v->kind == ONNX_CONSTANT && v->message.data)
        mseg_ox_read_tensor(r, n, v);
    if (r->status || !v || v->kind != ONNX_CONSTANT)
        return NULL;
    if (!v->data && v->numbers)
        make_data(r, v);
    return v->data && !r->status ? v : NULL;
}

static double number_at(const onnx_value *v, int i)
{
    const uint8_t *at = v->data + v->bytes / (size_t)mseg_ox_elements(v) * (size_t)i;
    const mseg_tensor half = {.dtype = MSEG_F16, .rank = 1, .shape = {1}, .data = at, .bytes = 2};
    float value = 0;
    switch (v->type) {
    case TFL_FLOAT32:
        return (double)mseg_load_f32(at);
    case TFL_FLOAT16:
        mseg_tensor_to_f32(&half, &value);
        return (double)value;
    case TFL_INT32:
        return (int32_t)mseg_load_u32(at);
    case TFL_INT64:
        return (double)(int64_t)mseg_load_u64(at);
    case TFL_INT8:
        return (int8_t)*at;
    default:
        return *at;
    }
}

const double *mseg_ox_numbers(onnx_reader *r, const onnx_node *n, int input, int *count)
{
    onnx_value *v = mseg_ox_input(r, n, input);
    if (v && v->kind == ONNX_CONSTANT && v->message.data)
        mseg_ox_read_tensor(r, n, v);
    if (r->status || !v || v->kind != ONNX_CONSTANT || v->n_scales || mseg_ox_elements(v) > ONNX_NUMBERS)
        return NULL;
    *count = mseg_ox_elements(v);
    double *numbers = v->numbers ? NULL : mseg_ox_room(r, sizeof *numbers * (size_t)*count);
    for (int i = 0; i < *count && numbers; i++)
        numbers[i] = number_at(v, i);
    if (numbers)
        v->numbers = numbers;
    return v->numbers;
}

const double *mseg_ox_listed(onnx_reader *r, const onnx_node *n, const char *name, int input, int *count)
{
    const MsegOnnx__Attribute *a = mseg_ox_attribute(n, name);
    if (!a)
        return mseg_ox_numbers(r, n, input, count);
    if (a->n_ints > ONNX_NUMBERS || a->n_floats > ONNX_NUMBERS)
        return NULL;
    *count = (int)(a->n_ints ? a->n_ints : a->n_floats);
    double *numbers = mseg_ox_room(r, sizeof *numbers * (size_t)*count);
    for (int i = 0; i < *count && numbers; i++)
        numbers[i] = a->n_ints ? (double)a->ints[i] : (double)a->floats[i];
    return numbers;
}

bool mseg_ox_number(onnx_reader *r, const onnx_node *n, int input, double otherwise, double *out)
{
    int count;
    const double *numbers = mseg_ox_numbers(r, n, input, &count);
    *out = numbers && count == 1 ? *numbers : otherwise;
    return !mseg_ox_input(r, n, input) || (numbers && count == 1);
}

void mseg_ox_set_numbers(onnx_reader *r, const onnx_node *n, int type, int rank, const int *dims, const double *numbers)
{
    onnx_value out = {.kind = ONNX_CONSTANT, .rank = rank, .type = type, .tensor = -1};
    memcpy(out.dims, dims, (size_t)rank * sizeof *dims);
    const size_t bytes = (size_t)mseg_ox_elements(&out) * sizeof *numbers;
    double *copy = mseg_ox_room(r, bytes);
    if (!copy)
        return;
    memcpy(copy, numbers, bytes);
    out.numbers = copy;
    mseg_ox_set(r, n, &out);
}

/* ---- constants as tensors of the model ------------------------------------------------------------------------------------- */

/* Whether dimensions of more than one element keep their order: then every element keeps its place. */
static bool keeps_order(const onnx_value *v, const int *order)
{
    int last = -1;
    for (int i = 0; i < v->rank; i++) {
        if (v->dims[order[i]] == 1)
            continue;
        if (order[i] < last)
            return false;
        last = order[i];
    }
    return true;
}

onnx_value mseg_ox_transposed(onnx_reader *r, const onnx_value *constant, const int *order)
{
    onnx_value out = *constant;
    size_t from[ONNX_RANK] = {0}; /* elements from one index of out's dimension to the next */
    const int elements = mseg_ox_elements(constant);
    for (int i = 0; i < constant->rank; i++) {
        out.dims[i] = constant->dims[order[i]];
        if (order[i] == constant->axis)
            out.axis = i;
        from[i] = 1;
        for (int k = order[i] + 1; k < constant->rank; k++)
            from[i] *= (size_t)constant->dims[k];
    }
    out.numbers = NULL;
    if (keeps_order(constant, order) || !elements)
        return out;
    const size_t size = constant->bytes / (size_t)elements;
    uint8_t *data = mseg_ox_room(r, constant->bytes), *to = data;
    int at[ONNX_RANK] = {0};
    size_t place = 0;
    for (int i = 0; i < elements && data; i++, to += size) {
        memcpy(to, constant->data + place * size, size);
        for (int k = constant->rank - 1; k >= 0; k--) {
            place += from[k];
            if (++at[k] < out.dims[k])
                break;
            place -= from[k] * (size_t)at[k];
            at[k] = 0;
        }
    }
    out.data = data;
    return out;
}

int mseg_ox_weights(onnx_reader *r, const onnx_value *constant, int rank, const int *shape, int axis)
{
    tfl_tensor t = {.rank = rank, .type = constant->type, .data = constant->data, .bytes = constant->bytes};
    for (int i = 0; i < rank; i++)
        t.shape[i] = shape[i];
    t.scales = constant->scales;
    t.n_scales = constant->n_scales;
    t.zero_points = constant->zero_points;
    t.n_zero_points = constant->n_zero_points;
    t.axis = constant->n_scales > 1 ? axis : 0;
    return mseg_ox_tensor(r, &t);
}

int mseg_ox_per_channel(onnx_reader *r, const onnx_node *n, int input, const onnx_value *map)
{
    const onnx_value *c = mseg_ox_constant(r, n, input);
    if (!c || c->rank > map->rank)
        return -1;
    const int elements = mseg_ox_elements(c), before = map->rank - c->rank;
    for (int i = 0; i < c->rank; i++)
        if (c->dims[i] != 1 && (map->perm[before + i] != map->rank - 1 || c->dims[i] != map->dims[before + i]))
            return -1;
    return mseg_ox_weights(r, c, 1, &elements, 0);
}
