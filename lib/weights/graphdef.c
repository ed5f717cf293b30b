#include "weights/graphdef.h"

#include <string.h>

#include "base/alloc.h"
#include "weights/foreign_inside.h"

/* TensorFlow's GraphDef, a frozen graph: nodes that read one another by name. Nothing in it says how large tensors are, so every
 * node on the way to the outputs is computed for one picture, of the size at which the network takes pictures: what a graph pads
 * or scales them to, if it does. Numbers are numbers then, and the rest are operators. */

bool mseg_graphdef_probe(const uint8_t *data, size_t size)
{
    return mseg_foreign_is_graphdef(data, size);
}

/* ---- the picture ---------------------------------------------------------------------------------------------------------- */

/* The dimensions that the file says, -1 where it does not; false: not those of a picture. */
static bool read_dimensions(const gd_call *c, int shape[4], bool *batchless)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, "shape");
    const MsegGraphdef__Shape *s = v ? v->shape : NULL;
    if (!s || s->unknown_rank || !s->n_dim)
        return true;
    *batchless = s->n_dim == 3;
    if (s->n_dim != 3 && s->n_dim != 4)
        return false;
    for (size_t i = 0; i < s->n_dim; i++) {
        if (s->dim[i]->size < -1 || s->dim[i]->size > TFL_MAX_DIMENSION)
            return false;
        shape[i + 4 - s->n_dim] = (int)s->dim[i]->size;
    }
    return true;
}

static mseg_status read_placeholder(gd_reader *r, gd_call *c)
{
    int type = GD_FLOAT, shape[4] = {-1, -1, -1, -1}, tensor;
    bool batchless = false;
    mseg_status status = mseg_gd_type(r, c, "dtype", &type);
    if (status)
        return status;
    if (r->placeholder >= 0)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "is a second input; mseg knows networks with one image");
    if (type != GD_FLOAT && type != GD_UINT8 && type != GD_INT32)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "takes no pixels as bytes, integers or floats (type %d)", type);
    if (!read_dimensions(c, shape, &batchless))
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "takes something else than a picture");
    shape[0] = shape[0] < 0 ? 1 : shape[0];
    shape[3] = shape[3] < 0 ? 3 : shape[3];
    for (int i = 0; i < 2; i++)
        shape[1 + i] = r->side[i] ? r->side[i] : shape[1 + i] < 0 ? 1 : shape[1 + i];
    status = mseg_gd_tensor(r, 4, shape, type == GD_FLOAT ? TFL_FLOAT32 : type == GD_UINT8 ? TFL_UINT8 : TFL_INT32, &tensor);
    r->placeholder = (int)(c->node - r->nodes);
    r->model.input = tensor;
    r->model.n_inputs = 1;
    c->out = (gd_value){.kind = GD_MAP, .index = tensor, .picture = true, .batchless = batchless};
    return status;
}

/* ---- the nodes ------------------------------------------------------------------------------------------------------------ */

enum { ANY = GD_MAX_INPUTS };

static const struct {
    const char *op;
    gd_run run;
    int least, most; /* inputs */
    bool batchless;  /* also of pictures without their first dimension */
} operators[] = {
    {"Const", mseg_gd_const, 0, 0, false},
    {"Placeholder", read_placeholder, 0, 0, false},
    {"PlaceholderWithDefault", mseg_gd_pass, 1, 1, true},
    {"Identity", mseg_gd_pass, 1, 1, true},
    {"StopGradient", mseg_gd_pass, 1, 1, true},
    {"CheckNumerics", mseg_gd_pass, 1, 1, true},
    {"Snapshot", mseg_gd_pass, 1, 1, true},
    {"Conv2D", mseg_gd_conv, 2, 2, false},
    {"DepthwiseConv2dNative", mseg_gd_conv, 2, 2, false},
    {"BiasAdd", mseg_gd_bias_add, 2, 2, false},
    {"FusedBatchNorm", mseg_gd_norm, 5, 5, false},
    {"FusedBatchNormV2", mseg_gd_norm, 5, 5, false},
    {"FusedBatchNormV3", mseg_gd_norm, 5, 5, false},
    {"Relu", mseg_gd_same_shape, 1, 1, false},
    {"Relu6", mseg_gd_same_shape, 1, 1, false},
    {"Softmax", mseg_gd_same_shape, 1, 1, false},
    {"AvgPool", mseg_gd_pool, 1, 1, false},
    {"MaxPool", mseg_gd_pool, 1, 1, false},
    {"MatMul", mseg_gd_matmul, 2, 2, false},
    {"SpaceToBatchND", mseg_gd_space_to_batch, 3, 3, false},
    {"BatchToSpaceND", mseg_gd_batch_to_space, 3, 3, false},
    {"Pad", mseg_gd_pad, 2, 2, true},
    {"PadV2", mseg_gd_pad, 3, 3, true},
    {"ResizeBilinear", mseg_gd_resize, 2, 2, false},
    {"ResizeBicubic", mseg_gd_resize, 2, 2, false},
    {"ResizeArea", mseg_gd_resize, 2, 2, false},
    {"ResizeNearestNeighbor", mseg_gd_resize, 2, 2, false},
    {"Mean", mseg_gd_mean, 2, 2, false},
    {"ArgMax", mseg_gd_arg_max, 2, 2, false},
    {"Reshape", mseg_gd_reshape, 2, 2, false},
    {"Squeeze", mseg_gd_squeeze, 1, 1, false},
    {"ExpandDims", mseg_gd_expand_dims, 2, 2, true},
    {"Transpose", mseg_gd_transpose, 2, 2, false},
    {"Cast", mseg_gd_cast, 1, 1, true},
    {"Slice", mseg_gd_slice, 3, 3, true},
    {"StridedSlice", mseg_gd_strided_slice, 4, 4, true},
    {"ConcatV2", mseg_gd_concat, 2, ANY, false},
    {"FakeQuantWithMinMaxVars", mseg_gd_fake_quant, 3, 3, true},
    {"FakeQuantWithMinMaxVarsPerChannel", mseg_gd_fake_quant, 3, 3, false},
    {"FakeQuantWithMinMaxArgs", mseg_gd_fake_quant, 1, 1, true},
    {"Add", mseg_gd_binary, 2, 2, true},
    {"AddV2", mseg_gd_binary, 2, 2, true},
    {"Sub", mseg_gd_binary, 2, 2, true},
    {"Mul", mseg_gd_binary, 2, 2, true},
    {"RealDiv", mseg_gd_binary, 2, 2, true},
    {"Div", mseg_gd_binary, 2, 2, true},
    {"Maximum", mseg_gd_binary, 2, 2, false},
    {"Minimum", mseg_gd_binary, 2, 2, false},
    {"FloorDiv", mseg_gd_binary, 2, 2, false},
    {"FloorMod", mseg_gd_binary, 2, 2, false},
    {"Greater", mseg_gd_binary, 2, 2, false},
    {"GreaterEqual", mseg_gd_binary, 2, 2, false},
    {"Less", mseg_gd_binary, 2, 2, false},
    {"LessEqual", mseg_gd_binary, 2, 2, false},
    {"Equal", mseg_gd_binary, 2, 2, false},
    {"NotEqual", mseg_gd_binary, 2, 2, false},
    {"LogicalAnd", mseg_gd_binary, 2, 2, false},
    {"LogicalOr", mseg_gd_binary, 2, 2, false},
    {"LogicalNot", mseg_gd_unary, 1, 1, false},
    {"Neg", mseg_gd_unary, 1, 1, false},
    {"Floor", mseg_gd_unary, 1, 1, false},
    {"Ceil", mseg_gd_unary, 1, 1, false},
    {"Round", mseg_gd_unary, 1, 1, false},
    {"Rint", mseg_gd_unary, 1, 1, false},
    {"Sqrt", mseg_gd_unary, 1, 1, false},
    {"Rsqrt", mseg_gd_unary, 1, 1, false},
    {"Shape", mseg_gd_shape, 1, 1, true},
    {"Rank", mseg_gd_shape, 1, 1, true},
    {"Pack", mseg_gd_pack, 1, ANY, false},
    {"Unpack", mseg_gd_unpack, 1, 1, false},
    {"Gather", mseg_gd_gather, 2, 2, false},
    {"GatherV2", mseg_gd_gather, 3, 3, false},
    {"Max", mseg_gd_reduce, 2, 2, false},
    {"Min", mseg_gd_reduce, 2, 2, false},
    {"Prod", mseg_gd_reduce, 2, 2, false},
    {"Sum", mseg_gd_reduce, 2, 2, false},
    {"All", mseg_gd_reduce, 2, 2, false},
    {"Any", mseg_gd_reduce, 2, 2, false},
    {"Fill", mseg_gd_fill, 2, 2, false},
    {"Switch", mseg_gd_switch, 2, 2, true},
    {"Merge", mseg_gd_merge, 1, ANY, true},
    {"Select", mseg_gd_select, 3, 3, true},
    {"SelectV2", mseg_gd_select, 3, 3, true},
};

/* What a node's input is: an output of another one. */
static mseg_status read_input(gd_reader *r, const gd_node *node, gd_edge edge, gd_value *value)
{
    const gd_node *from = &r->nodes[edge.node];
    *value = from->value;
    if (value->kind == GD_DEAD || value->kind == GD_UNKNOWN)
        return MSEG_OK;
    if (from->form == GD_SWITCH && edge.output != from->live)
        *value = (gd_value){.kind = edge.output < 2 ? GD_DEAD : GD_UNKNOWN};
    else if (from->form == GD_UNPACK) {
        gd_call row = {.node = (gd_node *)NULL};
        mseg_sizes out;
        if (!mseg_sizes_slice(&out, &r->constants[value->index].sizes, edge.output, 1, 1, true))
            return mseg_gd_fail(r, node, MSEG_FORMAT, "reads output %d of a node that has fewer", edge.output);
        mseg_status status = mseg_gd_give(r, &row, &out);
        *value = row.out;
        return status;
    } else if (from->form == GD_PLAIN && edge.output)
        *value = (gd_value){.kind = GD_UNKNOWN};
    return MSEG_OK;
}

static mseg_status run(gd_reader *r, gd_call *c)
{
    size_t row = 0;
    while (row < sizeof operators / sizeof *operators && !mseg_gd_text_is(c->node->op, operators[row].op))
        row++;
    if (row == sizeof operators / sizeof *operators)
        return mseg_gd_foreign(r, c);
    if (c->node->n_inputs < operators[row].least || (c->node->n_inputs > operators[row].most && operators[row].most < ANY))
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has %d inputs", c->node->n_inputs);
    for (int i = 0; i < c->n; i++) {
        if (c->in[i].kind == GD_DEAD && operators[row].run != mseg_gd_merge) {
            c->out.kind = GD_DEAD;
            return MSEG_OK;
        }
        if ((c->in[i].batchless && !operators[row].batchless) || c->node->n_inputs > ANY)
            return mseg_gd_foreign(r, c);
    }
    MsegGraphdef__Node *message = mseg_graphdef__node__unpack(NULL, c->node->text.size, c->node->text.data);
    if (!message)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "is no message that can be read");
    c->message = message;
    mseg_status status = operators[row].run(r, c);
    mseg_graphdef__node__free_unpacked(message, NULL);
    return status;
}

/* Computes a node. While looking: notes the picture's size when it becomes something else. */
static mseg_status compute(gd_reader *r, gd_node *node)
{
    gd_call c = {.node = node};
    mseg_status status = MSEG_OK;
    for (; c.n < node->n_inputs && c.n < GD_MAX_INPUTS && !status; c.n++)
        status = read_input(r, node, r->edges[node->first + c.n], &c.in[c.n]);
    node->form = GD_PLAIN;
    if (!status)
        status = run(r, &c);
    node->value = c.out;
    for (int i = 0; i < c.n && r->looking && !status; i++)
        if (c.in[i].kind == GD_MAP && c.in[i].picture && c.out.kind == GD_MAP && !c.out.picture) {
            memcpy(r->found, r->model.tensors[c.in[i].index].shape + 1, sizeof r->found);
            r->looking = false;
        }
    return status;
}

/* ---- the graph ------------------------------------------------------------------------------------------------------------ */

static void forget(gd_reader *r)
{
    r->n_constants = 0;
    r->model.n_tensors = r->model.n_operators = r->model.n_inputs = 0;
    r->placeholder = -1;
}

static bool has_placeholder(const gd_reader *r)
{
    for (int i = 0; i < r->n_order; i++)
        if (mseg_gd_text_is(r->nodes[r->order[i]].op, "Placeholder"))
            return true;
    return false;
}

/* Finds the size at which the network takes the picture: with one of a single pixel where the file leaves that open. What comes
 * out as a single pixel may be anything. Errors here are found again, if they matter. */
static void look_for_size(gd_reader *r)
{
    mseg_error *err = r->err, ignored;
    r->err = &ignored;
    r->looking = true;
    for (int i = 0; i < r->n_order && r->looking; i++)
        if (compute(r, &r->nodes[r->order[i]]))
            break;
    r->err = err;
    r->looking = false;
    forget(r);
    for (int i = 0; i < 2; i++)
        r->side[i] = r->found[i] > 1 ? r->found[i] : GD_ASSUMED_SIDE;
}

/* What nobody reads of what the network computes. */
static void find_outputs(gd_reader *r)
{
    for (int i = 0; i < r->n_order; i++) {
        const gd_node *node = &r->nodes[r->order[i]];
        if (node->read || node->value.kind != GD_MAP)
            continue;
        if (r->model.n_outputs < TFL_MAX_OUTPUTS)
            r->model.outputs[r->model.n_outputs] = node->value.index;
        r->model.n_outputs++;
    }
}

static mseg_status compute_all(gd_reader *r)
{
    mseg_status status = MSEG_OK;
    if (!has_placeholder(r))
        return mseg_fail(r->err, MSEG_UNSUPPORTED,
                         "a TensorFlow graph without a place for the picture (Placeholder); give one that is frozen");
    look_for_size(r);
    for (int i = 0; i < r->n_order && !status; i++)
        status = compute(r, &r->nodes[r->order[i]]);
    if (!status)
        find_outputs(r);
    return status;
}

mseg_status mseg_graphdef_read(mseg_weights *weights, mseg_error *err)
{
    mseg_error local = {0};
    gd_reader r = {.weights = weights, .err = err ? err : &local, .placeholder = -1};
    mseg_status status = mseg_gd_find_nodes(&r);
    if (!status)
        status = compute_all(&r);
    if (!status)
        status = mseg_tfl_model_match(weights, &r.model, err);
    if (!status && r.found[0] <= 1 && r.found[1] <= 1)
        weights->origin.input_width = weights->origin.input_height = 0;
    mseg_tfl_model_free(&r.model);
    mseg_free(&r.constants);
    mseg_free(&r.order);
    mseg_free(&r.edges);
    mseg_free(&r.nodes);
    return status;
}
