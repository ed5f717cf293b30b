/* mseg_convert: what options ask for, what is refused and what a refused call leaves; tests/convert/test_convert.py has what is
 * written. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mseg.h"

#define MODEL MSEG_TESTS_DIR "/weights/data/uint8.tflite"

static char folder[] = "/tmp/mseg-convert-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return chdir("/") || rmdir(folder);
}

static mseg_convert_options defaults(void)
{
    mseg_convert_options options;
    mseg_convert_options_init(&options, sizeof options);
    return options;
}

static void formats_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        mseg_model_format format;
    } cases[] = {{"a.tflite", MSEG_MODEL_TFLITE},
                 {"folder.onnx/b.SafeTensors", MSEG_MODEL_SAFETENSORS},
                 {"/c.ONNX", MSEG_MODEL_ONNX},
                 {"a.onnx.tflite", MSEG_MODEL_TFLITE},
                 {"", MSEG_MODEL_BY_NAME},
                 {".onnx", MSEG_MODEL_BY_NAME},
                 {"folder/.onnx", MSEG_MODEL_BY_NAME},
                 {"onnx", MSEG_MODEL_BY_NAME},
                 {"a.onnx/", MSEG_MODEL_BY_NAME},
                 {"a.pb", MSEG_MODEL_BY_NAME}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mseg_model_format_of(cases[i].path), cases[i].format);
}

static void assert_refused(const char *in, const char *out, const mseg_convert_options *options, mseg_status status,
                           const char *text)
{
    mseg_error err = {0};
    mseg_converted result;
    memset(&result, 0x55, sizeof result);
    if (mseg_convert(in, out, options, &result, &err) != status || err.status != status || !strstr(err.text, text))
        fail_msg("expected %s with '%s', got %s: '%s'", mseg_status_text(status), text, mseg_status_text(err.status), err.text);
    assert_true(!result.format && !result.network && !result.width && !result.bytes);
    if (out)
        assert_int_not_equal(access(out, F_OK), 0);
    assert_int_equal(mseg_convert(in, out, options, NULL, NULL), status);
}

static void refusals(void **state)
{
    (void)state;
    enum { CASES = 10 };
    mseg_convert_options bad[CASES];
    static const struct {
        mseg_status status;
        const char *text;
    } expected[CASES] = {{MSEG_INVAL, "format 4 is not one of"},
                         {MSEG_INVAL, "format -1 is not one of"},
                         {MSEG_INVAL, "size -1"},
                         {MSEG_INVAL, "size 20 is not k * 16 + 1"},
                         {MSEG_INVAL, "size 17 is not k * 32 + 1"},
                         {MSEG_LIMIT, "65537 x 65537 pixels is over the limit of 2^30"},
                         {MSEG_INVAL, "output stride 12"},
                         {MSEG_INVAL, "mean is given without std"},
                         {MSEG_INVAL, "std[1]"},
                         {MSEG_INVAL, "mseg_convert_options_init"}};
    for (int i = 0; i < CASES; i++)
        bad[i] = defaults();
    bad[0].format = (mseg_model_format)4;
    bad[1].format = (mseg_model_format)-1;
    bad[2].size = -1;
    bad[3].size = 20;
    bad[4].size = 17;
    bad[4].output_stride = 32;
    bad[5].size = 65537;
    bad[6].output_stride = 12;
    bad[7].mean[2] = 1;
    bad[8].std[0] = bad[8].std[2] = 1;
    bad[9].struct_size = 0;
    for (int i = 0; i < CASES; i++)
        assert_refused(MODEL, "x.onnx", &bad[i], expected[i].status, expected[i].text);
    assert_refused(MODEL, NULL, NULL, MSEG_INVAL, "out is NULL");
    assert_refused(MODEL, "x.pb", NULL, MSEG_INVAL, "none of .tflite, .onnx and .safetensors");
    assert_refused("none.tflite", "x.onnx", NULL, MSEG_NOENT, "No such file");
    assert_refused(MSEG_TESTS_DIR "/seg/tests.cmake", "x.onnx", NULL, MSEG_FORMAT, "not a model");
    assert_refused(MODEL, "none/x.onnx", NULL, MSEG_NOENT, "cannot create the file");
}

/* The file opens again as what result tells. */
static void assert_written(const char *in, const char *out, const mseg_convert_options *options, const char *format, int width,
                           int height, int stride)
{
    mseg_error err = {0};
    mseg_converted result;
    mseg_model *model;
    if (mseg_convert(in, out, options, &result, &err) || mseg_model_open(&model, out, NULL, &err))
        fail_msg("%s: %s", out, err.text);
    const mseg_model_info info = mseg_model_describe(model);
    assert_string_equal(result.format, format);
    assert_string_equal(info.format, format);
    assert_string_equal(info.network, result.network);
    assert_int_equal(info.classes, result.classes);
    assert_int_equal(result.width, width);
    assert_int_equal(info.trained_width, width);
    assert_int_equal(result.height, height);
    assert_int_equal(info.trained_height, height);
    assert_int_equal(result.output_stride, stride);
    assert_int_equal(info.trained_output_stride, stride);
    mseg_model_close(&model);
    FILE *file = fopen(out, "rb");
    fseek(file, 0, SEEK_END);
    assert_int_equal(ftell(file), result.bytes);
    fclose(file);
    assert_int_equal(unlink(out), 0);
}

static void what_options_ask_for(void **state)
{
    (void)state;
    mseg_convert_options options = defaults();
    assert_written(MODEL, "x.tflite", NULL, "tflite", 65, 33, 16);
    options.format = MSEG_MODEL_SAFETENSORS; /* whatever the name says */
    assert_written(MODEL, "x.onnx", &options, "safetensors", 65, 33, 16);
    options.format = MSEG_MODEL_ONNX;
    options.output_stride = 8;
    assert_written(MODEL, "x", &options, "onnx", 65, 33, 8);
    options.size = 97;
    options.half = true;
    assert_written(MODEL, "x", &options, "onnx", 97, 97, 8);
    options = defaults();
    options.size = 500; /* of a classifier, any */
    assert_written(MSEG_TESTS_DIR "/weights/data/dense.tflite", "x.tflite", &options, "tflite", 500, 500, 32);
    options.size = 321; /* the built-in model's own */
    options.output_stride = 32;
    assert_written(NULL, "x.onnx", &options, "onnx", 321, 321, 32);
}

/* A file may take the place of the one that it is made of. */
static void onto_itself(void **state)
{
    (void)state;
    mseg_converted first, second;
    mseg_convert_options options = defaults();
    assert_int_equal(mseg_convert(NULL, "x.tflite", NULL, &first, NULL), MSEG_OK);
    options.half = true;
    assert_int_equal(mseg_convert("x.tflite", "x.tflite", &options, &second, NULL), MSEG_OK);
    assert_true(second.bytes < first.bytes);
    assert_written("x.tflite", "x.tflite", &options, "tflite", 321, 321, 16);
}

/* A calibration runs kernels: those that are asked for. */
static void kernels_of_a_calibration(void **state)
{
    (void)state;
    mseg_calibration *calibration;
    mseg_convert_options options;
    mseg_error err = {0};
    mseg_convert_options_init(&options, sizeof options);
    options.size = 33;
    options.cpu = "no kernels";
    assert_int_equal(mseg_calibration_open(&calibration, NULL, "x.tflite", &options, NULL, &err), MSEG_INVAL);
    assert_null(calibration);
    assert_non_null(strstr(err.text, "no kernels"));
    options.cpu = "scalar";
    assert_int_equal(mseg_calibration_open(&calibration, NULL, "x.tflite", &options, NULL, &err), MSEG_OK);
    mseg_calibration_close(&calibration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_by_name),          cmocka_unit_test(refusals),
        cmocka_unit_test(what_options_ask_for),     cmocka_unit_test(onto_itself),
        cmocka_unit_test(kernels_of_a_calibration),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
