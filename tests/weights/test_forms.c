/* The TensorFlow Lite reader against the forms in which various tools leave a network: files written by make_forms.py, which has
 * their weights as mseg must have them, and how a picture enters; single faults in each form, and damage. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "weights/model_files.h"

static const struct {
    const char *name;
    int output_stride, width, height;
    mseg_input_from from;
    mseg_sampling sampling;
} files[] = {
    {"toco", 16, 49, 33, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"acuity", 32, 33, 33, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"pertensor", 16, 33, 49, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"equalized", 32, 64, 64, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"caps", 16, 49, 33, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
    {"sixth", 32, 64, 64, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
    {"teachable", 32, 66, 66, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
    {"convdense", 32, 64, 64, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"stuffed", 8, 41, 33, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
    {"stuffed8", 16, 33, 33, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"inside", 32, 33, 33, MSEG_INPUT_OPERATORS, MSEG_ALIGN_CORNERS},
    {"inside8", 32, 33, 33, MSEG_INPUT_OPERATORS, MSEG_ALIGN_CORNERS},
    {"turned", 32, 49, 33, MSEG_INPUT_OPERATORS, MSEG_HALF_PIXEL},
    {"dynamic", 32, 64, 64, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
    {"mobilenet1", 32, 64, 64, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
    {"mobilenet1u8", 32, 64, 64, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"decoder", 16, 64, 64, MSEG_INPUT_TENSOR, MSEG_LEGACY},
    {"computed", 32, 64, 64, MSEG_INPUT_TENSOR, MSEG_ALIGN_CORNERS},
    {"expanded", 32, 33, 33, MSEG_INPUT_ASSUMED, MSEG_ALIGN_CORNERS},
};

enum { FILES = sizeof files / sizeof *files, RECORD = 64 + 5 * 4 };

/* A byte becomes byte * scale + offset; computed in double, rounded once. */
static void check_input(const char *name, mseg_input input, const float rule[6])
{
    for (int c = 0; c < 3; c++)
        if (fabsf(input.scale[c] - rule[c]) > 1e-6f * fabsf(rule[c]) || fabsf(input.offset[c] - rule[3 + c]) > 1e-6f)
            fail_msg("%s: byte * %g + %g in channel %d, not byte * %g + %g", name, (double)input.scale[c],
                     (double)input.offset[c], c, (double)rule[c], (double)rule[3 + c]);
}

/* One record of a .values file, its values at values. */
static void check_tensor(const char *file_name, const mseg_weights *weights, const char *name, const int32_t *shape,
                         size_t elements, const float *values)
{
    const mseg_tensor *t = mseg_weights_find(weights, name);
    if (!t)
        fail_msg("%s: %s is missing", file_name, name);
    assert_memory_equal(t->shape, shape, (size_t)t->rank * sizeof *shape);
    assert_int_equal(mseg_tensor_elements(t), elements);
    float *got = malloc(elements * sizeof *got);
    assert_non_null(got);
    mseg_tensor_to_f32(t, got);
    for (size_t i = 0; i < elements; i++)
        if (got[i] != values[i]) /* -0 is 0 */
            fail_msg("%s: %s [%zu] is %.9g, not %.9g", file_name, name, i, (double)got[i], (double)values[i]);
    free(got);
}

static int check_values(const char *name, const mseg_weights *weights)
{
    file f = load_data(name, ".values");
    int count = 0;
    for (size_t at = 0; at < f.size; count++) {
        assert_true(f.size - at > RECORD);
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
            check_input(name, mseg_weights_input(weights), values);
        else
            check_tensor(name, weights, tensor, head + 1, elements, values);
        free(values);
        at += RECORD + elements * sizeof *values;
    }
    free(f.bytes);
    return count - 1;
}

static void every_form_has_its_weights_and_its_input(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, DATA "%s.tflite", files[i].name);
        mseg_weights *weights;
        mseg_error err = {0};
        if (mseg_weights_open(&weights, path, &err))
            fail_msg("%s: %s", files[i].name, err.text);
        assert_int_equal(mseg_weights_count(weights), check_values(files[i].name, weights));
        const mseg_weights_origin origin = mseg_weights_origin_of(weights);
        const mseg_input input = mseg_weights_input(weights);
        const bool right = origin.output_stride == files[i].output_stride && origin.input_width == files[i].width &&
                           origin.input_height == files[i].height && input.from == files[i].from &&
                           input.sampling == files[i].sampling && mseg_weights_padding(weights) == MSEG_SAME;
        if (!right)
            fail_msg("%s: output stride %d, %dx%d, input rule from %d, sampling %d, padding %d", files[i].name,
                     origin.output_stride, origin.input_width, origin.input_height, (int)input.from, (int)input.sampling,
                     (int)mseg_weights_padding(weights));
        mseg_weights_close(&weights);
    }
}

static void single_faults_are_refused(void **state)
{
    (void)state;
    assert_true(check_patches(DATA "forms.txt") > 30);
}

static void any_single_damaged_byte_is_survived(void **state)
{
    (void)state;
    static const char *const names[] = {"equalized", "stuffed8", "turned", "decoder", "computed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        read_damaged_everywhere(names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_its_weights_and_its_input),
        cmocka_unit_test(single_faults_are_refused),
        cmocka_unit_test(any_single_damaged_byte_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
