/* What the library refuses: MSEG_INVAL and a text that names the field, whatever function it was given to. Every case is a good
 * call with one thing changed. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/rules.h"
#include "mseg.h"

typedef struct fixture {
    mseg_model *model, *classifier;
    mseg_session *session, *classifying;
    mseg_image photo;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    mseg_error err;
    *state = &f;
    return mseg_model_open_random(&f.model, "mnv2:0.1:classes=3", NULL, &err) ||
           mseg_model_open_random(&f.classifier, "mnv2:0.1:imagenet:classes=5", NULL, &err) ||
           mseg_session_open(&f.session, f.model, NULL, &err) || mseg_session_open(&f.classifying, f.classifier, NULL, &err) ||
           mseg_image_create(&f.photo, 9, 7, 3);
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

static mseg_run_options good_options(void)
{
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.size = 17;
    return options;
}

static void assert_refused(mseg_status status, const mseg_error *err, mseg_status expected, const char *field)
{
    if (status != expected || err->status != expected || !strstr(err->text, field))
        fail_msg("expected %s with '%s', got %s: '%s'", mseg_status_text(expected), field, mseg_status_text(status), err->text);
}

static void good_calls(void **state)
{
    fixture *f = *state;
    mseg_error err;
    mseg_result result;
    const float *scores;
    mseg_run_options options = good_options();
    assert_int_equal(mseg_session_prepare(f->session, &options, &err), MSEG_OK);
    assert_int_equal(mseg_segment(f->session, &f->photo, &options, &result, &err), MSEG_OK);
    options.n_scales = 8;
    for (int i = 0; i < 8; i++)
        options.scales[i] = 1;
    assert_int_equal(mseg_segment(f->session, &f->photo, &options, &result, &err), MSEG_OK);
    assert_int_equal(mseg_classify(f->classifying, &f->photo, 16, 1, &scores, &err), MSEG_OK);
}

static void run_options(void **state)
{
    fixture *f = *state;
    enum { CASES = 14 };
    mseg_run_options bad[CASES];
    const char *const fields[CASES] = {"n_scales 9", "n_scales -1", "resize 77", "resize -1", "pad 2",     "pad -1",    "size 20",
                                       "size 0",     "size -15",    "scales[0]", "scales[1]", "scales[0]", "scales[0]", "2^30"};
    for (int i = 0; i < CASES; i++) {
        bad[i] = good_options();
        for (int k = 0; k < 8; k++)
            bad[i].scales[k] = 1;
    }
    bad[0].n_scales = 9;
    bad[1].n_scales = -1;
    bad[2].resize = (mseg_resize)77;
    bad[3].resize = (mseg_resize)-1;
    bad[4].pad = (mseg_pad)2;
    bad[5].pad = (mseg_pad)-1;
    bad[6].size = 20;
    bad[7].size = 0;
    bad[8].size = -15;
    bad[9].n_scales = 1;
    bad[9].scales[0] = 0;
    bad[10].n_scales = 2;
    bad[10].scales[1] = 16.5;
    bad[11].n_scales = 1;
    bad[11].scales[0] = -1;
    bad[12].n_scales = 1;
    memset(&bad[12].scales[0], 0xff, sizeof bad[12].scales[0]); /* not a number */
    bad[13].size = 32769;
    for (int i = 0; i < CASES; i++) {
        const mseg_status expected = i == 13 ? MSEG_LIMIT : MSEG_INVAL;
        mseg_error err = {0};
        mseg_result result;
        assert_refused(mseg_segment(f->session, &f->photo, &bad[i], &result, &err), &err, expected, fields[i]);
        assert_null(result.logits);
        err = (mseg_error){0};
        assert_refused(mseg_session_prepare(f->session, &bad[i], &err), &err, expected, fields[i]);
    }
}

/* Programs of other times: struct_size is what sizeof was when they were compiled. */
static void options_of_other_versions(void **state)
{
    fixture *f = *state;
    struct later {
        mseg_run_options known;
        int unknown;
    } later = {.known = good_options()};
    mseg_run_options none = {0}, earlier = good_options();
    mseg_model_options model_options = {.struct_size = 3};
    mseg_tile_options tiles = {.struct_size = (size_t)-1, .size = 17};
    mseg_model *model;
    mseg_tiled tiled;
    mseg_result result;
    mseg_error err = {0};
    assert_refused(mseg_segment(f->session, &f->photo, &none, &result, &err), &err, MSEG_INVAL, "mseg_run_options_init");
    err = (mseg_error){0};
    assert_refused(mseg_session_prepare(f->session, &none, &err), &err, MSEG_INVAL, "struct_size 0");
    err = (mseg_error){0};
    assert_refused(mseg_model_open_builtin(&model, &model_options, &err), &err, MSEG_INVAL, "mseg_model_options_init");
    assert_null(model);
    err = (mseg_error){0};
    assert_refused(mseg_segment_tiled(f->session, NULL, &tiles, NULL, NULL, &tiled, &err), &err, MSEG_INVAL,
                   "mseg_tile_options_init");
    earlier.struct_size = offsetof(mseg_run_options, n_scales); /* what follows is not the caller's */
    earlier.n_scales = -7;
    assert_int_equal(mseg_segment(f->session, &f->photo, &earlier, &result, &err), MSEG_OK);
    later.known.struct_size = sizeof later;
    assert_int_equal(mseg_segment(f->session, &f->photo, &later.known, &result, &err), MSEG_OK);
    later.unknown = 1;
    err = (mseg_error){0};
    assert_refused(mseg_segment(f->session, &f->photo, &later.known, &result, &err), &err, MSEG_UNSUPPORTED, "does not know");
    memset(&later, 0xff, sizeof later);
    mseg_run_options_init(&later.known, offsetof(mseg_run_options, n_scales)); /* writes no further */
    assert_int_equal(later.known.size, 513);
    assert_int_equal(later.known.n_scales, -1);
}

/* Sides of 2^30 pixels by 1 are allowed, but what a scale makes of them is not, and must not wrap around. */
static void scaled_canvas(void **state)
{
    fixture *f = *state;
    mseg_run_options options = good_options();
    mseg_error err = {0};
    mseg_result result;
    options.size = 16385;
    options.n_scales = 2;
    options.scales[0] = 1;
    options.scales[1] = 16;
    assert_refused(mseg_segment(f->session, &f->photo, &options, &result, &err), &err, MSEG_LIMIT, "262145 x 262145");
    err = (mseg_error){0};
    assert_refused(mseg_session_prepare(f->session, &options, &err), &err, MSEG_LIMIT, "262145 x 262145");
    options.pad = MSEG_PAD_TIGHT; /* a picture of one row would do */
    assert_int_equal(mseg_session_prepare(f->session, &options, &err), MSEG_OK);
}

/* All that take an image. */
static void images(void **state)
{
    fixture *f = *state;
    enum { CASES = 7 };
    mseg_image bad[CASES];
    const char *const fields[CASES] = {"stride 26", "channels is 1", "channels is 4", "width 0",
                                       "height -1", "no data",       "stride 0"};
    for (int i = 0; i < CASES; i++)
        bad[i] = f->photo;
    bad[0].stride = 26;
    bad[1].channels = 1;
    bad[2].channels = 4;
    bad[3].width = 0;
    bad[4].height = -1;
    bad[5].data = NULL;
    bad[6].stride = 0;
    const mseg_run_options options = good_options();
    static const mseg_palette palette = {.entries = 3};
    mseg_image labels;
    assert_int_equal(mseg_image_create(&labels, 9, 7, 1), MSEG_OK);
    for (int i = 0; i < CASES; i++) {
        mseg_error err = {0};
        mseg_result result;
        const float *scores = (const float *)state;
        mseg_image out;
        assert_refused(mseg_segment(f->session, &bad[i], &options, &result, &err), &err, MSEG_INVAL, fields[i]);
        err = (mseg_error){0};
        assert_refused(mseg_session_forward(f->session, &bad[i], &result, &err), &err, MSEG_INVAL, fields[i]);
        err = (mseg_error){0};
        assert_refused(mseg_classify(f->classifying, &bad[i], 16, 1, &scores, &err), &err, MSEG_INVAL, fields[i]);
        assert_null(scores);
        err = (mseg_error){0};
        assert_refused(mseg_overlay(&out, &bad[i], &labels, &palette, 0.5, &err), &err, MSEG_INVAL, fields[i]);
        if (i == 1)
            continue; /* right for these */
        err = (mseg_error){0};
        assert_refused(mseg_image_resize(&out, &bad[i], 3, 3, &err), &err, MSEG_INVAL, fields[i]);
    }
    mseg_image_free(&labels);
}

static void masks(void **state)
{
    (void)state;
    const mseg_mask_rules rules = rules_of(3, 255);
    mseg_counts *counts;
    mseg_error err = {0};
    mseg_image good, bad;
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, &err), MSEG_OK);
    assert_int_equal(mseg_image_create(&good, 9, 7, 1), MSEG_OK);
    bad = good;
    bad.stride = 8;
    assert_refused(mseg_counts_add(counts, "a", &bad, &good, &err), &err, MSEG_INVAL, "truth: stride 8");
    assert_refused(mseg_counts_add(counts, "a", &good, &bad, &err), &err, MSEG_INVAL, "prediction: stride 8");
    bad = good;
    bad.channels = 3;
    assert_refused(mseg_counts_add(counts, "a", &good, &bad, &err), &err, MSEG_INVAL, "prediction: channels is 3");
    mseg_counts_close(&counts);
    for (int n = -1; n <= 0; n++) {
        counts = (mseg_counts *)state;
        assert_refused(mseg_counts_load(&counts, NULL, n, &err), &err, MSEG_INVAL, n ? "n is -1" : "n is 0");
        assert_null(counts);
    }
    mseg_image_free(&good);
}

static void classifying(void **state)
{
    fixture *f = *state;
    const float *scores;
    mseg_error err = {0};
    mseg_result result;
    const double zero = 0;
    assert_refused(mseg_classify(f->classifying, &f->photo, 0, 1, &scores, &err), &err, MSEG_INVAL, "size 0");
    assert_refused(mseg_classify(f->classifying, &f->photo, -1, 1, &scores, &err), &err, MSEG_INVAL, "size -1");
    assert_refused(mseg_classify(f->classifying, &f->photo, 16, zero, &scores, &err), &err, MSEG_INVAL, "crop 0");
    assert_refused(mseg_classify(f->classifying, &f->photo, 16, 1.5, &scores, &err), &err, MSEG_INVAL, "crop 1.5");
    assert_refused(mseg_classify(f->classifying, &f->photo, 16, zero / zero, &scores, &err), &err, MSEG_INVAL, "crop");
    assert_refused(mseg_classify(f->session, &f->photo, 16, 1, &scores, &err), &err, MSEG_INVAL, "not a classifier");
    assert_refused(mseg_segment(f->classifying, &f->photo, NULL, &result, &err), &err, MSEG_INVAL, "classifier");
    assert_refused(mseg_session_prepare(f->classifying, NULL, &err), &err, MSEG_INVAL, "classifier");
}

static void plans(void **state)
{
    fixture *f = *state;
    mseg_session *fresh;
    mseg_plan_info info;
    mseg_error err = {0};
    assert_int_equal(mseg_session_open(&fresh, f->model, NULL, &err), MSEG_OK);
    assert_string_equal(mseg_session_layer(fresh, 0).kind, ""); /* no plan yet */
    assert_refused(mseg_session_plan(fresh, 0, 17, &info, &err), &err, MSEG_INVAL, "width 0");
    assert_refused(mseg_session_plan(fresh, 17, -3, &info, &err), &err, MSEG_INVAL, "height -3");
    assert_refused(mseg_session_plan(fresh, 32769, 32769, &info, &err), &err, MSEG_LIMIT, "32769 x 32769");
    assert_int_equal(mseg_session_plan(fresh, 17, 17, &info, &err), MSEG_OK);
    assert_string_not_equal(mseg_session_layer(fresh, 0).kind, "");
    assert_string_not_equal(mseg_session_layer(fresh, info.layers - 1).kind, "");
    const int outside[] = {-1, info.layers, 1 << 30, -(1 << 30)};
    for (int i = 0; i < 4; i++) {
        const mseg_layer layer = mseg_session_layer(fresh, outside[i]);
        assert_string_equal(layer.kind, "");
        assert_string_equal(layer.name, "");
        assert_int_equal(layer.out_channels, 0);
    }
    mseg_session_close(&fresh);
}

/* Only of rows that the last image has, and only as long as what they are made of is there. */
static void probabilities(void **state)
{
    fixture *f = *state;
    static const int rows[][2] = {{-1, 2}, {0, 8}, {7, 1}, {3, -1}, {2, INT_MAX}};
    const mseg_run_options options = good_options();
    mseg_result result;
    mseg_plan_info info;
    mseg_error err;
    float out[7 * 9 * 3];
    for (int flip = 0; flip < 2; flip++) {
        mseg_run_options how = options;
        how.flip = flip;
        assert_int_equal(mseg_segment(f->session, &f->photo, &how, &result, &err), MSEG_OK);
        assert_int_equal(mseg_probabilities(f->session, 0, 7, out, &err), MSEG_OK);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            assert_refused(mseg_probabilities(f->session, rows[i][0], rows[i][1], out, &err), &err, MSEG_INVAL, "rows");
        assert_int_equal(mseg_probabilities(f->session, 6, 1, out, &err), MSEG_OK);
        assert_int_equal(mseg_session_plan(f->session, 33, 33, &info, &err), MSEG_OK);
        assert_refused(mseg_probabilities(f->session, 0, 1, out, &err), &err, MSEG_INVAL, "rows");
        assert_int_equal(mseg_segment(f->session, &f->photo, &how, &result, &err), MSEG_OK);
        how.size = 16;
        assert_int_equal(mseg_segment(f->session, &f->photo, &how, &result, &err), MSEG_INVAL);
        assert_refused(mseg_probabilities(f->session, 0, 1, out, &err), &err, MSEG_INVAL, "rows");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_calls),    cmocka_unit_test(probabilities),
        cmocka_unit_test(run_options),   cmocka_unit_test(options_of_other_versions),
        cmocka_unit_test(scaled_canvas), cmocka_unit_test(images),
        cmocka_unit_test(classifying),   cmocka_unit_test(masks),
        cmocka_unit_test(plans),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
