/* The classes that a model's file names (make_metadata.py: labelled.tflite), by themselves and as a palette. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mseg.h"

#define MODEL(name) MSEG_TESTS_DIR "/weights/data/" name ".tflite"

static const char *const labels[] = {"background", "boat", "dog \"Rex\"", "boat", "f\303\251e", "traffic light"};

enum { CLASSES = sizeof labels / sizeof *labels };

static mseg_model *open_model(const char *path)
{
    mseg_model *model;
    mseg_error err;
    if (mseg_model_open(&model, path, NULL, &err))
        fail_msg("%s: %s", path, err.text);
    return model;
}

static void labels_are_told_by_class(void **state)
{
    (void)state;
    mseg_model *model = open_model(MODEL("labelled"));
    assert_int_equal(mseg_model_describe(model).classes, CLASSES);
    assert_int_equal(mseg_model_describe(model).labels, CLASSES);
    for (int id = 0; id < CLASSES; id++)
        assert_string_equal(mseg_model_label(model, id), labels[id]);
    assert_null(mseg_model_label(model, -1));
    assert_null(mseg_model_label(model, CLASSES));
    mseg_model_close(&model);
}

static void labels_make_a_palette_that_outlives_the_model(void **state)
{
    (void)state;
    mseg_model *model = open_model(MODEL("labelled"));
    mseg_palette own, voc;
    assert_int_equal(mseg_palette_from_model(&own, model, NULL), MSEG_OK);
    mseg_model_close(&model);
    assert_int_equal(mseg_palette_load(&voc, "voc", NULL), MSEG_OK); /* whose colours are the bit rule's: test_palette.c */
    assert_int_equal(own.entries, CLASSES);
    assert_int_equal(own.count, CLASSES);
    assert_memory_equal(own.colors.rgb, voc.colors.rgb, sizeof own.colors.rgb);
    for (int id = 0; id < 256; id++) {
        assert_int_equal(own.listed[id], id < CLASSES);
        assert_string_equal(own.names[id], id < CLASSES ? labels[id] : "");
    }
    mseg_palette_free(&own);
    mseg_palette_free(&voc);
}

static void a_model_without_labels_has_no_palette(void **state)
{
    (void)state;
    static const mseg_palette zero;
    mseg_model *model = open_model(MODEL("plain"));
    mseg_palette own;
    mseg_error err;
    memset(&own, 1, sizeof own);
    assert_int_equal(mseg_model_describe(model).labels, 0);
    assert_null(mseg_model_label(model, 0));
    assert_int_equal(mseg_palette_from_model(&own, model, &err), MSEG_NOENT);
    assert_string_equal(err.text, "no names of the classes inside the model's file");
    assert_memory_equal(&own, &zero, sizeof own);
    mseg_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_told_by_class),
        cmocka_unit_test(labels_make_a_palette_that_outlives_the_model),
        cmocka_unit_test(a_model_without_labels_has_no_palette),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
