/* The TensorFlow Lite reader against files written by make_tflite.py (python3-flatbuffers, values computed by NumPy), against
 * single faults and damage in them, and against the real models (real_models.py finds their weights by TensorFlow's names). */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared.h"
#include "weights/model_files.h"
#include "weights/reader.h"

static const struct {
    const char *name;
    int output_stride, width, height;
    mseg_padding padding;
    mseg_element weight, bias;
} files[] = {
    {"aspp", 16, 49, 65, MSEG_SAME, MSEG_F32, MSEG_F32},     {"separable", 8, 80, 64, MSEG_SAME, MSEG_F32, MSEG_F32},
    {"float16", 16, 33, 33, MSEG_SAME, MSEG_F16, MSEG_F16},  {"int8", 32, 33, 33, MSEG_SAME, MSEG_S8, MSEG_S32},
    {"uint8", 16, 65, 33, MSEG_SAME, MSEG_U8, MSEG_S32},     {"plain", 32, 32, 64, MSEG_SYMMETRIC, MSEG_F32, MSEG_F32},
    {"batches", 16, 97, 65, MSEG_SAME, MSEG_F32, MSEG_F32},  {"dense", 32, 64, 96, MSEG_SAME, MSEG_F32, MSEG_F32},
    {"pointwise", 32, 64, 64, MSEG_SAME, MSEG_U8, MSEG_S32}, {"crops", 16, 65, 33, MSEG_SAME, MSEG_F32, MSEG_F32},
};

enum { FILES = sizeof files / sizeof *files };

/* One record of a .values file: name[64], rank, shape[4], values. Returns the size of the record. */
static size_t check_record(const mseg_weights *weights, const uint8_t *record, size_t left, mseg_element weight,
                           mseg_element bias)
{
    int32_t rank, shape[4];
    assert_true(left > 84);
    const char *name = (const char *)record;
    memcpy(&rank, record + 64, 4);
    memcpy(shape, record + 68, 16);
    const mseg_tensor *t = mseg_weights_find(weights, name);
    if (!t)
        fail_msg("%s is missing", name);
    assert_int_equal(t->rank, rank);
    size_t elements = 1;
    for (int i = 0; i < rank; i++) {
        assert_int_equal(t->shape[i], shape[i]);
        elements *= (size_t)shape[i];
    }
    assert_int_equal(t->dtype, strstr(name, ".bias") ? bias : weight);
    assert_int_equal(mseg_tensor_elements(t), elements);
    assert_true(left >= 84 + elements * 4);
    float *got = malloc(elements * 4);
    assert_non_null(got);
    mseg_tensor_to_f32(t, got);
    assert_memory_equal(got, record + 84, elements * 4);
    free(got);
    return 84 + elements * 4;
}

static void every_tensor_is_found_with_its_values(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, DATA "%s.tflite", files[i].name);
        mseg_weights *weights;
        mseg_error err = {0};
        mseg_status status = mseg_weights_open(&weights, path, &err);
        if (status != MSEG_OK)
            fail_msg("%s: %s", files[i].name, err.text);
        file values = load_data(files[i].name, ".values");
        int count = 0;
        for (size_t at = 0; at < values.size; count++)
            at += check_record(weights, values.bytes + at, values.size - at, files[i].weight, files[i].bias);
        assert_int_equal(mseg_weights_count(weights), count);
        mseg_weights_origin origin = mseg_weights_origin_of(weights);
        assert_string_equal(origin.format, "tflite");
        assert_int_equal(origin.output_stride, files[i].output_stride);
        assert_int_equal(origin.input_width, files[i].width);
        assert_int_equal(origin.input_height, files[i].height);
        assert_int_equal(mseg_weights_padding(weights), files[i].padding);
        free(values.bytes);
        mseg_weights_close(&weights);
        assert_null(weights);
    }
}

static void tensors_come_in_network_order(void **state)
{
    (void)state;
    mseg_weights *weights;
    assert_int_equal(mseg_weights_open(&weights, DATA "separable.tflite", NULL), MSEG_OK);
    static const char *const first[] = {"backbone.stem.weight", "backbone.stem.bias", "backbone.block0.depthwise.weight"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(mseg_weights_at(weights, i)->name, first[i]);
    assert_string_equal(mseg_weights_at(weights, mseg_weights_count(weights) - 1)->name, "head.classifier.bias");
    assert_non_null(mseg_weights_find(weights, "head.aspp3.pointwise.weight"));
    assert_null(mseg_weights_find(weights, "head.aspp3.weight"));
    assert_null(mseg_weights_find(weights, ""));
    mseg_weights_close(&weights);
    mseg_weights_close(&weights);
}

static void single_faults_are_refused_with_their_place(void **state)
{
    (void)state;
    assert_true(check_patches(DATA "patches.txt") > 30);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        file f = load_data(files[i].name, ".tflite");
        for (size_t size = 0; size < f.size; size += size < 256 || size + 64 > f.size ? 1 : 61) {
            uint8_t *cut = malloc(size ? size : 1);
            assert_non_null(cut);
            memcpy(cut, f.bytes, size);
            mseg_weights *weights;
            mseg_error err = {0};
            mseg_status status = mseg_weights_open_memory(&weights, cut, size, &err);
            check_error(status, &err);
            free(cut);
        }
        free(f.bytes);
    }
}

static void any_single_damaged_byte_is_survived(void **state)
{
    (void)state;
    read_damaged_everywhere("uint8");
    read_damaged_everywhere("batches");
}

static void files_that_are_no_models_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        mseg_status status;
    } cases[] = {
        {DATA "no-such-file.tflite", MSEG_NOENT}, {DATA "aspp.tflite/below", MSEG_NOENT}, {DATA, MSEG_IO}, {"/dev/null", MSEG_IO},
        {DATA "patches.txt", MSEG_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_weights *weights;
        mseg_error err = {0};
        assert_int_equal(mseg_weights_open(&weights, cases[i].path, &err), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_null(weights);
        assert_true(strlen(err.text) > 0);
    }
    char path[] = "/tmp/mseg-empty-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    mseg_weights *weights;
    mseg_error err = {0};
    assert_int_equal(mseg_weights_open(&weights, path, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "empty file");
    remove(path);
    fclose(fdopen(fd, "r"));
}

/* All half-precision numbers against the definition; all bytes with a scale against plain arithmetic. */
static void numbers_are_converted_exactly(void **state)
{
    (void)state;
    static uint8_t halves[65536 * 2];
    static float out[65536];
    for (int i = 0; i < 65536; i++) {
        halves[2 * i] = (uint8_t)i;
        halves[2 * i + 1] = (uint8_t)(i >> 8);
    }
    mseg_tensor t = {.dtype = MSEG_F16, .rank = 1, .shape = {65536}, .data = halves, .bytes = sizeof halves};
    mseg_tensor_to_f32(&t, out);
    assert_true(out[0x3c00] == 1 && out[0xc000] == -2 && out[0x7bff] == 65504 && out[0x3555] == 1365.0f / 4096);
    assert_true(out[1] == 1.0f / (1 << 24) && out[0x03ff] == 1023.0f / (1 << 24) && out[0x0400] == 1.0f / (1 << 14));
    assert_true(signbit(out[0x8000]) && out[0x8000] == 0 && isinf(out[0x7c00]) && out[0xfc00] < 0 && isnan(out[0x7e00]));
    for (int i = 1; i < 0x7c00; i++) /* consecutive codes are consecutive numbers */
        assert_true(out[i] > out[i - 1] && out[i + 0x8000] == -out[i]);

    uint8_t scales[12];
    float steps[3] = {0.1f, 0.25f, 3};
    memcpy(scales, steps, sizeof steps); /* this host stores floats as files do */
    uint8_t bytes[6] = {0, 255, 128, 127, 1, 200};
    t = (mseg_tensor){
        .dtype = MSEG_S8, .rank = 2, .shape = {2, 3}, .data = bytes, .bytes = 6, .scales = scales, .n_scales = 3, .axis = 1};
    mseg_tensor_to_f32(&t, out);
    const float want[6] = {0, -0.25f, -384, (float)(127 * (double)0.1f), 0.25f, -168};
    assert_memory_equal(out, want, sizeof want);
    t = (mseg_tensor){.dtype = MSEG_U8,
                      .rank = 2,
                      .shape = {3, 2},
                      .data = bytes,
                      .bytes = 6,
                      .scales = scales + 4,
                      .n_scales = 1,
                      .zero_point = 128};
    mseg_tensor_to_f32(&t, out);
    const float want_u8[6] = {-32, 31.75f, 0, -0.25f, -31.75f, 18};
    assert_memory_equal(out, want_u8, sizeof want_u8);
}

/* Compares one tensor with a line of real.txt: shape, plain sum, sum weighted by index. */
static void check_sums(const mseg_tensor *t, const int *shape, double sum, double dot)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(i < t->rank ? t->shape[i] : 0, shape[i]);
    size_t elements = mseg_tensor_elements(t);
    float *values = malloc(elements * sizeof *values);
    assert_non_null(values);
    mseg_tensor_to_f32(t, values);
    double got_sum = 0, got_dot = 0, size = 0;
    for (size_t i = 0; i < elements; i++) {
        got_sum += values[i];
        got_dot += values[i] * ((double)(i % 31) - 15);
        size += fabs(values[i]);
    }
    if (fabs(got_sum - sum) > 1e-12 * size || fabs(got_dot - dot) > 15e-12 * size)
        fail_msg("%s: sums %.17g %.17g, expected %.17g %.17g", t->name, got_sum, got_dot, sum, dot);
    free(values);
}

static void check_structure(const mseg_weights *weights, const int *channels, int output_stride, int size, size_t parameters)
{
    for (int n = 0; n < 17; n++) {
        char name[64];
        snprintf(name, sizeof name, "backbone.block%d.project.weight", n);
        const mseg_tensor *project = mseg_weights_find(weights, name);
        assert_non_null(project);
        assert_int_equal(project->shape[0], channels[n]);
        snprintf(name, sizeof name, "backbone.block%d.expand.weight", n);
        const mseg_tensor *expand = mseg_weights_find(weights, name);
        assert_int_equal(expand != NULL, n > 0);
        if (expand) /* the paper's expansion factor */
            assert_int_equal(expand->shape[0], 6 * channels[n - 1]);
    }
    size_t sum = 0;
    for (int i = 0; i < mseg_weights_count(weights); i++)
        sum += mseg_tensor_elements(mseg_weights_at(weights, i));
    assert_int_equal(sum, parameters);
    mseg_weights_origin origin = mseg_weights_origin_of(weights);
    assert_int_equal(origin.output_stride, output_stride);
    assert_int_equal(origin.input_width, size);
    assert_int_equal(origin.input_height, size);
    assert_int_equal(mseg_weights_padding(weights), MSEG_SAME);
}

/* Parameter counts: docs/numerics.md, "Counts"; of the classifier, the sum of arXiv 1801.04381's table 2 with 1001 classes, batch
 * norms folded.
 */
static void real_models_are_read_whole(void **state)
{
    (void)state;
    static const int half[17] = {8, 12, 12, 16, 16, 16, 32, 32, 32, 32, 48, 48, 48, 80, 80, 80, 160};
    static const int full[17] = {16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320};
    static const struct {
        const char *model;
        const int *channels;
        int output_stride, size;
        size_t parameters;
    } models[] = {
        {"deeplabv3_257_mv_gpu", half, 8, 257, 688357},
        {"deeplabv3_mnv2_dm05_pascal_quant", half, 16, 513, 688357},
        {"deeplabv3_mnv2_pascal_quant", full, 16, 513, 2097013},
        {"mobilenet_v2_1.0_224_quant", full, 32, 224, 3489097},
    };
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        need_shared(shared_path("models/%s.tflite", models[m].model), "the reading of real models is");
    FILE *in = fopen(DATA "real.txt", "r");
    assert_non_null(in);
    int lines = 0, tensors = 0;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char model[128] = "", name[128];
        const char *path = shared_path("models/%s.tflite", models[m].model);
        mseg_weights *weights;
        mseg_error err = {0};
        mseg_status status = mseg_weights_open(&weights, path, &err);
        if (status != MSEG_OK)
            fail_msg("%s: %s", path, err.text);
        check_structure(weights, models[m].channels, models[m].output_stride, models[m].size, models[m].parameters);
        tensors += mseg_weights_count(weights);
        rewind(in);
        int s[4];
        double sum, dot;
        while (fscanf(in, "%127s %127s %d %d %d %d %lf %lf", model, name, &s[0], &s[1], &s[2], &s[3], &sum, &dot) == 8) {
            if (strcmp(model, models[m].model) != 0)
                continue;
            const mseg_tensor *t = mseg_weights_find(weights, name);
            if (!t)
                fail_msg("%s has no %s", model, name);
            check_sums(t, s, sum, dot);
            lines++;
        }
        mseg_weights_close(&weights);
    }
    fclose(in);
    assert_int_equal(lines, tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_is_found_with_its_values),
        cmocka_unit_test(tensors_come_in_network_order),
        cmocka_unit_test(single_faults_are_refused_with_their_place),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(any_single_damaged_byte_is_survived),
        cmocka_unit_test(files_that_are_no_models_are_named),
        cmocka_unit_test(numbers_are_converted_exactly),
        cmocka_unit_test(real_models_are_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
