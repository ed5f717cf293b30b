#ifndef MSEG_TESTS_RESNET_GRAPH_H
#define MSEG_TESTS_RESNET_GRAPH_H

/* ResNet's DeepLabv3 as torchvision and slim write it, and a classifier of the first, in operators that are written down here one
 * by one; no file's bytes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/reader.h"
#include "weights/seeded.h"
#include "weights/tflite.h"

enum { SIZE = 64, MAX = 256, ROOM = 1 << 17, BASE = 4, DEPTH = 3, CLASSES = 5, BLOCKS = 4 };

typedef struct graph {
    tfl_model model;
    tfl_tensor tensors[MAX];
    tfl_operator operators[MAX];
    float room[ROOM]; /* of constants */
    size_t used;
} graph;

/* What is written. */
typedef struct form {
    int units[BLOCKS];
    int output_stride;
    bool slim;       /* strides in the last unit, SAME padding but where strides are */
    bool same;       /* SAME padding everywhere */
    bool padded;     /* zeros around the max pool's input are an operator's */
    bool fused;      /* activations as a part of their operators */
    bool beta;       /* three 3x3 convolutions for the stem */
    bool auxiliary;  /* a classifier on the third block */
    bool imagenet;   /* a classifier alone */
    int pooling;     /* place of the image pooling among the branches; -1: it has none */
    int refinements; /* 3x3 convolutions behind the projection */
    int size;        /* of the picture */
} form;

static const form torchvision = {.units = {1, 2, 1, 2}, .output_stride = 8, .pooling = 4, .refinements = 1, .size = SIZE};
static const form slim = {.units = {2, 1, 2, 1}, .output_stride = 16, .slim = true, .pooling = 0, .size = SIZE};

/* ---- operators ---------------------------------------------------------------------------------------------------------- */

static int add_map(graph *g, int height, int width, int channels)
{
    assert_true(g->model.n_tensors < MAX);
    g->tensors[g->model.n_tensors] = (tfl_tensor){.rank = 4, .shape = {1, height, width, channels}};
    return g->model.n_tensors++;
}

/* Numbers that count on from one constant to the next, so that each is known by its place. */
static int add_constant(graph *g, int rank, int a, int b, int c, int d)
{
    const int shape[4] = {a, b, c, d};
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    assert_true(g->used + count <= ROOM && g->model.n_tensors < MAX);
    tfl_tensor *t = &g->tensors[g->model.n_tensors];
    *t = (tfl_tensor){.rank = rank, .data = (const uint8_t *)&g->room[g->used], .bytes = count * sizeof *g->room};
    memcpy(t->shape, shape, sizeof shape);
    for (size_t i = 0; i < count; i++, g->used++)
        g->room[g->used] = (float)(g->used + 1) / 1024;
    return g->model.n_tensors++;
}

static tfl_operator *add_operator(graph *g, int code, const char *name, int inputs, const int *in, int out)
{
    assert_true(g->model.n_operators < MAX);
    tfl_operator *op = &g->operators[g->model.n_operators++];
    *op = (tfl_operator){.code = code, .n_inputs = inputs, .output = out, .n_outputs = 1, .multiplier = 1};
    op->stride_h = op->stride_w = op->dilation_h = op->dilation_w = 1;
    memcpy(op->inputs, in, (size_t)inputs * sizeof *in);
    snprintf(op->label, sizeof op->label, "%s", name);
    return op;
}

static const tfl_tensor *at(const graph *g, int map)
{
    return &g->tensors[map];
}

static int add_relu(graph *g, const form *f, int map, const char *name)
{
    char label[48];
    tfl_operator *last = &g->operators[g->model.n_operators - 1];
    if (f->fused) {
        last->activation = TFL_RELU;
        return map;
    }
    const int out = add_map(g, at(g, map)->shape[1], at(g, map)->shape[2], at(g, map)->shape[3]);
    snprintf(label, sizeof label, "%.40s.relu", name);
    add_operator(g, TFL_OP_RELU, label, 1, &map, out);
    return out;
}

/* Same size at stride 1, half of it, rounded up, at stride 2. */
static void set_window(const form *f, tfl_operator *op, int size, int kernel, int stride, int rate, bool same)
{
    op->stride_h = op->stride_w = stride;
    op->dilation_h = op->dilation_w = rate;
    op->padding = f->same || (f->slim && same) ? TFL_SAME : TFL_GIVEN;
    for (int i = 0; i < 4; i++) /* after the map as many as the last output still sees */
        op->pads[i] = i % 2 && size % 2 == 0 && stride == 2 && kernel > 1 ? kernel / 2 - 1 : kernel / 2 * rate;
    if (!f->slim) /* as PyTorch: the same on both sides */
        for (int i = 0; i < 4; i++)
            op->pads[i] = kernel / 2 * rate;
}

typedef struct window {
    int channels, kernel, stride, rate;
} window;

static int add_conv(graph *g, const form *f, int map, const char *name, window w, bool relu)
{
    const int size = at(g, map)->shape[1], in = at(g, map)->shape[3];
    const int out = add_map(g, (size + w.stride - 1) / w.stride, (size + w.stride - 1) / w.stride, w.channels);
    const int inputs[] = {map, add_constant(g, 4, w.channels, w.kernel, w.kernel, in), add_constant(g, 1, w.channels, 0, 0, 0)};
    tfl_operator *op = add_operator(g, TFL_OP_CONV_2D, name, 3, inputs, out);
    set_window(f, op, size, w.kernel, w.stride, w.rate, w.stride == 1);
    return relu ? add_relu(g, f, out, name) : out;
}

static int add_max_pool(graph *g, const form *f, int map, const char *name, int kernel, int stride)
{
    const int size = at(g, map)->shape[1], out = add_map(g, (size + 1) / 2, (size + 1) / 2, at(g, map)->shape[3]);
    tfl_operator *op = add_operator(g, TFL_OP_MAX_POOL_2D, name, 1, &map, out);
    set_window(f, op, size, kernel, stride, 1, true);
    op->filter_h = op->filter_w = kernel;
    return out;
}

static int add_pad(graph *g, int map, const char *name)
{
    static const int32_t one_around[8] = {0, 0, 1, 1, 1, 1, 0, 0};
    const int size = at(g, map)->shape[1], out = add_map(g, size + 2, size + 2, at(g, map)->shape[3]);
    const int inputs[] = {map, g->model.n_tensors};
    g->tensors[g->model.n_tensors++] = (tfl_tensor){
        .rank = 2, .shape = {4, 2}, .type = TFL_INT32, .data = (const uint8_t *)one_around, .bytes = sizeof one_around};
    add_operator(g, TFL_OP_PAD, name, 2, inputs, out);
    return out;
}

static int add_mean(graph *g, int map, const char *name)
{
    const int out = add_map(g, 1, 1, at(g, map)->shape[3]);
    tfl_operator *op = add_operator(g, TFL_OP_AVERAGE_POOL_2D, name, 1, &map, out);
    op->filter_h = at(g, map)->shape[1];
    op->filter_w = at(g, map)->shape[2];
    op->padding = TFL_VALID;
    return out;
}

static int add_resize(graph *g, int map, const char *name, int size, bool half_pixel)
{
    const int out = add_map(g, size, size, at(g, map)->shape[3]), inputs[] = {map, g->model.n_tensors};
    int32_t *sizes = (int32_t *)(void *)&g->room[g->used];
    g->tensors[g->model.n_tensors++] =
        (tfl_tensor){.rank = 1, .shape = {2}, .type = TFL_INT32, .data = (const uint8_t *)sizes, .bytes = 8};
    g->used += 2;
    sizes[0] = sizes[1] = size;
    tfl_operator *op = add_operator(g, TFL_OP_RESIZE_BILINEAR, name, 2, inputs, out);
    op->half_pixel = half_pixel;
    op->align_corners = !half_pixel;
    return out;
}

/* ---- networks ----------------------------------------------------------------------------------------------------------- */

static int add_unit(graph *g, const form *f, int map, int index, bool first, int channels, window middle)
{
    char name[48];
#define NAMED(part) (snprintf(name, sizeof name, "u%d." part, index), name)
    const int input = map;
    map = add_conv(g, f, map, NAMED("reduce"), (window){middle.channels, 1, 1, 1}, true);
    map = add_conv(g, f, map, NAMED("conv"), middle, true);
    map = add_conv(g, f, map, NAMED("expand"), (window){channels, 1, 1, 1}, false);
    int other = input;
    if (first)
        other = add_conv(g, f, input, NAMED("shortcut"), (window){channels, 1, middle.stride, 1}, false);
    else if (middle.stride > 1)
        other = add_max_pool(g, f, input, NAMED("subsample"), 1, 2);
    const int inputs[] = {map, other};
    const int out = add_map(g, at(g, map)->shape[1], at(g, map)->shape[1], channels);
    add_operator(g, TFL_OP_ADD, NAMED("add"), 2, inputs, out);
    return add_relu(g, f, out, name);
#undef NAMED
}

/* The rule of torchvision's _make_layer and of slim's stack_blocks_dense: a stride too many multiplies the rate of what follows.
 */
static int add_units(graph *g, const form *f, int map, int *third)
{
    int reached = 4, rate = 1;
    for (int block = 0, index = 0; block < BLOCKS; block++) {
        if (block == 3)
            *third = map;
        for (int i = 0; i < f->units[block]; i++, index++) {
            const bool strided = f->slim ? block < 3 && i == f->units[block] - 1 : block > 0 && i == 0;
            const bool kept = strided && reached < f->output_stride;
            const window middle = {BASE << block, 3, kept ? 2 : 1, rate};
            map = add_unit(g, f, map, index, i == 0, 4 * BASE << block, middle);
            reached *= kept ? 2 : 1;
            rate *= strided && !kept ? 2 : 1;
        }
    }
    return map;
}

static int add_head(graph *g, const form *f, int features)
{
    const int size = at(g, features)->shape[1], first = 6 * 16 / f->output_stride;
    int branches[5], n = 0;
    for (int i = 0; n < (f->pooling < 0 ? 4 : 5); n++) {
        char name[24];
        snprintf(name, sizeof name, "aspp%d", i);
        if (n == f->pooling) {
            const int mean = add_mean(g, features, "mean");
            const int map = add_conv(g, f, mean, "pooling", (window){DEPTH + 1, 1, 1, 1}, true);
            branches[n] = add_resize(g, map, "spread", size, true);
            continue;
        }
        const window w = {DEPTH, i ? 3 : 1, 1, i ? first * i : 1};
        branches[n] = add_conv(g, f, features, name, w, true);
        i++;
    }
    int map = add_map(g, size, size, 4 * DEPTH + (n == 5 ? DEPTH + 1 : 0));
    add_operator(g, TFL_OP_CONCATENATION, "concat", n, branches, map)->axis = 3;
    map = add_conv(g, f, map, "projection", (window){DEPTH, 1, 1, 1}, true);
    for (int i = 0; i < f->refinements; i++) {
        char name[24];
        snprintf(name, sizeof name, "refine%d", i);
        map = add_conv(g, f, map, name, (window){DEPTH, 3, 1, 1}, true);
    }
    map = add_conv(g, f, map, "classifier", (window){CLASSES, 1, 1, 1}, false);
    return add_resize(g, map, "resize", f->size, !f->slim);
}

static graph *make(const form *f)
{
    graph *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->model = (tfl_model){.tensors = g->tensors, .operators = g->operators, .n_inputs = 1, .n_outputs = 1};
    int map = add_map(g, f->size, f->size, 3), third = -1;
    for (int i = 1; i <= 3 && f->beta; i++) {
        char name[24];
        snprintf(name, sizeof name, "stem%d", i);
        map = add_conv(g, f, map, name, (window){8, 3, i == 1 ? 2 : 1, 1}, true);
    }
    if (!f->beta)
        map = add_conv(g, f, map, "stem", (window){8, 7, 2, 1}, true);
    const int padded = f->padded ? add_pad(g, map, "pad") : map;
    map = add_max_pool(g, f, map, "pool", 3, 2);
    if (f->padded) {
        tfl_operator *pool = &g->operators[g->model.n_operators - 1];
        pool->inputs[0] = padded;
        pool->padding = TFL_VALID;
        memset(pool->pads, 0, sizeof pool->pads);
    }
    map = add_units(g, f, map, &third);
    if (f->imagenet)
        g->model.outputs[0] = add_conv(g, f, add_mean(g, map, "mean"), "classifier", (window){CLASSES, 1, 1, 1}, false);
    else
        g->model.outputs[0] = add_head(g, f, map);
    if (f->auxiliary) {
        map = add_conv(g, f, third, "aux0", (window){DEPTH, 3, 1, 1}, true);
        map = add_conv(g, f, map, "aux1", (window){CLASSES, 1, 1, 1}, false);
        g->model.outputs[g->model.n_outputs++] = add_resize(g, map, "aux.resize", f->size, true);
    }
    return g;
}

static tfl_operator *operator_of(graph *g, const char *label)
{
    for (int i = 0; i < g->model.n_operators; i++)
        if (!strcmp(g->operators[i].label, label))
            return &g->operators[i];
    fail_msg("no operator %s", label);
    return NULL;
}

static mseg_status match(mseg_weights **weights, graph *g, mseg_error *err)
{
    *err = (mseg_error){0};
    assert_int_equal(mseg_weights_seeded(weights), MSEG_OK);
    (*weights)->size = sizeof g->room;
    return mseg_tfl_model_match(*weights, &g->model, err);
}

static mseg_weights *matched(graph *g)
{
    mseg_weights *weights;
    mseg_error err;
    if (match(&weights, g, &err))
        fail_msg("%s", err.text);
    return weights;
}

#endif
