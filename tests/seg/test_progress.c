/* mseg_session_on_progress: how often it is called, with what and by whom; calls that it stops at every place. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mseg.h"

#define PICTURE MSEG_TESTS_DIR "/../data/samples/bottle.jpg"

enum { WIDTH = 60, HEIGHT = 44, CLASSES = 3, MOST = 64 };

typedef struct fixture {
    mseg_model *model, *classifier;
    mseg_pool *pool;
    mseg_session *session, *classifying;
    mseg_image photo;
    /* What was told, and when to stop: -1: never. */
    int64_t done[MOST], total[MOST];
    int calls, stop_at, other_threads;
    pthread_t self;
    int rows; /* that tiles came to */
} fixture;

static int told(void *context, int64_t done, int64_t total)
{
    fixture *f = context;
    f->done[f->calls % MOST] = done;
    f->total[f->calls % MOST] = total;
    f->other_threads += !pthread_equal(f->self, pthread_self());
    f->calls++;
    return done == f->stop_at ? -1 : 0;
}

static int set_up(void **state)
{
    static fixture f = {.stop_at = -1};
    *state = &f;
    f.self = pthread_self();
    if (mseg_model_open_random(&f.model, "mnv2:0.1:classes=3", NULL, NULL) ||
        mseg_model_open_random(&f.classifier, "mnv2:0.1:imagenet:classes=5", NULL, NULL) || mseg_pool_open(&f.pool, 3) ||
        mseg_session_open(&f.session, f.model, f.pool, NULL) || mseg_session_open(&f.classifying, f.classifier, NULL, NULL) ||
        mseg_image_create(&f.photo, WIDTH, HEIGHT, MSEG_RGB))
        return -1;
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        f.photo.data[i] = (uint8_t)(i / 400 * 37 + i % 90 / 15 * 41);
    mseg_session_on_progress(f.session, told, &f);
    mseg_session_on_progress(f.classifying, told, &f);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mseg_image_free(&f->photo);
    mseg_session_close(&f->session);
    mseg_session_close(&f->classifying);
    mseg_pool_close(&f->pool);
    mseg_model_close(&f->model);
    mseg_model_close(&f->classifier);
    return 0;
}

/* That it was told 0 .. last of total, and nothing else. */
static void assert_told(fixture *f, int last, int total)
{
    assert_int_equal(f->calls, last + 1);
    assert_int_equal(f->other_threads, 0);
    for (int i = 0; i <= last; i++) {
        assert_int_equal(f->done[i], i);
        assert_int_equal(f->total[i], total);
    }
    f->calls = 0;
}

static void assert_cancelled(mseg_status status, const mseg_error *err)
{
    assert_int_equal(status, MSEG_CANCELLED);
    assert_int_equal(err->status, MSEG_CANCELLED);
    assert_string_equal(err->text, "stopped by the caller");
}

/* Options that make so many runs. */
static mseg_run_options options_of(int scales, bool flip)
{
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.size = 33;
    options.n_scales = scales;
    for (int i = 0; i < scales; i++)
        options.scales[i] = 1 + 0.25 * i;
    options.flip = flip;
    return options;
}

static void segmenting(void **state)
{
    fixture *f = *state;
    static const struct {
        int scales;
        bool flip;
        int runs;
    } cases[] = {{0, false, 1}, {0, true, 2}, {3, false, 3}, {3, true, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mseg_run_options options = options_of(cases[i].scales, cases[i].flip);
        mseg_result result;
        mseg_error err = {0};
        uint8_t labels[WIDTH * HEIGHT];
        float probabilities[WIDTH * CLASSES];
        assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), MSEG_OK);
        assert_told(f, cases[i].runs, cases[i].runs);
        memcpy(labels, result.labels.data, sizeof labels);
        for (f->stop_at = 0; f->stop_at <= cases[i].runs; f->stop_at++) {
            assert_cancelled(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), &err);
            assert_told(f, f->stop_at, cases[i].runs);
            assert_true(!result.labels.data && !result.logits && !result.canvas_width && !result.classes);
            assert_int_equal(mseg_probabilities(f->session, 0, 1, probabilities, &err), MSEG_INVAL);
        }
        f->stop_at = -1;
        assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), MSEG_OK);
        assert_told(f, cases[i].runs, cases[i].runs);
        assert_memory_equal(result.labels.data, labels, sizeof labels);
    }
}

static void nothing_runs(void **state)
{
    fixture *f = *state;
    mseg_run_options options = options_of(0, false);
    mseg_result result;
    options.size = 34;
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, NULL), MSEG_INVAL);
    assert_int_equal(f->calls, 0);
}

static void classifying(void **state)
{
    fixture *f = *state;
    const float *scores;
    mseg_error err = {0};
    assert_int_equal(mseg_classify(f->classifying, mseg_view_of(&f->photo), 33, 1, &scores, &err), MSEG_OK);
    assert_told(f, 1, 1);
    for (f->stop_at = 0; f->stop_at <= 1; f->stop_at++) {
        assert_cancelled(mseg_classify(f->classifying, mseg_view_of(&f->photo), 33, 1, &scores, &err), &err);
        assert_null(scores);
        assert_told(f, f->stop_at, 1);
    }
    f->stop_at = -1;
    assert_int_equal(mseg_classify(f->classifying, mseg_view_of(&f->photo), 33, 1, &scores, &err), MSEG_OK);
    assert_non_null(scores);
    assert_told(f, 1, 1);
}

static mseg_status take(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    fixture *f = context;
    (void)err;
    assert_int_equal(rows->first, f->rows);
    f->rows += rows->labels.height;
    return MSEG_OK;
}

static mseg_status run_tiled(fixture *f, mseg_tiled *result, mseg_error *err)
{
    mseg_tile_options options;
    mseg_tile_options_init(&options, sizeof options);
    mseg_image_reader *reader;
    options.size = 65;
    options.overlap = 0;
    f->rows = 0;
    assert_int_equal(mseg_image_reader_open(&reader, PICTURE, MSEG_EXIF_APPLY, NULL, err), MSEG_OK);
    const mseg_status status = mseg_segment_tiled(f->session, reader, &options, take, f, result, err);
    mseg_image_reader_close(&reader);
    return status;
}

/* 200 x 300 pixels, a point every 16 of them, are 14 x 20 points; tiles of 5 that share one of them are 4 and 5. */
static void tiling(void **state)
{
    fixture *f = *state;
    mseg_tiled result;
    mseg_error err = {0};
    assert_int_equal(run_tiled(f, &result, &err), MSEG_OK);
    const int tiles = 20, rows = f->rows;
    assert_int_equal(result.tiles_across, 4);
    assert_int_equal(result.tiles_down, 5);
    assert_int_equal(rows, 300);
    assert_told(f, tiles, tiles);
    for (f->stop_at = 0; f->stop_at <= tiles; f->stop_at++) {
        assert_cancelled(run_tiled(f, &result, &err), &err);
        assert_told(f, f->stop_at, tiles);
        assert_true(f->rows < rows);
        assert_int_equal(f->rows > 0, f->stop_at > 4); /* the first are done with the first line of tiles */
        assert_int_equal(result.tiles_across, 0);
    }
    f->stop_at = -1;
    assert_int_equal(run_tiled(f, &result, &err), MSEG_OK);
    assert_int_equal(f->rows, rows);
    assert_told(f, tiles, tiles);
}

static void no_longer(void **state)
{
    fixture *f = *state;
    const mseg_run_options options = options_of(2, true);
    mseg_result result;
    mseg_session_on_progress(f->session, NULL, NULL);
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, NULL), MSEG_OK);
    assert_int_equal(f->calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segmenting), cmocka_unit_test(nothing_runs), cmocka_unit_test(classifying),
        cmocka_unit_test(tiling),     cmocka_unit_test(no_longer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
