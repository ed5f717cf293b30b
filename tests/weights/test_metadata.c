/* TensorFlow Lite metadata against files written by make_metadata.py (python3-flatbuffers, Python's zipfile; the numbers worked
 * out by NumPy), against damage in every byte of them, and against the real files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared.h"
#include "weights/reader.h"
#include "weights/weights.h"

#define DATA MSEG_TESTS_DIR "/weights/data/"

enum { MAX_FILE = 1 << 16, MAX_LINE = 1 << 14 };

/* What all cases begin with: labelled.tflite up to its metadata. */
typedef struct cases {
    FILE *in;
    uint8_t prefix[MAX_FILE];
    size_t prefix_size;
} cases;

static void open_cases(cases *c)
{
    FILE *model = fopen(DATA "labelled.tflite", "rb");
    assert_non_null(model);
    c->in = fopen(DATA "metadata.txt", "r");
    assert_non_null(c->in);
    assert_int_equal(fscanf(c->in, "%zu\n", &c->prefix_size), 1);
    assert_true(c->prefix_size < MAX_FILE);
    assert_int_equal(fread(c->prefix, 1, c->prefix_size, model), c->prefix_size);
    fclose(model);
}

/* name|status|text|labels|numbers|tail in hexadecimal */
typedef struct one_case {
    char line[MAX_LINE];
    char *name, *status, *text, *labels, *numbers;
    uint8_t *bytes; /* the whole file, in a block of exactly its size */
    size_t size;
} one_case;

static char *field(char **rest)
{
    char *start = *rest;
    *rest = strchr(start, '|');
    assert_non_null(*rest);
    *(*rest)++ = 0;
    return start;
}

static bool next_case(cases *c, one_case *one)
{
    if (!fgets(one->line, sizeof one->line, c->in))
        return false;
    char *rest = one->line;
    one->name = field(&rest);
    one->status = field(&rest);
    one->text = field(&rest);
    one->labels = field(&rest);
    one->numbers = field(&rest);
    const size_t tail = strcspn(rest, "\n") / 2;
    assert_true(rest[2 * tail] == '\n');
    one->size = c->prefix_size + tail;
    one->bytes = malloc(one->size);
    assert_non_null(one->bytes);
    memcpy(one->bytes, c->prefix, c->prefix_size);
    for (size_t i = 0; i < tail; i++)
        assert_int_equal(sscanf(rest + 2 * i, "%2hhx", &one->bytes[c->prefix_size + i]), 1);
    return true;
}

static void check_labels(const mseg_weights *weights, const one_case *one)
{
    int count = 0;
    if (strcmp(one->labels, "-") != 0)
        for (char *label = one->labels, *rest = label; rest; count++) {
            rest = strchr(label, ';');
            if (rest)
                *rest = 0;
            const char *got = mseg_weights_label(weights, count);
            if (!got || strcmp(got, label) != 0)
                fail_msg("%s: label %d is '%s', not '%s'", one->name, count, got ? got : "(none)", label);
            label = rest ? rest + 1 : label;
        }
    if (mseg_weights_labels(weights) != count)
        fail_msg("%s: %d labels, not %d", one->name, mseg_weights_labels(weights), count);
    assert_null(mseg_weights_label(weights, count));
    assert_null(mseg_weights_label(weights, -1));
}

static void check_input(const mseg_weights *weights, const one_case *one)
{
    const mseg_input got = mseg_weights_input(weights);
    float numbers[9];
    assert_int_equal(got.sampling, MSEG_ALIGN_CORNERS);
    if (strcmp(one->numbers, "assumed") == 0) {
        assert_memory_equal(&got, &mseg_input_deeplab, sizeof got);
        return;
    }
    const char *text = one->numbers;
    for (int i = 0; i < 9; i++) {
        char *end;
        numbers[i] = strtof(text, &end);
        assert_true(end > text && *end == (i < 8 ? ',' : 0));
        text = end + 1;
    }
    assert_int_equal(got.from, MSEG_INPUT_METADATA);
    for (int c = 0; c < 3; c++)
        if (got.scale[c] != numbers[c] || got.offset[c] != numbers[3 + c] || got.pad[c] != numbers[6 + c])
            fail_msg("%s: channel %d enters by %.9g, %.9g, %.9g, not by %.9g, %.9g, %.9g", one->name, c, (double)got.scale[c],
                     (double)got.offset[c], (double)got.pad[c], (double)numbers[c], (double)numbers[3 + c],
                     (double)numbers[6 + c]);
}

static mseg_status status_named(const char *name)
{
    return strcmp(name, "OK") == 0       ? MSEG_OK
           : strcmp(name, "FORMAT") == 0 ? MSEG_FORMAT
           : strcmp(name, "LIMIT") == 0  ? MSEG_LIMIT
                                         : MSEG_UNSUPPORTED;
}

static void metadata_tell_labels_and_input(void **state)
{
    (void)state;
    static cases c;
    static one_case one;
    int count = 0;
    for (open_cases(&c); next_case(&c, &one); count++) {
        mseg_weights *weights;
        mseg_error err = {0};
        const mseg_status status = mseg_weights_open_memory(&weights, one.bytes, one.size, &err);
        if (status != status_named(one.status) || (status && !strstr(err.text, one.text)))
            fail_msg("%s: expected %s '%s', got %d '%s'", one.name, one.status, one.text, (int)status, err.text);
        if (!status) {
            check_labels(weights, &one);
            check_input(weights, &one);
        }
        mseg_weights_close(&weights);
        free(one.bytes);
    }
    fclose(c.in);
    assert_true(count > 60);
}

/* Any outcome but a crash or an error without a line is right. */
static void survive(const uint8_t *bytes, size_t size)
{
    mseg_weights *weights;
    mseg_error err = {0};
    const mseg_status status = mseg_weights_open_memory(&weights, bytes, size, &err);
    if (status) {
        assert_true(status == MSEG_FORMAT || status == MSEG_UNSUPPORTED || status == MSEG_LIMIT);
        assert_int_equal(status, err.status);
        assert_true(*err.text && !strchr(err.text, '\n'));
        return;
    }
    for (int i = 0; i < mseg_weights_labels(weights); i++)
        assert_true(strlen(mseg_weights_label(weights, i)) < 256);
    mseg_weights_close(&weights);
}

static void damaged_metadata_are_survived(void **state)
{
    (void)state;
    static cases c;
    static one_case one;
    static const uint8_t flips[] = {0xff, 0x01, 0x80};
    open_cases(&c);
    for (int n = 0; n < 2 && next_case(&c, &one); n++) { /* stored, deflated */
        for (size_t at = 100; at < one.size; at += at < 160 || at >= c.prefix_size ? 1 : 997)
            for (int f = 0; f < 3; f++) {
                one.bytes[at] ^= flips[f];
                survive(one.bytes, one.size);
                one.bytes[at] ^= flips[f];
            }
        for (size_t size = c.prefix_size; size < one.size; size++) {
            uint8_t *cut = malloc(size);
            assert_non_null(cut);
            memcpy(cut, one.bytes, size);
            survive(cut, size);
            free(cut);
        }
        free(one.bytes);
    }
    fclose(c.in);
}

/* A normalisation tells nothing new of bytes that have a scale. */
static void an_input_of_integers_has_its_own_rule(void **state)
{
    (void)state;
    mseg_weights *weights;
    assert_int_equal(mseg_weights_open(&weights, DATA "named.tflite", NULL), MSEG_OK);
    assert_int_not_equal(mseg_weights_input(weights).from, MSEG_INPUT_METADATA);
    assert_int_equal(mseg_weights_labels(weights), 6);
    assert_string_equal(mseg_weights_label(weights, 2), "dog \"Rex\"");
    mseg_weights_close(&weights);
}

/* Names and numbers: as Python's zipfile and TensorFlow's own tools show them. */
static void a_real_file_has_its_labels(void **state)
{
    (void)state;
    const char *path = shared_path("models-more/tfs_deeplabv3_metadata.tflite");
    need_shared(path, "the metadata of a real file are");
    mseg_weights *weights;
    mseg_error err = {0};
    if (mseg_weights_open(&weights, path, &err))
        fail_msg("%s: %s", path, err.text);
    assert_int_equal(mseg_weights_labels(weights), 21);
    assert_string_equal(mseg_weights_label(weights, 0), "background");
    assert_string_equal(mseg_weights_label(weights, 11), "dining table");
    assert_string_equal(mseg_weights_label(weights, 20), "tv");
    mseg_input input = mseg_weights_input(weights);
    assert_int_equal(input.from, MSEG_INPUT_METADATA);
    input.from = MSEG_INPUT_ASSUMED;
    assert_memory_equal(&input, &mseg_input_deeplab, sizeof input);
    mseg_weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_tell_labels_and_input),
        cmocka_unit_test(damaged_metadata_are_survived),
        cmocka_unit_test(an_input_of_integers_has_its_own_rule),
        cmocka_unit_test(a_real_file_has_its_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
