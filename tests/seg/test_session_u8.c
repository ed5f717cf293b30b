#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/random.h"
#include "plan/plan.h"
#include "seg/model.h"
#include "seg/run/labels.h"

/* What sessions make of a network's output in 8 bits, which is made up here (the output of every run another one): labels of one
 * run in whole numbers, all the rest what the floats give that the bytes stand for. */

#define PICTURE MSEG_TESTS_DIR "/../data/samples/bottle.jpg"

enum { WIDTH = 60, HEIGHT = 44, CLASSES = 6, SIDE = 65, MAP = 5, MOST = 1 << 20, ZERO = 129 };
static const float SCALE = 0.1875f;

static enum { OWN, FLOATS, BYTES } form; /* of outputs: the network's own, ours */
static uint64_t runs;
static uint8_t bytes[MOST];
static float floats[MOST];

mseg_map __real_mseg_plan_output(const mseg_plan *plan, int index);
mseg_map __wrap_mseg_plan_output(const mseg_plan *plan, int index);
mseg_map __wrap_mseg_plan_output(const mseg_plan *plan, int index)
{
    mseg_map map = __real_mseg_plan_output(plan, index);
    if (form == OWN)
        return map;
    runs++;
    map.pixel = (size_t)map.channels;
    map.row = map.pixel * (size_t)map.width;
    assert_true(map.row * (size_t)map.height <= MOST);
    for (size_t i = 0; i < map.row * (size_t)map.height; i++) {
        bytes[i] = (uint8_t)(ZERO - 2 + random_int(&(uint64_t){runs << 32 | i}, 0, 5));
        floats[i] = (float)(bytes[i] - ZERO) * SCALE;
    }
    map.data = form == FLOATS ? floats : NULL;
    map.bytes = form == BYTES ? bytes : NULL;
    map.quant = (mseg_quant){.scale = form == BYTES ? SCALE : 0, .zero = form == BYTES ? ZERO : 0};
    return map;
}

static void outputs_are(int wanted)
{
    form = wanted;
    runs = 0;
}

typedef struct fixture {
    mseg_model *model, *classifier;
    mseg_session *session, *classifying;
    mseg_image photo;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    *state = &f;
    if (mseg_model_open_random(&f.model, "mnv2:0.1:classes=6", NULL, NULL) ||
        mseg_model_open_random(&f.classifier, "mnv2:0.1:imagenet:classes=6", NULL, NULL) ||
        mseg_session_open(&f.session, f.model, NULL, NULL) || mseg_session_open(&f.classifying, f.classifier, NULL, NULL) ||
        mseg_image_create(&f.photo, WIDTH, HEIGHT, MSEG_RGB))
        return -1;
    for (size_t i = 0; i < f.photo.stride * HEIGHT; i++)
        f.photo.data[i] = (uint8_t)(i / 400 * 37 + i % 90 / 15 * 41);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mseg_image_free(&f->photo);
    mseg_session_close(&f->session);
    mseg_session_close(&f->classifying);
    mseg_model_close(&f->model);
    mseg_model_close(&f->classifier);
    return 0;
}

static mseg_run_options options_of(int scales, bool flip)
{
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.resize = MSEG_RESIZE_NONE;
    options.size = SIDE;
    options.n_scales = scales;
    for (int i = 0; i < scales; i++)
        options.scales[i] = 1 + 0.25 * i;
    options.flip = flip;
    return options;
}

static mseg_result segment(const fixture *f, int wanted, const mseg_run_options *options)
{
    mseg_result result;
    outputs_are(wanted);
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), options, &result, NULL), MSEG_OK);
    return result;
}

static void assert_stand_for_bytes(const mseg_result *result, int side)
{
    assert_int_equal(result->logits_width, side);
    assert_int_equal(result->logits_height, side);
    assert_int_equal(result->classes, CLASSES);
    for (int i = 0; i < side * side * CLASSES; i++)
        if (result->logits[i] != (float)(bytes[i] - ZERO) * SCALE)
            fail_msg("logit %d is %g, byte %d", i, (double)result->logits[i], bytes[i]);
}

static void logits_are_floats(void **state)
{
    const fixture *f = *state;
    mseg_result result;
    outputs_are(BYTES);
    for (int side = 33; side <= 97; side += 32) { /* a longer buffer each time */
        mseg_image canvas;
        assert_int_equal(mseg_image_create(&canvas, side, side, MSEG_RGB), MSEG_OK);
        memset(canvas.data, 90, canvas.stride * (size_t)side);
        assert_int_equal(mseg_session_forward(f->session, mseg_view_of(&canvas), &result, NULL), MSEG_OK);
        assert_stand_for_bytes(&result, (side - 1) / 16 + 1);
        mseg_image_free(&canvas);
    }
    const mseg_run_options options = options_of(0, false);
    result = segment(f, BYTES, &options);
    assert_stand_for_bytes(&result, MAP);
}

/* Those of test_labels_u8.c, and not those of the floats; probabilities agree with them. */
static void labels_of_one_run(void **state)
{
    const fixture *f = *state;
    const mseg_run_options options = options_of(0, false);
    uint8_t of_floats[WIDTH * HEIGHT], want[WIDTH * HEIGHT];
    mseg_image image = {.width = WIDTH, .height = HEIGHT, .stride = WIDTH, .format = MSEG_GRAY, .data = want};
    memcpy(of_floats, segment(f, FLOATS, &options).labels.data, sizeof of_floats);
    const mseg_result result = segment(f, BYTES, &options);
    const mseg_logits logits = {.bytes = bytes,
                                .width = MAP,
                                .height = MAP,
                                .classes = CLASSES,
                                .canvas_width = SIDE,
                                .canvas_height = SIDE,
                                .scaled_width = WIDTH,
                                .scaled_height = HEIGHT};
    assert_int_equal(mseg_labels(&image, &logits, f->model->kernels, NULL), MSEG_OK);
    assert_memory_equal(result.labels.data, want, sizeof want);
    assert_true(memcmp(of_floats, want, sizeof want) != 0);

    static float probabilities[HEIGHT * WIDTH * CLASSES];
    assert_int_equal(mseg_probabilities(f->session, 0, HEIGHT, probabilities, NULL), MSEG_OK);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        const float *p = probabilities + i * CLASSES;
        int first = 0;
        float sum = p[0];
        for (int c = 1; c < CLASSES; c++) {
            first = p[c] > p[first] ? c : first;
            sum += p[c];
        }
        assert_int_equal(first, want[i]);
        assert_true(fabs((double)sum - 1) < exp((double)SCALE) - 1); /* of logits that are a step apart */
    }
}

/* What several runs make. */
static void scales_are_in_float(void **state)
{
    const fixture *f = *state;
    static const struct {
        int scales;
        bool flip;
    } cases[] = {{0, true}, {1, false}, {3, false}, {3, true}};
    static float probabilities[2][HEIGHT * WIDTH * CLASSES];
    uint8_t labels[2][WIDTH * HEIGHT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mseg_run_options options = options_of(cases[i].scales, cases[i].flip);
        for (int bits = 0; bits < 2; bits++) {
            memcpy(labels[bits], segment(f, bits ? BYTES : FLOATS, &options).labels.data, sizeof *labels);
            assert_int_equal(mseg_probabilities(f->session, 0, HEIGHT, probabilities[bits], NULL), MSEG_OK);
        }
        assert_memory_equal(labels[1], labels[0], sizeof *labels);
        assert_memory_equal(probabilities[1], probabilities[0], sizeof *probabilities);
    }
}

static void scores_are_in_float(void **state)
{
    const fixture *f = *state;
    const float *scores;
    float of_floats[CLASSES];
    outputs_are(FLOATS);
    assert_int_equal(mseg_classify(f->classifying, mseg_view_of(&f->photo), 64, 1, &scores, NULL), MSEG_OK);
    memcpy(of_floats, scores, sizeof of_floats);
    outputs_are(BYTES);
    assert_int_equal(mseg_classify(f->classifying, mseg_view_of(&f->photo), 64, 1, &scores, NULL), MSEG_OK);
    assert_memory_equal(scores, of_floats, sizeof of_floats);
}

/* ---- tiles ---- */

static mseg_status take(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    mseg_image *labels = context;
    (void)err;
    for (int y = 0; y < rows->labels.height; y++)
        memcpy(labels->data + (size_t)(rows->first + y) * labels->stride, rows->labels.data + (size_t)y * rows->labels.stride,
               (size_t)labels->width);
    return MSEG_OK;
}

static mseg_tiled segment_tiled(const fixture *f, int wanted, int size, mseg_image *labels)
{
    mseg_image_reader *reader;
    mseg_tile_options options;
    mseg_tiled result;
    mseg_tile_options_init(&options, sizeof options);
    options.size = size;
    assert_int_equal(mseg_image_reader_open(&reader, PICTURE, MSEG_EXIF_APPLY, NULL, NULL), MSEG_OK);
    if (!labels->data)
        assert_int_equal(mseg_image_create(labels, mseg_image_reader_width(reader), mseg_image_reader_height(reader), MSEG_GRAY),
                         MSEG_OK);
    outputs_are(wanted);
    assert_int_equal(mseg_segment_tiled(f->session, reader, &options, take, labels, &result, NULL), MSEG_OK);
    mseg_image_reader_close(&reader);
    return result;
}

static void one_tile_is_one_run(void **state)
{
    const fixture *f = *state;
    mseg_image photo, labels = {0};
    mseg_result whole;
    mseg_run_options options = options_of(0, false);
    assert_int_equal(mseg_image_read(&photo, PICTURE, MSEG_EXIF_APPLY, NULL, NULL), MSEG_OK);
    const int longer = photo.width > photo.height ? photo.width : photo.height;
    options.size = (longer / 16 + 3) * 16 + 1;
    const mseg_tiled tiled = segment_tiled(f, BYTES, options.size, &labels);
    assert_int_equal(tiled.tiles_across * tiled.tiles_down, 1);
    outputs_are(BYTES);
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&photo), &options, &whole, NULL), MSEG_OK);
    for (int y = 0; y < photo.height; y++)
        assert_memory_equal(labels.data + (size_t)y * labels.stride, whole.labels.data + (size_t)y * whole.labels.stride,
                            (size_t)photo.width);
    mseg_image_free(&labels);
    mseg_image_free(&photo);
}

static void tiles_are_blended_in_float(void **state)
{
    const fixture *f = *state;
    mseg_image labels[2] = {0};
    for (int bits = 0; bits < 2; bits++) {
        const mseg_tiled tiled = segment_tiled(f, bits ? BYTES : FLOATS, 129, &labels[bits]);
        assert_true(tiled.tiles_across > 1 && tiled.tiles_down > 1);
    }
    for (int y = 0; y < labels[0].height; y++)
        assert_memory_equal(labels[1].data + (size_t)y * labels[1].stride, labels[0].data + (size_t)y * labels[0].stride,
                            (size_t)labels[0].width);
    mseg_image_free(&labels[0]);
    mseg_image_free(&labels[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_floats),   cmocka_unit_test(labels_of_one_run),
        cmocka_unit_test(scales_are_in_float), cmocka_unit_test(scores_are_in_float),
        cmocka_unit_test(one_tile_is_one_run), cmocka_unit_test(tiles_are_blended_in_float),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
