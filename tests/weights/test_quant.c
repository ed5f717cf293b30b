/* What the TensorFlow Lite reader keeps for an engine in 8 bits, of files written by make_forms.py, which has what their bytes
 * stand for and their weights as real numbers; and the reasons why others are not for it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "weights/load.h"
#include "weights/model_files.h"
#include "weights/tflite.h"

static const char *const quantised[] = {"acuity", "pertensor", "convdense", "stuffed8", "mobilenet1u8", "decoder", "computed"};

enum { QUANTISED = sizeof quantised / sizeof *quantised };

static mseg_weights *open_data(const char *name)
{
    char path[512];
    mseg_weights *weights;
    mseg_error err = {0};
    snprintf(path, sizeof path, DATA "%s.tflite", name);
    if (mseg_weights_open(&weights, path, &err))
        fail_msg("%s: %s", name, err.text);
    return weights;
}

static void same_quant(const char *where, mseg_quant got, double scale, int zero, bool is_signed)
{
    if (got.scale != (float)scale || got.zero != zero || got.is_signed != (is_signed && scale > 0))
        fail_msg("%s: scale %.9g, zero point %d, signed %d; not %.9g, %d, %d", where, (double)got.scale, got.zero, got.is_signed,
                 scale, zero, is_signed);
}

/* One line of a .quants file. */
static void check_quant(const char *name, const mseg_weights *weights, const char *line, bool is_signed)
{
    char layer[64], where[160];
    double scales[3];
    int zeros[3], joining, least, most, mean;
    assert_int_equal(sscanf(line, "%63s %lf %d %lf %d %lf %d %d %d %d %d", layer, &scales[0], &zeros[0], &scales[1], &zeros[1],
                            &scales[2], &zeros[2], &joining, &least, &most, &mean),
                     11);
    const mseg_layer_quant *quant = mseg_weights_quant(weights, layer);
    snprintf(where, sizeof where, "%s: %s", name, layer);
    if (!quant)
        fail_msg("%s is missing", where);
    same_quant(where, quant->quant, scales[0], zeros[0], is_signed);
    same_quant(where, quant->sum, scales[1], zeros[1], is_signed);
    same_quant(where, quant->joined, scales[2], zeros[2], is_signed);
    if ((int)quant->joining != joining || quant->bounds.least != least || quant->bounds.most != most || quant->mean != mean)
        fail_msg("%s: joining %d, bytes %d to %d, mean %d; not %d, %d to %d, %d", where, (int)quant->joining, quant->bounds.least,
                 quant->bounds.most, quant->mean, joining, least, most, mean);
}

static void every_layer_knows_its_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < QUANTISED; i++) {
        mseg_weights *weights = open_data(quantised[i]);
        char path[512], line[256];
        snprintf(path, sizeof path, DATA "%s.quants", quantised[i]);
        FILE *in = fopen(path, "r");
        assert_non_null(in);
        const bool is_signed = mseg_weights_find(weights, "backbone.stem.weight")->dtype == MSEG_S8;
        int count = 0;
        for (; fgets(line, sizeof line, in); count++)
            check_quant(quantised[i], weights, line, is_signed);
        assert_true(count > 25);
        fclose(in);
        assert_null(mseg_weights_quant(weights, "backbone.block99.project"));
        mseg_weights_close(&weights);
    }
}

/* As Google's runtime had them: 6 / scale is 100.5, and a halved byte goes to even with the zero point, or away from it. */
static void activations_leave_the_bytes_that_google_leaves(void **state)
{
    (void)state;
    static const struct {
        float scale;
        int zero, activation;
        bool apart;
        int least, most;
    } cases[] = {
        {6 / 100.5f, 81, MSEG_RELU6, false, 81, 182},  {6 / 100.5f, 128, MSEG_RELU6, false, 128, 228},
        {6 / 100.5f, 128, MSEG_RELU6, true, 128, 229}, {6 / 255.0f, 0, MSEG_RELU6, false, 0, 255},
        {0.01f, 7, MSEG_RELU6, false, 7, 255},         {0.05f, 30, MSEG_RELU, false, 30, 255},
        {0.05f, 30, MSEG_LINEAR, false, 0, 0},         {0, 0, MSEG_RELU, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_node node = {.quant = {.scale = cases[i].scale, .zero = cases[i].zero}};
        mseg_tfl_bound(&node, (mseg_activation)cases[i].activation, cases[i].apart);
        assert_int_equal(node.bounds.least, cases[i].least);
        assert_int_equal(node.bounds.most, cases[i].most);
        if (cases[i].most) { /* a RELU more changes nothing */
            mseg_tfl_bound(&node, MSEG_RELU, true);
            assert_int_equal(node.bounds.most, cases[i].most);
        }
    }
}

/* Bytes of the picture as the stem reads them: the file's own, the same signed, what floats become first. */
static void pictures_have_the_bytes_of_the_stem(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double scale;
        int zero;
        bool is_signed;
    } files[] = {{"toco", 1 / 128.0, 128, false},
                 {"pertensor", 1 / 127.5, 127, true},
                 {"convdense", 1 / 255.0, 0, true},
                 {"caps", 0, 0, false}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        mseg_weights *weights = open_data(files[i].name);
        same_quant(files[i].name, mseg_weights_input(weights).quant, files[i].scale, files[i].zero, files[i].is_signed);
        mseg_weights_close(&weights);
    }
    mseg_weights *weights = open_data("acuity"); /* -1 to 1, a byte of which is not quite -1 */
    const mseg_quant quant = mseg_weights_input(weights).quant;
    assert_true(quant.scale > 2 / 255.0f && quant.scale < 2.2f / 255 && quant.zero > 120 && quant.zero < 135);
    mseg_weights_close(&weights);
}

static void what_is_not_for_integers_has_a_reason(void **state)
{
    (void)state;
    static const char *const reasons[][2] = {
        {"caps", "the file is not quantised"},
        {"dynamic", "only the file's weights are quantised"},
        {"equalized", "operator 2 (CONV_2D, code 3) is bounded by operator 3 (MINIMUM)"},
        {"inside8", "the input is changed by operator 0 (MUL)"},
        {"toco", "operator 63 (RESIZE_BILINEAR, code 23) changes what bytes stand for"},
        {"uint8", "operator 0 (CONV_2D, code 3) has a bias of another scale"},
    };
    for (int i = 0; i < QUANTISED; i++) {
        mseg_weights *weights = open_data(quantised[i]);
        const char *reason = mseg_weights_no_integers(weights);
        if (reason)
            fail_msg("%s: %s", quantised[i], reason);
        mseg_weights_close(&weights);
    }
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        mseg_weights *weights = open_data(reasons[i][0]);
        check_reason(weights, reasons[i][0], reasons[i][1]);
        mseg_weights_close(&weights);
    }
    assert_true(check_patches(DATA "quants.txt") > 10);
}

static mseg_status load_layer(mseg_layer_bytes *bytes, const mseg_weights *weights, const char *layer, int in, mseg_error *err)
{
    return strstr(layer, "depthwise") ? mseg_weights_load_depthwise_bytes(bytes, weights, layer, in, err)
                                      : mseg_weights_load_bytes(bytes, weights, layer, in, err);
}

/* The real numbers that LAYER's bytes are, against those of the file: difference * scale, and of a bias what is stored. */
static void check_bytes(const mseg_weights *weights, const char *layer, const mseg_tensor *t)
{
    mseg_layer_bytes bytes;
    mseg_error err = {0};
    if (load_layer(&bytes, weights, layer, t->shape[3], &err))
        fail_msg("%s: %s", layer, err.text);
    const size_t elements = mseg_tensor_elements(t), out = (size_t)bytes.out, row = elements / out;
    assert_int_equal(bytes.out, bytes.depthwise ? t->shape[3] : t->shape[0]);
    assert_int_equal(bytes.kernel, t->shape[1]);
    assert_int_equal(bytes.in, bytes.depthwise ? 1 : t->shape[3]);
    float *real = malloc(elements * sizeof *real);
    assert_non_null(real);
    mseg_tensor_to_f32(t, real);
    for (size_t i = 0; i < elements; i++) {
        const float scale = bytes.scale[bytes.depthwise ? i % out : i / row];
        if ((float)(bytes.weight[i] * (double)scale) != real[i])
            fail_msg("%s: %zu is %d * %.9g, not %.9g", layer, i, bytes.weight[i], (double)scale, (double)real[i]);
    }
    char name[80];
    snprintf(name, sizeof name, "%s.bias", layer);
    const mseg_tensor *bias = mseg_weights_find(weights, name);
    for (size_t c = 0; c < out; c++) {
        uint32_t stored = 0;
        for (int k = 0; k < 4 && bias; k++)
            stored |= (uint32_t)bias->data[4 * c + (size_t)k] << 8 * k;
        assert_int_equal(bytes.bias[c], (int32_t)stored);
    }
    free(real);
    mseg_layer_bytes_free(&bytes);
    assert_null(bytes.weight);
}

static void bytes_are_the_weights(void **state)
{
    (void)state;
    for (int i = 0; i < QUANTISED; i++) {
        mseg_weights *weights = open_data(quantised[i]);
        int count = 0;
        for (int k = 0; k < mseg_weights_count(weights); k++) {
            const mseg_tensor *t = mseg_weights_at(weights, k);
            char layer[64];
            snprintf(layer, sizeof layer, "%s", t->name);
            char *part = strstr(layer, ".weight");
            if (!part)
                continue;
            *part = '\0';
            check_bytes(weights, layer, t);
            count++;
        }
        assert_true(count > 20);
        mseg_weights_close(&weights);
    }
}

static void other_weights_are_no_bytes(void **state)
{
    (void)state;
    mseg_layer_bytes bytes;
    mseg_error err = {0};
    mseg_weights *weights = open_data("caps");
    assert_int_equal(mseg_weights_load_bytes(&bytes, weights, "backbone.stem", 3, &err), MSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "backbone.stem"));
    assert_null(bytes.weight);
    mseg_weights_close(&weights);
    weights = open_data("stuffed8");
    assert_int_equal(mseg_weights_load_bytes(&bytes, weights, "backbone.stem", 4, &err), MSEG_MISMATCH);
    assert_int_equal(mseg_weights_load_bytes(&bytes, weights, "backbone.nothing", 0, &err), MSEG_MISMATCH);
    assert_int_equal(mseg_weights_load_depthwise_bytes(&bytes, weights, "backbone.stem", 3, &err), MSEG_MISMATCH);
    mseg_weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_knows_its_bytes),
        cmocka_unit_test(activations_leave_the_bytes_that_google_leaves),
        cmocka_unit_test(pictures_have_the_bytes_of_the_stem),
        cmocka_unit_test(what_is_not_for_integers_has_a_reason),
        cmocka_unit_test(bytes_are_the_weights),
        cmocka_unit_test(other_weights_are_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
