/* ResNet's DeepLabv3 as torchvision and slim write it, and a classifier of the first, found among operators that are written down
 * here one by one; no file's bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "seg/backbones/backbone.h"
#include "weights/load.h"
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

/* ---- what is found ------------------------------------------------------------------------------------------------------ */

/* Layers by their names, and which operators they are. */
static void check_layers(const mseg_weights *weights, graph *g, const char *const (*layers)[2], int count)
{
    for (int i = 0; i < count; i++)
        for (int bias = 0; bias < 2; bias++) {
            char name[80];
            snprintf(name, sizeof name, "%s.%s", layers[i][0], bias ? "bias" : "weight");
            const mseg_tensor *t = mseg_weights_find(weights, name);
            const tfl_tensor *from = &g->tensors[operator_of(g, layers[i][1])->inputs[1 + bias]];
            if (!t)
                fail_msg("no %s", name);
            assert_memory_equal(t->shape, from->shape, (size_t)t->rank * sizeof *t->shape);
            if (strcmp(name, "head.projection.weight") != 0)
                assert_ptr_equal(t->data, from->data);
        }
    assert_int_equal(mseg_weights_count(weights), 2 * count);
}

#define UNIT(name, i)                                                                                                            \
    {name #i ".reduce", "u" #i ".reduce"}, {name #i ".conv", "u" #i ".conv"},                                                    \
    {                                                                                                                            \
        name #i ".expand", "u" #i ".expand"                                                                                      \
    }
#define FIRST(name, i)                                                                                                           \
    UNIT(name, i),                                                                                                               \
    {                                                                                                                            \
        name #i ".shortcut", "u" #i ".shortcut"                                                                                  \
    }
#define BRANCHES                                                                                                                 \
    {"head.aspp0", "aspp0"}, {"head.aspp1", "aspp1"}, {"head.aspp2", "aspp2"}, {"head.aspp3", "aspp3"},                          \
        {"head.projection", "projection"},                                                                                       \
    {                                                                                                                            \
        "head.classifier", "classifier"                                                                                          \
    }
#define POOLING                                                                                                                  \
    {                                                                                                                            \
        "head.image_pooling", "pooling"                                                                                          \
    }
#define B        "backbone.bottleneck"
#define U        "backbone.unit"
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static const char *const torchvision_layers[][2] = {
    {"backbone.stem", "stem"},  FIRST(B, 0), FIRST(B, 1), UNIT(B, 2), FIRST(B, 3), FIRST(B, 4), UNIT(B, 5), BRANCHES, POOLING,
    {"head.refine0", "refine0"}};

static void test_torchvision_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        form f = torchvision;
        f.fused = i % 2;
        f.auxiliary = i / 2 % 2;
        f.padded = i / 4;
        graph *g = make(&f);
        mseg_weights *weights = matched(g);
        check_layers(weights, g, torchvision_layers, COUNT(torchvision_layers));
        assert_int_equal(mseg_weights_origin_of(weights).output_stride, 8);
        assert_int_equal(mseg_weights_padding(weights), MSEG_SYMMETRIC);
        assert_int_equal(mseg_weights_input(weights).sampling, MSEG_HALF_PIXEL);
        mseg_weights_close(&weights);
        free(g);
    }
}

static void test_slim_is_found(void **state)
{
    (void)state;
    static const char *const layers[][2] = {
        {"backbone.stem", "stem"}, FIRST(U, 0), UNIT(U, 1), FIRST(U, 2), FIRST(U, 3), UNIT(U, 4), FIRST(U, 5), BRANCHES, POOLING};
    graph *g = make(&slim);
    mseg_weights *weights = matched(g);
    check_layers(weights, g, layers, COUNT(layers));
    assert_int_equal(mseg_weights_origin_of(weights).output_stride, 16);
    assert_int_equal(mseg_weights_padding(weights), MSEG_SAME);
    assert_int_equal(mseg_weights_input(weights).sampling, MSEG_ALIGN_CORNERS);
    mseg_weights_close(&weights);
    free(g);
}

static void test_beta_stem_many_refinements_no_pooling(void **state)
{
    (void)state;
    static const char *const layers[][2] = {{"backbone.stem1", "stem1"},
                                            {"backbone.stem2", "stem2"},
                                            {"backbone.stem3", "stem3"},
                                            FIRST(B, 0),
                                            FIRST(B, 1),
                                            FIRST(B, 2),
                                            FIRST(B, 3),
                                            BRANCHES,
                                            {"head.refine0", "refine0"},
                                            {"head.refine1", "refine1"},
                                            {"head.refine2", "refine2"}};
    const form f = {.units = {1, 1, 1, 1}, .output_stride = 16, .beta = true, .pooling = -1, .refinements = 3, .size = SIZE};
    graph *g = make(&f);
    mseg_weights *weights = matched(g);
    check_layers(weights, g, layers, COUNT(layers));
    mseg_weights_close(&weights);
    free(g);
}

static void test_classifier_is_found(void **state)
{
    (void)state;
    static const char *const layers[][2] = {
        {"backbone.stem", "stem"},        FIRST(B, 0), FIRST(B, 1), UNIT(B, 2), FIRST(B, 3), FIRST(B, 4), UNIT(B, 5),
        {"head.classifier", "classifier"}};
    form f = torchvision;
    f.imagenet = true;
    f.output_stride = 32;
    graph *g = make(&f);
    mseg_weights *weights = matched(g);
    check_layers(weights, g, layers, COUNT(layers));
    assert_int_equal(mseg_weights_origin_of(weights).output_stride, 32);
    mseg_weights_close(&weights);
    free(g);
}

/* Input channel i of the projection is one of the pooling's, which the net has first, or the one so many places before. */
static void test_projection_takes_the_pooling_first(void **state)
{
    (void)state;
    enum { POOLED = DEPTH + 1, IN = 4 * DEPTH + POOLED };
    for (int first = 0; first < 2; first++) {
        form f = torchvision;
        f.pooling = first ? 0 : 4;
        graph *g = make(&f);
        mseg_weights *weights = matched(g);
        mseg_layer_weights layer;
        assert_int_equal(mseg_weights_load(&layer, weights, "head.projection", IN, NULL), MSEG_OK);
        float file[DEPTH * IN];
        memcpy(file, g->tensors[operator_of(g, "projection")->inputs[1]].data, sizeof file);
        for (int out = 0; out < DEPTH; out++)
            for (int i = 0; i < IN; i++) {
                const int from = first ? i : i < POOLED ? 4 * DEPTH + i : i - POOLED;
                assert_true(layer.weight[out * IN + i] == file[out * IN + from]);
            }
        mseg_layer_weights_free(&layer);
        mseg_weights_close(&weights);
        free(g);
    }
}

/* What the backbone's layers are, of the file's own output stride and others. */
typedef struct expected {
    const char *layer;
    int stride, rate;
    mseg_padding padding;
} expected;

static void check_net(const form *f, int output_stride, const expected *wanted, int count)
{
    graph *g = make(f);
    mseg_weights *weights = matched(g);
    const mseg_backbone *backbone = mseg_backbone_of(weights);
    mseg_net net = {.input = mseg_weights_input(weights)};
    mseg_error err;
    mseg_value features;
    const mseg_builder builder = {&net, weights, &err};
    assert_non_null(backbone);
    assert_int_equal(backbone->build(&builder, output_stride, &features), MSEG_OK);
    assert_int_equal(net.layers[features].channels, 32 * BASE);
    assert_int_equal(mseg_net_stride(&net, features), output_stride);
    for (int i = 0; i < count; i++) {
        const mseg_value value = mseg_net_find(&net, wanted[i].layer);
        assert_true(value >= 0);
        const mseg_net_layer *l = &net.layers[value];
        if (l->stride != wanted[i].stride || l->rate != wanted[i].rate || l->padding != wanted[i].padding)
            fail_msg("%s: stride %d, rate %d, padding %d", l->name, l->stride, l->rate, (int)l->padding);
    }
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    free(g);
}

static void test_strides_stand_where_the_file_has_them(void **state)
{
    (void)state;
    const mseg_padding s = MSEG_SYMMETRIC, same = MSEG_SAME;
    const expected v1_5[] = {{"backbone.stem", 2, 1, s}, {"backbone.pool", 2, 1, s}, {B "0.conv", 1, 1, s},
                             {B "0.shortcut", 1, 1, s},  {B "1.conv", 2, 1, s},      {B "1.shortcut", 2, 1, s},
                             {B "2.conv", 1, 1, s},      {B "3.conv", 1, 1, s},      {B "3.shortcut", 1, 1, s},
                             {B "4.conv", 1, 2, s},      {B "4.shortcut", 1, 1, s},  {B "5.conv", 1, 4, s}};
    const expected v1_5_of_32[] = {
        {B "1.conv", 2, 1, s}, {B "3.conv", 2, 1, s}, {B "3.shortcut", 2, 1, s}, {B "4.conv", 2, 1, s}};
    const expected of_slim[] = {{"backbone.stem", 2, 1, s}, {"backbone.pool", 2, 1, same}, {U "0.conv", 1, 1, same},
                                {U "1.conv", 2, 1, s},      {U "1.subsample", 2, 1, same}, {U "2.conv", 2, 1, s},
                                {U "2.shortcut", 2, 1, s},  {U "4.conv", 1, 1, same},      {U "5.conv", 1, 2, same}};
    const expected padded_same[] = {{"backbone.stem", 2, 1, same}, {"backbone.pool", 2, 1, same}, {B "1.conv", 2, 1, same}};
    form all_same = torchvision;
    all_same.same = true;
    check_net(&all_same, 8, padded_same, COUNT(padded_same));
    check_net(&torchvision, 8, v1_5, COUNT(v1_5));
    check_net(&torchvision, 32, v1_5_of_32, COUNT(v1_5_of_32));
    check_net(&slim, 16, of_slim, COUNT(of_slim));
}

/* ---- what is not -------------------------------------------------------------------------------------------------------- */

static void other_rate(graph *g)
{
    tfl_operator *op = operator_of(g, "u4.conv");
    op->dilation_h = op->dilation_w = op->pads[0] = op->pads[1] = op->pads[2] = op->pads[3] = 1;
}

static void other_branch_rate(graph *g)
{
    tfl_operator *op = operator_of(g, "aspp2");
    op->dilation_h = op->dilation_w = op->pads[0] = op->pads[1] = op->pads[2] = op->pads[3] = 23;
}

/* The operator goes, and what read it reads its input. */
static void leave_out(graph *g, const char *label)
{
    tfl_operator *op = operator_of(g, label), *end = &g->operators[g->model.n_operators];
    const int in = op->inputs[0], out = op->output;
    memmove(op, op + 1, (size_t)(end - op - 1) * sizeof *op);
    g->model.n_operators--;
    for (int i = 0; i < g->model.n_operators; i++)
        for (int j = 0; j < g->operators[i].n_inputs; j++)
            if (g->operators[i].inputs[j] == out)
                g->operators[i].inputs[j] = in;
}

static void no_relu_behind_sum(graph *g)
{
    leave_out(g, "u2.add.relu");
}

static void relu6_behind_sum(graph *g)
{
    operator_of(g, "u2.add.relu")->code = TFL_OP_RELU6;
}

static void no_relu_in_unit(graph *g)
{
    leave_out(g, "u2.conv.relu");
}

static void no_pool(graph *g)
{
    tfl_operator *op = operator_of(g, "pool");
    op->code = TFL_OP_FOREIGN;
}

static void small_pool(graph *g)
{
    tfl_operator *op = operator_of(g, "pool");
    op->filter_h = op->filter_w = 2;
    memset(op->pads, 0, sizeof op->pads);
}

static void shortcut_of_stride_1(graph *g)
{
    tfl_operator *op = operator_of(g, "u1.shortcut");
    op->stride_h = op->stride_w = 1;
}

/* Of one pixel, where the shapes do not show it. */
static void last_shortcut_of_stride_1(graph *g)
{
    tfl_operator *op = operator_of(g, "u4.shortcut");
    op->stride_h = op->stride_w = 1;
}

static void subsample_of_other_pixels(graph *g)
{
    tfl_operator *op = operator_of(g, "u1.subsample");
    op->padding = TFL_GIVEN;
    op->pads[0] = 1; /* and 17 rows become as many as without it */
}

static void another_sum(graph *g)
{
    operator_of(g, "u2.add")->inputs[1] = operator_of(g, "u1.shortcut")->output;
}

static void larger_kernel(graph *g)
{
    tfl_operator *op = operator_of(g, "u3.reduce");
    op->inputs[1] = add_constant(g, 4, BASE << 2, 3, 3, 4 * BASE << 1);
    op->pads[0] = op->pads[1] = op->pads[2] = op->pads[3] = 1;
}

static void padded_behind(graph *g)
{
    tfl_operator *op = operator_of(g, "u1.conv");
    op->pads[0] = op->pads[2] = 0; /* SAME's at an even size; the stem has another rule */
    op->pads[1] = op->pads[3] = 1;
}

static void pool_padded_before(graph *g)
{
    tfl_operator *op = operator_of(g, "pool");
    op->pads[0] = op->pads[2] = 2; /* no rule's */
    op->pads[1] = op->pads[3] = 0;
}

static void aux_alone_is_given(graph *g)
{
    g->model.outputs[0] = g->model.outputs[1];
    g->model.n_outputs = 1;
}

static void aux_of_two_maps(graph *g)
{
    operator_of(g, "aux.resize")->code = TFL_OP_FOREIGN;
}

static void other_resize(graph *g)
{
    operator_of(g, "resize")->half_pixel = false;
}

/* A 3x3 convolution instead of branches and projection, as FCN has it. */
static void fcn(graph *g)
{
    tfl_operator *refine = operator_of(g, "refine0"), *first = operator_of(g, "aspp0");
    const int features = first->inputs[0], end = (int)(refine - g->operators);
    const int skipped = end - (int)(first - g->operators);
    refine->inputs[0] = features;
    refine->inputs[1] = add_constant(g, 4, DEPTH, 3, 3, 32 * BASE);
    memmove(first, refine, (size_t)(g->model.n_operators - end) * sizeof *first);
    g->model.n_operators -= skipped;
}

static void test_single_faults_are_refused_with_their_place(void **state)
{
    (void)state;
    form middle = torchvision, aux = torchvision, small = torchvision, odd = slim;
    odd.size = 65;
    small.size = 16;
    small.output_stride = 32;
    middle.pooling = 2;
    aux.auxiliary = true;
    const struct {
        const form *form;
        void (*spoil)(graph *);
        const char *text;
    } faults[] = {
        {&torchvision, other_rate, "backbone.bottleneck4.conv has stride 1 and rate 1; output stride 8 has 1 and 2 there"},
        {&torchvision, other_branch_rate, "head.aspp2: aspp2 has atrous rate 23x23"},
        {&torchvision, no_relu_behind_sum, "backbone.bottleneck2.expand: u2.add is not followed by RELU"},
        {&torchvision, relu6_behind_sum, "backbone.bottleneck2.expand: u2.add is not followed by RELU"},
        {&torchvision, no_relu_in_unit, "backbone.bottleneck2.conv: u2.conv has no activation where RELU is expected"},
        {&torchvision, no_pool, "backbone.pool: stem is not followed by a max pool"},
        {&torchvision, small_pool, "backbone.pool: pool takes 2x2 at stride 2, not 3x3 at 2"},
        {&torchvision, shortcut_of_stride_1, "backbone.bottleneck1.shortcut: u1.shortcut makes 8x8 of 16x16"},
        {&small, last_shortcut_of_stride_1, "u4.shortcut has stride 1 beside a convolution of stride 2"},
        {&odd, subsample_of_other_pixels, "u1.subsample"},
        {&torchvision, another_sum, "backbone.bottleneck2.shortcut: u1.shortcut is added, not the unit's input"},
        {&torchvision, larger_kernel, "backbone.bottleneck3.reduce: u3.reduce has a 3x3 kernel, not 1x1"},
        {&torchvision, padded_behind, "backbone.bottleneck1.conv: u1.conv makes 8x8 of 16x16 with 0 and 0 zeros before"},
        {&torchvision, pool_padded_before, "backbone.pool: pool makes 16x16 of 32x32 with 2 and 2 zeros before"},
        {&torchvision, fcn, "head.aspp0: refine0 has a 3x3 kernel, not 1x1"},
        {&middle, NULL, "head.image_pooling: spread is neither first nor last in the concatenation"},
        {&aux, aux_alone_is_given, "the network gives out other numbers than its last layer's"},
        {&aux, aux_of_two_maps, "the end: aux.resize is not part of it"},
    };
    for (int i = 0; i < COUNT(faults); i++) {
        graph *g = make(faults[i].form);
        mseg_weights *weights;
        mseg_error err;
        if (faults[i].spoil)
            faults[i].spoil(g);
        assert_int_equal(match(&weights, g, &err), MSEG_UNSUPPORTED);
        if (!strstr(err.text, faults[i].text))
            fail_msg("\"%s\" instead of \"%s\"", err.text, faults[i].text);
        mseg_weights_close(&weights);
        free(g);
    }
}

/* The pooled branch is one value, whatever rule spreads it: the rule of the logits' resize alone counts. */
static void test_the_pooled_map_tells_no_rule(void **state)
{
    (void)state;
    graph *g = make(&torchvision);
    other_resize(g);
    mseg_weights *weights = matched(g);
    assert_int_equal(mseg_weights_input(weights).sampling, MSEG_LEGACY);
    mseg_weights_close(&weights);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchvision_is_found),
        cmocka_unit_test(test_slim_is_found),
        cmocka_unit_test(test_beta_stem_many_refinements_no_pooling),
        cmocka_unit_test(test_classifier_is_found),
        cmocka_unit_test(test_projection_takes_the_pooling_first),
        cmocka_unit_test(test_strides_stand_where_the_file_has_them),
        cmocka_unit_test(test_single_faults_are_refused_with_their_place),
        cmocka_unit_test(test_the_pooled_map_tells_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
