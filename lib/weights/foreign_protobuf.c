#include <ctype.h>

#include "weights/foreign_inside.h"

/* Numbers of fields: onnx.proto, tensorflow/core/framework/graph.proto and node_def.proto, core/protobuf/meta_graph.proto and
 * saved_model.proto, Core ML's Model.proto. */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* wire types */

typedef struct message {
    const uint8_t *data;
    size_t size; /* that are left */
} message;

typedef struct field {
    uint64_t number;
    int wire;
    uint64_t value; /* of a VARINT */
    message bytes;  /* of BYTES; cut where the file is */
} field;

static bool take_varint(message *m, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && m->size; shift += 7) {
        uint8_t byte = *m->data++;
        m->size--;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static void skip(message *m, size_t bytes)
{
    m->data += bytes;
    m->size -= bytes;
}

/* The next field; false at the end and when it is none. */
static bool take_field(message *m, field *f)
{
    uint64_t key;
    if (!take_varint(m, &key))
        return false;
    *f = (field){.number = key >> 3, .wire = (int)(key & 7)};
    size_t fixed = f->wire == FIXED64 ? 8 : 4;
    switch (f->wire) {
    case VARINT:
        return f->number && take_varint(m, &f->value);
    case BYTES:
        if (!f->number || !take_varint(m, &f->value))
            return false;
        f->bytes = (message){m->data, f->value < m->size ? (size_t)f->value : m->size};
        skip(m, f->bytes.size);
        return true;
    case FIXED64:
    case FIXED32:
        if (!f->number || m->size < fixed)
            return false;
        skip(m, fixed);
        return true;
    default:
        return false;
    }
}

static bool take(message *m, field *f, uint64_t number, int wire)
{
    return take_field(m, f) && f->number == number && f->wire == wire;
}

static bool is_identifier(message text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!isalnum(text.data[i]) && text.data[i] != '_')
            return false;
    return text.size > 0 && isalpha(text.data[0]);
}

/* A list of nodes, each with a name and an operation. */
static bool is_graph(message m)
{
    field node, name, operation;
    return take(&m, &node, 1, BYTES) && take(&node.bytes, &name, 1, BYTES) && name.bytes.size > 0 &&
           take(&node.bytes, &operation, 2, BYTES) && is_identifier(operation.bytes);
}

bool mseg_foreign_is_graphdef(const uint8_t *data, size_t size)
{
    return is_graph((message){data, size});
}

static bool is_meta_graph(message m)
{
    field f;
    return take(&m, &f, 1, BYTES) && take(&m, &f, 2, BYTES) && is_graph(f.bytes);
}

bool mseg_foreign_is_meta_graph(const uint8_t *data, size_t size)
{
    return is_meta_graph((message){data, size});
}

bool mseg_foreign_is_saved_model(const uint8_t *data, size_t size)
{
    message m = {data, size};
    field f;
    return take(&m, &f, 1, VARINT) && take(&m, &f, 2, BYTES) && is_meta_graph(f.bytes);
}

/* A version, then texts about the producer, then the graph, which begins with nodes (1) that list tensors' names. */
bool mseg_foreign_is_onnx(const uint8_t *data, size_t size)
{
    enum { INPUT = 1, OUTPUT = 2, GRAPH = 7 };
    message m = {data, size};
    field f, node, name;
    if (!take(&m, &f, 1, VARINT) || f.value == 0 || f.value > 100)
        return false;
    do
        if (!take_field(&m, &f) || f.number < 2 || f.number > GRAPH)
            return false;
    while (f.number != GRAPH);
    return f.wire == BYTES && take(&f.bytes, &node, 1, BYTES) && take_field(&node.bytes, &name) && name.wire == BYTES &&
           (name.number == INPUT || name.number == OUTPUT);
}

/* A version, a description, then the model as one of the types, whose numbers are 200 and more. */
bool mseg_foreign_is_core_ml(const uint8_t *data, size_t size)
{
    message m = {data, size};
    field f;
    if (!take(&m, &f, 1, VARINT) || f.value == 0 || f.value > 100 || !take(&m, &f, 2, BYTES))
        return false;
    while (take_field(&m, &f) && f.number < 200)
        if (f.number != 10) /* isUpdatable */
            return false;
    return f.number >= 200 && f.number <= 3000 && f.wire == BYTES;
}
