#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/onnx.h"

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

void mseg_ox_name(onnx_reader *r, const char *name, size_t length)
{
    enum { MOST = 1 << 20 };
    if (r->status || !length)
        return;
    if (r->n_values == MOST)
        mseg_ox_fail(r, NULL, MSEG_LIMIT, "nodes that read and write more than %d values", MOST);
    else if (!mseg_grow(&r->values, &r->values_room, r->n_values + 1, sizeof *r->values))
        mseg_ox_fail(r, NULL, MSEG_NOMEM, "out of memory");
    else
        r->values[r->n_values++] = (onnx_value){.name = name, .length = length, .tensor = -1};
}

static int compare(const void *left, const void *right)
{
    const onnx_value *a = left, *b = right;
    const int order = memcmp(a->name, b->name, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

int mseg_ox_find(const onnx_reader *r, const char *name, size_t length)
{
    const onnx_value key = {.name = name, .length = length};
    const onnx_value *found = length && r->n_values ? bsearch(&key, r->values, (size_t)r->n_values, sizeof key, compare) : NULL;
    return found ? (int)(found - r->values) : -1;
}

static void find_all(const onnx_reader *r, int *ids, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ids[i] = mseg_ox_find(r, names[i], strlen(names[i]));
}

void mseg_ox_link(onnx_reader *r)
{
    size_t count = 0;
    int kept = 0;
    if (r->status)
        return;
    if (r->n_values)
        qsort(r->values, (size_t)r->n_values, sizeof *r->values, compare);
    for (int i = 0; i < r->n_values; i++)
        if (!kept || compare(&r->values[kept - 1], &r->values[i]) != 0)
            r->values[kept++] = r->values[i];
    r->n_values = kept;
    for (int i = 0; i < r->n_nodes; i++)
        count += r->nodes[i].message->n_input + r->nodes[i].message->n_output;
    int *ids = r->ids = mseg_alloc_array(count, sizeof *ids);
    if (!ids) {
        mseg_ox_fail(r, NULL, MSEG_NOMEM, "out of memory");
        return;
    }
    for (int i = 0; i < r->n_nodes; i++) {
        onnx_node *n = &r->nodes[i];
        n->inputs = ids;
        n->outputs = n->inputs + n->message->n_input;
        ids = n->outputs + n->message->n_output;
        find_all(r, n->inputs, n->message->input, n->message->n_input);
        find_all(r, n->outputs, n->message->output, n->message->n_output);
    }
}

/* ---- what the network's output depends on ---------------------------------------------------------------------------------- */

static bool any_wanted(const onnx_reader *r, const onnx_node *n)
{
    for (size_t i = 0; i < n->message->n_output; i++)
        if (n->outputs[i] >= 0 && r->values[n->outputs[i]].wanted)
            return true;
    return false;
}

static void mark_wanted(onnx_reader *r)
{
    r->values[r->output].wanted = true;
    for (int i = r->n_nodes - 1; i >= 0; i--) {
        const onnx_node *n = &r->nodes[i];
        for (size_t k = 0; k < n->message->n_input && any_wanted(r, n); k++)
            if (n->inputs[k] >= 0)
                r->values[n->inputs[k]].wanted = true;
    }
}

/* ---- translations --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *domain, *op;
    onnx_translate *translate;
    const char *attributes; /* that it knows, each between spaces */
} operators[] = {
    {"", "Add", mseg_ox_arithmetic, ""},
    {"", "ArgMax", mseg_ox_arg_max, " axis keepdims select_last_index "},
    {"", "AveragePool", mseg_ox_average_pool, " auto_pad ceil_mode count_include_pad kernel_shape pads strides "},
    {"", "BatchNormalization", mseg_ox_norm, " epsilon momentum spatial training_mode "},
    {"", "Cast", mseg_ox_cast, " to saturate "},
    {"", "Clip", mseg_ox_clip, " min max "},
    {"", "Concat", mseg_ox_concat, " axis "},
    {"", "Conv", mseg_ox_conv, " auto_pad dilations group kernel_shape pads strides "},
    {"", "DequantizeLinear", mseg_ox_dequantize, " axis "},
    {"", "Div", mseg_ox_arithmetic, ""},
    {"", "Dropout", mseg_ox_same, " ratio seed "},
    {"", "Expand", mseg_ox_expand, ""},
    {"", "Flatten", mseg_ox_reshape, " axis "},
    {"", "Gemm", mseg_ox_gemm, " alpha beta transA transB "},
    {"", "GlobalAveragePool", mseg_ox_global_pool, ""},
    {"", "Identity", mseg_ox_same, ""},
    {"", "LogSoftmax", mseg_ox_softmax, " axis "},
    {"", "MatMul", mseg_ox_matmul, ""},
    {"", "Max", mseg_ox_bound, ""},
    {"", "MaxPool", mseg_ox_max_pool, " auto_pad ceil_mode dilations kernel_shape pads storage_order strides "},
    {"", "Min", mseg_ox_bound, ""},
    {"", "Mul", mseg_ox_arithmetic, ""},
    {"", "Pad", mseg_ox_pad, " mode pads value "},
    {"", "QLinearConv", mseg_ox_qlinear_conv, " auto_pad dilations group kernel_shape pads strides "},
    {"", "QLinearMatMul", mseg_ox_qlinear_matmul, ""},
    {"", "QuantizeLinear", mseg_ox_quantize, " axis saturate "},
    {"", "ReduceMean", mseg_ox_mean, " axes keepdims noop_with_empty_axes "},
    {"", "Relu", mseg_ox_relu, ""},
    {"", "Reshape", mseg_ox_reshape, " allowzero "},
    {"", "Resize", mseg_ox_resize,
     " antialias coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value mode nearest_mode "},
    {"", "Softmax", mseg_ox_softmax, " axis "},
    {"", "Squeeze", mseg_ox_reshape, " axes "},
    {"", "Sub", mseg_ox_arithmetic, ""},
    {"", "Sum", mseg_ox_arithmetic, ""},
    {"", "Tile", mseg_ox_expand, ""},
    {"", "Transpose", mseg_ox_transpose, " perm "},
    {"", "Unsqueeze", mseg_ox_reshape, " axes "},
    {"", "Upsample", mseg_ox_resize, " mode scales "},
    {"com.microsoft", "DequantizeLinear", mseg_ox_dequantize, " axis "},
    {"com.microsoft", "QLinearAdd", mseg_ox_qlinear_add, ""},
    {"com.microsoft", "QLinearAveragePool", mseg_ox_qlinear_pool,
     " auto_pad ceil_mode channels_last count_include_pad kernel_shape pads strides "},
    {"com.microsoft", "QLinearConcat", mseg_ox_qlinear_concat, " axis "},
    {"com.microsoft", "QLinearGlobalAveragePool", mseg_ox_qlinear_pool, " channels_last "},
    {"com.microsoft", "QGemm", mseg_ox_qgemm, " alpha transA transB "},
    {"com.microsoft", "QuantizeLinear", mseg_ox_quantize, " axis "},
};

static bool attributes_are_known(const MsegOnnx__Node *m, const char *known)
{
    for (size_t i = 0; i < m->n_attribute; i++) {
        const char *name = m->attribute[i]->name ? m->attribute[i]->name : "";
        const size_t length = strlen(name);
        const char *at = length && !strchr(name, ' ') ? strstr(known, name) : NULL;
        while (at && (at[-1] != ' ' || at[length] != ' '))
            at = strstr(at + 1, name);
        if (!at)
            return false;
    }
    return true;
}

static bool translate(onnx_reader *r, const onnx_node *n)
{
    const MsegOnnx__Node *m = n->message;
    const char *domain = !m->domain || strcmp(m->domain, "ai.onnx") == 0 ? "" : m->domain;
    if (mseg_ox_fold(r, n))
        return true;
    for (size_t i = 0; i < sizeof operators / sizeof *operators && m->op_type; i++)
        if (strcmp(operators[i].op, m->op_type) == 0 && strcmp(operators[i].domain, domain) == 0)
            return attributes_are_known(m, operators[i].attributes) && operators[i].translate(r, n);
    return false;
}

/* An operator that mseg does not know: what it is and where it hangs. */
static void add_foreign(onnx_reader *r, const onnx_node *n)
{
    enum { LOGISTIC = 14 }; /* by which tflite_kind.c tells swish */
    const MsegOnnx__Node *m = n->message;
    const bool sigmoid = m->op_type && strcmp(m->op_type, "Sigmoid") == 0;
    int inputs[TFL_MAX_INPUTS], count = 0;
    onnx_value out = {.kind = ONNX_OTHER, .rank = -1};
    for (size_t i = 0; i < m->n_input && count < TFL_MAX_INPUTS; i++)
        if (n->inputs[i] >= 0 && r->values[n->inputs[i]].tensor >= 0)
            inputs[count++] = r->values[n->inputs[i]].tensor;
    tfl_operator *op = mseg_ox_emit(r, n, sigmoid ? LOGISTIC : TFL_OP_FOREIGN, inputs, count, &out);
    op->n_outputs = 0;
    for (size_t i = 0; i < m->n_output; i++)
        op->n_outputs += n->outputs[i] >= 0 && r->values[n->outputs[i]].wanted;
}

/* Every value is written once, before it is read. */
static void check_order(onnx_reader *r, const onnx_node *n)
{
    const MsegOnnx__Node *m = n->message;
    for (size_t i = 0; i < m->n_input; i++)
        if (n->inputs[i] >= 0 && r->values[n->inputs[i]].kind == ONNX_UNSET)
            mseg_ox_fail(r, n, MSEG_FORMAT, "reads %.80s before anything writes it", m->input[i]);
    for (size_t i = 0; i < m->n_output; i++)
        if (n->outputs[i] >= 0 && r->values[n->outputs[i]].kind != ONNX_UNSET)
            mseg_ox_fail(r, n, MSEG_FORMAT, "writes %.80s, which has a value already", m->output[i]);
}

void mseg_ox_translate_all(onnx_reader *r)
{
    if (r->status)
        return;
    mark_wanted(r);
    for (int i = 0; i < r->n_nodes && !r->status; i++) {
        const onnx_node *n = &r->nodes[i];
        if (!any_wanted(r, n))
            continue;
        check_order(r, n);
        if (!r->status && !translate(r, n) && !r->status)
            add_foreign(r, n);
        for (size_t k = 1; k < n->message->n_output; k++) /* none of those that mseg knows has a second one of use */
            if (n->outputs[k] >= 0)
                r->values[n->outputs[k]].kind = ONNX_OTHER;
    }
    const onnx_value *out = &r->values[r->output];
    if (!r->status && out->kind == ONNX_UNSET)
        mseg_ox_fail(r, NULL, MSEG_FORMAT, "damaged ONNX file: nothing writes its output %.80s; get it again", out->name);
    if (!r->status && (out->tensor < 0 || !r->model.n_operators))
        mseg_ox_fail(r, NULL, MSEG_UNSUPPORTED, "a network whose output does not depend on its input");
    r->model.outputs[0] = out->tensor;
    r->model.n_outputs = 1;
}
