#include "weights/onnx.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/description.h"
#include "weights/foreign_inside.h"
#include "weights/torchvision.h"

/* Numbers of fields of ModelProto and GraphProto. */
enum { MODEL_GRAPH = 7, MODEL_OPERATOR_SET = 8, MODEL_METADATA = 14 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };
enum { TENSOR_NAME = 8 };

enum {
    FIRST_OPSET = 7,
    LAST_OPSET = 22,
    OPEN_SIZE = 513, /* that a picture of open size is taken to have: shapes need one, weights do not depend on it */
    MAX_NODES = 1 << 16,
};

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static char printable(char c)
{
    return c >= ' ' && c <= '~' ? c : '?';
}

void mseg_ox_label(char *text, size_t size, const onnx_node *n)
{
    char op[24] = "";
    const MsegOnnx__Node *m = n->message;
    const char *name = m->name && *m->name ? m->name : m->n_output ? m->output[0] : "";
    for (size_t i = 0; m->op_type && m->op_type[i] && i < sizeof op - 1; i++) {
        op[i] = printable(m->op_type[i]);
        op[i + 1] = '\0';
    }
    const size_t room = size - sizeof "node  ()" - strlen(op), length = strlen(name);
    const bool cut = length > room;
    const int at = snprintf(text, size, "node %s", cut ? "..." : "");
    size_t end = (size_t)at;
    for (const char *c = cut ? name + length - (room - 3) : name; *c; c++)
        text[end++] = printable(*c);
    snprintf(text + end, size - end, " (%s)", op);
}

void mseg_ox_fail(onnx_reader *r, const onnx_node *n, mseg_status status, const char *format, ...)
{
    char text[sizeof r->err->text], label[TFL_DESCRIPTION];
    if (r->status)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        *c = printable(*c);
    if (n)
        mseg_ox_label(label, sizeof label, n);
    r->status = mseg_fail(r->err, status, "%s%s%s", n ? label : "", n ? ": " : "", text);
}

static void fail_damaged(onnx_reader *r, const char *what)
{
    mseg_ox_fail(r, NULL, MSEG_FORMAT, "damaged ONNX file: %s; get it again", what);
}

/* ---- messages ------------------------------------------------------------------------------------------------------------- */

static void *take_memory(void *reader, size_t size)
{
    onnx_reader *r = reader;
    if (size > r->budget) {
        mseg_ox_fail(r, NULL, MSEG_LIMIT, "a part of the file becomes much larger than it is");
        return NULL;
    }
    r->budget -= size;
    void *memory = malloc(size ? size : 1);
    if (!memory)
        mseg_ox_fail(r, NULL, MSEG_NOMEM, "out of memory");
    return memory;
}

static void free_memory(void *reader, void *memory)
{
    (void)reader;
    free(memory);
}

ProtobufCMessage *mseg_ox_unpack(onnx_reader *r, const ProtobufCMessageDescriptor *kind, mseg_wire m, const char *what)
{
    enum { MOST = 32, SMALL = 4096 };
    if (r->status)
        return NULL;
    r->budget = m.size * MOST + SMALL;
    ProtobufCMessage *message = protobuf_c_message_unpack(kind, &r->allocator, m.size, m.data);
    if (!message)
        fail_damaged(r, what);
    return message;
}

static void free_message(onnx_reader *r, ProtobufCMessage *message)
{
    if (message)
        protobuf_c_message_free_unpacked(message, &r->allocator);
}

/* Calls visit for every field of the message that has bytes. */
static void walk(onnx_reader *r, mseg_wire m, void (*visit)(onnx_reader *r, const mseg_wire_field *f))
{
    mseg_wire_field f;
    while (m.size && !r->status) {
        if (!mseg_wire_take(&m, &f))
            fail_damaged(r, "a field of an unknown kind");
        else if (f.cut)
            fail_damaged(r, "its end is missing");
        else if (f.wire == MSEG_WIRE_BYTES)
            visit(r, &f);
    }
}

/* ---- the model ------------------------------------------------------------------------------------------------------------ */

static void read_operator_set(onnx_reader *r, mseg_wire m)
{
    MsegOnnx__OperatorSet *set =
        (MsegOnnx__OperatorSet *)mseg_ox_unpack(r, &mseg_onnx__operator_set__descriptor, m, "an operator set");
    if (!set)
        return;
    const bool own = !set->domain || !*set->domain || strcmp(set->domain, "ai.onnx") == 0;
    if (own && (set->version < FIRST_OPSET || set->version > LAST_OPSET))
        mseg_ox_fail(r, NULL, MSEG_UNSUPPORTED, "ONNX operator set %lld; mseg knows %d to %d", (long long)set->version,
                     FIRST_OPSET, LAST_OPSET);
    else if (own)
        r->opset = (int)set->version;
    free_message(r, &set->base);
}

static void add_node(onnx_reader *r, mseg_wire m)
{
    if (r->n_nodes == MAX_NODES) {
        mseg_ox_fail(r, NULL, MSEG_LIMIT, "more than %d nodes", MAX_NODES);
        return;
    }
    MsegOnnx__Node *node = (MsegOnnx__Node *)mseg_ox_unpack(r, &mseg_onnx__node__descriptor, m, "a node");
    if (node && !mseg_grow(&r->nodes, &r->nodes_room, r->n_nodes + 1, sizeof *r->nodes)) {
        free_message(r, &node->base);
        mseg_ox_fail(r, NULL, MSEG_NOMEM, "out of memory");
        return;
    }
    if (!node)
        return;
    r->nodes[r->n_nodes++] = (onnx_node){.message = node};
    r->torchvision = r->torchvision || (node->name && mseg_is_torchvision_name(node->name));
    for (size_t i = 0; i < node->n_input; i++)
        mseg_ox_name(r, node->input[i], strlen(node->input[i]));
    for (size_t i = 0; i < node->n_output; i++)
        mseg_ox_name(r, node->output[i], strlen(node->output[i]));
}

/* The name within a tensor's message; empty: it has none. */
static mseg_wire name_of(mseg_wire m)
{
    mseg_wire name = {NULL, 0};
    mseg_wire_field f;
    while (mseg_wire_take(&m, &f))
        if (f.number == TENSOR_NAME && f.wire == MSEG_WIRE_BYTES)
            name = f.bytes;
    return name;
}

static void note_initializer(onnx_reader *r, mseg_wire m)
{
    const mseg_wire name = name_of(m);
    char text[80];
    if (!name.size)
        return;
    mseg_ox_name(r, (const char *)name.data, name.size);
    if (name.size < sizeof text) {
        memcpy(text, name.data, name.size);
        text[name.size] = '\0';
        r->torchvision = r->torchvision || mseg_is_torchvision_name(text);
    }
}

static void visit_first(onnx_reader *r, const mseg_wire_field *f)
{
    if (f->number == GRAPH_NODE)
        add_node(r, f->bytes);
    else if (f->number == GRAPH_INITIALIZER)
        note_initializer(r, f->bytes);
    else if (f->number == GRAPH_SPARSE)
        mseg_ox_fail(r, NULL, MSEG_UNSUPPORTED, "the ONNX file has sparse tensors; save them as dense ones");
}

/* Our own description. */
static void read_entry(onnx_reader *r, mseg_wire m)
{
    MsegOnnx__Entry *entry = (MsegOnnx__Entry *)mseg_ox_unpack(r, &mseg_onnx__entry__descriptor, m, "an entry of the metadata");
    if (entry && entry->key && entry->value && strcmp(entry->key, "mseg") == 0)
        r->status = mseg_description_read(r->weights, entry->value, strlen(entry->value), r->err);
    if (entry)
        free_message(r, &entry->base);
}

static void visit_model(onnx_reader *r, const mseg_wire_field *f)
{
    if (f->number == MODEL_GRAPH)
        walk(r, f->bytes, visit_first);
    else if (f->number == MODEL_OPERATOR_SET)
        read_operator_set(r, f->bytes);
    else if (f->number == MODEL_METADATA)
        read_entry(r, f->bytes);
}

/* ---- the graph's ends ----------------------------------------------------------------------------------------------------- */

static void visit_initializer(onnx_reader *r, const mseg_wire_field *f)
{
    const mseg_wire name = f->number == GRAPH_INITIALIZER ? name_of(f->bytes) : (mseg_wire){NULL, 0};
    const int at = name.size ? mseg_ox_find(r, (const char *)name.data, name.size) : -1;
    if (at < 0)
        return;
    r->values[at].kind = ONNX_CONSTANT;
    r->values[at].message = f->bytes;
}

static void read_dims(onnx_reader *r, const MsegOnnx__Shape *shape, onnx_value *v)
{
    v->rank = shape && shape->n_dim == ONNX_RANK ? ONNX_RANK : -1;
    for (int i = 0; i < v->rank; i++) {
        const int64_t size = shape->dim[i]->has_dim_value ? shape->dim[i]->dim_value : 0;
        v->dims[i] = size > 0 && size <= TFL_MAX_DIMENSION ? (int)size : 0;
    }
    const bool last = v->rank == ONNX_RANK && v->dims[3] == 3 && v->dims[1] != 3;
    for (int i = 0; i < v->rank; i++) {
        v->perm[i] = last ? i : i == 0 ? 0 : i == 1 ? 3 : i - 1;
        const bool open = !v->dims[i];
        if (open)
            v->dims[i] = v->perm[i] == 0 ? 1 : v->perm[i] == 3 ? 3 : OPEN_SIZE;
        r->dynamic = r->dynamic || (open && (v->perm[i] == 1 || v->perm[i] == 2));
    }
}

/* TensorFlow Lite's number of one of ONNX' types that pictures have; floats of all sizes count as one. */
static int picture_type(int type)
{
    return type == 2 ? TFL_UINT8 : type == 3 ? TFL_INT8 : type == 6 ? TFL_INT32 : TFL_FLOAT32;
}

static void read_input(onnx_reader *r, mseg_wire m)
{
    MsegOnnx__ValueInfo *info =
        (MsegOnnx__ValueInfo *)mseg_ox_unpack(r, &mseg_onnx__value_info__descriptor, m, "an input of the graph");
    const int at = info && info->name ? mseg_ox_find(r, info->name, strlen(info->name)) : -1;
    onnx_value *v = at >= 0 ? &r->values[at] : NULL;
    if (!info || (v && v->kind == ONNX_CONSTANT))
        goto done;
    r->model.n_inputs++;
    if (r->model.n_inputs > 1 || !v)
        goto done;
    const MsegOnnx__TensorType *type = info->type ? info->type->tensor_type : NULL;
    v->kind = ONNX_MAP;
    v->type = picture_type(type && type->has_elem_type ? type->elem_type : 1);
    read_dims(r, type ? type->shape : NULL, v);
    tfl_tensor tensor = {.rank = v->rank, .type = v->type};
    for (int i = 0; i < v->rank; i++)
        tensor.shape[v->perm[i]] = v->dims[i];
    r->input = at;
    r->model.input = v->tensor = mseg_ox_tensor(r, &tensor);
done:
    if (info)
        free_message(r, &info->base);
}

static void visit_input(onnx_reader *r, const mseg_wire_field *f)
{
    if (f->number == GRAPH_INPUT)
        read_input(r, f->bytes);
}

/* The first output is the network's; others, as a head that only training uses, are left out. */
static void visit_output(onnx_reader *r, const mseg_wire_field *f)
{
    if (f->number != GRAPH_OUTPUT || r->output >= 0)
        return;
    MsegOnnx__ValueInfo *info =
        (MsegOnnx__ValueInfo *)mseg_ox_unpack(r, &mseg_onnx__value_info__descriptor, f->bytes, "an output of the graph");
    if (info && info->name)
        r->output = mseg_ox_find(r, info->name, strlen(info->name));
    if (info && r->output < 0)
        fail_damaged(r, "no node writes the graph's output");
    if (info)
        free_message(r, &info->base);
}

/* Calls visit for every field of the graph. */
static void walk_graph(onnx_reader *r, void (*visit)(onnx_reader *r, const mseg_wire_field *f))
{
    mseg_wire model = {r->weights->data, r->weights->size};
    mseg_wire_field f;
    while (!r->status && mseg_wire_take(&model, &f))
        if (f.number == MODEL_GRAPH && f.wire == MSEG_WIRE_BYTES)
            walk(r, f.bytes, visit);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------ */

bool mseg_onnx_probe(const uint8_t *data, size_t size)
{
    return mseg_foreign_is_onnx(data, size);
}

static void read_file(onnx_reader *r)
{
    const mseg_wire file = {r->weights->data, r->weights->size};
    walk(r, file, visit_model);
    if (!r->opset)
        mseg_ox_fail(r, NULL, MSEG_FORMAT, "damaged ONNX file: it names no operator set; get it again");
    mseg_ox_link(r);
    walk_graph(r, visit_initializer);
    walk_graph(r, visit_input);
    walk_graph(r, visit_output);
    if (r->output < 0)
        mseg_ox_fail(r, NULL, MSEG_FORMAT, "damaged ONNX file: its graph has no output; get it again");
    if (r->model.n_inputs != 1 || r->input < 0)
        mseg_ox_fail(r, NULL, MSEG_UNSUPPORTED, "a network with %d inputs that its nodes read; mseg knows those with one image",
                     r->model.n_inputs);
    mseg_ox_translate_all(r);
}

static void free_reader(onnx_reader *r)
{
    for (int i = 0; i < r->n_nodes; i++)
        free_message(r, &r->nodes[i].message->base);
    mseg_free(&r->nodes);
    mseg_free(&r->ids);
    mseg_free(&r->values);
    mseg_tfl_model_free(&r->model);
}

/* The arithmetic that ONNX prescribes rounds sums otherwise than TensorFlow Lite, whose engine mseg's is. */
static void refuse_integers(mseg_weights *weights)
{
    weights->integers = false;
    weights->input.quant = (mseg_quant){0};
    snprintf(weights->no_integers, sizeof weights->no_integers,
             "the file is ONNX, whose arithmetic in 8 bits rounds otherwise than TensorFlow Lite's");
}

mseg_status mseg_onnx_read(mseg_weights *weights, mseg_error *err)
{
    onnx_reader r = {.weights = weights, .err = err, .input = -1, .output = -1};
    r.allocator = (ProtobufCAllocator){take_memory, free_memory, &r};
    read_file(&r);
    if (!r.status && r.torchvision && weights->input.from == MSEG_INPUT_ASSUMED)
        mseg_torchvision_input(&weights->input);
    if (!r.status)
        r.status = mseg_tfl_model_match(weights, &r.model, err);
    if (!r.status && r.quantized)
        refuse_integers(weights);
    if (r.dynamic)
        weights->origin.input_width = weights->origin.input_height = 0;
    free_reader(&r);
    return r.status;
}
