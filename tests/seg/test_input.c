/* How a picture enters: mean and std of the caller, by arithmetic. A byte x from 64 to 191 and the byte y = 2 x - 127 become the
 * same number when (x - mean) / std = (y - (2 mean - 127)) / (2 std), and then what byte 127.5 becomes is what y = 128 does: so a
 * picture beside nothing is one whose canvas is filled up by 128, under the other rule. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/random.h"
#include "seg/model.h"

enum { WIDTH = 21, HEIGHT = 13, SIDE = 33, CLASSES = 3 };

#define ARCHITECTURE "mnv2:0.1:classes=3"

static mseg_model_options rule(const double mean[3], const double std[3])
{
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    memcpy(options.mean, mean, sizeof options.mean);
    memcpy(options.std, std, sizeof options.std);
    return options;
}

static mseg_model *open_model(const char *architecture, const mseg_model_options *options)
{
    mseg_model *model;
    mseg_error err = {0};
    if (mseg_model_open_random(&model, architecture, options, &err))
        fail_msg("%s", err.text);
    return model;
}

/* Bytes x of a picture, or where wide, bytes y of the same on its whole canvas. */
static mseg_image picture(bool wide)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, wide ? SIDE : WIDTH, wide ? SIDE : HEIGHT, MSEG_RGB), MSEG_OK);
    for (int y = 0; y < image.height; y++)
        for (int i = 0; i < image.width * 3; i++) {
            const int x = 64 + (int)(random_bits(7, (uint64_t)(y * 1000 + i)) % 128);
            const bool beside = y >= HEIGHT || i >= WIDTH * 3;
            image.data[(size_t)y * image.stride + (size_t)i] = (uint8_t)(!wide ? x : beside ? 128 : 2 * x - 127);
        }
    return image;
}

/* Probabilities of the picture's pixels, run once or at two scales and flipped. */
static void probabilities(const mseg_model *model, bool wide, bool scales, float out[HEIGHT][WIDTH][CLASSES])
{
    mseg_session *session;
    mseg_result result;
    mseg_error err = {0};
    float row[SIDE * CLASSES];
    mseg_image image = picture(wide);
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.resize = MSEG_RESIZE_NONE;
    options.size = SIDE;
    options.n_scales = scales ? 2 : 0;
    options.scales[0] = 1;
    options.scales[1] = 1.5;
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    if (mseg_segment(session, mseg_view_of(&image), &options, &result, &err))
        fail_msg("%s", err.text);
    for (int y = 0; y < HEIGHT; y++) {
        assert_int_equal(mseg_probabilities(session, y, 1, row, NULL), MSEG_OK);
        memcpy(out[y], row, sizeof out[y]);
    }
    mseg_session_close(&session);
    mseg_image_free(&image);
}

static double largest_difference(float a[HEIGHT][WIDTH][CLASSES], float b[HEIGHT][WIDTH][CLASSES])
{
    double most = 0;
    for (int i = 0; i < HEIGHT * WIDTH * CLASSES; i++)
        most = fmax(most, fabs((double)(&a[0][0][0])[i] - (double)(&b[0][0][0])[i]));
    return most;
}

static void the_same_numbers(void **state)
{
    (void)state;
    static const double means[][3] = {{0, 0, 0}, {127.5, 127.5, 127.5}, {123.675, 116.28, 103.53}, {0, 0, 200}};
    static const double stds[][3] = {{255, 255, 255}, {127.5, 127.5, 127.5}, {58.395, 57.12, 57.375}, {255, 50, 100}};
    static float narrow[HEIGHT][WIDTH][CLASSES], wide[HEIGHT][WIDTH][CLASSES], before[HEIGHT][WIDTH][CLASSES];
    for (int i = 0; i < 4; i++)
        for (int scales = 0; scales < 2; scales++) {
            double mean[3], std[3];
            for (int c = 0; c < 3; c++) {
                mean[c] = 2 * means[i][c] - 127;
                std[c] = 2 * stds[i][c];
            }
            const mseg_model_options options = rule(means[i], stds[i]), others = rule(mean, std);
            mseg_model *model = open_model(ARCHITECTURE, &options), *other = open_model(ARCHITECTURE, &others);
            probabilities(model, false, scales, narrow);
            probabilities(other, true, scales, wide);
            assert_true(largest_difference(narrow, wide) < 1e-5);
            if (i && !scales)
                assert_true(largest_difference(narrow, before) > 1e-3); /* another rule would be noticed */
            if (!scales)
                memcpy(before, narrow, sizeof before);
            mseg_model_close(&model);
            mseg_model_close(&other);
        }
}

/* The rule that is assumed is -1 to 1. */
static void the_assumed_rule(void **state)
{
    (void)state;
    static const double half[3] = {127.5, 127.5, 127.5};
    static float ours[HEIGHT][WIDTH][CLASSES], given[HEIGHT][WIDTH][CLASSES];
    const mseg_model_options options = rule(half, half);
    mseg_model *model = open_model(ARCHITECTURE, NULL), *other = open_model(ARCHITECTURE, &options);
    probabilities(model, false, false, ours);
    probabilities(other, false, false, given);
    assert_memory_equal(ours, given, sizeof ours);
    mseg_model_close(&model);
    mseg_model_close(&other);
}

/* What a file tells, given again, is the same. */
static void the_own_rule(void **state)
{
    (void)state;
    static const double zero[3] = {0}, most[3] = {255, 255, 255};
    static float own[HEIGHT][WIDTH][CLASSES], given[HEIGHT][WIDTH][CLASSES];
    const mseg_model_options options = rule(zero, most);
    mseg_model *model = open_model(ARCHITECTURE, NULL), *other = open_model(ARCHITECTURE, &options);
    mseg_input own_input = {.from = MSEG_INPUT_TENSOR};
    for (int c = 0; c < 3; c++) {
        own_input.scale[c] = 1.0f / 255;
        own_input.pad[c] = 0.5f;
    }
    model->net->net.input = model->net->run.input = own_input;
    for (int scales = 0; scales < 2; scales++) {
        probabilities(model, false, scales, own);
        probabilities(other, false, scales, given);
        assert_memory_equal(own, given, sizeof own);
    }
    mseg_model_close(&model);
    mseg_model_close(&other);
}

static void what_the_model_tells(void **state)
{
    (void)state;
    static const double mean[3] = {0, 100, 50}, std[3] = {256, 128, 64};
    const mseg_model_options options = rule(mean, std);
    mseg_model *model = open_model(ARCHITECTURE, NULL);
    mseg_model_info info = mseg_model_describe(model);
    for (int c = 0; c < 3; c++)
        assert_true(info.input_scale[c] == 2.0f / 255.0f && info.input_offset[c] == -1);
    assert_int_equal(info.input_from, MSEG_INPUT_ASSUMED);
    assert_int_equal(info.sampling, MSEG_ALIGN_CORNERS);
    mseg_model_close(&model);
    model = open_model(ARCHITECTURE, &options);
    info = mseg_model_describe(model);
    assert_true(info.input_scale[0] == 1.0f / 256 && info.input_scale[1] == 1.0f / 128 && info.input_scale[2] == 1.0f / 64);
    assert_true(info.input_offset[0] == 0 && !signbit(info.input_offset[0])); /* not "-0 to 1" */
    assert_true(info.input_offset[1] == -100.0f / 128 && info.input_offset[2] == -50.0f / 64);
    assert_int_equal(info.input_from, MSEG_INPUT_GIVEN);
    mseg_model_close(&model);
    assert_int_equal(mseg_model_open_builtin(&model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_model_describe(model).input_from, MSEG_INPUT_BUILTIN);
    mseg_model_close(&model);
    assert_int_equal(mseg_model_open_builtin(&model, &options, NULL), MSEG_OK);
    assert_int_equal(mseg_model_describe(model).input_from, MSEG_INPUT_GIVEN);
    mseg_model_close(&model);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        double mean[3], std[3];
        const char *text;
    } cases[] = {
        {{1, 0, 0}, {0, 0, 0}, "mean is given without std"},
        {{0, 0, NAN}, {0, 0, 0}, "mean is given without std"},
        {{0, 0, 0}, {1, 1, 0}, "std[2], 0, is not between 1e-6 and 1e6"},
        {{0, 0, 0}, {1, -1, 1}, "std[1], -1, is not between 1e-6 and 1e6"},
        {{0, 0, 0}, {1e7, 1, 1}, "std[0], 1e+07, is not between 1e-6 and 1e6"},
        {{0, 0, 0}, {1, 1, 1e-7}, "std[2], 1e-07, is not between 1e-6 and 1e6"},
        {{0, 0, 0}, {NAN, 1, 1}, "std[0], nan, is not between 1e-6 and 1e6"},
        {{0, 0, 0}, {1, INFINITY, 1}, "std[1], inf, is not between 1e-6 and 1e6"},
        {{0, NAN, 0}, {1, 1, 1}, "mean[1], nan, is not between -1e6 and 1e6"},
        {{-INFINITY, 0, 0}, {1, 1, 1}, "mean[0], -inf, is not between -1e6 and 1e6"},
        {{0, 0, 1e7}, {1, 1, 1}, "mean[2], 1e+07, is not between -1e6 and 1e6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_model *model;
        mseg_error err = {0};
        const mseg_model_options options = rule(cases[i].mean, cases[i].std);
        assert_int_equal(mseg_model_open_builtin(&model, &options, &err), MSEG_INVAL);
        assert_string_equal(err.text, cases[i].text);
        assert_null(model);
    }
}

/* A program of before mean and std: what lies behind its struct is not read. */
static void options_of_before(void **state)
{
    (void)state;
    static const double ones[3] = {1, 1, 1};
    mseg_model_options options = rule(ones, ones);
    options.struct_size = offsetof(mseg_model_options, mean);
    mseg_model *model = open_model(ARCHITECTURE, &options);
    assert_int_equal(mseg_model_describe(model).input_from, MSEG_INPUT_ASSUMED);
    mseg_model_close(&model);
}

/* The file's own side need not be k * output stride + 1. */
static void own_side(void **state)
{
    (void)state;
    mseg_model *model = open_model(ARCHITECTURE, NULL);
    mseg_session *session;
    mseg_run_options options;
    mseg_result result;
    mseg_image photo = picture(false);
    mseg_run_options_init(&options, sizeof options);
    options.size = 64;
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &options, &result, NULL), MSEG_INVAL);
    model->info.trained_width = 64;
    assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &options, &result, NULL), MSEG_INVAL);
    model->info.trained_height = 64;
    assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &options, &result, NULL), MSEG_OK);
    assert_true(result.canvas_width == 64 && result.canvas_height == 64 && result.logits_width == 4);
    options.size = 0; /* the model's own, else 513 */
    assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &options, &result, NULL), MSEG_OK);
    assert_int_equal(result.canvas_width, 64);
    model->info.trained_width = 0;
    assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &options, &result, NULL), MSEG_OK);
    assert_int_equal(result.canvas_width, 513);
    model->net->net.input.sampling = model->info.sampling = MSEG_LEGACY;
    assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &options, &result, NULL), MSEG_OK);
    assert_int_equal(result.canvas_width, 512);
    mseg_image_free(&photo);
    mseg_session_close(&session);
    mseg_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_numbers), cmocka_unit_test(the_assumed_rule),
        cmocka_unit_test(the_own_rule),     cmocka_unit_test(what_the_model_tells),
        cmocka_unit_test(refusals),         cmocka_unit_test(options_of_before),
        cmocka_unit_test(own_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
