/* The ONNX reader against files written by make_onnx.py, which has their weights as mseg must have them, and how a picture
 * enters; single faults in each, and damage. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "weights/stored_values.h"

static const struct {
    const char *name;
    int output_stride, width, height; /* 0: the file leaves it open */
    mseg_input_from from;
    mseg_sampling sampling;
    mseg_padding padding;
    const char *reason; /* against integers */
} files[] = {
    {"upsample8", 8, 33, 33, MSEG_INPUT_ASSUMED, MSEG_LEGACY, MSEG_SYMMETRIC, "the file is not quantised"},
    {"nhwc10", 16, 33, 33, MSEG_INPUT_OPERATORS, MSEG_LEGACY, MSEG_SAME, "the file is not quantised"},
    {"gemm13", 32, 0, 0, MSEG_INPUT_NAMES, MSEG_ALIGN_CORNERS, MSEG_SYMMETRIC, "the file is not quantised"},
    {"matmul18", 32, 49, 33, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS, MSEG_SYMMETRIC, "the file is not quantised"},
    {"labels16", 16, 64, 64, MSEG_INPUT_ASSUMED, MSEG_HALF_PIXEL, MSEG_SYMMETRIC, "the file is not quantised"},
    {"qdq13", 16, 33, 33, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS, MSEG_SYMMETRIC, "rounds otherwise than TensorFlow Lite's"},
    {"operators13", 32, 64, 64, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS, MSEG_SYMMETRIC, "rounds otherwise than TensorFlow Lite's"},
};

enum { FILES = sizeof files / sizeof *files };

static void every_file_has_its_weights_and_its_input(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        char name[64], path[512];
        snprintf(name, sizeof name, "onnx/%s", files[i].name);
        snprintf(path, sizeof path, DATA "%s.onnx", name);
        mseg_weights *weights;
        mseg_error err = {0};
        if (mseg_weights_open(&weights, path, &err))
            fail_msg("%s: %s", name, err.text);
        assert_int_equal(mseg_weights_count(weights), check_values(name, weights));
        check_reason(weights, name, files[i].reason);
        const mseg_weights_origin origin = mseg_weights_origin_of(weights);
        const mseg_input input = mseg_weights_input(weights);
        assert_string_equal(origin.format, "onnx");
        if (origin.output_stride != files[i].output_stride || origin.input_width != files[i].width ||
            origin.input_height != files[i].height || input.from != files[i].from || input.sampling != files[i].sampling ||
            mseg_weights_padding(weights) != files[i].padding)
            fail_msg("%s: output stride %d, %dx%d, input rule from %d, sampling %d, padding %d", name, origin.output_stride,
                     origin.input_width, origin.input_height, (int)input.from, (int)input.sampling,
                     (int)mseg_weights_padding(weights));
        mseg_weights_close(&weights);
    }
}

/* The file with its changes: offset,bytes taken out,hexadecimal bytes put in, one behind the other. */
static file changed(const file *f, char *changes)
{
    file out = {malloc(f->size + strlen(changes)), 0};
    size_t from = 0, at, taken;
    int read;
    assert_non_null(out.bytes);
    for (char *change = strtok(changes, " \n"); change; change = strtok(NULL, " \n")) {
        assert_int_equal(sscanf(change, "%zu,%zu,%n", &at, &taken, &read), 2);
        assert_true(at >= from && at + taken <= f->size);
        memcpy(out.bytes + out.size, f->bytes + from, at - from);
        out.size += at - from;
        for (const char *hex = change + read; *hex; hex += 2) {
            unsigned byte;
            assert_int_equal(sscanf(hex, "%2x", &byte), 1);
            out.bytes[out.size++] = (uint8_t)byte;
        }
        from = at + taken;
    }
    memcpy(out.bytes + out.size, f->bytes + from, f->size - from);
    out.size += f->size - from;
    out.bytes = realloc(out.bytes, out.size); /* so that the sanitizer sees every byte read beyond it */
    assert_non_null(out.bytes);
    return out;
}

/* base|status|text|changes */
static void check_fault(char *line)
{
    char name[64];
    char *base = strtok(line, "|"), *status = strtok(NULL, "|"), *text = strtok(NULL, "|"), *changes = strtok(NULL, "|");
    assert_non_null(changes);
    snprintf(name, sizeof name, "onnx/%s", base);
    file f = load_data(name, ".onnx"), bad = changed(&f, changes);
    mseg_weights *weights;
    mseg_error err = {0};
    check_refusal(mseg_weights_open_memory(&weights, bad.bytes, bad.size, &err), &err, base, status, text);
    assert_null(weights);
    free(bad.bytes);
    free(f.bytes);
}

static void single_faults_are_refused(void **state)
{
    (void)state;
    FILE *in = fopen(DATA "onnx/faults.txt", "r");
    assert_non_null(in);
    char line[4096];
    int count = 0;
    for (; fgets(line, sizeof line, in); count++)
        check_fault(line);
    fclose(in);
    assert_true(count > 30);
}

static void damaged_bytes_are_survived(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0xff, 0x01, 0x80};
    static const char *const names[] = {"onnx/gemm13", "onnx/operators13"};
    for (int i = 0; i < 2; i++) {
        file f = load_data(names[i], ".onnx");
        for (size_t at = 0; at < f.size; at += at < 2000 ? 1 : 11) {
            f.bytes[at] ^= flips[at % 3];
            read_damaged(&f);
            f.bytes[at] ^= flips[at % 3];
        }
        free(f.bytes);
    }
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    file f = load_data("onnx/nhwc10", ".onnx");
    for (size_t size = 1; size < f.size; size += size < 1000 ? 1 : 97) {
        uint8_t *bytes = malloc(size);
        mseg_weights *weights;
        mseg_error err = {0};
        assert_non_null(bytes);
        memcpy(bytes, f.bytes, size);
        const mseg_status status = mseg_weights_open_memory(&weights, bytes, size, &err);
        assert_int_not_equal(status, MSEG_OK);
        check_error(status, &err);
        free(bytes);
    }
    free(f.bytes);
}

/* A graph of MANY nodes, each of which reads what the one before it writes: names are not looked for one by one. */
static void a_long_chain_is_followed(void **state)
{
    (void)state;
    enum { MANY = 60000, NODE = 24, EDGES = 64 };
    static const uint8_t begin[] = "\x08\x07\x3a\x80\x80\x80\0", operators[] = "\x42\2\x10\x0d";
    static const uint8_t image[] = "\x5a\x20\x0a\6x00000\x12\x16\x0a\x14\x08\1\x12\x10"
                                   "\x0a\2\x08\1\x0a\2\x08\3\x0a\2\x08\x40\x0a\2\x08\x40";
    uint8_t *bytes = malloc(EDGES * 2 + (size_t)MANY * NODE);
    assert_non_null(bytes);
    const size_t head = sizeof begin - 1;
    size_t size = head;
    memcpy(bytes, begin, head);
    for (int i = 0; i < MANY; i++)
        size += (size_t)sprintf((char *)bytes + size, "\x0a\x16\x0a\6x%05d\x12\6x%05d\"\4Relu", i, i + 1);
    memcpy(bytes + size, image, sizeof image - 1);
    size += sizeof image - 1;
    size += (size_t)sprintf((char *)bytes + size, "\x62\x08\x0a\6x%05d", MANY);
    for (size_t i = 0, length = size - head; i < 4; i++) /* the graph's length */
        bytes[3 + i] = (uint8_t)((length >> 7 * i & 127) | (i < 3 ? 128 : 0));
    memcpy(bytes + size, operators, sizeof operators - 1);
    size += sizeof operators - 1;
    mseg_weights *weights;
    mseg_error err = {0};
    check_refusal(mseg_weights_open_memory(&weights, bytes, size, &err), &err, "a chain", "LIMIT",
                  "node x04097 (Relu): comes after 4096 others, more than any network");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_has_its_weights_and_its_input),
        cmocka_unit_test(single_faults_are_refused),
        cmocka_unit_test(damaged_bytes_are_survived),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(a_long_chain_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
