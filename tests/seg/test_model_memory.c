/* mseg_model_open_memory against mseg_model_open of the same file: what the model is, what it computes, what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/memory_file.h"
#include "mseg.h"

#define MODEL(name) MSEG_TESTS_DIR "/weights/data/" name ".tflite"

enum { SIDE = 33 };

/* A file, loaded, with a byte before it so that it stands at an odd address. */
typedef struct loaded {
    uint8_t *block;
    size_t size;
} loaded;

static loaded load(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        fail_msg("cannot open %s", path);
    fseek(in, 0, SEEK_END);
    loaded file = {NULL, (size_t)ftell(in)};
    rewind(in);
    file.block = malloc(file.size + 1);
    assert_non_null(file.block);
    assert_int_equal(fread(file.block + 1, 1, file.size, in), file.size);
    fclose(in);
    return file;
}

static void assert_same_info(const mseg_model *a, const mseg_model *b)
{
    const mseg_model_info x = mseg_model_describe(a), y = mseg_model_describe(b);
    assert_string_equal(x.name, y.name);
    assert_string_equal(x.sha256, y.sha256);
    assert_int_equal(strlen(x.sha256), 64);
    assert_string_equal(x.network, y.network);
    assert_string_equal(x.format, y.format);
    assert_int_equal(x.builtin, y.builtin);
    assert_int_equal(x.params, y.params);
    assert_int_equal(x.classes, y.classes);
    assert_int_equal(x.output_stride, y.output_stride);
    assert_int_equal(x.trained_width, y.trained_width);
}

static void assert_same_logits(const mseg_model *a, const mseg_model *b)
{
    const mseg_model *const models[] = {a, b};
    mseg_session *sessions[2];
    mseg_result results[2];
    mseg_image canvas;
    assert_int_equal(mseg_image_create(&canvas, SIDE, SIDE, MSEG_RGB), MSEG_OK);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        canvas.data[i] = (uint8_t)(i / 400 * 37 + i % 90 / 15 * 41);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mseg_session_open(&sessions[i], models[i], NULL, NULL), MSEG_OK);
        assert_int_equal(mseg_session_forward(sessions[i], mseg_view_of(&canvas), &results[i], NULL), MSEG_OK);
    }
    const size_t floats = (size_t)results[0].logits_width * (size_t)results[0].logits_height * (size_t)results[0].classes;
    assert_int_equal(results[0].logits_width, results[1].logits_width);
    assert_memory_equal(results[0].logits, results[1].logits, floats * sizeof(float));
    for (int i = 0; i < 2; i++)
        mseg_session_close(&sessions[i]);
    mseg_image_free(&canvas);
}

/* The bytes are changed and gone when the model runs. */
static void same_as_the_file(void **state)
{
    (void)state;
    static const char *const paths[] = {MODEL("plain"), MODEL("dense"), MODEL("float16"), MODEL("uint8")};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        mseg_model *from_file, *from_memory;
        mseg_error err = {0};
        loaded file = load(paths[i]);
        if (mseg_model_open(&from_file, paths[i], NULL, &err))
            fail_msg("%s: %s", paths[i], err.text);
        if (mseg_model_open_memory(&from_memory, file.block + 1, file.size, paths[i], NULL, &err))
            fail_msg("%s in memory: %s", paths[i], err.text);
        memset(file.block, 0x55, file.size + 1);
        free(file.block);
        assert_same_info(from_file, from_memory);
        assert_same_logits(from_file, from_memory);
        mseg_model_close(&from_file);
        mseg_model_close(&from_memory);
    }
}

static void names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a/b/streets.tflite", "streets"},
                                           {"streets", "streets"},
                                           {"", ""},
                                           {"a.b", "a.b"},
                                           {"a/streets.pb", "streets"},
                                           {"streets.safetensors", "streets"},
                                           {"streets.pb.onnx", "streets.pb"},
                                           {".onnx", ".onnx"}};
    loaded file = load(MODEL("plain"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_model *model;
        assert_int_equal(mseg_model_open_memory(&model, file.block + 1, file.size, cases[i][0], NULL, NULL), MSEG_OK);
        assert_string_equal(mseg_model_describe(model).name, cases[i][1]);
        assert_false(mseg_model_describe(model).builtin);
        mseg_model_close(&model);
    }
    free(file.block);
}

static void assert_refused(const void *bytes, size_t size, const char *name, mseg_status status, const char *text)
{
    mseg_model *model = (mseg_model *)(uintptr_t)1;
    mseg_error err = {0};
    assert_int_equal(mseg_model_open_memory(&model, bytes, size, name, NULL, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, text);
    assert_null(model);
}

static void refusals(void **state)
{
    (void)state;
    assert_refused("", 0, "x", MSEG_FORMAT, "empty file");
    assert_refused(NULL, 0, "x", MSEG_FORMAT, "empty file");
    assert_refused(NULL, 5, "x", MSEG_INVAL, "bytes is NULL");
    assert_refused("", 1, NULL, MSEG_INVAL, "name is NULL");
    assert_refused("", (size_t)INT32_MAX + 1, "x", MSEG_LIMIT, "model file of 2147483648 bytes, more than 2 GiB");
    assert_refused("hello", 5, "x", MSEG_FORMAT, "a text file, not a model; give a .tflite, .pb, .onnx or .safetensors file");
}

/* Cut files are refused in the words that they are refused in as files. */
static void cut_files(void **state)
{
    (void)state;
    loaded file = load(MODEL("plain"));
    for (size_t size = 0; size < file.size; size += 1 + file.size / 60) {
        memory_file cut;
        mseg_model *model;
        mseg_error err = {0};
        uint8_t *copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, file.block + 1, size);
        assert_true(memory_file_open(&cut, copy, size));
        const mseg_status status = mseg_model_open(&model, cut.path, NULL, &err);
        assert_int_not_equal(status, MSEG_OK);
        assert_refused(copy, size, "x", status, err.text);
        memory_file_close(&cut);
        free(copy);
    }
    free(file.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_the_file),
        cmocka_unit_test(names),
        cmocka_unit_test(refusals),
        cmocka_unit_test(cut_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
