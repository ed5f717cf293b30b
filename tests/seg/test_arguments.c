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
#include "seg/model.h"

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
           mseg_image_create(&f.photo, 9, 7, MSEG_RGB);
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
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), MSEG_OK);
    options.n_scales = 8;
    for (int i = 0; i < 8; i++)
        options.scales[i] = 1;
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), MSEG_OK);
    assert_int_equal(mseg_classify(f->classifying, mseg_view_of(&f->photo), 16, 1, &scores, &err), MSEG_OK);
}

static void run_options(void **state)
{
    fixture *f = *state;
    enum { CASES = 13 };
    mseg_run_options bad[CASES];
    const char *const fields[CASES] = {"n_scales 9", "n_scales -1", "resize 77", "resize -1", "pad 2",     "pad -1", "size 20",
                                       "size -15",   "scales[0]",   "scales[1]", "scales[0]", "scales[0]", "2^30"};
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
    bad[7].size = -15;
    bad[8].n_scales = 1;
    bad[8].scales[0] = 0;
    bad[9].n_scales = 2;
    bad[9].scales[1] = 16.5;
    bad[10].n_scales = 1;
    bad[10].scales[0] = -1;
    bad[11].n_scales = 1;
    memset(&bad[11].scales[0], 0xff, sizeof bad[11].scales[0]); /* not a number */
    bad[12].size = 32769;
    for (int i = 0; i < CASES; i++) {
        const mseg_status expected = i == 12 ? MSEG_LIMIT : MSEG_INVAL;
        mseg_error err = {0};
        mseg_result result;
        assert_refused(mseg_segment(f->session, mseg_view_of(&f->photo), &bad[i], &result, &err), &err, expected, fields[i]);
        assert_null(result.logits);
        err = (mseg_error){0};
        assert_refused(mseg_session_prepare(f->session, &bad[i], &err), &err, expected, fields[i]);
    }
}

/* Size 0 is the model's own, if that is known and square, whatever its form; else 513. */
static void own_size(void **state)
{
    fixture *f = *state;
    static const struct {
        int width, height, canvas;
    } cases[] = {{0, 0, 513}, {33, 33, 33}, {33, 49, 513}, {32, 32, 32}, {-15, -15, 513}, {1, 1, 1}};
    mseg_run_options options = good_options();
    mseg_result result;
    mseg_error err;
    options.size = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->model->info.trained_width = cases[i].width;
        f->model->info.trained_height = cases[i].height;
        assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), MSEG_OK);
        assert_int_equal(result.canvas_width, cases[i].canvas);
        assert_int_equal(result.canvas_height, cases[i].canvas);
    }
    f->model->info.trained_width = f->model->info.trained_height = 0;
    mseg_run_options_init(&options, sizeof options);
    assert_int_equal(options.size, 513);
}

/* Programs of other times: struct_size is what sizeof was when they were compiled. */
static void options_of_other_versions(void **state)
{
    fixture *f = *state;
    struct later {
        mseg_run_options known;
        uint64_t unknown; /* no padding behind it, which could hold anything */
    } later = {.known = good_options()};
    mseg_run_options none = {0}, earlier = good_options();
    mseg_model_options model_options = {.struct_size = 3};
    mseg_tile_options tiles = {.struct_size = (size_t)-1, .size = 17};
    mseg_model *model;
    mseg_tiled tiled;
    mseg_result result;
    mseg_error err = {0};
    assert_refused(mseg_segment(f->session, mseg_view_of(&f->photo), &none, &result, &err), &err, MSEG_INVAL,
                   "mseg_run_options_init");
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
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &earlier, &result, &err), MSEG_OK);
    later.known.struct_size = sizeof later;
    assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &later.known, &result, &err), MSEG_OK);
    later.unknown = 1;
    err = (mseg_error){0};
    assert_refused(mseg_segment(f->session, mseg_view_of(&f->photo), &later.known, &result, &err), &err, MSEG_UNSUPPORTED,
                   "does not know");
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
    assert_refused(mseg_segment(f->session, mseg_view_of(&f->photo), &options, &result, &err), &err, MSEG_LIMIT,
                   "262145 x 262145");
    err = (mseg_error){0};
    assert_refused(mseg_session_prepare(f->session, &options, &err), &err, MSEG_LIMIT, "262145 x 262145");
    options.pad = MSEG_PAD_TIGHT; /* a picture of one row would do */
    assert_int_equal(mseg_session_prepare(f->session, &options, &err), MSEG_OK);
}

/* What may be wrong with a view whatever it is for: a good one with one thing changed. */
enum { VIEWS = 9 };
static const char *const view_fields[VIEWS] = {"stride",    "stride 0", "width 0",  "width -9", "height 0",
                                               "height -1", "no data",  "format 5", "format -1"};

static void spoil(mseg_view bad[VIEWS], mseg_view good)
{
    for (int i = 0; i < VIEWS; i++)
        bad[i] = good;
    bad[0].stride = (size_t)(good.width * mseg_format_channels(good.format)) - 1;
    bad[1].stride = 0;
    bad[2].width = 0;
    bad[3].width = -9;
    bad[4].height = 0;
    bad[5].height = -1;
    bad[6].data = NULL;
    bad[7].format = (mseg_format)5;
    bad[8].format = (mseg_format)-1;
}

/* In a folder that is not there: what is refused does not get so far. */
static mseg_status give(fixture *f, int taker, mseg_view view, mseg_error *err)
{
    static const mseg_palette palette = {.entries = 3, .colors = {.count = 3}};
    static const uint8_t pixels[9 * 7 * 4];
    const mseg_mask_rules rules = rules_of(3, 255);
    const mseg_run_options options = good_options();
    const mseg_view photo = {9, 7, MSEG_RGB, 27, pixels}, labels = {9, 7, MSEG_GRAY, 9, pixels};
    const mseg_png_format format = {9, 7, MSEG_RGB, NULL};
    const float *scores;
    mseg_counts *counts;
    mseg_row_writer *writer;
    mseg_result result;
    mseg_image out = {0};
    uint8_t *bytes;
    size_t size;
    mseg_status status = MSEG_OK;
    switch (taker) {
    case 0:
        return mseg_segment(f->session, view, &options, &result, err);
    case 1:
        return mseg_session_forward(f->session, view, &result, err);
    case 2:
        return mseg_classify(f->classifying, view, 16, 1, &scores, err);
    case 3:
        status = mseg_overlay(&out, view, labels, &palette, 0.5, err);
        break;
    case 4:
        status = mseg_overlay_rows(&out, view, labels, NULL, &palette, 0.5, err);
        break;
    case 5:
        return mseg_image_write_png("/nowhere/x.png", view, err);
    case 6:
        return mseg_image_encode_png(view, NULL, &bytes, &size, err);
    case 7:
        return mseg_image_encode_jpeg(view, 90, &bytes, &size, err);
    case 8:
        status = mseg_image_resize(&out, view, 3, 3, err);
        break;
    case 9:
        assert_int_equal(mseg_row_writer_open(&writer, "/dev/null", &format, NULL), MSEG_OK);
        status = mseg_row_writer_put(writer, view, err);
        mseg_row_writer_discard(&writer);
        return status;
    case 10:
        status = mseg_overlay(&out, photo, view, &palette, 0.5, err);
        break;
    case 11:
        status = mseg_overlay_rows(&out, photo, view, NULL, &palette, 0.5, err);
        break;
    case 12:
        return mseg_image_write_indexed("/nowhere/x.png", view, &palette.colors, err);
    case 13:
    case 14:
        assert_int_equal(mseg_counts_open(&counts, &rules, NULL, NULL), MSEG_OK);
        status = mseg_counts_add(counts, "a", taker == 13 ? view : labels, taker == 13 ? labels : view, err);
        mseg_counts_close(&counts);
        return status;
    default:
        status = mseg_image_to_rgb(&out, view, err);
        break;
    }
    assert_int_equal(!out.data, status != MSEG_OK);
    mseg_image_free(&out);
    return status;
}

/* All that take a view: photos, then what has no alpha, then labels, then any. */
static void views(void **state)
{
    fixture *f = *state;
    enum { OPAQUE = 5, LABELS = 10, ANY = 15, TAKERS = 16 };
    for (int taker = 0; taker < TAKERS; taker++) {
        mseg_view bad[VIEWS], good = mseg_view_of(&f->photo);
        if (taker >= LABELS && taker < ANY)
            good = (mseg_view){9, 7, MSEG_GRAY, 9, f->photo.data};
        spoil(bad, good);
        for (int i = 0; i < VIEWS; i++) {
            mseg_error err = {0};
            assert_refused(give(f, taker, bad[i], &err), &err, MSEG_INVAL, view_fields[i]);
        }
        mseg_error err = {0};
        assert_refused(give(f, taker, mseg_view_of(NULL), &err), &err, MSEG_INVAL, "no data");
        for (mseg_format kind = MSEG_GRAY; kind <= MSEG_BGRA; kind++) {
            static const char *const names[] = {"MSEG_GRAY", "MSEG_RGB", "MSEG_BGR", "MSEG_RGBA", "MSEG_BGRA"};
            char text[64];
            const mseg_view view = {9, 7, kind, 36, (uint8_t[36 * 7]){0}};
            const bool right = taker < OPAQUE   ? kind != MSEG_GRAY
                               : taker < LABELS ? kind <= MSEG_BGR
                               : taker < ANY    ? kind == MSEG_GRAY
                                                : true;
            snprintf(text, sizeof text, "format is %s where", names[kind]);
            err = (mseg_error){0};
            if (!right)
                assert_refused(give(f, taker, view, &err), &err, MSEG_INVAL, text);
            else if (taker < OPAQUE || taker == 10 || taker == 11 || taker == 13 || taker == 14)
                assert_int_equal(give(f, taker, view, &err), MSEG_OK);
        }
    }
}

static void masks(void **state)
{
    (void)state;
    const mseg_mask_rules rules = rules_of(3, 255);
    mseg_counts *counts;
    mseg_error err = {0};
    const uint8_t pixels[9 * 7] = {0};
    const mseg_view good = {9, 7, MSEG_GRAY, 9, pixels};
    mseg_view bad = good;
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, &err), MSEG_OK);
    bad.stride = 8;
    assert_refused(mseg_counts_add(counts, "a", bad, good, &err), &err, MSEG_INVAL, "truth: stride 8");
    assert_refused(mseg_counts_add(counts, "a", good, bad, &err), &err, MSEG_INVAL, "prediction: stride 8");
    bad = good;
    bad.format = MSEG_RGB;
    assert_refused(mseg_counts_add(counts, "a", good, bad, &err), &err, MSEG_INVAL,
                   "prediction: format is MSEG_RGB where MSEG_GRAY");
    mseg_counts_close(&counts);
    for (int n = -1; n <= 0; n++) {
        counts = (mseg_counts *)state;
        assert_refused(mseg_counts_load(&counts, NULL, n, &err), &err, MSEG_INVAL, n ? "n is -1" : "n is 0");
        assert_null(counts);
    }
}

static void classifying(void **state)
{
    fixture *f = *state;
    const float *scores;
    mseg_error err = {0};
    mseg_result result;
    const double zero = 0;
    assert_refused(mseg_classify(f->classifying, mseg_view_of(&f->photo), -1, 1, &scores, &err), &err, MSEG_INVAL, "size -1");
    assert_refused(mseg_classify(f->classifying, mseg_view_of(&f->photo), 16, zero, &scores, &err), &err, MSEG_INVAL, "crop 0");
    assert_refused(mseg_classify(f->classifying, mseg_view_of(&f->photo), 16, 1.5, &scores, &err), &err, MSEG_INVAL, "crop 1.5");
    assert_refused(mseg_classify(f->classifying, mseg_view_of(&f->photo), 16, zero / zero, &scores, &err), &err, MSEG_INVAL,
                   "crop");
    assert_refused(mseg_classify(f->session, mseg_view_of(&f->photo), 16, 1, &scores, &err), &err, MSEG_INVAL,
                   "not a classifier");
    assert_refused(mseg_segment(f->classifying, mseg_view_of(&f->photo), NULL, &result, &err), &err, MSEG_INVAL, "classifier");
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
        assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &how, &result, &err), MSEG_OK);
        assert_int_equal(mseg_probabilities(f->session, 0, 7, out, &err), MSEG_OK);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            assert_refused(mseg_probabilities(f->session, rows[i][0], rows[i][1], out, &err), &err, MSEG_INVAL, "rows");
        assert_int_equal(mseg_probabilities(f->session, 6, 1, out, &err), MSEG_OK);
        assert_int_equal(mseg_session_plan(f->session, 33, 33, &info, &err), MSEG_OK);
        assert_refused(mseg_probabilities(f->session, 0, 1, out, &err), &err, MSEG_INVAL, "rows");
        assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &how, &result, &err), MSEG_OK);
        how.size = 16;
        assert_int_equal(mseg_segment(f->session, mseg_view_of(&f->photo), &how, &result, &err), MSEG_INVAL);
        assert_refused(mseg_probabilities(f->session, 0, 1, out, &err), &err, MSEG_INVAL, "rows");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_calls),    cmocka_unit_test(probabilities),
        cmocka_unit_test(run_options),   cmocka_unit_test(options_of_other_versions),
        cmocka_unit_test(scaled_canvas), cmocka_unit_test(views),
        cmocka_unit_test(own_size),      cmocka_unit_test(classifying),
        cmocka_unit_test(masks),         cmocka_unit_test(plans),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
