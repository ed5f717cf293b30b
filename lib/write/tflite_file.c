#include "write/tflite_file.h"

#include "base/alloc.h"
#include "weights/tflite_schema.h"

/* The index of ref, which is new, in its list. */
static int append(tflw_file *f, tflw_list *list, mseg_fbw_ref ref)
{
    if (!mseg_grow(&list->refs, &list->room, list->count + 1, sizeof *list->refs)) {
        f->fb.status = MSEG_NOMEM;
        return 0;
    }
    list->refs[list->count] = ref;
    return list->count++;
}

static mseg_fbw_ref integers(tflw_file *f, const int *values, int count)
{
    return mseg_fbw_numbers(&f->fb, values, (size_t)count, sizeof *values);
}

static int add_buffer(tflw_file *f, mseg_fbw_ref data)
{
    mseg_fbw_begin(&f->fb);
    mseg_fbw_child(&f->fb, BUFFER_DATA, data);
    return append(f, &f->buffers, mseg_fbw_end(&f->fb));
}

int mseg_tflw_buffer(tflw_file *f, const void *numbers, size_t count, size_t size)
{
    if (!f->buffers.count)
        add_buffer(f, 0); /* the first one is that of tensors without data */
    return add_buffer(f, mseg_fbw_bytes(&f->fb, numbers, count, size));
}

static mseg_fbw_ref quantisation(tflw_file *f, const tflw_tensor *tensor)
{
    if (!tensor->n_scales)
        return 0;
    mseg_fbw *w = &f->fb;
    const size_t count = (size_t)tensor->n_scales;
    int64_t *zero_points = mseg_alloc_array(count, sizeof *zero_points);
    if (!zero_points) {
        w->status = MSEG_NOMEM;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        zero_points[i] = tensor->zero_point;
    const mseg_fbw_ref scales = mseg_fbw_numbers(w, tensor->scales, count, sizeof *tensor->scales),
                       zeros = mseg_fbw_numbers(w, zero_points, count, sizeof *zero_points);
    mseg_free(&zero_points);
    mseg_fbw_begin(w);
    mseg_fbw_child(w, QUANT_SCALE, scales);
    mseg_fbw_child(w, QUANT_ZERO_POINT, zeros);
    mseg_fbw_i32(w, QUANT_DIMENSION, tensor->axis, 0);
    return mseg_fbw_end(w);
}

int mseg_tflw_tensor(tflw_file *f, const tflw_tensor *tensor)
{
    mseg_fbw *w = &f->fb;
    const mseg_fbw_ref quant = quantisation(f, tensor), name = mseg_fbw_text(w, tensor->name),
                       shape = integers(f, tensor->shape, tensor->rank);
    mseg_fbw_begin(w);
    mseg_fbw_child(w, TENSOR_SHAPE, shape);
    mseg_fbw_i32(w, TENSOR_BUFFER, tensor->buffer, 0);
    mseg_fbw_child(w, TENSOR_NAME, name);
    mseg_fbw_child(w, TENSOR_QUANTIZATION, quant);
    mseg_fbw_i8(w, TENSOR_TYPE, (int8_t)tensor->type, TFL_FLOAT32);
    return append(f, &f->tensors, mseg_fbw_end(w));
}

/* ---- operators --------------------------------------------------------------------------------------------------------- */

/* The first version that does what op does, by tensorflow/lite/tools/versioning/op_version.cc. */
static int version_of(const tflw_file *f, const tfl_operator *op)
{
    switch (op->code) {
    case TFL_OP_RESHAPE:
        return 1;
    case TFL_OP_DEQUANTIZE:
        return 3; /* of FLOAT16 */
    case TFL_OP_CONV_2D:
        return f->bytes ? 3 : 1;
    case TFL_OP_DEPTHWISE_CONV_2D:
        return f->bytes ? 3 : op->dilation_h > 1 || op->dilation_w > 1 ? 2 : 1;
    case TFL_OP_RESIZE_BILINEAR:
        return op->half_pixel ? 3 : f->bytes ? 2 : 1;
    default:
        return f->bytes ? 2 : 1;
    }
}

static int code_of(tflw_file *f, const tfl_operator *op)
{
    const int version = version_of(f, op);
    for (int i = 0; i < f->n_codes; i++)
        if (f->codes[i].code == op->code && f->codes[i].version == version)
            return i;
    f->codes[f->n_codes] = (tflw_code){op->code, version};
    return f->n_codes++;
}

static void put_convolution(mseg_fbw *w, const tfl_operator *op)
{
    const bool depthwise = op->code == TFL_OP_DEPTHWISE_CONV_2D;
    mseg_fbw_i32(w, CONV_STRIDE_W, op->stride_w, 0);
    mseg_fbw_i32(w, CONV_STRIDE_H, op->stride_h, 0);
    if (depthwise)
        mseg_fbw_i32(w, DW_MULTIPLIER, op->multiplier, 0);
    mseg_fbw_i32(w, depthwise ? DW_DILATION_W : CONV_DILATION_W, op->dilation_w, 1);
    mseg_fbw_i32(w, depthwise ? DW_DILATION_H : CONV_DILATION_H, op->dilation_h, 1);
    mseg_fbw_i8(w, CONV_PADDING, (int8_t)op->padding, TFL_SAME);
    mseg_fbw_i8(w, depthwise ? DW_ACTIVATION : CONV_ACTIVATION, (int8_t)op->activation, TFL_NONE);
}

static void put_pool(mseg_fbw *w, const tfl_operator *op)
{
    mseg_fbw_i32(w, POOL_STRIDE_W, op->stride_w, 0);
    mseg_fbw_i32(w, POOL_STRIDE_H, op->stride_h, 0);
    mseg_fbw_i32(w, POOL_FILTER_W, op->filter_w, 0);
    mseg_fbw_i32(w, POOL_FILTER_H, op->filter_h, 0);
    mseg_fbw_i8(w, POOL_PADDING, (int8_t)op->padding, TFL_SAME);
}

/* The table of its options, whose kind is *type. */
static mseg_fbw_ref options_of(mseg_fbw *w, const tfl_operator *op, int8_t *type)
{
    *type = OPTIONS_NONE;
    mseg_fbw_begin(w);
    switch (op->code) {
    case TFL_OP_CONV_2D:
    case TFL_OP_DEPTHWISE_CONV_2D:
        *type = op->code == TFL_OP_CONV_2D ? OPTIONS_CONV : OPTIONS_DW;
        put_convolution(w, op);
        break;
    case TFL_OP_MAX_POOL_2D:
        *type = OPTIONS_POOL;
        put_pool(w, op);
        break;
    case TFL_OP_ADD:
        *type = OPTIONS_ADD;
        mseg_fbw_i8(w, ARITHMETIC_ACTIVATION, (int8_t)op->activation, TFL_NONE);
        break;
    case TFL_OP_CONCATENATION:
        *type = OPTIONS_CONCAT;
        mseg_fbw_i32(w, CONCAT_AXIS, op->axis, 0);
        break;
    case TFL_OP_MEAN:
        *type = OPTIONS_REDUCER;
        mseg_fbw_i8(w, REDUCER_KEEP, 1, 0);
        break;
    case TFL_OP_RESIZE_BILINEAR:
        *type = OPTIONS_BILINEAR;
        mseg_fbw_i8(w, BILINEAR_ALIGN_CORNERS, op->align_corners, 0);
        mseg_fbw_i8(w, BILINEAR_HALF_PIXEL, op->half_pixel, 0);
        break;
    default:
        return 0;
    }
    return mseg_fbw_end(w);
}

void mseg_tflw_operator(tflw_file *f, const tfl_operator *op)
{
    mseg_fbw *w = &f->fb;
    int8_t type;
    const mseg_fbw_ref options = options_of(w, op, &type), inputs = integers(f, op->inputs, op->n_inputs),
                       outputs = integers(f, &op->output, 1);
    mseg_fbw_begin(w);
    mseg_fbw_i32(w, OP_CODE, code_of(f, op), 0);
    mseg_fbw_child(w, OP_INPUTS, inputs);
    mseg_fbw_child(w, OP_OUTPUTS, outputs);
    mseg_fbw_child(w, OP_OPTIONS, options);
    mseg_fbw_i8(w, OP_OPTIONS_TYPE, type, OPTIONS_NONE);
    append(f, &f->operators, mseg_fbw_end(w));
}

/* ---- the model --------------------------------------------------------------------------------------------------------- */

static mseg_fbw_ref list(tflw_file *f, const tflw_list *of)
{
    return mseg_fbw_refs(&f->fb, of->refs, (size_t)of->count);
}

static mseg_fbw_ref operator_codes(tflw_file *f)
{
    mseg_fbw_ref codes[TFLW_CODES];
    for (int i = 0; i < f->n_codes; i++) {
        mseg_fbw_begin(&f->fb);
        mseg_fbw_i32(&f->fb, CODE_VERSION, f->codes[i].version, 1);
        mseg_fbw_i32(&f->fb, CODE_LONG, f->codes[i].code, 0);
        mseg_fbw_i8(&f->fb, CODE_SHORT, (int8_t)f->codes[i].code, 0); /* for old readers: none of ours is above 127 */
        codes[i] = mseg_fbw_end(&f->fb);
    }
    return mseg_fbw_refs(&f->fb, codes, (size_t)f->n_codes);
}

static mseg_fbw_ref subgraphs(tflw_file *f, int input, int output)
{
    mseg_fbw *w = &f->fb;
    const mseg_fbw_ref name = mseg_fbw_text(w, "main"), operators = list(f, &f->operators), outputs = integers(f, &output, 1),
                       inputs = integers(f, &input, 1), tensors = list(f, &f->tensors);
    mseg_fbw_begin(w);
    mseg_fbw_child(w, GRAPH_TENSORS, tensors);
    mseg_fbw_child(w, GRAPH_INPUTS, inputs);
    mseg_fbw_child(w, GRAPH_OUTPUTS, outputs);
    mseg_fbw_child(w, GRAPH_OPERATORS, operators);
    mseg_fbw_child(w, GRAPH_NAME, name);
    const mseg_fbw_ref graph = mseg_fbw_end(w);
    return mseg_fbw_refs(w, &graph, 1);
}

static mseg_fbw_ref metadata(tflw_file *f, const tflw_entry *entries, int n_entries)
{
    tflw_list all = {0};
    for (int i = 0; i < n_entries; i++) {
        const mseg_fbw_ref name = mseg_fbw_text(&f->fb, entries[i].name);
        mseg_fbw_begin(&f->fb);
        mseg_fbw_child(&f->fb, ENTRY_NAME, name);
        mseg_fbw_i32(&f->fb, ENTRY_BUFFER, entries[i].buffer, 0);
        append(f, &all, mseg_fbw_end(&f->fb));
    }
    const mseg_fbw_ref out = list(f, &all);
    mseg_free(&all.refs);
    return out;
}

mseg_status mseg_tflw_finish(tflw_file *f, int input, int output, const char *description, const tflw_entry *entries,
                             int n_entries, size_t more, mseg_bytes *out)
{
    enum { VERSION = 3 };
    mseg_fbw *w = &f->fb;
    const mseg_fbw_ref meta = metadata(f, entries, n_entries), buffers = list(f, &f->buffers),
                       text = description ? mseg_fbw_text(w, description) : 0, graphs = subgraphs(f, input, output),
                       codes = operator_codes(f);
    mseg_fbw_begin(w);
    mseg_fbw_i32(w, MODEL_VERSION, VERSION, 0);
    mseg_fbw_child(w, MODEL_CODES, codes);
    mseg_fbw_child(w, MODEL_SUBGRAPHS, graphs);
    mseg_fbw_child(w, MODEL_DESCRIPTION, text);
    mseg_fbw_child(w, MODEL_BUFFERS, buffers);
    mseg_fbw_child(w, MODEL_METADATA, meta);
    return mseg_fbw_finish(w, mseg_fbw_end(w), "TFL3", more, out);
}

void mseg_tflw_free(tflw_file *f)
{
    mseg_fbw_free(&f->fb);
    mseg_free(&f->buffers.refs);
    mseg_free(&f->tensors.refs);
    mseg_free(&f->operators.refs);
    *f = (tflw_file){0};
}
