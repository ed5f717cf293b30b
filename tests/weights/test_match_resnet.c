/* The networks of resnet_graph.h are found, and those with a fault are not. */

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
#include "weights/resnet_graph.h"

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
