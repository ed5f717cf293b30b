/* What mseg writes as safetensors it reads again as it was: every layer bit for bit, and how pictures enter. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "weights/reader.h"
#include "write/networks.h"
#include "write/write.h"

static const char *const labels[] = {"background", "caf\xc3\xa9", "", "a \"b\""};

static const mseg_write_options options = {
    .height = 321, .width = 513, .output_stride = 8, .name = "small", .labels = labels, .n_labels = 4};

static mseg_weights *seeded(const char *architecture)
{
    mseg_weights *weights;
    mseg_error err = {0};
    if (mseg_architecture_weights(&weights, architecture, &err))
        fail_msg("%s: %s", architecture, err.text);
    return weights;
}

static mseg_net net_of(const mseg_weights *weights)
{
    mseg_net net;
    mseg_error err = {0};
    if (build_net(&net, weights, options.output_stride, &err))
        fail_msg("%s", err.text);
    return net;
}

static void load(mseg_layer_weights *out, const mseg_weights *weights, const mseg_net_layer *layer)
{
    mseg_error err = {0};
    const mseg_status status = layer->kind == MSEG_DEPTHWISE
                                   ? mseg_weights_load_depthwise(out, weights, layer->name, layer->channels, &err)
                                   : mseg_weights_load(out, weights, layer->name, layer->in_channels, &err);
    if (status)
        fail_msg("%s: %s", layer->name, err.text);
}

static void assert_same_layer(const mseg_net_layer *layer, const mseg_weights *one, const mseg_weights *two)
{
    mseg_layer_weights a, b;
    load(&a, one, layer);
    load(&b, two, layer);
    assert_int_equal(a.out, b.out);
    assert_int_equal(a.kernel, b.kernel);
    assert_int_equal(a.in, b.in);
    assert_memory_equal(a.weight, b.weight, (size_t)(a.out * a.kernel * a.kernel * a.in) * sizeof *a.weight);
    assert_int_equal(!a.bias, !b.bias);
    if (a.bias)
        assert_memory_equal(a.bias, b.bias, (size_t)a.out * sizeof *a.bias);
    mseg_layer_weights_free(&a);
    mseg_layer_weights_free(&b);
}

static void assert_same_net(const mseg_net *one, const mseg_net *two)
{
    assert_int_equal(one->count, two->count);
    assert_memory_equal(one->layers, two->layers, (size_t)one->count * sizeof *one->layers);
    assert_memory_equal(one->outputs, two->outputs, sizeof one->outputs);
    assert_memory_equal(one->input.scale, two->input.scale, 9 * sizeof(float)); /* scale, offset, pad */
    assert_int_equal(one->input.sampling, two->input.sampling);
}

static void assert_comes_back(mseg_weights *weights, const char *name)
{
    mseg_net net = net_of(weights);
    mseg_bytes bytes;
    mseg_error err = {0};
    mseg_weights *again = NULL;
    if (mseg_write_safetensors(&bytes, &net, weights, &options, &err) ||
        mseg_weights_open_memory(&again, bytes.data, bytes.size, &err))
        fail_msg("%s: %s", name, err.text);
    mseg_net back = net_of(again);
    assert_same_net(&net, &back);
    for (int i = 0; i < net.count; i++)
        if (net.layers[i].kind == MSEG_CONV || net.layers[i].kind == MSEG_DEPTHWISE)
            assert_same_layer(&net.layers[i], weights, again);
    const mseg_weights_origin origin = mseg_weights_origin_of(again);
    assert_string_equal(origin.format, "safetensors");
    assert_int_equal(origin.output_stride, 8);
    assert_int_equal(origin.input_width, 513);
    assert_int_equal(origin.input_height, 321);
    assert_int_equal(again->room_bytes, 0); /* all lies in the file as it is wanted */
    assert_int_equal(mseg_weights_labels(again), 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(mseg_weights_label(again, i), labels[i]);
    mseg_net_free(&back);
    mseg_net_free(&net);
    mseg_weights_close(&again);
    mseg_free(&bytes.data);
}

static void every_network_comes_back(void **state)
{
    (void)state;
    static const char *const architectures[] = {
        "mnv2:0.25",          "mnv2:0.25:aspp", "mnv2:0.25:separable:nopool", "mnv2:0.1:last", "mnv2:0.25:decoder",
        "mnv2:0.35:imagenet", "mnv1:0.25",      "mnv1:0.25:imagenet",         "resnet14:0.25", "resnet14:0.25:beta:aspp"};
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        mseg_weights *weights = seeded(architectures[i]);
        weights->input.sampling = (mseg_sampling)(i % 3);
        weights->padding = (mseg_padding)(i % 2);
        mseg_input_normalise(&weights->input, (int)(i % 3), 0.485 * 255, 0.229 * 255);
        assert_comes_back(weights, architectures[i]);
        mseg_weights_close(&weights);
    }
}

/* A file in a block of exactly its size, so that the sanitizer sees every byte read beyond it. */
static mseg_status open_copy(const uint8_t *data, size_t size, size_t at, uint8_t byte)
{
    uint8_t *copy = malloc(size);
    mseg_weights *weights = NULL;
    mseg_error err = {0};
    assert_non_null(copy);
    memcpy(copy, data, size);
    if (at < size)
        copy[at] = byte;
    const mseg_status status = mseg_weights_open_memory(&weights, copy, size, &err);
    assert_int_equal(status, err.status);
    assert_true(status == MSEG_OK || (weights == NULL && *err.text));
    mseg_weights_close(&weights);
    free(copy);
    return status;
}

static mseg_bytes small_file(void)
{
    mseg_bytes bytes;
    mseg_weights *weights = seeded("mnv2:0.1:imagenet:classes=2");
    mseg_net net = net_of(weights);
    assert_int_equal(mseg_write_safetensors(&bytes, &net, weights, &options, NULL), MSEG_OK);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return bytes;
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    mseg_bytes bytes = small_file();
    for (size_t size = 1; size < bytes.size; size += 1 + size / 40)
        assert_int_equal(open_copy(bytes.data, size, size, 0), MSEG_FORMAT);
    assert_int_equal(open_copy(bytes.data, bytes.size - 1, bytes.size, 0), MSEG_FORMAT);
    assert_int_equal(open_copy(bytes.data, bytes.size, bytes.size, 0), MSEG_OK);
    mseg_free(&bytes.data);
}

static void damaged_headers_are_survived(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, ' ', '"', '0', '9', '-', '}', ']', ',', 0xff};
    mseg_bytes bytes = small_file();
    const size_t header = 8 + bytes.data[0] + 256 * (size_t)bytes.data[1];
    for (size_t at = 0, i = 0; at < header; at += 3, i++)
        open_copy(bytes.data, bytes.size, at, values[i % sizeof values]);
    mseg_free(&bytes.data);
}

static void weights_of_another_network_are_refused(void **state)
{
    (void)state;
    static const char *const others[] = {"mnv2:0.5", "mnv2:0.25:nopool", "mnv2:0.25:classes=22"};
    mseg_weights *weights = seeded("mnv2:0.25");
    mseg_net net = net_of(weights);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        mseg_weights *other = seeded(others[i]);
        mseg_bytes bytes;
        mseg_error err = {0};
        assert_int_equal(mseg_write_safetensors(&bytes, &net, other, &options, &err), MSEG_MISMATCH);
        assert_int_equal(err.status, MSEG_MISMATCH);
        assert_null(bytes.data);
        assert_int_equal(bytes.size, 0);
        mseg_weights_close(&other);
    }
    mseg_net_free(&net);
    mseg_weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_comes_back),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(damaged_headers_are_survived),
        cmocka_unit_test(weights_of_another_network_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
