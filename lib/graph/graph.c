#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/op.h"

mseg_status mseg_graph_open(mseg_graph **out, const mseg_kernels *kernels, mseg_pad_rule padding, bool unfused)
{
    mseg_graph *graph = *out = mseg_alloc(sizeof *graph);
    if (!graph)
        return MSEG_NOMEM;
    graph->kernels = kernels;
    graph->padding = padding;
    graph->unfused = unfused;
    graph->output = -1;
    return MSEG_OK;
}

void mseg_graph_close(mseg_graph **pointer)
{
    mseg_graph *graph = *pointer;
    if (!graph)
        return;
    for (int i = 0; i < graph->n_ops; i++)
        if (graph->ops[i].type->free)
            graph->ops[i].type->free(&graph->ops[i]);
    mseg_free(&graph->ops);
    mseg_free(&graph->values);
    mseg_free(pointer);
}

static mseg_status grow(mseg_graph *graph)
{
    if (graph->n_ops < graph->ops_capacity)
        return MSEG_OK;
    int capacity = graph->ops_capacity ? 2 * graph->ops_capacity : 32;
    mseg_op *ops = mseg_alloc_array((size_t)capacity, sizeof *ops);
    mseg_value_info *values = mseg_alloc_array((size_t)capacity, sizeof *values);
    if (!ops || !values) {
        mseg_free(&ops);
        mseg_free(&values);
        return MSEG_NOMEM;
    }
    if (graph->n_ops) {
        memcpy(ops, graph->ops, (size_t)graph->n_ops * sizeof *ops);
        memcpy(values, graph->values, (size_t)graph->n_ops * sizeof *values);
    }
    mseg_free(&graph->ops);
    mseg_free(&graph->values);
    graph->ops = ops;
    graph->values = values;
    graph->ops_capacity = capacity;
    return MSEG_OK;
}

/* The next operator, zeroed, to be filled in by the caller and then kept by append(). */
static mseg_status begin(mseg_graph *graph, const mseg_operator *type, const char *name, mseg_op **out)
{
    mseg_status status = grow(graph);
    if (status)
        return status;
    mseg_op *op = *out = &graph->ops[graph->n_ops];
    *op = (mseg_op){.type = type, .add = -1, .vector_input = -1, .folded = -1, .stride = 1, .rate = 1, .kernel = 1};
    snprintf(op->name, sizeof op->name, "%s", name);
    return MSEG_OK;
}

static void append(mseg_graph *graph, mseg_op *op, mseg_value *out)
{
    for (int i = 0; i < op->n_inputs; i++)
        graph->values[op->inputs[i]].consumers++;
    if (op->add >= 0)
        graph->values[op->add].consumers++;
    op->out = *out = graph->n_ops++;
    graph->values[op->out] = (mseg_value_info){.channels = op->out_channels};
}

static bool valid(const mseg_graph *graph, mseg_value value)
{
    return value >= 0 && value < graph->n_ops;
}

mseg_status mseg_graph_input(mseg_graph *graph, mseg_value *out)
{
    mseg_op *op;
    if (graph->n_ops)
        return MSEG_INVAL;
    mseg_status status = begin(graph, &mseg_operator_input, "input", &op);
    if (status)
        return status;
    op->out_channels = 3;
    append(graph, op, out);
    return MSEG_OK;
}

mseg_status mseg_graph_global_pool(mseg_graph *graph, const char *name, mseg_value input, mseg_value *out)
{
    mseg_op *op;
    if (!valid(graph, input) || input == 0 || graph->values[input].vector)
        return MSEG_INVAL;
    mseg_status status = begin(graph, &mseg_operator_global_pool, name, &op);
    if (status)
        return status;
    op->inputs[0] = input;
    op->n_inputs = 1;
    op->in_channels = op->out_channels = graph->values[input].channels;
    append(graph, op, out);
    graph->values[*out].vector = true;
    return MSEG_OK;
}

mseg_status mseg_graph_max_pool(mseg_graph *graph, const char *name, mseg_value input, int kernel, int stride, mseg_value *out)
{
    mseg_op *op;
    if (!valid(graph, input) || input == 0 || graph->values[input].vector || kernel < 1 || kernel % 2 == 0 || stride < 1)
        return MSEG_INVAL;
    mseg_status status = begin(graph, &mseg_operator_max_pool, name, &op);
    if (status)
        return status;
    op->inputs[0] = input;
    op->n_inputs = 1;
    op->kernel = kernel;
    op->stride = stride;
    op->in_channels = op->out_channels = graph->values[input].channels;
    append(graph, op, out);
    return MSEG_OK;
}

/* Sorts the inputs into maps and the one vector; fails when the operators cannot run such a mixture. */
static mseg_status check_inputs(const mseg_graph *graph, const mseg_conv *conv, mseg_value *vector, int *maps, int *channels)
{
    int vectors = 0;
    *vector = -1;
    *maps = *channels = 0;
    if (conv->n_inputs < 1 || conv->n_inputs > MSEG_MAX_INPUTS)
        return MSEG_INVAL;
    for (int i = 0; i < conv->n_inputs; i++) {
        if (!valid(graph, conv->inputs[i]))
            return MSEG_INVAL;
        vectors += graph->values[conv->inputs[i]].vector;
    }
    bool only_vectors = vectors == conv->n_inputs;
    if ((vectors > 1 || (vectors == 1 && conv->kernel != 1)) && !only_vectors)
        return MSEG_UNSUPPORTED;
    for (int i = 0; i < conv->n_inputs; i++) {
        const mseg_value_info *info = &graph->values[conv->inputs[i]];
        if (info->vector && !only_vectors) {
            *vector = conv->inputs[i];
            continue;
        }
        if (++*maps > 1 && info->channels != *channels)
            return MSEG_UNSUPPORTED;
        *channels = info->channels;
    }
    return MSEG_OK;
}

/* The picture is value 0: it exists only for convolutions that read it alone, in whole kernel rows. */
static bool reads_picture_well(const mseg_conv *conv)
{
    for (int i = 1; i < conv->n_inputs; i++)
        if (conv->inputs[i] == 0)
            return false;
    return conv->add != 0 && (conv->inputs[0] != 0 || (conv->n_inputs == 1 && conv->add < 0 && conv->rate == 1));
}

/* Packs conv's filter: one tap per map and kernel position (or kernel row), the vector's part by itself. */
static mseg_status pack_conv(const mseg_graph *graph, const mseg_conv *conv, mseg_op *op, int maps, int channels)
{
    enum { MAX_TAPS = 196 };
    const mseg_gemm_kernel *gemm = &graph->kernels->gemm;
    size_t offsets[MAX_TAPS], vector_offset = 0, first = 0;
    int taps = 0;
    int columns = op->merged_columns ? 1 : conv->kernel;
    if (maps * conv->kernel * columns > MAX_TAPS)
        return MSEG_UNSUPPORTED;
    for (int i = 0; i < conv->n_inputs; i++) {
        size_t c = (size_t)graph->values[conv->inputs[i]].channels;
        if (conv->inputs[i] == op->vector_input)
            vector_offset = first;
        for (int y = 0; y < conv->kernel && conv->inputs[i] != op->vector_input; y++)
            for (int x = 0; x < columns; x++)
                offsets[taps++] = (size_t)(y * conv->kernel + x) * (size_t)op->in_channels + first;
        first += c;
    }
    size_t row = (size_t)conv->kernel * (size_t)conv->kernel * (size_t)op->in_channels;
    int k = op->merged_columns ? conv->kernel * channels : channels;
    mseg_status status = mseg_pack(&op->weights, gemm, conv->filter.weight, row, offsets, taps, k, conv->out_channels);
    if (!status && op->vector_input >= 0)
        status = mseg_pack(&op->vector, gemm, conv->filter.weight, row, &vector_offset, 1,
                           graph->values[op->vector_input].channels, conv->out_channels);
    op->bias = mseg_pack_bias(conv->filter.bias, conv->out_channels, gemm->nr);
    op->weight_bytes = op->weights.bytes + op->vector.bytes;
    op->params = (int64_t)row * conv->out_channels + (conv->filter.bias ? conv->out_channels : 0);
    return op->bias ? status : MSEG_NOMEM;
}

mseg_status mseg_graph_conv(mseg_graph *graph, const mseg_conv *conv, mseg_value *out)
{
    mseg_value vector;
    int maps, channels;
    mseg_op *op;
    mseg_status status = check_inputs(graph, conv, &vector, &maps, &channels);
    if (status)
        return status;
    if (conv->kernel < 1 || conv->kernel % 2 == 0 || conv->stride < 1 || conv->rate < 1 || conv->out_channels < 1 ||
        (conv->add >= 0 && (!valid(graph, conv->add) || graph->values[conv->add].channels != conv->out_channels)))
        return MSEG_INVAL;
    if (!reads_picture_well(conv))
        return MSEG_UNSUPPORTED;
    if ((status = begin(graph, &mseg_operator_conv, conv->name, &op)))
        return status;
    for (int i = 0; i < conv->n_inputs; i++) {
        op->inputs[op->n_inputs++] = conv->inputs[i];
        op->in_channels += graph->values[conv->inputs[i]].channels;
        if (maps > 1) /* one stride for all */
            graph->values[conv->inputs[i]].aligned = true;
    }
    op->add = conv->add;
    op->kernel = conv->kernel;
    op->stride = conv->stride;
    op->rate = conv->rate;
    op->out_channels = conv->out_channels;
    op->symmetric = conv->symmetric || graph->padding == MSEG_PAD_BOTH;
    op->activation = conv->activation;
    op->vector_input = vector;
    op->merged_columns = conv->inputs[0] == 0 && conv->kernel > 1;
    if ((status = pack_conv(graph, conv, op, maps, channels))) {
        op->type->free(op);
        return status;
    }
    bool only_vectors = graph->values[conv->inputs[0]].vector && vector < 0;
    append(graph, op, out);
    graph->values[*out].vector = only_vectors;
    return MSEG_OK;
}

static mseg_status pack_block(const mseg_graph *graph, const mseg_inverted_residual *block, mseg_op *op)
{
    const mseg_kernels *kernels = graph->kernels;
    const size_t origin = 0;
    int64_t weights = (int64_t)block->expanded * (9 + block->out_channels);
    int64_t biases = (block->depthwise.bias ? block->expanded : 0) + (block->project.bias ? block->out_channels : 0);
    mseg_status status = mseg_pack(&op->weights, &kernels->gemm, block->project.weight, (size_t)block->expanded, &origin, 1,
                                   block->expanded, block->out_channels);
    op->bias = mseg_pack_bias(block->project.bias, block->out_channels, kernels->gemm.nr);
    op->depthwise = mseg_pack_depthwise(block->depthwise.weight, block->expanded, kernels->dwconv_vec);
    op->depthwise_bias = mseg_pack_bias(block->depthwise.bias, block->expanded, kernels->dwconv_vec);
    if (block->expand.weight) {
        if (!status)
            status = mseg_pack(&op->expand, &kernels->gemm, block->expand.weight, (size_t)op->in_channels, &origin, 1,
                               op->in_channels, block->expanded);
        op->expand_bias = mseg_pack_bias(block->expand.bias, block->expanded, kernels->gemm.nr);
        if (!op->expand_bias)
            status = MSEG_NOMEM;
        weights += (int64_t)op->in_channels * block->expanded;
        biases += block->expand.bias ? block->expanded : 0;
    }
    op->params = weights + biases;
    op->weight_bytes = op->weights.bytes + op->expand.bytes +
                       mseg_round_up((size_t)block->expanded, (size_t)kernels->dwconv_vec) * 9 * sizeof(float);
    return op->bias && op->depthwise && op->depthwise_bias ? status : MSEG_NOMEM;
}

mseg_status mseg_graph_inverted_residual(mseg_graph *graph, const mseg_inverted_residual *block, mseg_value *out)
{
    mseg_op *op;
    if (!valid(graph, block->input) || block->input == 0 || graph->values[block->input].vector || block->stride < 1 ||
        block->rate < 1 || block->expanded < 1 || block->out_channels < 1)
        return MSEG_INVAL;
    mseg_value_info *in = &graph->values[block->input];
    if ((!block->expand.weight && in->channels != block->expanded) ||
        (block->residual && (block->stride != 1 || in->channels != block->out_channels)))
        return MSEG_INVAL;
    mseg_status status = begin(graph, &mseg_operator_inverted_residual, block->name, &op);
    if (status)
        return status;
    in = &graph->values[block->input]; /* begin() may have moved them */
    op->inputs[op->n_inputs++] = block->input;
    op->in_channels = in->channels;
    op->out_channels = block->out_channels;
    op->kernel = 3;
    op->symmetric = graph->padding == MSEG_PAD_BOTH;
    op->stride = block->stride;
    op->rate = block->rate;
    op->expanded = block->expanded;
    op->residual = block->residual;
    op->depthwise_activation = block->depthwise_activation;
    op->activation = block->project_activation;
    if ((status = pack_block(graph, block, op))) {
        op->type->free(op);
        return status;
    }
    if (!block->expand.weight) { /* the depthwise convolution reads the input itself */
        in->pad = block->rate > in->pad ? block->rate : in->pad;
        in->aligned = true;
    }
    append(graph, op, out);
    return MSEG_OK;
}

mseg_status mseg_graph_output(mseg_graph *graph, mseg_value value)
{
    graph->output = value;
    return graph->unfused ? MSEG_OK : mseg_fold(graph);
}

int mseg_graph_channels(const mseg_graph *graph, mseg_value value)
{
    return graph->values[value].channels;
}

int64_t mseg_graph_params(const mseg_graph *graph)
{
    int64_t params = 0;
    for (int i = 0; i < graph->n_ops; i++)
        params += graph->ops[i].params;
    return params;
}

size_t mseg_graph_weight_bytes(const mseg_graph *graph)
{
    size_t bytes = 0;
    for (int i = 0; i < graph->n_ops; i++)
        bytes += graph->ops[i].weight_bytes;
    return bytes;
}
