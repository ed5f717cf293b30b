#include <stdio.h>
#include <string.h>

#include "weights/flatbuffer.h"
#include "weights/safetensors.h"

/* A tensor as [outer][inner][positions]; ours is [outer][positions][inner], beginning with the last turned of inner. */
typedef struct order {
    size_t outer, inner, positions, turned;
} order;

static size_t product(const int *shape, int count)
{
    size_t elements = 1;
    for (int i = 0; i < count; i++)
        elements *= (size_t)shape[i];
    return elements;
}

/* Our shape of the tensor, and how its numbers are to move. False when it has no such layout. */
static bool arrange(mseg_tensor *out, order *move, const mseg_st_tensor *from, mseg_st_layout layout)
{
    const int *s = from->shape;
    enum { JOINED = 5 };
    const bool conv = layout == MSEG_ST_CONV || layout == MSEG_ST_DEPTHWISE || layout == MSEG_ST_POOL_LAST;
    if (from->rank < 0 || (conv && from->rank != 4) || (layout == MSEG_ST_DENSE && from->rank != 2) ||
        (layout == MSEG_ST_DEPTHWISE && s[1] != 1) || (layout == MSEG_ST_POOL_LAST && s[1] % JOINED))
        return false;
    out->rank = 4;
    if (layout == MSEG_ST_DEPTHWISE) {
        memcpy(out->shape, (int[4]){1, s[2], s[3], s[0]}, sizeof out->shape);
        *move = (order){1, (size_t)s[0], product(s + 2, 2), 0};
    } else if (conv) {
        memcpy(out->shape, (int[4]){s[0], s[2], s[3], s[1]}, sizeof out->shape);
        *move = (order){(size_t)s[0], (size_t)s[1], product(s + 2, 2), layout == MSEG_ST_POOL_LAST ? (size_t)s[1] / JOINED : 0};
    } else if (layout == MSEG_ST_DENSE) {
        memcpy(out->shape, (int[4]){s[0], 1, 1, s[1]}, sizeof out->shape);
        *move = (order){product(s, 2), 1, 1, 0};
    } else {
        out->rank = from->rank;
        memcpy(out->shape, s, sizeof out->shape);
        *move = (order){product(s, from->rank), 1, 1, 0};
    }
    return true;
}

static float number(const mseg_st_tensor *from, size_t index)
{
    float value;
    double wide;
    uint64_t bits64;
    uint32_t bits;
    if (from->type == MSEG_ST_F64) {
        bits64 = mseg_load_u64(from->data + 8 * index);
        memcpy(&wide, &bits64, sizeof wide);
        return (float)wide;
    }
    bits = (uint32_t)mseg_load_u16(from->data + 2 * index) << 16; /* the upper half of a float32 */
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Element index of the file's as bytes of out's type. */
static void copy_element(uint8_t *to, const mseg_st_tensor *from, size_t index)
{
    if (from->type == MSEG_ST_F16) {
        memcpy(to, from->data + 2 * index, 2);
    } else if (from->type == MSEG_ST_F32) {
        memcpy(to, from->data + 4 * index, 4);
    } else {
        const float value = number(from, index);
        memcpy(to, &value, sizeof value);
    }
}

static mseg_status copy(mseg_weights *weights, mseg_tensor *out, const mseg_st_tensor *from, const order *move, mseg_error *err)
{
    const size_t size = out->dtype == MSEG_F16 ? 2 : 4;
    uint8_t *to = mseg_weights_room(weights, out->bytes, err);
    if (!to)
        return err ? err->status : MSEG_NOMEM;
    out->data = to;
    for (size_t o = 0; o < move->outer; o++)
        for (size_t p = 0; p < move->positions; p++)
            for (size_t i = 0; i < move->inner; i++, to += size)
                copy_element(to, from, (o * move->inner + (i + move->inner - move->turned) % move->inner) * move->positions + p);
    return MSEG_OK;
}

mseg_status mseg_st_add(mseg_weights *weights, const mseg_st_tensor *from, mseg_st_layout layout, const char *name,
                        mseg_error *err)
{
    mseg_tensor out = {.data = from->data, .dtype = from->type == MSEG_ST_F16 ? MSEG_F16 : MSEG_F32};
    order move;
    snprintf(out.name, sizeof out.name, "%s", name);
    if (from->type == MSEG_ST_OTHER)
        return mseg_fail(err, MSEG_UNSUPPORTED, "%.60s is of type %.20s; mseg reads F32, F16, BF16 and F64", from->name,
                         from->dtype);
    if (!arrange(&out, &move, from, layout))
        return mseg_fail(err, MSEG_UNSUPPORTED, "%.60s has not the dimensions of %.60s", from->name, name);
    const size_t elements = move.outer * move.inner * move.positions;
    out.bytes = elements * (out.dtype == MSEG_F16 ? 2 : 4);
    const bool converted = from->type == MSEG_ST_BF16 || from->type == MSEG_ST_F64;
    const bool moved = (move.inner > 1 && move.positions > 1) || move.turned;
    mseg_status status = elements && (converted || moved) ? copy(weights, &out, from, &move, err) : MSEG_OK;
    return status ? status : mseg_weights_add(weights, &out, err);
}
