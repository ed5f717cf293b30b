#include <ctype.h>

#include "weights/foreign_inside.h"
#include "weights/wire.h"

/* Numbers of fields: onnx.proto, tensorflow/core/framework/graph.proto and node_def.proto, core/protobuf/meta_graph.proto and
 * saved_model.proto, Core ML's Model.proto. */

static bool take(mseg_wire *m, mseg_wire_field *f, uint64_t number, int wire)
{
    return mseg_wire_take(m, f) && f->number == number && f->wire == wire;
}

static bool is_identifier(mseg_wire text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!isalnum(text.data[i]) && text.data[i] != '_')
            return false;
    return text.size > 0 && isalpha(text.data[0]);
}

/* A list of nodes, each with a name and an operation. */
static bool is_graph(mseg_wire m)
{
    mseg_wire_field node, name, operation;
    return take(&m, &node, 1, MSEG_WIRE_BYTES) && take(&node.bytes, &name, 1, MSEG_WIRE_BYTES) && name.bytes.size > 0 &&
           take(&node.bytes, &operation, 2, MSEG_WIRE_BYTES) && is_identifier(operation.bytes);
}

bool mseg_foreign_is_graphdef(const uint8_t *data, size_t size)
{
    return is_graph((mseg_wire){data, size});
}

static bool is_meta_graph(mseg_wire m)
{
    mseg_wire_field f;
    return take(&m, &f, 1, MSEG_WIRE_BYTES) && take(&m, &f, 2, MSEG_WIRE_BYTES) && is_graph(f.bytes);
}

bool mseg_foreign_is_meta_graph(const uint8_t *data, size_t size)
{
    return is_meta_graph((mseg_wire){data, size});
}

bool mseg_foreign_is_saved_model(const uint8_t *data, size_t size)
{
    mseg_wire m = {data, size};
    mseg_wire_field f;
    return take(&m, &f, 1, MSEG_WIRE_VARINT) && take(&m, &f, 2, MSEG_WIRE_BYTES) && is_meta_graph(f.bytes);
}

/* A version, then texts about the producer, then the graph, which begins with nodes (1) that list tensors' names. */
bool mseg_foreign_is_onnx(const uint8_t *data, size_t size)
{
    enum { INPUT = 1, OUTPUT = 2, GRAPH = 7 };
    mseg_wire m = {data, size};
    mseg_wire_field f, node, name;
    if (!take(&m, &f, 1, MSEG_WIRE_VARINT) || f.value == 0 || f.value > 100)
        return false;
    do
        if (!mseg_wire_take(&m, &f) || f.number < 2 || f.number > GRAPH)
            return false;
    while (f.number != GRAPH);
    return f.wire == MSEG_WIRE_BYTES && take(&f.bytes, &node, 1, MSEG_WIRE_BYTES) && mseg_wire_take(&node.bytes, &name) &&
           name.wire == MSEG_WIRE_BYTES && (name.number == INPUT || name.number == OUTPUT);
}

/* A version, a description, then the model as one of the types, whose numbers are 200 and more. */
bool mseg_foreign_is_core_ml(const uint8_t *data, size_t size)
{
    mseg_wire m = {data, size};
    mseg_wire_field f;
    if (!take(&m, &f, 1, MSEG_WIRE_VARINT) || f.value == 0 || f.value > 100 || !take(&m, &f, 2, MSEG_WIRE_BYTES))
        return false;
    while (mseg_wire_take(&m, &f) && f.number < 200)
        if (f.number != 10) /* isUpdatable */
            return false;
    return f.number >= 200 && f.number <= 3000 && f.wire == MSEG_WIRE_BYTES;
}
