/* The text by which mseg knows its own files again: written, read back bit for bit, and damaged. */

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/description.h"
#include "weights/seeded.h"

static mseg_weights *empty(void)
{
    mseg_weights *weights;
    assert_int_equal(mseg_weights_seeded(&weights), MSEG_OK);
    return weights;
}

static const char *const labels[] = {"background", "a \"b\"\\", "\xc3\xa9", "", "dog"};

static const mseg_description plain = {
    .input = {.scale = {0.5f, 0.25f, 2}, .offset = {-1, 0, 3.5f}, .pad = {0, 127.5f, -4}, .sampling = MSEG_HALF_PIXEL},
    .padding = MSEG_SYMMETRIC,
    .output_stride = 16,
    .height = 257,
    .width = 513};

static void the_text_is_as_specified(void **state)
{
    (void)state;
    mseg_description d = plain;
    char *text = mseg_description_text(&d, NULL);
    assert_string_equal(text, "{\"version\":1,\"input\":{\"scale\":[0.5,0.25,2],\"offset\":[-1,0,3.5],\"pad\":[0,127.5,-4]},"
                              "\"sampling\":\"half_pixel\",\"padding\":\"symmetric\",\"output_stride\":16,\"width\":513,"
                              "\"height\":257}");
    free(text);
    d.input.sampling = MSEG_LEGACY;
    d.padding = MSEG_SAME;
    d.labels = labels;
    d.n_labels = 2;
    text = mseg_description_text(&d, NULL);
    assert_non_null(strstr(text, "\"sampling\":\"legacy\",\"padding\":\"same\","));
    assert_non_null(strstr(text, "\"height\":257,\"labels\":[\"background\",\"a \\\"b\\\"\\\\\"]}"));
    free(text);
}

static void everything_reads_back_bit_for_bit(void **state)
{
    (void)state;
    static const float numbers[] = {2.0f / 255,   1.0f / 3,  -0.0f,      FLT_MAX,  -FLT_MAX,           FLT_MIN,
                                    FLT_MIN / 64, 0x1p-149f, 1 / 0.229f, 16777216, 0.1f + FLT_EPSILON, -123.4567f};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    for (int i = 0; i < 6 * NUMBERS; i++) {
        mseg_description d = plain;
        for (int c = 0; c < 3; c++) {
            d.input.scale[c] = numbers[(i + c) % NUMBERS];
            d.input.offset[c] = numbers[(i + 5 * c + 1) % NUMBERS];
            d.input.pad[c] = numbers[(i + 7 * c + 2) % NUMBERS];
        }
        d.input.sampling = (mseg_sampling)(i % 3);
        d.padding = (mseg_padding)(i % 2);
        d.labels = labels;
        d.n_labels = i % 6;
        char *text = mseg_description_text(&d, NULL);
        mseg_weights *weights = empty();
        assert_int_equal(mseg_description_read(weights, text, strlen(text), NULL), MSEG_OK);
        const mseg_input input = mseg_weights_input(weights);
        assert_memory_equal(input.scale, d.input.scale, sizeof input.scale);
        assert_memory_equal(input.offset, d.input.offset, sizeof input.offset);
        assert_memory_equal(input.pad, d.input.pad, sizeof input.pad);
        assert_int_equal(input.sampling, d.input.sampling);
        assert_int_equal(input.from, MSEG_INPUT_METADATA);
        assert_int_equal(mseg_weights_padding(weights), d.padding);
        const mseg_weights_origin origin = mseg_weights_origin_of(weights);
        assert_int_equal(origin.output_stride, 16);
        assert_int_equal(origin.input_width, 513);
        assert_int_equal(origin.input_height, 257);
        assert_int_equal(mseg_weights_labels(weights), d.n_labels);
        for (int l = 0; l < d.n_labels; l++)
            assert_string_equal(mseg_weights_label(weights, l), labels[l]);
        mseg_weights_close(&weights);
        free(text);
    }
}

#define INPUT    "\"input\":{\"scale\":[1,1,1],\"offset\":[0,0,0],\"pad\":[0,0,0]}"
#define RULES    "\"sampling\":\"legacy\",\"padding\":\"same\""
#define MINIMUM  "\"version\":1," INPUT "," RULES
#define ONE(key) "{" MINIMUM "," key "}"

static void what_is_new_and_what_is_left_out_is_no_fault(void **state)
{
    (void)state;
    static const char text[] = ONE("\"later\":{\"a\":[1]},\"labels\":[]");
    mseg_weights *weights = empty();
    assert_int_equal(mseg_description_read(weights, text, strlen(text), NULL), MSEG_OK);
    assert_int_equal(mseg_weights_input(weights).sampling, MSEG_LEGACY);
    assert_int_equal(mseg_weights_origin_of(weights).output_stride, 0);
    assert_int_equal(mseg_weights_origin_of(weights).input_width, 0);
    assert_int_equal(mseg_weights_labels(weights), 0);
    mseg_weights_close(&weights);
}

static void later_labels_replace_earlier_ones(void **state)
{
    (void)state;
    static const char first[] = ONE("\"labels\":[\"a\",\"b\",\"c\"]"), second[] = ONE("\"labels\":[\"d\",\"e\"]");
    mseg_weights *weights = empty();
    assert_int_equal(mseg_description_read(weights, first, strlen(first), NULL), MSEG_OK);
    assert_int_equal(mseg_description_read(weights, second, strlen(second), NULL), MSEG_OK);
    assert_int_equal(mseg_weights_labels(weights), 2);
    assert_string_equal(mseg_weights_label(weights, 1), "e");
    mseg_weights_close(&weights);
}

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } faults[] = {
        {"", "not valid JSON"},
        {"{" MINIMUM, "not valid JSON"},
        {"{" MINIMUM "}x", "something follows"},
        {"[]", "version is not 1"},
        {"{" INPUT "," RULES "}", "version is not 1"},
        {"{\"version\":2," INPUT "," RULES "}", "version is not 1"},
        {"{\"version\":\"1\"," INPUT "," RULES "}", "version is not 1"},
        {"{\"version\":1," RULES "}", "scale is not a list of three numbers"},
        {"{\"version\":1,\"input\":{\"scale\":[1,1,1],\"offset\":[0,0],\"pad\":[0,0,0]}," RULES "}", "offset is not a list"},
        {"{\"version\":1,\"input\":{\"scale\":[1,1,1],\"offset\":[0,0,0],\"pad\":[0,0,0,0]}," RULES "}", "pad is not a list"},
        {"{\"version\":1,\"input\":{\"scale\":[1,1,1],\"offset\":[0,0,0],\"pad\":0}," RULES "}", "pad is not a list"},
        {"{\"version\":1,\"input\":{\"scale\":[1,null,1],\"offset\":[0,0,0],\"pad\":[0,0,0]}," RULES "}", "scale has a value"},
        {"{\"version\":1,\"input\":{\"scale\":[1,1,1],\"offset\":[0,0,1e39],\"pad\":[0,0,0]}," RULES "}", "offset has a value"},
        {"{\"version\":1,\"input\":{\"scale\":[1,1,1],\"offset\":[0,0,0],\"pad\":[0,1e999,0]}," RULES "}", "pad has a value"},
        {"{\"version\":1," INPUT ",\"padding\":\"same\"}", "sampling is none that mseg knows"},
        {"{\"version\":1," INPUT ",\"sampling\":\"legacy\",\"padding\":\"valid\"}", "padding is none that mseg knows"},
        {"{\"version\":1," INPUT ",\"sampling\":\"legacy\",\"padding\":1}", "padding is none that mseg knows"},
        {ONE("\"output_stride\":-8"), "output_stride is no number that it can be"},
        {ONE("\"output_stride\":65"), "output_stride is no number"},
        {ONE("\"output_stride\":\"8\""), "output_stride is no number"},
        {ONE("\"width\":65537"), "width is no number"},
        {ONE("\"width\":1.5"), "width is no number"},
        {ONE("\"height\":1e20"), "height is no number"},
        {ONE("\"labels\":\"dog\""), "labels are no list"},
        {ONE("\"labels\":[\"dog\",1]"), "label 1 is not a line of text"},
        {ONE("\"labels\":[\"\\u0007\"]"), "label 0 is not a line of text"},
        {ONE("\"labels\":[\"a\",\"b\\nc\"]"), "label 1 is not a line of text"},
        {ONE("\"labels\":[\"\x7f\"]"), "label 0 is not a line of text"},
        {ONE("\"labels\":[\"\xff\"]"), "label 0 is not a line of text"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        mseg_weights *weights = empty();
        mseg_error err = {0};
        const mseg_status status = mseg_description_read(weights, faults[i].text, strlen(faults[i].text), &err);
        if (status != MSEG_FORMAT || !strstr(err.text, faults[i].fault) ||
            strncmp(err.text, "mseg's description in the file: ", 32) != 0)
            fail_msg("%s: %d '%s', not '%s'", faults[i].text, (int)status, err.text, faults[i].fault);
        assert_int_equal(mseg_weights_labels(weights), 0);
        mseg_weights_close(&weights);
    }
}

/* count labels of length bytes each. */
static mseg_status read_labels(int count, size_t length)
{
    mseg_weights *weights = empty();
    static char text[2 << 20];
    char *at = text;
    assert_true(256 + (size_t)count * (length + 3) < sizeof text);
    at += sprintf(at, "{" MINIMUM ",\"labels\":[");
    for (int i = 0; i < count; i++) {
        *at++ = '"';
        memset(at, 'x', length);
        at += length;
        *at++ = '"';
        *at++ = i < count - 1 ? ',' : ']';
    }
    *at++ = '}';
    const mseg_status status = mseg_description_read(weights, text, (size_t)(at - text), NULL);
    if (!status)
        assert_int_equal(mseg_weights_labels(weights), count);
    mseg_weights_close(&weights);
    return status;
}

static void labels_are_as_many_and_as_long_as_anywhere(void **state)
{
    (void)state;
    assert_int_equal(read_labels(2, 255), MSEG_OK);
    assert_int_equal(read_labels(2, 256), MSEG_FORMAT);
    assert_int_equal(read_labels(65536, 1), MSEG_OK);
    assert_int_equal(read_labels(65537, 1), MSEG_FORMAT);
    assert_int_equal(read_labels(4096, 255), MSEG_OK); /* 1 MiB */
    assert_int_equal(read_labels(4097, 255), MSEG_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_as_specified),
        cmocka_unit_test(everything_reads_back_bit_for_bit),
        cmocka_unit_test(what_is_new_and_what_is_left_out_is_no_fault),
        cmocka_unit_test(later_labels_replace_earlier_ones),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(labels_are_as_many_and_as_long_as_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
