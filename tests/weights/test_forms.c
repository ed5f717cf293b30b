/* The TensorFlow Lite reader against the forms in which various tools leave a network: files written by make_forms.py, which has
 * their weights as mseg must have them, and how a picture enters; single faults in each form, and damage. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "weights/model_files.h"
#include "weights/stored_values.h"

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

enum { FILES = sizeof files / sizeof *files };

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
