#include "write/onnx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mseg_write_onnx_part_begin(onnx_part *part)
{
    mseg_onnx__graph__init(&part->graph);
    part->graph.node = part->node_list;
    part->graph.initializer = part->tensor_list;
    part->n_texts = 0;
}

char *mseg_write_onnx_text(onnx_part *part, const char *format, ...)
{
    char *text = part->texts[part->n_texts++];
    va_list values;
    va_start(values, format);
    vsnprintf(text, ONNX_TEXT, format, values);
    va_end(values);
    return text;
}

onnx_node *mseg_write_onnx_node(onnx_part *part, const char *type, const char *name)
{
    onnx_node *node = &part->nodes[part->graph.n_node];
    part->node_list[part->graph.n_node++] = &node->message;
    mseg_onnx__node__init(&node->message);
    node->output = mseg_write_onnx_text(part, "%s", name);
    node->message.name = node->output;
    node->message.op_type = mseg_write_onnx_text(part, "%s", type);
    node->message.input = node->inputs;
    node->message.output = &node->output;
    node->message.n_output = 1;
    node->message.attribute = node->list;
    return node;
}

void mseg_write_onnx_input(onnx_part *part, onnx_node *node, const char *name)
{
    node->inputs[node->message.n_input++] = mseg_write_onnx_text(part, "%s", name);
}

static MsegOnnx__Attribute *attribute(onnx_part *part, onnx_node *node, const char *name, onnx_type type)
{
    MsegOnnx__Attribute *a = node->list[node->message.n_attribute] = &node->attributes[node->message.n_attribute];
    node->message.n_attribute++;
    mseg_onnx__attribute__init(a);
    a->name = mseg_write_onnx_text(part, "%s", name);
    a->has_type = true;
    a->type = type;
    return a;
}

void mseg_write_onnx_int(onnx_part *part, onnx_node *node, const char *name, int64_t value)
{
    MsegOnnx__Attribute *a = attribute(part, node, name, ONNX_INT);
    a->has_i = true;
    a->i = value;
}

void mseg_write_onnx_ints(onnx_part *part, onnx_node *node, const char *name, int n, const int64_t *values)
{
    MsegOnnx__Attribute *a = attribute(part, node, name, ONNX_INTS);
    a->ints = memcpy(node->ints[node->message.n_attribute - 1], values, (size_t)n * sizeof *values);
    a->n_ints = (size_t)n;
}

void mseg_write_onnx_string(onnx_part *part, onnx_node *node, const char *name, const char *value)
{
    MsegOnnx__Attribute *a = attribute(part, node, name, ONNX_STRING);
    char *text = mseg_write_onnx_text(part, "%s", value);
    a->has_s = true;
    a->s = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

static size_t bytes_of(onnx_element element)
{
    return element == ONNX_I64 ? 8 : element == ONNX_F32 ? 4 : 2;
}

static onnx_tensor *append(onnx_part *part, const char *name, onnx_element element, int n, const int64_t *dims)
{
    onnx_tensor *tensor = &part->tensors[part->graph.n_initializer];
    MsegOnnx__Tensor *message = part->tensor_list[part->graph.n_initializer++] = &tensor->message;
    mseg_onnx__tensor__init(message);
    message->name = mseg_write_onnx_text(part, "%s", name);
    message->has_data_type = true;
    message->data_type = element;
    message->dims = tensor->dims;
    message->n_dims = (size_t)n;
    message->has_raw_data = true;
    message->raw_data.len = bytes_of(element);
    for (int i = 0; i < n; i++) {
        tensor->dims[i] = dims[i];
        message->raw_data.len *= (size_t)dims[i];
    }
    return tensor;
}

void mseg_write_onnx_tensor(onnx_part *part, const char *name, onnx_element element, int n, const int64_t *dims, uint8_t *data)
{
    append(part, name, element, n, dims)->message.raw_data.data = data;
}

void mseg_write_onnx_list(onnx_part *part, const char *name, int n, const int64_t *values)
{
    onnx_tensor *tensor = append(part, name, ONNX_I64, 1, &(int64_t){n});
    for (int i = 0; i < 8 * n; i++)
        tensor->sizes[i] = (uint8_t)((uint64_t)values[i / 8] >> 8 * (i % 8));
    tensor->message.raw_data.data = tensor->sizes;
}
