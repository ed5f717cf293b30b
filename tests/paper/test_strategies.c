#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mseg.h"
#include "seg/run/session.h"
#include "shared.h"

/* Multi-scale + flip of trained models on photos against PyTorch in float64, whose labels lie in $MSEG_SHARED or in ../shared
 * beside the checkout: at most 50 pixels an image may differ, where the two classes' probabilities are closer than 1e-4. */

enum { MOST_PIXELS = 50, RUNS = 12 };
#define TIE 1e-4

typedef struct golden {
    const char *model, *photo, *labels;
} golden;

static const golden goldens[] = {
    {"deeplabv3_mnv2_pascal_quant", "2011_000003", "mnv2_dm10_2011_000003"},
    {"deeplabv3_257_mv_gpu", "2011_000025", "mnv2_dm05_f32_2011_000025"},
#ifndef __SANITIZE_ADDRESS__ /* slow there */
    {"deeplabv3_mnv2_pascal_quant", "2011_000025", "mnv2_dm10_2011_000025"},
    {"deeplabv3_257_mv_gpu", "2011_000003", "mnv2_dm05_f32_2011_000003"},
#endif
};

/* Mean probability of a class at a pixel of the session's last run. */
static double probability(const mseg_session *s, mseg_view labels, int x, int y, int id)
{
    const size_t pixels = (size_t)labels.width * (size_t)labels.height;
    return (double)s->sums[(size_t)id * pixels + (size_t)y * (size_t)labels.width + (size_t)x] / RUNS;
}

static int check_labels(const mseg_session *session, mseg_view got, mseg_view wanted, const char *what)
{
    int differ = 0;
    assert_true(got.width == wanted.width && got.height == wanted.height);
    for (int y = 0; y < got.height; y++)
        for (int x = 0; x < got.width; x++) {
            const int ours = got.data[(size_t)y * got.stride + (size_t)x];
            const int theirs = wanted.data[(size_t)y * wanted.stride + (size_t)x];
            if (ours == theirs)
                continue;
            const double margin = probability(session, got, x, y, ours) - probability(session, got, x, y, theirs);
            if (!(margin >= 0 && margin < TIE))
                fail_msg("%s: class %d, not %d, at %d, %d, by %g", what, ours, theirs, x, y, margin);
            differ++;
        }
    return differ;
}

static void check(const golden *g, mseg_pool *pool)
{
    mseg_error err;
    mseg_model *model;
    mseg_session *session;
    mseg_image photo, labels;
    mseg_result result;
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    mseg_model_options how;
    mseg_model_options_init(&how, sizeof how);
    how.output_stride = 16;
    how.precision = MSEG_PRECISION_FLOAT; /* also of the quantised file */
    for (int c = 0; c < 3; c++)
        how.mean[c] = how.std[c] = 127.5; /* the references take x * 2/255 - 1 */
    static const double scales[] = {0.5, 0.75, 1, 1.25, 1.5, 1.75};
    memcpy(options.scales, scales, sizeof scales);
    options.n_scales = sizeof scales / sizeof *scales;
    options.flip = true;
    options.resize = MSEG_RESIZE_NONE;
    if (mseg_image_read(&photo, shared_path("golden/float64/%s.png", g->photo), MSEG_EXIF_IGNORE, NULL, &err) ||
        mseg_image_read_labels(&labels, NULL, shared_path("golden/float64/%s_os16_ms_flip_labels.png", g->labels), NULL, &err) ||
        mseg_model_open(&model, shared_path("models/%s.tflite", g->model), &how, &err) ||
        mseg_session_open(&session, model, pool, &err) || mseg_segment(session, mseg_view_of(&photo), &options, &result, &err))
        fail_msg("%s: %s", g->labels, err.text);
    double sum = 0;
    for (int id = 0; id < result.classes; id++)
        sum += probability(session, result.labels, 0, 0, id);
    assert_true(fabs(sum - 1) < 1e-5);
    const int differ = check_labels(session, result.labels, mseg_view_of(&labels), g->labels);
    print_message("%s: %d pixels differ\n", g->labels, differ);
    assert_true(differ <= MOST_PIXELS);
    mseg_session_close(&session);
    mseg_model_close(&model);
    mseg_image_free(&photo);
    mseg_image_free(&labels);
}

static void test_multi_scale_flip(void **state)
{
    (void)state;
    mseg_pool *pool;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        need_shared(shared_path("golden/float64/%s_os16_ms_flip_labels.png", goldens[i].labels), "multi-scale + flip is");
        need_shared(shared_path("models/%s.tflite", goldens[i].model), "multi-scale + flip is");
    }
    assert_int_equal(mseg_pool_open(&pool, 2), MSEG_OK);
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++)
        check(&goldens[i], pool);
    mseg_pool_close(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_multi_scale_flip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
