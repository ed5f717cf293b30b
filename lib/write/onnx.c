#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "weights/description.h"
#include "write/onnx.h"

enum { IR_VERSION = 7, OPERATOR_SET = 13, GRAPH_FIELD = 7 << 3 | 2 };

static const int64_t most_bytes = INT32_MAX; /* of a file, as protocol buffers have it */

static void put_message(onnx_writer *w, const ProtobufCMessage *message)
{
    if (w->data)
        protobuf_c_message_pack(message, w->data + w->size);
    w->size += protobuf_c_message_get_packed_size(message);
}

static void put_byte(onnx_writer *w, uint8_t byte)
{
    if (w->data)
        w->data[w->size] = byte;
    w->size++;
}

/* ---- the graph ---------------------------------------------------------------------------------------------------------- */

/* The graph's input or output, of n dimensions. */
typedef struct outside {
    MsegOnnx__ValueInfo message, *list;
    MsegOnnx__Type type;
    MsegOnnx__TensorType tensor;
    MsegOnnx__Shape shape;
    MsegOnnx__Dimension dims[4], *dim_list[4];
} outside;

static void describe_outside(outside *o, char *name, int n, const int64_t *dims)
{
    mseg_onnx__value_info__init(&o->message);
    mseg_onnx__type__init(&o->type);
    mseg_onnx__tensor_type__init(&o->tensor);
    mseg_onnx__shape__init(&o->shape);
    o->list = &o->message;
    o->message.name = name;
    o->message.type = &o->type;
    o->type.tensor_type = &o->tensor;
    o->tensor.has_elem_type = true;
    o->tensor.elem_type = ONNX_F32;
    o->tensor.shape = &o->shape;
    o->shape.dim = o->dim_list;
    o->shape.n_dim = (size_t)n;
    for (int i = 0; i < n; i++) {
        o->dim_list[i] = &o->dims[i];
        mseg_onnx__dimension__init(&o->dims[i]);
        o->dims[i].has_dim_value = true;
        o->dims[i].dim_value = dims[i];
    }
}

/* The graph's name, input and output, and the numbers that all ReLU6 share. */
static void put_frame(onnx_writer *w, char *name)
{
    uint8_t least[4] = {0}, most[] = {0, 0, 0xc0, 0x40}; /* 0 and 6 */
    const mseg_net_layer *last = &w->net->layers[w->net->outputs[0]];
    outside in, out;
    mseg_write_onnx_part_begin(&w->part);
    describe_outside(&in, mseg_write_onnx_text(&w->part, ONNX_INPUT_NAME), 4,
                     (const int64_t[]){1, 3, w->options->height, w->options->width});
    describe_outside(&out, mseg_write_onnx_text(&w->part, ONNX_OUTPUT_NAME), last->vector ? 2 : 4,
                     (const int64_t[]){1, last->channels, w->options->height, w->options->width});
    w->part.graph.name = name;
    w->part.graph.input = &in.list;
    w->part.graph.output = &out.list;
    w->part.graph.n_input = w->part.graph.n_output = 1;
    for (int i = 0; i < w->net->count && !w->part.graph.n_initializer; i++) {
        if (w->net->layers[i].activation != MSEG_RELU6)
            continue;
        mseg_write_onnx_tensor(&w->part, ONNX_RELU6_LEAST, ONNX_F32, 0, NULL, least);
        mseg_write_onnx_tensor(&w->part, ONNX_RELU6_MOST, ONNX_F32, 0, NULL, most);
    }
    put_message(w, &w->part.graph.base);
}

static void put_output(onnx_writer *w)
{
    const mseg_value value = w->net->outputs[0];
    const mseg_net_layer *last = &w->net->layers[value];
    mseg_write_onnx_part_begin(&w->part);
    if (last->vector)
        mseg_write_onnx_input(&w->part, mseg_write_onnx_node(&w->part, "Flatten", ONNX_OUTPUT_NAME),
                              mseg_write_onnx_value(w, value));
    else
        mseg_write_onnx_resize(w, mseg_write_onnx_value(w, value), ONNX_OUTPUT_NAME, last->channels, w->sizes[0]);
    put_message(w, &w->part.graph.base);
}

/* Nodes come first, as in files of other tools, by which their kind may be told. */
static mseg_status put_graph(onnx_writer *w, char *name)
{
    for (int i = 1; i < w->net->count; i++) {
        mseg_write_onnx_part_begin(&w->part);
        const mseg_status status = mseg_write_onnx_layer(w, i);
        if (!status)
            put_message(w, &w->part.graph.base);
        mseg_free(&w->weight);
        mseg_free(&w->bias);
        if (status)
            return status;
    }
    put_output(w);
    put_frame(w, name);
    return MSEG_OK;
}

/* ---- the model ---------------------------------------------------------------------------------------------------------- */

/* The file's texts, all of UTF-8. */
typedef struct texts {
    char *name, *labels, *description;
} texts;

/* A copy in which what is not ASCII is "_" unless all is UTF-8. */
static char *copy_name(const char *name)
{
    const size_t length = strlen(name);
    const bool as_it_is = mseg_is_utf8(name);
    char *copy = mseg_alloc(length + 1);
    for (size_t i = 0; copy && i < length; i++)
        copy[i] = as_it_is || (name[i] & 0x80) == 0 ? name[i] : '_';
    return copy;
}

/* A line a label. */
static char *join_labels(const mseg_write_options *options)
{
    size_t bytes = 1;
    for (int i = 0; i < options->n_labels; i++)
        bytes += strlen(options->labels[i]) + 1;
    char *text = mseg_alloc(bytes), *end = text;
    for (int i = 0; text && i < options->n_labels; i++) {
        if (i)
            *end++ = '\n';
        end = stpcpy(end, options->labels[i]);
    }
    return text;
}

static mseg_status make_texts(texts *t, const onnx_writer *w)
{
    const mseg_write_options *o = w->options;
    const mseg_description description = {.input = w->net->input,
                                          .padding = mseg_weights_padding(w->weights),
                                          .output_stride = o->output_stride,
                                          .height = o->height,
                                          .width = o->width,
                                          .labels = o->labels,
                                          .n_labels = o->n_labels};
    t->name = copy_name(o->name && *o->name ? o->name : "mseg");
    t->labels = join_labels(o);
    t->description = mseg_description_text(&description, w->err);
    return t->name && t->labels && t->description ? MSEG_OK : mseg_fail(w->err, MSEG_NOMEM, NULL);
}

static void free_texts(texts *t)
{
    mseg_free(&t->name);
    mseg_free(&t->labels);
    free(t->description);
}

static void put_head(onnx_writer *w)
{
    MsegOnnx__Model model = MSEG_ONNX__MODEL__INIT;
    char producer[] = "mseg";
    model.has_ir_version = true;
    model.ir_version = IR_VERSION;
    model.producer_name = producer;
    put_message(w, &model.base);
}

static void put_tail(onnx_writer *w, const texts *t)
{
    MsegOnnx__Model model = MSEG_ONNX__MODEL__INIT;
    MsegOnnx__OperatorSet operators = MSEG_ONNX__OPERATOR_SET__INIT, *set_list = &operators;
    MsegOnnx__Entry entries[3], *list[] = {&entries[0], &entries[1], &entries[2]};
    char domain[] = "", keys[][8] = {"mseg", "name", "labels"};
    char *const values[] = {t->description, t->name, t->labels};
    for (int i = 0; i < 3; i++) {
        mseg_onnx__entry__init(&entries[i]);
        entries[i].key = keys[i];
        entries[i].value = values[i];
    }
    operators.domain = domain;
    operators.has_version = true;
    operators.version = OPERATOR_SET;
    model.opset_import = &set_list;
    model.n_opset_import = 1;
    model.metadata_props = list;
    model.n_metadata_props = w->options->n_labels ? 3 : 2;
    put_message(w, &model.base);
}

/* The graph is a field of so many bytes (a varint, 7 bits a byte, the lowest first). */
static mseg_status put_model(onnx_writer *w, const texts *t, size_t graph_bytes)
{
    put_head(w);
    put_byte(w, GRAPH_FIELD);
    for (; graph_bytes > 0x7f; graph_bytes >>= 7)
        put_byte(w, (uint8_t)(graph_bytes | 0x80));
    put_byte(w, (uint8_t)graph_bytes);
    const mseg_status status = put_graph(w, t->name);
    put_tail(w, t);
    return status;
}

/* The graph is counted, then the file, then it is written. */
static mseg_status write_model(onnx_writer *w, const texts *t)
{
    mseg_status status = put_graph(w, t->name);
    const size_t graph_bytes = w->size;
    w->size = 0;
    if (!status)
        status = put_model(w, t, graph_bytes);
    if (status)
        return status;
    if (w->size > (size_t)most_bytes)
        return mseg_fail(w->err, MSEG_LIMIT, "%zu bytes, more than the 2 GiB that an ONNX file can have", w->size);
    w->data = mseg_alloc(w->size);
    w->size = 0;
    return w->data ? put_model(w, t, graph_bytes) : mseg_fail(w->err, MSEG_NOMEM, NULL);
}

mseg_status mseg_write_onnx(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights, const mseg_write_options *options,
                            mseg_error *err)
{
    texts t = {0};
    *out = (mseg_bytes){0};
    if (options->bytes)
        return mseg_fail(err, MSEG_UNSUPPORTED, "mseg writes no ONNX in 8 bits; write a .tflite file");
    onnx_writer *w = mseg_alloc(sizeof *w);
    if (!w)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    *w = (onnx_writer){.net = net, .weights = weights, .options = options, .err = err};
    w->sizes = mseg_write_sizes(net, options->height, options->width);
    mseg_status status = w->sizes ? make_texts(&t, w) : mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        status = write_model(w, &t);
    if (status)
        mseg_free(&w->data);
    else
        *out = (mseg_bytes){.data = w->data, .size = w->size};
    free_texts(&t);
    mseg_free(&w->sizes);
    mseg_free(&w);
    return status;
}
