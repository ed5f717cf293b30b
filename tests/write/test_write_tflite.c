/* Networks written as .tflite files and opened again: the same layers, numbers, rule and labels, bit for bit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "weights/reader.h"
#include "weights/tflite.h"
#include "write/bytes.h"
#include "write/flatbuffer.h"
#include "write/networks.h"
#include "write/write.h"

/* A network before and after. */
typedef struct trip {
    mseg_weights *weights, *again;
    mseg_net net, net_again;
    mseg_bytes file;
} trip;

static const mseg_input odd_rule = {.scale = {0.0171247f, 0.0175070f, 0.0174291f},
                                    .offset = {-2.11790394f, -2.03571439f, -1.80444443f},
                                    .pad = {0.1f, -0.0f, 3e-20f},
                                    .sampling = MSEG_HALF_PIXEL};

static void begin(trip *t, const char *architecture, int output_stride)
{
    mseg_error err = {0};
    *t = (trip){0};
    if (mseg_architecture_weights(&t->weights, architecture, &err) || build_net(&t->net, t->weights, output_stride, &err))
        fail_msg("%s: %s", architecture, err.text);
}

static void reopen(trip *t, const mseg_write_options *options)
{
    mseg_error err = {0};
    if (mseg_write_tflite(&t->file, &t->net, t->weights, options, &err))
        fail_msg("not written: %s", err.text);
    if (mseg_weights_open_memory(&t->again, t->file.data, t->file.size, &err))
        fail_msg("not opened: %s", err.text);
    if (build_net(&t->net_again, t->again, mseg_weights_origin_of(t->again).output_stride, &err))
        fail_msg("not built: %s", err.text);
}

static void end(trip *t)
{
    mseg_net_free(&t->net);
    mseg_net_free(&t->net_again);
    mseg_weights_close(&t->weights);
    mseg_weights_close(&t->again);
    mseg_free(&t->file.data);
}

static bool is_convolution(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_CONV || layer->kind == MSEG_DEPTHWISE;
}

static void check_layer(const mseg_net_layer *a, const mseg_net_layer *b)
{
    if (strcmp(a->name, b->name) != 0)
        fail_msg("%s, not %s", b->name, a->name);
    if (a->kind != b->kind || a->kernel != b->kernel || a->stride != b->stride || a->rate != b->rate ||
        a->padding != b->padding || a->activation != b->activation || a->channels != b->channels || a->n_in != b->n_in ||
        memcmp(a->in, b->in, sizeof a->in) != 0 || a->add != b->add || b->bias != is_convolution(b))
        fail_msg("%s is not as it was", a->name);
}

static void load(mseg_layer_weights *out, const mseg_net_layer *layer, const mseg_weights *weights)
{
    assert_int_equal(layer->kind == MSEG_DEPTHWISE ? mseg_weights_load_depthwise(out, weights, layer->name, layer->channels, NULL)
                                                   : mseg_weights_load(out, weights, layer->name, layer->in_channels, NULL),
                     MSEG_OK);
}

/* Nearest: off by half a step of 2^-10 or, below 2^-14, of 2^-24; and a half itself. */
static void check_half(float half, float value)
{
    const double size = fabs((double)value), step = size < 0x1p-14 ? 0x1p-24 : 0x1p-10 * exp2(floor(log2(size)));
    if (!(fabs((double)half - (double)value) <= step / 2) || fmod((double)half, step) != 0)
        fail_msg("%a as a half is %a", (double)value, (double)half);
}

static void check_numbers(const trip *t, const mseg_net_layer *layer, bool half)
{
    mseg_layer_weights a, b;
    load(&a, layer, t->weights);
    load(&b, layer, t->again);
    const size_t channels = (size_t)layer->channels, count = channels * (size_t)(a.kernel * a.kernel * a.in);
    for (size_t i = 0; i < count && half; i++)
        check_half(b.weight[i], a.weight[i]);
    if (!half)
        assert_memory_equal(a.weight, b.weight, count * sizeof(float));
    for (size_t c = 0; c < channels && !a.bias; c++)
        assert_true(b.bias[c] == 0);
    if (a.bias)
        assert_memory_equal(a.bias, b.bias, channels * sizeof(float));
    mseg_layer_weights_free(&a);
    mseg_layer_weights_free(&b);
}

static void check_same(const trip *t, bool half)
{
    const mseg_input a = t->net.input, b = t->net_again.input;
    assert_memory_equal(a.scale, b.scale, sizeof a.scale);
    assert_memory_equal(a.offset, b.offset, sizeof a.offset);
    assert_memory_equal(a.pad, b.pad, sizeof a.pad);
    assert_int_equal(a.sampling, b.sampling);
    assert_int_equal(b.from, MSEG_INPUT_METADATA);
    assert_int_equal(t->net.count, t->net_again.count);
    assert_int_equal(t->net.outputs[0], t->net_again.outputs[0]);
    for (int i = 0; i < t->net.count; i++) {
        check_layer(&t->net.layers[i], &t->net_again.layers[i]);
        if (is_convolution(&t->net.layers[i]))
            check_numbers(t, &t->net.layers[i], half);
    }
}

static const struct {
    const char *architecture;
    int height, width, output_stride;
} networks[] = {
    {"mnv2:0.1", 65, 65, 16},
    {"mnv2:0.1", 64, 96, 32},
    {"mnv2:0.1", 33, 50, 8},
    {"mnv2:0.1:aspp", 65, 65, 16},
    {"mnv2:0.1:separable", 65, 65, 8},
    {"mnv2:0.1:nopool", 65, 65, 16},
    {"mnv2:0.1:decoder", 65, 97, 8},
    {"mnv2:0.1:decoder", 80, 80, 16},
    {"mnv2:0.1:imagenet:classes=9", 64, 64, 32},
    {"mnv1:0.1", 65, 65, 16},
    {"mnv1:0.1:imagenet", 65, 33, 32},
    {"mnv1:0.1:aspp:nopool", 1, 1, 16},
    {"resnet14:0.1", 65, 65, 16},
    {"resnet14:0.1:beta:aspp", 64, 64, 8},
};

enum { IN_BYTES = 12 /* of them; ResNets cannot be run so */ };

static void test_networks_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        for (int variant = 0; variant < 4; variant++) {
            const bool half = variant == 3;
            trip t;
            begin(&t, networks[i].architecture, networks[i].output_stride);
            mseg_net_free(&t.net);
            t.weights->padding = variant % 2 ? MSEG_SYMMETRIC : MSEG_SAME;
            t.weights->input = odd_rule;
            t.weights->input.sampling = (mseg_sampling)(variant % 3);
            assert_int_equal(build_net(&t.net, t.weights, networks[i].output_stride, NULL), MSEG_OK);
            reopen(&t, &(mseg_write_options){.height = networks[i].height,
                                             .width = networks[i].width,
                                             .output_stride = networks[i].output_stride,
                                             .half = half});
            const mseg_weights_origin origin = mseg_weights_origin_of(t.again);
            assert_string_equal(origin.format, "tflite");
            assert_int_equal(origin.output_stride, networks[i].output_stride);
            assert_int_equal(origin.input_height, networks[i].height);
            assert_int_equal(origin.input_width, networks[i].width);
            assert_int_equal(mseg_weights_labels(t.again), 0);
            check_same(&t, half);
            end(&t);
        }
}

static void test_a_bias_of_zeros_stands_for_none(void **state)
{
    (void)state;
    trip t;
    begin(&t, "mnv1:0.1", 16);
    t.weights->count--; /* the last tensor is the classifier's bias */
    mseg_net_free(&t.net);
    assert_int_equal(build_net(&t.net, t.weights, 16, NULL), MSEG_OK);
    assert_false(t.net.layers[t.net.outputs[0]].bias);
    reopen(&t, &(mseg_write_options){.height = 33, .width = 33, .output_stride = 16});
    check_same(&t, false);
    end(&t);
}

/* A rule that no mean and deviation can say. */
static void test_any_input_rule_comes_back(void **state)
{
    (void)state;
    trip t;
    begin(&t, "mnv1:0.1", 16);
    t.net.input = (mseg_input){.scale = {-1, 0, 1e38f}, .offset = {255, 1, -1e38f}, .pad = {1, 2, 3}};
    reopen(&t, &(mseg_write_options){.height = 33, .width = 33, .output_stride = 16});
    check_same(&t, false);
    end(&t);
}

static void test_labels_come_back(void **state)
{
    (void)state;
    static const char *const labels[] = {"background", "", "dog \"Rex\"", "t\xc3\xa9"};
    trip t;
    begin(&t, "mnv1:0.1:classes=4", 16);
    reopen(&t, &(mseg_write_options){.height = 33, .width = 33, .output_stride = 16, .labels = labels, .n_labels = 4});
    assert_int_equal(mseg_weights_labels(t.again), 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(mseg_weights_label(t.again, i), labels[i]);
    end(&t);
}

/* What the first output does not need is left out: here a layer that the model has no numbers of. */
static void test_only_the_first_output_is_written(void **state)
{
    (void)state;
    trip t;
    begin(&t, "mnv1:0.1", 16);
    mseg_value more;
    const mseg_net_layer layer = {
        .kind = MSEG_CONV, .name = "more", .n_in = 1, .in = {1}, .add = -1, .kernel = 1, .stride = 1, .rate = 1, .channels = 2};
    assert_int_equal(mseg_net_add(&t.net, &layer, &more), MSEG_OK);
    assert_int_equal(mseg_net_output(&t.net, more), MSEG_OK);
    reopen(&t, &(mseg_write_options){.height = 33, .width = 33, .output_stride = 16});
    t.net.count--;
    check_same(&t, false);
    end(&t);
}

/* ---- in 8 bits ---------------------------------------------------------------------------------------------------------- */

static void check_quant(mseg_quant a, mseg_quant b)
{
    assert_true(mseg_quant_same(a, b));
    assert_true(a.is_signed == b.is_signed);
}

static void check_bytes(const trip *t, int index, const mseg_write_bytes *written)
{
    const mseg_net_layer *a = &t->net.layers[index], *b = &t->net_again.layers[index];
    check_quant(a->quant, b->quant);
    check_quant(a->sum, b->sum);
    check_quant(a->joined, b->joined);
    assert_int_equal(b->joining, MSEG_JOINS_AS_IT_IS);
    assert_int_equal(a->mean, b->mean);
    if (!is_convolution(a))
        return;
    mseg_layer_bytes bytes;
    assert_int_equal(a->kind == MSEG_DEPTHWISE ? mseg_weights_load_depthwise_bytes(&bytes, t->again, a->name, a->channels, NULL)
                                               : mseg_weights_load_bytes(&bytes, t->again, a->name, a->in_channels, NULL),
                     MSEG_OK);
    const size_t channels = (size_t)a->channels, count = channels * (size_t)(bytes.kernel * bytes.kernel * bytes.in);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes.weight[i], written->weight[i]);
    assert_memory_equal(bytes.bias, written->bias, channels * sizeof *bytes.bias);
    assert_memory_equal(bytes.scale, written->scale, channels * sizeof *bytes.scale);
    mseg_layer_bytes_free(&bytes);
}

static void test_bytes_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < IN_BYTES; i++) {
        trip t;
        made_bytes made;
        begin(&t, networks[i].architecture, networks[i].output_stride);
        reopen(&t, &(mseg_write_options){.height = networks[i].height,
                                         .width = networks[i].width,
                                         .output_stride = networks[i].output_stride,
                                         .bytes = make_bytes(&made, &t.net, t.weights)});
        if (mseg_weights_no_integers(t.again))
            fail_msg("%s: %s", networks[i].architecture, mseg_weights_no_integers(t.again));
        check_quant(t.net.input.quant, t.net_again.input.quant);
        assert_memory_equal(t.net.input.scale, t.net_again.input.scale, sizeof t.net.input.scale);
        for (int k = 1; k < t.net.count; k++) {
            check_layer(&t.net.layers[k], &t.net_again.layers[k]);
            check_bytes(&t, k, &made.of[k]);
        }
        free_bytes(&made);
        end(&t);
    }
}

static void test_joins_of_different_bytes_are_refused(void **state)
{
    (void)state;
    trip t;
    made_bytes made;
    mseg_error err = {0};
    begin(&t, "mnv2:0.1", 16);
    const mseg_write_options options = {
        .height = 33, .width = 33, .output_stride = 16, .bytes = make_bytes(&made, &t.net, t.weights)};
    t.net.layers[mseg_net_find(&t.net, "head.aspp0")].joined.scale *= 2;
    assert_int_equal(mseg_write_tflite(&t.file, &t.net, t.weights, &options, &err), MSEG_UNSUPPORTED);
    assert_string_equal(err.text, "head.projection joins maps that are not held in 8 bits alike");
    assert_null(t.file.data);
    free_bytes(&made);
    end(&t);
}

/* ---- what cannot be written --------------------------------------------------------------------------------------------- */

static void test_weights_of_another_network_are_refused(void **state)
{
    (void)state;
    trip t, other;
    mseg_error err = {0};
    begin(&t, "mnv1:0.1", 16);
    begin(&other, "mnv1:0.5", 16);
    const mseg_write_options options = {.height = 33, .width = 33, .output_stride = 16};
    assert_int_equal(mseg_write_tflite(&t.file, &t.net, other.weights, &options, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "backbone.stem.weight has another shape than the network's layer");
    assert_null(t.file.data);
    assert_int_equal(t.file.size, 0);
    end(&t);
    end(&other);
}

static void test_pictures_are_not_too_large(void **state)
{
    (void)state;
    trip t;
    mseg_error err = {0};
    begin(&t, "mnv1:0.1", 16);
    const mseg_write_options options = {.height = 65537, .width = 33, .output_stride = 16};
    assert_int_equal(mseg_write_tflite(&t.file, &t.net, t.weights, &options, &err), MSEG_LIMIT);
    assert_string_equal(err.text, "a picture of 33x65537, more than 65536 on a side");
    end(&t);
}

/* A writer that says that it has written nearly 2 GiB; and room behind a file that would be as much. */
static void test_files_are_not_too_large(void **state)
{
    (void)state;
    mseg_bytes file = {(uint8_t *)state, 1};
    mseg_fbw w = {.used = INT32_MAX - 6, .room = INT32_MAX};
    mseg_fbw_text(&w, "abcd");
    assert_int_equal(w.status, MSEG_LIMIT);
    assert_int_equal(mseg_fbw_finish(&w, 0, "TFL3", 0, &file), MSEG_LIMIT);
    assert_null(file.data);
    assert_int_equal(file.size, 0);
    mseg_fbw_begin(&w);
    const mseg_fbw_ref root = mseg_fbw_end(&w);
    assert_int_equal(w.status, MSEG_OK);
    assert_int_equal(mseg_fbw_finish(&w, root, "TFL3", INT32_MAX - 15, &file), MSEG_LIMIT);
    assert_null(file.data);
}

/* ---- max pools, which networks have that are read by their own names ----------------------------------------------------- */

/* What the file's only pool reads as, with or without the activation before it. */
static mseg_node pool_of(const trip *t, bool activation)
{
    mseg_fb fb = {.data = t->file.data, .size = t->file.size};
    tfl_model model;
    mseg_graph graph;
    assert_int_equal(mseg_tfl_model_read(&model, &fb, NULL), MSEG_OK);
    if (!activation)
        model.operators[0].activation = TFL_NONE;
    assert_int_equal(mseg_tfl_graph_build(&graph, t->weights, &model, NULL), MSEG_OK);
    const mseg_node pool = graph.nodes[2];
    assert_int_equal(pool.inputs[0], 1);
    mseg_free(&graph.nodes);
    mseg_tfl_model_free(&model);
    return pool;
}

static mseg_status write_pool(trip *t, mseg_activation activation, int kernel, mseg_padding padding, mseg_error *err)
{
    mseg_value value;
    const mseg_net_layer conv = {.kind = MSEG_CONV,
                                 .name = "backbone.stem",
                                 .n_in = 1,
                                 .add = -1,
                                 .kernel = 3,
                                 .stride = 1,
                                 .rate = 1,
                                 .channels = 8,
                                 .activation = activation},
                         pool = {.kind = MSEG_MAX_POOL,
                                 .name = "pool",
                                 .in = {1},
                                 .n_in = 1,
                                 .add = -1,
                                 .kernel = kernel,
                                 .stride = 2,
                                 .rate = 1,
                                 .channels = 8,
                                 .padding = padding};
    *t = (trip){0};
    assert_int_equal(mseg_architecture_weights(&t->weights, "mnv1:0.1", err), MSEG_OK);
    assert_int_equal(mseg_net_picture(&t->net, &value), MSEG_OK);
    assert_int_equal(mseg_net_add(&t->net, &conv, &value), MSEG_OK);
    assert_int_equal(mseg_net_add(&t->net, &pool, &value), MSEG_OK);
    assert_int_equal(mseg_net_output(&t->net, value), MSEG_OK);
    const mseg_write_options options = {.height = 32, .width = 33, .output_stride = 2};
    return mseg_write_tflite(&t->file, &t->net, t->weights, &options, err);
}

/* Of 32 rows SAME puts no zeros above them, of 33 columns one before them. */
static void test_max_pools_come_back(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        const bool symmetric = variant % 2, plain = variant / 2;
        trip t;
        assert_int_equal(write_pool(&t, MSEG_RELU, plain ? 1 : 3, symmetric ? MSEG_SYMMETRIC : MSEG_SAME, NULL), MSEG_OK);
        const mseg_node pool = pool_of(&t, true);
        assert_int_equal(pool.kind, MSEG_NODE_MAX_POOL);
        assert_int_equal(pool.kernel_h, plain ? 1 : 3);
        assert_int_equal(pool.kernel_w, plain ? 1 : 3);
        assert_int_equal(pool.stride_h, 2);
        assert_int_equal(pool.height, 16);
        assert_int_equal(pool.width, 17);
        assert_int_equal(pool.in_height, 32);
        assert_int_equal(pool.pad_h, symmetric && !plain);
        assert_int_equal(pool.pad_w, !plain);
        assert_int_equal(pool.pads_given, symmetric && !plain);
        assert_int_equal(pool_of(&t, false).kind, pool.pads_given ? MSEG_NODE_OTHER : MSEG_NODE_MAX_POOL);
        end(&t);
    }
}

/* Zeros around a map win over what is below them. */
static void test_symmetric_max_pools_follow_a_relu(void **state)
{
    (void)state;
    trip t;
    mseg_error err = {0};
    assert_int_equal(write_pool(&t, MSEG_LINEAR, 3, MSEG_SYMMETRIC, &err), MSEG_UNSUPPORTED);
    assert_string_equal(err.text, "pool pads what may be below 0, which TensorFlow Lite's MAX_POOL_2D has not");
    assert_null(t.file.data);
    end(&t);
    assert_int_equal(write_pool(&t, MSEG_LINEAR, 3, MSEG_SAME, &err), MSEG_OK);
    end(&t);
}

/* ---- without memory ----------------------------------------------------------------------------------------------------- */

static int left = -1; /* calls of calloc until one fails; below 0: none does */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    if (left == 0)
        return NULL;
    left -= left > 0;
    return __real_calloc(count, size);
}

static void test_running_out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    static const char *const labels[] = {"a", "b"};
    for (int form = 0; form < 3; form++) {
        trip t;
        made_bytes made = {0};
        mseg_error err = {0};
        begin(&t, "mnv1:0.1:imagenet:classes=2", 16);
        const mseg_write_options options = {.height = 33,
                                            .width = 33,
                                            .output_stride = 16,
                                            .half = form == 1,
                                            .bytes = form == 2 ? make_bytes(&made, &t.net, t.weights) : NULL,
                                            .labels = labels,
                                            .n_labels = 2};
        mseg_status status = MSEG_NOMEM;
        int calls = 0;
        for (; status; calls++) {
            left = calls;
            status = mseg_write_tflite(&t.file, &t.net, t.weights, &options, &err);
            left = -1;
            assert_true(status == MSEG_OK || status == MSEG_NOMEM);
            assert_true((t.file.data == NULL) == (status != MSEG_OK));
        }
        assert_true(calls > 20);
        free_bytes(&made);
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_come_back),
        cmocka_unit_test(test_a_bias_of_zeros_stands_for_none),
        cmocka_unit_test(test_any_input_rule_comes_back),
        cmocka_unit_test(test_labels_come_back),
        cmocka_unit_test(test_only_the_first_output_is_written),
        cmocka_unit_test(test_bytes_come_back),
        cmocka_unit_test(test_joins_of_different_bytes_are_refused),
        cmocka_unit_test(test_weights_of_another_network_are_refused),
        cmocka_unit_test(test_pictures_are_not_too_large),
        cmocka_unit_test(test_files_are_not_too_large),
        cmocka_unit_test(test_max_pools_come_back),
        cmocka_unit_test(test_symmetric_max_pools_follow_a_relu),
        cmocka_unit_test(test_running_out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
