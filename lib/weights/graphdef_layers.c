#include <math.h>
#include <string.h>

#include "weights/graphdef.h"

/* Convolutions, pools, batch norm, dense layers, and what prepares them. */

/* Positions of a window along an axis; below 1: it does not fit. */
static int slid(const tfl_operator *op, int in, const int *pads, int kernel, int stride, int dilation)
{
    const int64_t reach = (int64_t)(kernel - 1) * dilation + 1, wide = (int64_t)in + pads[0] + pads[1];
    if (op->padding == TFL_SAME)
        return (in + stride - 1) / stride;
    return wide < reach ? 0 : (int)((wide - reach) / stride + 1);
}

/* Rows and columns of a list for batch, rows, columns, channels. */
static mseg_status read_steps(const gd_reader *r, const gd_call *c, const char *key, int *rows, int *columns)
{
    int list[4] = {1, 1, 1, 1};
    mseg_status status = mseg_gd_ints(r, c, key, list, 4, NULL);
    if (!status && (list[0] != 1 || list[3] != 1 || !mseg_tfl_in_range(list, 4, 1, TFL_MAX_STRIDE)))
        status = mseg_gd_fail(r, c->node, MSEG_FORMAT, "has %s %d, %d, %d, %d", key, list[0], list[1], list[2], list[3]);
    *rows = list[1];
    *columns = list[2];
    return status;
}

static mseg_status read_padding(const gd_reader *r, const gd_call *c, tfl_operator *op)
{
    char padding[16] = "";
    int pads[8] = {0};
    mseg_status status = mseg_gd_string(r, c, "padding", padding);
    op->padding = strcmp(padding, "SAME") == 0 ? TFL_SAME : strcmp(padding, "VALID") == 0 ? TFL_VALID : TFL_GIVEN;
    if (status || op->padding != TFL_GIVEN)
        return status;
    if (strcmp(padding, "EXPLICIT") != 0)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has no padding that there is");
    status = mseg_gd_ints(r, c, "explicit_paddings", pads, 8, NULL);
    if (!status && (!mseg_tfl_in_range(pads, 8, 0, TFL_MAX_DIMENSION) || pads[0] || pads[1] || pads[6] || pads[7]))
        status = mseg_gd_fail(r, c->node, MSEG_FORMAT, "has explicit paddings of no use");
    memcpy(op->pads, pads + 2, sizeof op->pads);
    return status;
}

/* A window of op's kind over the first input: emits it. */
static mseg_status emit_window(gd_reader *r, gd_call *c, int code, tfl_operator like, int kernel_h, int kernel_w, int channels,
                               tfl_operator **op)
{
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    const int shape[4] = {map->shape[0], slid(&like, map->shape[1], like.pads, kernel_h, like.stride_h, like.dilation_h),
                          slid(&like, map->shape[2], like.pads + 2, kernel_w, like.stride_w, like.dilation_w), channels};
    if (shape[1] < 1 || shape[2] < 1)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "has a window of %dx%d, larger than its map of %dx%d", kernel_h,
                            kernel_w, map->shape[1], map->shape[2]);
    mseg_status status = mseg_gd_emit(r, c, code, 4, shape, op);
    if (status)
        return status;
    tfl_operator *made = *op;
    made->padding = like.padding;
    memcpy(made->pads, like.pads, sizeof made->pads);
    made->stride_h = like.stride_h;
    made->stride_w = like.stride_w;
    made->dilation_h = like.dilation_h;
    made->dilation_w = like.dilation_w;
    return MSEG_OK;
}

/* What the kernel of a convolution must be. */
static mseg_status check_kernel(const gd_reader *r, const gd_call *c, bool depthwise)
{
    const mseg_sizes *k = &r->constants[c->in[1].index].sizes;
    const int channels = mseg_gd_map(r, c, 0)->shape[3];
    if (k->rank != 4)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has a kernel of %d dimensions", k->rank);
    if (k->shape[2] != channels)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "has a kernel for %d channels and a map of %d", k->shape[2], channels);
    if (depthwise && k->shape[3] != 1)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "makes %d channels of each; mseg knows 1", k->shape[3]);
    return MSEG_OK;
}

mseg_status mseg_gd_conv(gd_reader *r, gd_call *c)
{
    const bool depthwise = mseg_gd_text_is(c->node->op, "DepthwiseConv2dNative");
    tfl_operator like = {0}, *op;
    int weight;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map || map->rank != 4 || c->in[1].kind == GD_MAP)
        return mseg_gd_foreign(r, c);
    mseg_status status = mseg_gd_check_format(r, c);
    if (!status)
        status = read_steps(r, c, "strides", &like.stride_h, &like.stride_w);
    if (!status)
        status = read_steps(r, c, "dilations", &like.dilation_h, &like.dilation_w);
    if (!status)
        status = read_padding(r, c, &like);
    if (!status)
        status = mseg_gd_constant_tensor(r, c, c->in[1], depthwise ? GD_CHANNELS : GD_KERNEL, &weight);
    if (!status)
        status = check_kernel(r, c, depthwise);
    if (status)
        return status;
    const int *kernel = r->constants[c->in[1].index].sizes.shape;
    status = emit_window(r, c, depthwise ? TFL_OP_DEPTHWISE_CONV_2D : TFL_OP_CONV_2D, like, kernel[0], kernel[1],
                         kernel[depthwise ? 2 : 3], &op);
    if (!status)
        mseg_gd_add_input(op, weight);
    return status;
}

mseg_status mseg_gd_pool(gd_reader *r, gd_call *c)
{
    const bool largest = mseg_gd_text_is(c->node->op, "MaxPool");
    tfl_operator like = {.dilation_h = 1, .dilation_w = 1}, *op;
    int filter_h, filter_w;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map || map->rank != 4)
        return mseg_gd_foreign(r, c);
    mseg_status status = mseg_gd_check_format(r, c);
    if (!status)
        status = read_steps(r, c, "strides", &like.stride_h, &like.stride_w);
    if (!status)
        status = read_steps(r, c, "ksize", &filter_h, &filter_w);
    if (!status)
        status = read_padding(r, c, &like);
    if (!status)
        status = emit_window(r, c, largest ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, like, filter_h, filter_w, map->shape[3],
                             &op);
    if (status)
        return status;
    op->filter_h = filter_h;
    op->filter_w = filter_w;
    return MSEG_OK;
}

mseg_status mseg_gd_norm(gd_reader *r, gd_call *c)
{
    bool training = true;
    float epsilon = 1e-4f;
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map || map->rank != 4)
        return mseg_gd_foreign(r, c);
    mseg_status status = mseg_gd_check_format(r, c);
    if (!status)
        status = mseg_gd_bool(r, c, "is_training", &training);
    if (!status)
        status = mseg_gd_float(r, c, "epsilon", &epsilon);
    if (!status && training)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "is batch norm for training; write the graph for inference");
    if (!status && !isfinite(epsilon))
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has an epsilon that is no finite number");
    int shape[4], parts[4];
    memcpy(shape, map->shape, sizeof shape);
    for (int i = 0; i < 4 && !status; i++)
        status = mseg_gd_constant_tensor(r, c, c->in[1 + i], GD_VALUES, &parts[i]);
    if (!status)
        status = mseg_gd_emit(r, c, TFL_OP_BATCH_NORM, 4, shape, &op);
    for (int i = 0; i < 4 && !status; i++)
        mseg_gd_add_input(op, parts[i]);
    if (!status)
        op->epsilon = epsilon;
    return status;
}

mseg_status mseg_gd_matmul(gd_reader *r, gd_call *c)
{
    bool a = false, b = false;
    int weight;
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map || map->rank != 2 || c->in[1].kind != GD_CONSTANT || r->constants[c->in[1].index].sizes.rank != 2)
        return mseg_gd_foreign(r, c);
    const int *k = r->constants[c->in[1].index].sizes.shape;
    mseg_status status = mseg_gd_bool(r, c, "transpose_a", &a);
    if (!status)
        status = mseg_gd_bool(r, c, "transpose_b", &b);
    if (status)
        return status;
    const int shape[2] = {map->shape[0], k[b ? 0 : 1]}, in = k[b ? 1 : 0];
    if (a || in != map->shape[1])
        return mseg_gd_foreign(r, c);
    status = mseg_gd_constant_tensor(r, c, c->in[1], b ? GD_ROWS : GD_MATRIX, &weight);
    if (!status)
        status = mseg_gd_emit(r, c, TFL_OP_FULLY_CONNECTED, 2, shape, &op);
    if (!status)
        mseg_gd_add_input(op, weight);
    return status;
}

/* Block and edges of a split into batches, or of what undoes it; false: none that mseg knows. */
static bool read_split(const gd_reader *r, const gd_call *c, int block[2], int edges[4])
{
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    return map && map->rank == 4 && mseg_gd_integers(r, c, 1, 2, block) && mseg_gd_integers(r, c, 2, 4, edges) &&
           mseg_tfl_in_range(block, 2, 1, TFL_MAX_STRIDE) && mseg_tfl_in_range(edges, 4, 0, TFL_MAX_DIMENSION);
}

static mseg_status emit_split(gd_reader *r, gd_call *c, int code, const int shape[4], const int block[2], const int edges[4])
{
    int first, second;
    tfl_operator *op;
    mseg_status status = mseg_gd_int_tensor(r, block, 2, &first);
    if (!status)
        status = mseg_gd_int_tensor(r, edges, 4, &second);
    if (!status)
        status = mseg_gd_emit(r, c, code, 4, shape, &op);
    if (status)
        return status;
    mseg_gd_add_input(op, first);
    mseg_gd_add_input(op, second);
    return MSEG_OK;
}

mseg_status mseg_gd_space_to_batch(gd_reader *r, gd_call *c)
{
    int block[2], pads[4];
    if (!read_split(r, c, block, pads))
        return mseg_gd_foreign(r, c);
    const int *in = mseg_gd_map(r, c, 0)->shape;
    const int height = in[1] + pads[0] + pads[1], width = in[2] + pads[2] + pads[3];
    const int64_t batches = (int64_t)in[0] * block[0] * block[1];
    if (height % block[0] || width % block[1] || batches > TFL_MAX_DIMENSION)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "splits %dx%d into blocks of %dx%d", height, width, block[0], block[1]);
    const int shape[4] = {(int)batches, height / block[0], width / block[1], in[3]};
    return emit_split(r, c, TFL_OP_SPACE_TO_BATCH_ND, shape, block, pads);
}

mseg_status mseg_gd_batch_to_space(gd_reader *r, gd_call *c)
{
    int block[2], crops[4];
    if (!read_split(r, c, block, crops))
        return mseg_gd_foreign(r, c);
    const int *in = mseg_gd_map(r, c, 0)->shape;
    const int64_t height = (int64_t)in[1] * block[0] - crops[0] - crops[1];
    const int64_t width = (int64_t)in[2] * block[1] - crops[2] - crops[3], batches = (int64_t)block[0] * block[1];
    if (in[0] % batches || height < 1 || width < 1 || height > TFL_MAX_DIMENSION || width > TFL_MAX_DIMENSION)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "joins %d batches of %dx%d in blocks of %dx%d", in[0], in[1], in[2],
                            block[0], block[1]);
    const int shape[4] = {in[0] / (int)batches, (int)height, (int)width, in[3]};
    return emit_split(r, c, TFL_OP_BATCH_TO_SPACE_ND, shape, block, crops);
}

/* The picture's surroundings, which depend on its size, are mseg's affair: only what they are filled with counts. */
static mseg_status pad_picture(gd_reader *r, gd_call *c, const int pads[8], const int shape[4], int *padding)
{
    static const int none[8] = {0};
    if (!r->looking && memcmp(pads, none, sizeof none) != 0)
        return mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "pads a picture of %dx%d to %dx%d, whatever its size",
                            mseg_gd_map(r, c, 0)->shape[1], mseg_gd_map(r, c, 0)->shape[2], shape[1], shape[2]);
    return mseg_gd_int_tensor(r, none, 8, padding);
}

mseg_status mseg_gd_pad(gd_reader *r, gd_call *c)
{
    int pads[8] = {0}, shape[4], value, padding;
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    const gd_value in = c->in[0];
    const int skip = in.batchless ? 2 : 0;
    if (!map || map->rank != 4 || !mseg_gd_integers(r, c, 1, 8 - skip, pads + skip) ||
        !mseg_tfl_in_range(pads, 8, 0, TFL_MAX_DIMENSION) || (c->n > 2 && c->in[2].kind != GD_CONSTANT))
        return mseg_gd_foreign(r, c);
    for (int i = 0; i < 4; i++)
        shape[i] = map->shape[i] + pads[2 * i] + pads[2 * i + 1];
    const bool surroundings = in.picture && mseg_gd_numbers(r, c, 1)->computed;
    mseg_status status = surroundings ? pad_picture(r, c, pads, shape, &padding) : mseg_gd_int_tensor(r, pads, 8, &padding);
    if (!status && c->n > 2)
        status = mseg_gd_constant_tensor(r, c, c->in[2], GD_VALUES, &value);
    if (!status)
        status = mseg_gd_emit(r, c, c->n > 2 ? TFL_OP_PADV2 : TFL_OP_PAD, 4, shape, &op);
    if (status)
        return status;
    mseg_gd_add_input(op, padding);
    if (c->n > 2)
        mseg_gd_add_input(op, value);
    c->out.picture = surroundings;
    c->out.batchless = in.batchless;
    return MSEG_OK;
}

mseg_status mseg_gd_resize(gd_reader *r, gd_call *c)
{
    int size[2], given;
    bool corners = false, centers = false;
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    const bool nearest = mseg_gd_text_is(c->node->op, "ResizeNearestNeighbor");
    const bool bilinear = mseg_gd_text_is(c->node->op, "ResizeBilinear"), picture = c->in[0].picture;
    if (!map || map->rank != 4 || !mseg_gd_integers(r, c, 1, 2, size) || !mseg_tfl_in_range(size, 2, 1, TFL_MAX_DIMENSION))
        return mseg_gd_foreign(r, c);
    if (picture && !r->looking) /* mseg scales pictures itself */
        return mseg_gd_pass(r, c);
    if (!nearest && !bilinear && !picture)
        return mseg_gd_foreign(r, c);
    const int shape[4] = {map->shape[0], size[0], size[1], map->shape[3]};
    mseg_status status = mseg_gd_bool(r, c, "align_corners", &corners);
    if (!status)
        status = mseg_gd_bool(r, c, "half_pixel_centers", &centers);
    if (!status)
        status = mseg_gd_int_tensor(r, size, 2, &given);
    if (!status)
        status = mseg_gd_emit(r, c, nearest ? TFL_OP_RESIZE_NEAREST_NEIGHBOR : TFL_OP_RESIZE_BILINEAR, 4, shape, &op);
    if (status)
        return status;
    mseg_gd_add_input(op, given);
    op->align_corners = corners;
    op->half_pixel = centers;
    c->out.picture = picture;
    return MSEG_OK;
}
