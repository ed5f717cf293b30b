#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "kernels/random.h"
#include "mseg.h"

/* mseg_classify of pseudo-random networks: what part of the image is looked at, and the probabilities from the logits. */

enum { WIDTH = 61, HEIGHT = 47, CLASSES = 7, INPUT = 33 };

typedef struct fixture {
    mseg_model *model;
    mseg_session *session;
    mseg_image photo;
} fixture;

static int open_all(void **state)
{
    static fixture f;
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.output_stride = 32;
    *state = &f;
    if (mseg_model_open_random(&f.model, "mnv2:0.1:imagenet:classes=7", &options, NULL) ||
        mseg_session_open(&f.session, f.model, NULL, NULL) || mseg_image_create(&f.photo, WIDTH, HEIGHT, MSEG_RGB))
        return 1;
    for (size_t i = 0; i < f.photo.stride * HEIGHT; i++)
        f.photo.data[i] = (uint8_t)(127 + 127 * random_value(1, i));
    return 0;
}

static int close_all(void **state)
{
    fixture *f = *state;
    mseg_image_free(&f->photo);
    mseg_session_close(&f->session);
    mseg_model_close(&f->model);
    return 0;
}

static mseg_image copy_of(const mseg_image *from, int left, int top, int width, int height)
{
    mseg_image copy;
    assert_int_equal(mseg_image_create(&copy, width, height, MSEG_RGB), MSEG_OK);
    for (int y = 0; y < height; y++)
        memcpy(copy.data + (size_t)y * copy.stride, from->data + (size_t)(top + y) * from->stride + (size_t)left * 3,
               (size_t)width * 3);
    return copy;
}

static void classify(const fixture *f, const mseg_image *image, double crop, float scores[CLASSES])
{
    const float *got;
    assert_int_equal(mseg_classify(f->session, mseg_view_of(image), INPUT, crop, &got, NULL), MSEG_OK);
    memcpy(scores, got, CLASSES * sizeof *scores);
}

/* The margins are whole pixels, rounded down: (1 - crop) / 2 of each side. */
static void central_part(void **state)
{
    const fixture *f = *state;
    static const struct {
        double crop;
        int left, top, width, height;
    } cases[] = {
        {1, 0, 0, 61, 47}, {0.875, 3, 2, 55, 43}, {0.5, 15, 11, 31, 25}, {0.1, 27, 21, 7, 5}, {0.01, 30, 23, 1, 1},
    };
    float whole[CLASSES], ours[CLASSES], part[CLASSES];
    classify(f, &f->photo, 1, whole);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_image cut = copy_of(&f->photo, cases[i].left, cases[i].top, cases[i].width, cases[i].height);
        classify(f, &f->photo, cases[i].crop, ours);
        classify(f, &cut, 1, part);
        assert_memory_equal(ours, part, sizeof part);
        assert_int_equal(memcmp(ours, whole, sizeof whole) != 0, cases[i].crop < 1);
        mseg_image_free(&cut);
    }
}

/* exp(logit) by the sum of them, in double, of the logits of the same picture. */
static void probabilities(void **state)
{
    const fixture *f = *state;
    mseg_image input;
    mseg_result result;
    float scores[CLASSES];
    double sum = 0, total = 0;
    classify(f, &f->photo, 1, scores);
    assert_int_equal(mseg_image_resize(&input, mseg_view_of(&f->photo), INPUT, INPUT, NULL), MSEG_OK);
    assert_int_equal(mseg_session_forward(f->session, mseg_view_of(&input), &result, NULL), MSEG_OK);
    assert_int_equal(result.classes, CLASSES);
    for (int i = 0; i < CLASSES; i++)
        sum += exp((double)result.logits[i]);
    for (int i = 0; i < CLASSES; i++) {
        assert_true(fabs((double)scores[i] - exp((double)result.logits[i]) / sum) < 1e-6);
        total += (double)scores[i];
    }
    assert_true(fabs(total - 1) < 1e-6);
    mseg_image_free(&input);
}

static void same_at(mseg_session *session, const mseg_image *photo, int own, int other)
{
    float scores[3][CLASSES] = {{0}};
    const int sides[] = {0, own, other}, classes = 6;
    for (int i = 0; i < 3; i++) {
        const float *got;
        assert_int_equal(mseg_classify(session, mseg_view_of(photo), sides[i], 1, &got, NULL), MSEG_OK);
        memcpy(scores[i], got, (size_t)classes * sizeof *got);
    }
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    assert_memory_not_equal(scores[0], scores[2], sizeof scores[0]);
}

/* Size 0 is the side that the model's file tells, 224 where there is no file. */
static void own_size(void **state)
{
    const fixture *f = *state;
    mseg_model *model;
    mseg_session *session;
    same_at(f->session, &f->photo, 224, 66);
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.precision = MSEG_PRECISION_FLOAT; /* so fine that two sides tell themselves apart */
    assert_int_equal(mseg_model_open(&model, MSEG_TESTS_DIR "/weights/data/teachable.tflite", &options, NULL), MSEG_OK);
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    assert_in_range(mseg_model_describe(model).classes, 6, CLASSES);
    same_at(session, &f->photo, 66, 224);
    mseg_session_close(&session);
    mseg_model_close(&model);
}

static void refusals(void **state)
{
    const fixture *f = *state;
    const mseg_view gray = {.width = 4, .height = 4, .format = MSEG_GRAY, .stride = 4, .data = f->photo.data};
    const float *scores = (const float *)f;
    mseg_error err;
    static const double crops[] = {0, -0.5, 1.01, NAN};
    for (int i = 0; i < 4; i++)
        assert_int_equal(mseg_classify(f->session, mseg_view_of(&f->photo), INPUT, crops[i], &scores, &err), MSEG_INVAL);
    assert_null(scores);
    assert_int_equal(mseg_classify(f->session, mseg_view_of(&f->photo), -1, 1, &scores, &err), MSEG_INVAL);
    assert_int_equal(mseg_classify(f->session, gray, INPUT, 1, &scores, &err), MSEG_INVAL);
    mseg_model *model;
    mseg_session *session;
    assert_int_equal(mseg_model_open_random(&model, "mnv2:0.1", NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_classify(session, mseg_view_of(&f->photo), INPUT, 1, &scores, &err), MSEG_INVAL);
    assert_string_equal(err.text, "the model is not a classifier: 'mseg run' runs it");
    mseg_session_close(&session);
    mseg_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(central_part),
        cmocka_unit_test(probabilities),
        cmocka_unit_test(own_size),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
