#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/graphdef.h"

/* ---- TensorFlow's TensorProto ------------------------------------------------------------------------------------------- */

static size_t type_bytes(int type)
{
    switch (type) {
    case GD_FLOAT:
    case GD_INT32:
        return 4;
    case GD_DOUBLE:
    case GD_INT64:
        return 8;
    case GD_UINT8:
    case GD_INT8:
    case GD_BOOL:
        return 1;
    case GD_INT16:
    case GD_BFLOAT16:
    case GD_HALF:
        return 2;
    default:
        return 0;
    }
}

static double half_of(uint16_t bits, bool bfloat)
{
    const mseg_tensor half = {.dtype = MSEG_F16, .data = (const uint8_t *)&bits, .bytes = sizeof bits};
    float value;
    const uint32_t wide = (uint32_t)bits << 16;
    if (bfloat)
        memcpy(&value, &wide, sizeof value);
    else
        mseg_tensor_to_f32(&half, &value);
    return (double)value;
}

static double content_at(int type, const uint8_t *at)
{
    const uint64_t wide = type_bytes(type) == 8 ? mseg_load_u64(at) : 0;
    double real;
    memcpy(&real, &wide, sizeof real);
    switch (type) {
    case GD_FLOAT:
        return (double)mseg_load_f32(at);
    case GD_DOUBLE:
        return real;
    case GD_INT32:
        return (int32_t)mseg_load_u32(at);
    case GD_INT64:
        return (double)(int64_t)wide;
    case GD_INT8:
        return (int8_t)*at;
    case GD_INT16:
        return (int16_t)mseg_load_u16(at);
    case GD_BFLOAT16:
    case GD_HALF:
        return half_of(mseg_load_u16(at), type == GD_BFLOAT16);
    default:
        return *at;
    }
}

/* How many values stand apart, not in the content. */
static size_t listed(const MsegGraphdef__Tensor *t)
{
    switch (t->dtype) {
    case GD_FLOAT:
        return t->n_float_val;
    case GD_DOUBLE:
        return t->n_double_val;
    case GD_INT64:
        return t->n_int64_val;
    case GD_BOOL:
        return t->n_bool_val;
    case GD_BFLOAT16:
    case GD_HALF:
        return t->n_half_val;
    default:
        return t->n_int_val;
    }
}

static double listed_at(const MsegGraphdef__Tensor *t, size_t i)
{
    switch (t->dtype) {
    case GD_FLOAT:
        return (double)t->float_val[i];
    case GD_DOUBLE:
        return t->double_val[i];
    case GD_INT64:
        return (double)t->int64_val[i];
    case GD_BOOL:
        return t->bool_val[i];
    case GD_BFLOAT16:
    case GD_HALF:
        return half_of((uint16_t)t->half_val[i], t->dtype == GD_BFLOAT16);
    default:
        return t->int_val[i];
    }
}

/* Value i; the last one listed is repeated, and none at all is 0. */
static double value_at(const MsegGraphdef__Tensor *t, size_t i)
{
    const size_t size = type_bytes(t->dtype), n = listed(t);
    if (t->tensor_content.len)
        return content_at(t->dtype, t->tensor_content.data + i * size);
    return n ? listed_at(t, i < n ? i : n - 1) : 0;
}

/* Whether the tensor has values for its shape. count: of them. */
static mseg_status check_tensor(const gd_reader *r, const gd_node *node, const MsegGraphdef__Tensor *t, mseg_sizes *shape,
                                size_t *count)
{
    const MsegGraphdef__Shape *s = t->tensor_shape;
    *count = 1;
    *shape = (mseg_sizes){.rank = s ? (int)s->n_dim : 0, .integer = true};
    for (int i = 0; i < shape->rank; i++) {
        const int64_t size = s->dim[i]->size;
        if (size < 0 || size > INT32_MAX || !mseg_mul(*count, (size_t)size, count))
            return mseg_gd_fail(r, node, MSEG_FORMAT, "has an impossible shape");
        shape->shape[i] = (int)size;
    }
    const size_t size = type_bytes(t->dtype);
    size_t bytes;
    if (!mseg_mul(*count, size, &bytes))
        return mseg_gd_fail(r, node, MSEG_FORMAT, "has an impossible shape");
    if (t->tensor_content.len && t->tensor_content.len != bytes)
        return mseg_gd_fail(r, node, MSEG_FORMAT, "has %zu bytes where its shape needs %zu", t->tensor_content.len, bytes);
    if (!t->tensor_content.len && listed(t) > *count)
        return mseg_gd_fail(r, node, MSEG_FORMAT, "has %zu values where its shape needs %zu", listed(t), *count);
    return MSEG_OK;
}

/* ---- constants ---------------------------------------------------------------------------------------------------------- */

static mseg_status add_constant(gd_reader *r, gd_call *c, const gd_constant *constant)
{
    if (r->n_constants == GD_MAX_CONSTANTS)
        return mseg_fail(r->err, MSEG_LIMIT, "more than %d constants, more than any network that mseg knows", GD_MAX_CONSTANTS);
    if (!mseg_grow(&r->constants, &r->constants_room, r->n_constants + 1, sizeof *r->constants))
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    r->constants[r->n_constants] = *constant;
    c->out = (gd_value){.kind = GD_CONSTANT, .index = r->n_constants++};
    return MSEG_OK;
}

mseg_status mseg_gd_const(gd_reader *r, gd_call *c)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, "value");
    const MsegGraphdef__Tensor *t = v ? v->tensor : NULL;
    gd_constant constant = {.node = (int)(c->node - r->nodes)};
    if (!t)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has no value");
    c->out.kind = GD_UNKNOWN;
    if (!type_bytes(t->dtype) || (t->tensor_shape && t->tensor_shape->n_dim > MSEG_SIZES_RANK))
        return MSEG_OK;
    mseg_status status = check_tensor(r, c->node, t, &constant.sizes, &constant.count);
    if (status)
        return status;
    constant.few = constant.count <= MSEG_SIZES && mseg_sizes_count(constant.sizes.rank, constant.sizes.shape) >= 0;
    constant.sizes.integer = t->dtype != GD_FLOAT && t->dtype != GD_DOUBLE && t->dtype != GD_HALF && t->dtype != GD_BFLOAT16;
    for (size_t i = 0; constant.few && i < constant.count; i++)
        constant.sizes.values[i] = value_at(t, i);
    return add_constant(r, c, &constant);
}

mseg_status mseg_gd_give_same(gd_reader *r, gd_call *c, const gd_constant *constant)
{
    gd_constant same = *constant;
    memset(same.tensors, 0, sizeof same.tensors);
    return add_constant(r, c, &same);
}

mseg_status mseg_gd_give(gd_reader *r, gd_call *c, const mseg_sizes *sizes)
{
    gd_constant constant = {.sizes = *sizes, .few = true, .node = -1};
    constant.count = (size_t)mseg_sizes_count(sizes->rank, sizes->shape);
    return add_constant(r, c, &constant);
}

mseg_status mseg_gd_give_values(gd_reader *r, gd_call *c, const mseg_sizes *shape, const float *values)
{
    gd_constant constant = {.sizes = *shape, .count = 1, .node = -1, .values = values};
    constant.sizes.integer = false;
    for (int i = 0; i < shape->rank; i++)
        constant.count *= (size_t)shape->shape[i];
    constant.few = mseg_sizes_count(shape->rank, shape->shape) >= 0;
    for (size_t i = 0; constant.few && i < constant.count; i++)
        constant.sizes.values[i] = (double)values[i];
    return add_constant(r, c, &constant);
}

const mseg_sizes *mseg_gd_numbers(const gd_reader *r, const gd_call *c, int input)
{
    if (input >= c->n || c->in[input].kind != GD_CONSTANT || !r->constants[c->in[input].index].few)
        return NULL;
    return &r->constants[c->in[input].index].sizes;
}

bool mseg_gd_integers(const gd_reader *r, const gd_call *c, int input, int count, int *out)
{
    const mseg_sizes *sizes = mseg_gd_numbers(r, c, input);
    if (!sizes || mseg_sizes_count(sizes->rank, sizes->shape) != count)
        return false;
    for (int i = 0; i < count; i++) {
        if (!(fabs(sizes->values[i]) <= INT32_MAX) || sizes->values[i] != trunc(sizes->values[i]))
            return false;
        out[i] = (int)sizes->values[i];
    }
    return true;
}

/* ---- as tensors of the model -------------------------------------------------------------------------------------------- */

/* Where value i of a constant goes. */
static size_t place_of(const gd_constant *k, gd_layout layout, size_t i)
{
    const int *shape = k->sizes.shape;
    const size_t out = layout == GD_KERNEL ? (size_t)shape[3] : layout == GD_MATRIX ? (size_t)shape[1] : 1;
    return i % out * (k->count / out) + i / out;
}

/* Puts all values of a constant to, in their places. */
static mseg_status copy_values(const gd_reader *r, const gd_constant *k, gd_layout layout, float *to)
{
    if (k->node < 0) {
        for (size_t i = 0; i < k->count; i++)
            to[place_of(k, layout, i)] = k->values ? k->values[i] : (float)k->sizes.values[i];
        return MSEG_OK;
    }
    const gd_node *node = &r->nodes[k->node];
    MsegGraphdef__Node *message = mseg_graphdef__node__unpack(NULL, node->text.size, node->text.data);
    if (!message)
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    const gd_call call = {.message = message};
    const MsegGraphdef__Value *value = mseg_gd_attribute(&call, "value");
    for (size_t i = 0; i < k->count; i++)
        to[place_of(k, layout, i)] = (float)value_at(value->tensor, i);
    mseg_graphdef__node__free_unpacked(message, NULL);
    return MSEG_OK;
}

static float *copy(const gd_reader *r, const gd_constant *k, gd_layout layout, mseg_status *status)
{
    size_t bytes;
    float *values = mseg_mul(k->count, sizeof *values, &bytes) ? mseg_weights_room(r->weights, bytes, r->err) : NULL;
    *status = values ? copy_values(r, k, layout, values) : r->err->status;
    return *status ? NULL : values;
}

const float *mseg_gd_values(gd_reader *r, gd_value constant, mseg_status *status)
{
    gd_constant *k = &r->constants[constant.index];
    if (!k->values || k->node >= 0) {
        const float *values = copy(r, k, GD_VALUES, status);
        if (!values)
            return NULL;
        k->values = values;
        k->node = -1;
    }
    return k->values;
}

/* The shape that a constant has in a layout; 0: it has no such one. */
static int shape_in(const gd_constant *k, gd_layout layout, int shape[4])
{
    const int *s = k->sizes.shape, rank = k->sizes.rank;
    for (int i = 0; i < rank; i++)
        if (s[i] < 1 || s[i] > TFL_MAX_DIMENSION)
            return 0;
    const int ranks[GD_LAYOUTS] = {1, 4, 4, 2, 2};
    const int shapes[GD_LAYOUTS][4] = {
        {(int)k->count}, {s[3], s[0], s[1], s[2]}, {1, s[0], s[1], s[2]}, {s[1], s[0]}, {s[0], s[1]}};
    memcpy(shape, shapes[layout], sizeof shapes[layout]);
    const bool fits = layout == GD_VALUES     ? k->count <= TFL_MAX_DIMENSION
                      : layout == GD_CHANNELS ? rank == 4 && s[3] == 1
                                              : rank == ranks[layout];
    return fits ? ranks[layout] : 0;
}

mseg_status mseg_gd_constant_tensor(gd_reader *r, const gd_call *c, gd_value constant, gd_layout layout, int *tensor)
{
    static const char *const wanted[GD_LAYOUTS] = {"one value for each channel", "a kernel [height, width, in, out]",
                                                   "a kernel [height, width, channels, 1]", "a matrix [in, out]",
                                                   "a matrix [out, in]"};
    int shape[4];
    if (constant.kind != GD_CONSTANT)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "takes numbers that mseg does not follow; freeze the graph");
    gd_constant *k = &r->constants[constant.index];
    if (k->tensors[layout]) {
        *tensor = k->tensors[layout] - 1;
        return MSEG_OK;
    }
    const int rank = shape_in(k, layout, shape);
    if (!rank)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "has a constant that is not %s", wanted[layout]);
    mseg_status status = mseg_gd_tensor(r, rank, shape, TFL_FLOAT32, tensor);
    const float *values = status ? NULL : copy(r, k, layout, &status);
    if (values) {
        r->model.tensors[*tensor].data = (const uint8_t *)values;
        r->model.tensors[*tensor].bytes = k->count * sizeof *values;
        k->tensors[layout] = *tensor + 1;
    }
    return status;
}
