/* Whole networks, from the bytes of a picture to scores, in each form in which tools leave one: what the forward passes in NumPy
 * of make_forms.py and make_graphdef.py get from the same files. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mseg.h"
#include "weights/model_files.h"

/* make_forms.py's picture(): a linear congruential generator. */
static mseg_image picture(int width, int height)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, width, height, MSEG_RGB), MSEG_OK);
    uint32_t state = 1;
    for (int y = 0; y < height; y++)
        for (int i = 0; i < width * 3; i++) {
            state = state * 1664525u + 1013904223u;
            image.data[(size_t)y * image.stride + (size_t)i] = (uint8_t)(state >> 24);
        }
    return image;
}

static void check_scores(const char *name, const mseg_result *result)
{
    file f = load_data(name, ".scores");
    int32_t shape[3];
    memcpy(shape, f.bytes, sizeof shape);
    const size_t count = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
    assert_int_equal(f.size, sizeof shape + count * sizeof(float));
    if (result->logits_height != shape[0] || result->logits_width != shape[1] || result->classes != shape[2])
        fail_msg("%s: %dx%dx%d scores", name, result->logits_height, result->logits_width, result->classes);
    double largest = 0, difference = 0;
    for (size_t i = 0; i < count; i++) {
        float want;
        memcpy(&want, f.bytes + sizeof shape + i * sizeof want, sizeof want);
        largest = fmax(largest, fabs((double)want));
        difference = fmax(difference, fabs((double)result->logits[i] - (double)want));
    }
    if (!(difference <= 2e-5 * largest))
        fail_msg("%s: scores are off by %g of %g", name, difference, largest);
    free(f.bytes);
}

static void run_form(const char *name, const char *suffix, int width, int height)
{
    char path[512];
    snprintf(path, sizeof path, DATA "%s%s", name, suffix);
    mseg_model *model;
    mseg_session *session;
    mseg_plan_info plan;
    mseg_result result;
    mseg_error err = {0};
    mseg_image image = picture(width, height);
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.precision = MSEG_PRECISION_FLOAT; /* as NumPy's forward pass */
    if (mseg_model_open(&model, path, &options, &err))
        fail_msg("%s: %s", name, err.text);
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_session_plan(session, width, height, &plan, NULL), MSEG_OK);
    assert_int_equal(mseg_session_forward(session, mseg_view_of(&image), &result, NULL), MSEG_OK);
    check_scores(name, &result);
    mseg_session_close(&session);
    mseg_model_close(&model);
    mseg_image_free(&image);
}

#define FORM_OF(name, suffix, width, height)                                                                                     \
    static void name(void **state)                                                                                               \
    {                                                                                                                            \
        (void)state;                                                                                                             \
        run_form(#name, suffix, width, height);                                                                                  \
    }
#define FORM(name, width, height)  FORM_OF(name, ".tflite", width, height)
#define GRAPH(name, width, height) FORM_OF(name, ".pb", width, height) /* of make_graphdef.py */
FORM(toco, 49, 33)
FORM(acuity, 33, 33)
FORM(pertensor, 33, 49)
FORM(equalized, 64, 64)
FORM(caps, 49, 33)
FORM(sixth, 64, 64)
FORM(teachable, 66, 66)
FORM(convdense, 64, 64)
FORM(stuffed, 41, 33)
FORM(stuffed8, 33, 33)
FORM(inside, 33, 33)
FORM(inside8, 33, 33)
FORM(turned, 49, 33)
FORM(dynamic, 64, 64)
FORM(mobilenet1, 64, 64)
FORM(mobilenet1u8, 64, 64)
FORM(decoder, 64, 64)
FORM(computed, 64, 64)
FORM(expanded, 33, 33)
GRAPH(export, 49, 33)
GRAPH(ranged, 33, 33)
GRAPH(frozen, 48, 32)
GRAPH(simulated, 33, 33)
GRAPH(matmul, 64, 64)
GRAPH(slim, 64, 64)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toco),    cmocka_unit_test(acuity),   cmocka_unit_test(pertensor),  cmocka_unit_test(equalized),
        cmocka_unit_test(caps),    cmocka_unit_test(sixth),    cmocka_unit_test(teachable),  cmocka_unit_test(convdense),
        cmocka_unit_test(stuffed), cmocka_unit_test(stuffed8), cmocka_unit_test(inside),     cmocka_unit_test(inside8),
        cmocka_unit_test(turned),  cmocka_unit_test(dynamic),  cmocka_unit_test(mobilenet1), cmocka_unit_test(mobilenet1u8),
        cmocka_unit_test(decoder), cmocka_unit_test(computed), cmocka_unit_test(expanded),   cmocka_unit_test(export),
        cmocka_unit_test(ranged),  cmocka_unit_test(frozen),   cmocka_unit_test(simulated),  cmocka_unit_test(matmul),
        cmocka_unit_test(slim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
