/* The reader of TensorFlow's GraphDef against graphs written by make_graphdef.py, which has the weights and biases as mseg must
 * run them, and how a picture enters; single faults in each, and damage. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "weights/load.h"
#include "weights/model_files.h"

static const struct {
    const char *name;
    int output_stride, width, height;
    mseg_input_from from;
} files[] = {
    {"export", 8, 49, 33, MSEG_INPUT_OPERATORS},  {"ranged", 16, 33, 33, MSEG_INPUT_OPERATORS},
    {"frozen", 16, 48, 32, MSEG_INPUT_ASSUMED},   {"simulated", 32, 33, 33, MSEG_INPUT_ASSUMED},
    {"matmul", 32, 64, 64, MSEG_INPUT_OPERATORS}, {"slim", 32, 64, 64, MSEG_INPUT_ASSUMED},
};

enum { FILES = sizeof files / sizeof *files, RECORD = 64 + 5 * 4 };

static void open_data(mseg_weights **weights, const char *name)
{
    char path[512];
    mseg_error err = {0};
    snprintf(path, sizeof path, DATA "%s.pb", name);
    if (mseg_weights_open(weights, path, &err))
        fail_msg("%s: %s", name, err.text);
}

/* A byte becomes byte * scale + offset; beside the picture is pad. */
static void check_input(const char *name, const mseg_input *input, const float *rule)
{
    for (int c = 0; c < 3; c++)
        if (fabsf(input->scale[c] - rule[c]) > 1e-6f * fabsf(rule[c]) || fabsf(input->offset[c] - rule[3 + c]) > 1e-6f ||
            fabsf(input->pad[c] - rule[6 + c]) > 1e-6f)
            fail_msg("%s: byte * %.9g + %.9g in channel %d, %.9g beside, not byte * %.9g + %.9g, %.9g", name,
                     (double)input->scale[c], (double)input->offset[c], c, (double)input->pad[c], (double)rule[c],
                     (double)rule[3 + c], (double)rule[6 + c]);
}

/* A record LAYER.weight or LAYER.bias against what is loaded of that layer. */
static void check_layer(const char *file_name, const mseg_weights *weights, const char *name, const int32_t *shape,
                        const float *values, size_t count)
{
    char layer[64];
    mseg_layer_weights loaded;
    mseg_error err = {0};
    snprintf(layer, sizeof layer, "%.*s", (int)(strrchr(name, '.') - name), name);
    const bool depthwise = strstr(layer, "depthwise") != NULL, bias = strstr(name, ".bias") != NULL;
    if (depthwise ? mseg_weights_load_depthwise(&loaded, weights, layer, shape[bias ? 0 : 3], &err)
                  : mseg_weights_load(&loaded, weights, layer, 0, &err))
        fail_msg("%s: %s", file_name, err.text);
    if (!bias)
        assert_int_equal(count, (size_t)loaded.out * (size_t)loaded.kernel * (size_t)loaded.kernel * (size_t)loaded.in);
    const float *got = bias ? loaded.bias : loaded.weight;
    assert_non_null(got);
    for (size_t i = 0; i < count; i++)
        if (got[i] != values[i]) /* -0 is 0 */
            fail_msg("%s: %s [%zu] is %.9g, not %.9g", file_name, name, i, (double)got[i], (double)values[i]);
    mseg_layer_weights_free(&loaded);
}

static void check_values(const char *name, const mseg_weights *weights)
{
    file f = load_data(name, ".values");
    const mseg_input input = mseg_weights_input(weights);
    int layers = 0, here = 0;
    for (size_t at = 0; at < f.size;) {
        const char *tensor = (const char *)f.bytes + at;
        int32_t head[5];
        memcpy(head, f.bytes + at + 64, sizeof head);
        size_t elements = 1;
        for (int i = 0; i < head[0]; i++)
            elements *= (size_t)head[1 + i];
        assert_true((f.size - at - RECORD) / sizeof(float) >= elements);
        float *values = malloc(elements * sizeof *values);
        assert_non_null(values);
        memcpy(values, f.bytes + at + RECORD, elements * sizeof *values);
        if (strcmp(tensor, "input") == 0)
            check_input(name, &input, values);
        else
            check_layer(name, weights, tensor, head + 1, values, elements);
        layers += strstr(tensor, ".weight") != NULL;
        free(values);
        at += RECORD + elements * sizeof *values;
    }
    for (int i = 0; i < mseg_weights_count(weights); i++)
        here += strstr(mseg_weights_at(weights, i)->name, ".weight") != NULL;
    assert_int_equal(here, layers);
    free(f.bytes);
}

static void every_graph_has_its_weights_and_its_input(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        mseg_weights *weights;
        open_data(&weights, files[i].name);
        check_values(files[i].name, weights);
        const mseg_weights_origin origin = mseg_weights_origin_of(weights);
        assert_string_equal(origin.format, "graphdef");
        if (origin.output_stride != files[i].output_stride || origin.input_width != files[i].width ||
            origin.input_height != files[i].height || mseg_weights_input(weights).from != files[i].from ||
            mseg_weights_padding(weights) != MSEG_SAME)
            fail_msg("%s: output stride %d, %dx%d, input rule from %d", files[i].name, origin.output_stride, origin.input_width,
                     origin.input_height, (int)mseg_weights_input(weights).from);
        assert_int_equal(mseg_weights_input(weights).sampling, MSEG_ALIGN_CORNERS);
        mseg_weights_close(&weights);
    }
}

/* base|status|text|offset,bytes taken out,hexadecimal bytes put in */
static void check_fault(char *line)
{
    char *base = strtok(line, "|"), *status = strtok(NULL, "|"), *text = strtok(NULL, "|"), *change = strtok(NULL, "|\n");
    size_t at, taken;
    int read;
    assert_non_null(change);
    assert_int_equal(sscanf(change, "%zu,%zu,%n", &at, &taken, &read), 2);
    const char *hex = change + read;
    file f = load_data(base, ".pb");
    const size_t put = strlen(hex) / 2, size = f.size - taken + put;
    assert_true(at + taken <= f.size);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memcpy(bytes, f.bytes, at);
    for (size_t i = 0; i < put; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[at + i] = (uint8_t)byte;
    }
    memcpy(bytes + at + put, f.bytes + at + taken, f.size - at - taken);
    mseg_weights *weights;
    mseg_error err = {0};
    mseg_status got = mseg_weights_open_memory(&weights, bytes, size, &err);
    check_refusal(got, &err, base, status, text);
    assert_null(weights);
    free(bytes);
    free(f.bytes);
}

static void single_faults_are_refused(void **state)
{
    (void)state;
    FILE *in = fopen(DATA "graphdefs.txt", "r");
    assert_non_null(in);
    char line[2048];
    int count = 0;
    for (; fgets(line, sizeof line, in); count++)
        check_fault(line);
    fclose(in);
    assert_true(count > 50);
}

/* Each byte of what is not only weights, or nearly. */
static void damaged_bytes_are_survived(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0xff, 0x01, 0x80};
    file f = load_data("export", ".pb");
    for (size_t at = 0; at < f.size; at += at < 8000 ? 2 : 31) {
        f.bytes[at] ^= flips[at % 3];
        read_damaged(&f);
        f.bytes[at] ^= flips[at % 3];
    }
    free(f.bytes);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    file f = load_data("slim", ".pb");
    for (size_t size = 1; size < f.size; size += size < 3000 ? 2 : 331) {
        uint8_t *bytes = malloc(size);
        mseg_weights *weights;
        mseg_error err = {0};
        assert_non_null(bytes);
        memcpy(bytes, f.bytes, size);
        if (mseg_weights_open_memory(&weights, bytes, size, &err) == MSEG_OK)
            mseg_weights_close(&weights); /* without the versions at its end */
        else
            check_error(err.status, &err);
        assert_true(err.status != MSEG_OK || size + 5 >= f.size);
        free(bytes);
    }
    free(f.bytes);
}

enum { CHAIN = 65000, ENTRY = 32 };

/* Node i of a chain that begins at the end: each reads the next one, the last the first placeholder. */
static size_t put_node(uint8_t *to, int i, const char *op)
{
    char name[8], input[8];
    snprintf(name, sizeof name, "n%05d", i);
    snprintf(input, sizeof input, "n%05d", i + 1);
    const size_t length = strlen(op), size = 8 + 2 + length + (i < CHAIN ? 8 : 0);
    size_t at = 0;
    to[at++] = 0x0a;
    to[at++] = (uint8_t)size;
    to[at++] = 0x0a;
    to[at++] = 6;
    memcpy(to + at, name, 6);
    at += 6;
    to[at++] = 0x12;
    to[at++] = (uint8_t)length;
    memcpy(to + at, op, length);
    at += length;
    if (i < CHAIN) {
        to[at++] = 0x1a;
        to[at++] = 6;
        memcpy(to + at, input, 6);
        at += 6;
    }
    return at;
}

/* As deep as a graph may be, in the wrong order, without recursion and without looking for every name in all nodes. */
static void a_long_chain_is_followed(void **state)
{
    (void)state;
    uint8_t *bytes = malloc((size_t)(CHAIN + 1) * ENTRY);
    size_t size = 0;
    mseg_weights *weights;
    mseg_error err = {0};
    assert_non_null(bytes);
    for (int i = 0; i <= CHAIN; i++)
        size += put_node(bytes + size, i, i == CHAIN ? "Placeholder" : i == 0 ? "Relu" : "Identity");
    assert_int_equal(mseg_weights_open_memory(&weights, bytes, size, &err), MSEG_UNSUPPORTED);
    if (!strstr(err.text, "node n00000 (Relu)"))
        fail_msg("%s", err.text);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_graph_has_its_weights_and_its_input),
        cmocka_unit_test(single_faults_are_refused),
        cmocka_unit_test(damaged_bytes_are_survived),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(a_long_chain_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
