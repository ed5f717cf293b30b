/* What the header says of threads: one model in several, one pool for two sessions, one session for one call. Also for the thread
 * sanitizer. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mseg.h"

enum { PICTURES = 3, WIDTH = 75, HEIGHT = 50, CLASSES = 7, THREADS = 4 };

typedef struct fixture {
    mseg_model *model;
    mseg_image photos[PICTURES];
    /* What one thread by itself makes of them. */
    mseg_image labels[PICTURES];
    float *probabilities[PICTURES];
} fixture;

static mseg_run_options options_of(int picture)
{
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.size = 65;
    options.flip = picture == 1;
    options.n_scales = picture == 2 ? 2 : 0;
    options.scales[0] = 1;
    options.scales[1] = 0.75;
    return options;
}

/* One picture segmented: its labels, which are the session's, and its probabilities, to be freed; NULL when that failed. */
static float *segment(const fixture *f, mseg_session *session, int picture, mseg_view *labels)
{
    const mseg_run_options options = options_of(picture);
    mseg_result result;
    float *out = malloc(sizeof *out * WIDTH * HEIGHT * CLASSES);
    if (!out || mseg_segment(session, mseg_view_of(&f->photos[picture]), &options, &result, NULL) ||
        mseg_probabilities(session, 0, HEIGHT, out, NULL)) {
        free(out);
        return NULL;
    }
    *labels = result.labels;
    return out;
}

static int set_up(void **state)
{
    static fixture f;
    mseg_session *session;
    *state = &f;
    if (mseg_model_open_random(&f.model, "mnv2:0.35:aspp:classes=7", NULL, NULL) ||
        mseg_session_open(&session, f.model, NULL, NULL))
        return -1;
    for (int i = 0; i < PICTURES; i++) {
        mseg_view labels;
        if (mseg_image_create(&f.photos[i], WIDTH, HEIGHT, MSEG_RGB) || mseg_image_create(&f.labels[i], WIDTH, HEIGHT, MSEG_GRAY))
            return -1;
        for (int k = 0; k < WIDTH * HEIGHT * 3; k++)
            f.photos[i].data[k] = (uint8_t)(k / 300 * 37 + k % 90 / 15 * 41 + i * 7);
        if (!(f.probabilities[i] = segment(&f, session, i, &labels)))
            return -1;
        memcpy(f.labels[i].data, labels.data, WIDTH * HEIGHT);
    }
    mseg_session_close(&session);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < PICTURES; i++) {
        mseg_image_free(&f->photos[i]);
        mseg_image_free(&f->labels[i]);
        free(f->probabilities[i]);
    }
    mseg_model_close(&f->model);
    return 0;
}

/* ---- models and pools ---- */

/* cmocka may not fail on another thread, so that threads only count. */
typedef struct worker {
    const fixture *f;
    mseg_pool *pool;
    int first, right;
} worker;

static int segment_all(const fixture *f, mseg_session *session, int first)
{
    int right = 0;
    for (int i = 0; i < PICTURES; i++) {
        const int picture = (first + i) % PICTURES;
        mseg_view labels;
        float *probabilities = segment(f, session, picture, &labels);
        right += probabilities && !memcmp(labels.data, f->labels[picture].data, WIDTH * HEIGHT) &&
                 !memcmp(probabilities, f->probabilities[picture], sizeof *probabilities * WIDTH * HEIGHT * CLASSES);
        free(probabilities);
    }
    return right;
}

static void *work(void *context)
{
    worker *w = context;
    mseg_session *session;
    if (mseg_session_open(&session, w->f->model, w->pool, NULL))
        return NULL;
    for (int i = 0; i < 2; i++)
        w->right += segment_all(w->f, session, w->first + i);
    mseg_session_close(&session);
    return NULL;
}

static void in_threads(const fixture *f, mseg_pool *pool, int n)
{
    worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < n; i++) {
        workers[i] = (worker){f, pool, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].right, 2 * PICTURES);
    }
}

static void one_model(void **state)
{
    in_threads(*state, NULL, THREADS);
}

static void one_pool(void **state)
{
    for (int threads = 2; threads <= 3; threads++) {
        mseg_pool *pool;
        assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
        in_threads(*state, pool, 2);
        mseg_pool_close(&pool);
    }
}

/* ---- one session ---- */

#define REFUSAL "the session is running in another thread, or this is a callback of it"

typedef struct intruder {
    const fixture *f;
    mseg_session *session;
    mseg_image_reader *reader;
    int calls, refused;
} intruder;

static mseg_status do_nothing(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    (void)context;
    (void)rows;
    (void)err;
    return MSEG_OK;
}

static int is_refused(mseg_status status, mseg_error *err)
{
    const int refused = status == MSEG_INVAL && !strcmp(err->text, REFUSAL);
    *err = (mseg_error){0};
    return refused;
}

/* Everything that a session can do and that can fail. */
static void *intrude(void *context)
{
    intruder *in = context;
    const mseg_run_options options = options_of(0);
    const mseg_tile_options tiles = {.struct_size = sizeof tiles, .size = 33, .overlap = -1};
    const mseg_image *photo = &in->f->photos[0];
    mseg_error err = {0};
    mseg_result result;
    mseg_plan_info plan;
    mseg_tiled tiled;
    const float *scores;
    float probabilities[WIDTH * CLASSES];
    in->calls += 7;
    in->refused += is_refused(mseg_session_prepare(in->session, &options, &err), &err);
    in->refused +=
        is_refused(mseg_segment(in->session, mseg_view_of(photo), &options, &result, &err), &err) && !result.labels.data;
    in->refused += is_refused(mseg_probabilities(in->session, 0, 1, probabilities, &err), &err);
    in->refused += is_refused(mseg_classify(in->session, mseg_view_of(photo), 33, 1, &scores, &err), &err) && !scores;
    in->refused += is_refused(mseg_segment_tiled(in->session, in->reader, &tiles, do_nothing, NULL, &tiled, &err), &err);
    in->refused += is_refused(mseg_session_plan(in->session, 33, 33, &plan, &err), &err);
    in->refused += is_refused(mseg_session_forward(in->session, mseg_view_of(photo), &result, &err), &err);
    return NULL;
}

/* The call's own thread and another one, which it waits for. */
static mseg_status on_rows(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    pthread_t thread;
    (void)rows;
    (void)err;
    intrude(context);
    if (!pthread_create(&thread, NULL, intrude, context))
        pthread_join(thread, NULL);
    return MSEG_OK;
}

static void one_session(void **state)
{
    const fixture *f = *state;
    const mseg_tile_options tiles = {.struct_size = sizeof tiles, .size = 33, .overlap = -1};
    intruder in = {.f = f};
    mseg_tiled tiled;
    mseg_error err = {0};
    assert_int_equal(mseg_session_open(&in.session, f->model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_image_reader_open(&in.reader, MSEG_TESTS_DIR "/image/golden/jpeg_420.jpg", MSEG_EXIF_APPLY, NULL, NULL),
                     MSEG_OK);
    if (mseg_segment_tiled(in.session, in.reader, &tiles, on_rows, &in, &tiled, &err))
        fail_msg("%s", err.text);
    assert_true(in.calls >= 14);
    assert_int_equal(in.refused, in.calls);
    mseg_image_reader_close(&in.reader);
    assert_int_equal(segment_all(f, in.session, 0), PICTURES); /* it is free again, after failures too */
    mseg_run_options bad = options_of(0);
    mseg_result result;
    bad.size = 3;
    assert_int_equal(mseg_segment(in.session, mseg_view_of(&f->photos[0]), &bad, &result, &err), MSEG_INVAL);
    assert_string_not_equal(err.text, REFUSAL);
    assert_int_equal(segment_all(f, in.session, 0), PICTURES);
    mseg_session_close(&in.session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_model),
        cmocka_unit_test(one_pool),
        cmocka_unit_test(one_session),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
