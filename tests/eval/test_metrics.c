/* Counts and figures against NumPy (golden_metrics.h), against sums done by hand, and damaged or foreign counts files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mseg.h"
#include "rules.h"

#include "golden_metrics.h"

enum { IGNORE = 255 };

/* ---- scenes, as scene() of make_golden.py draws them ------------------------------------------------------------------- */

static uint32_t next_random(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % n;
}

static void draw(mseg_image *ids, uint64_t seed, int width, int height, const uint8_t *choices, uint32_t n)
{
    uint64_t state = seed;
    assert_int_equal(mseg_image_create(ids, width, height, MSEG_GRAY), MSEG_OK);
    memset(ids->data, choices[next_random(&state, n)], ids->stride * (size_t)height);
    for (int i = 0; i < 12; i++) {
        int x0 = (int)next_random(&state, (uint32_t)width), y0 = (int)next_random(&state, (uint32_t)height);
        int w = 1 + (int)next_random(&state, (uint32_t)width), h = 1 + (int)next_random(&state, (uint32_t)height);
        uint8_t id = choices[next_random(&state, n)];
        for (int y = y0; y < y0 + h && y < height; y++)
            for (int x = x0; x < x0 + w && x < width; x++)
                ids->data[(size_t)y * ids->stride + (size_t)x] = id;
    }
}

static void draw_scene(int i, mseg_image *truth, mseg_image *prediction)
{
    static const uint8_t of_truth[] = {0, 1, 2, 3, IGNORE}, of_prediction[] = {0, 1, 2, 3, 5}, of_mixture[] = {0, 1};
    int width = golden_sizes[i][0], height = golden_sizes[i][1];
    mseg_image mixture;
    draw(truth, 100 + (uint64_t)i, width, height, of_truth, 5);
    draw(prediction, 200 + (uint64_t)i, width, height, of_prediction, 5);
    draw(&mixture, 300 + (uint64_t)i, width, height, of_mixture, 2);
    for (size_t k = 0; k < mixture.stride * (size_t)height; k++)
        if (!mixture.data[k] && truth->data[k] != IGNORE)
            prediction->data[k] = truth->data[k];
    mseg_image_free(&mixture);
}

static mseg_counts *open_counts(void)
{
    mseg_mask_rules rules = rules_of(CLASSES, IGNORE);
    mseg_counts *counts;
    assert_int_equal(mseg_counts_open(&counts, &rules, "resize: none\nsize: 513\n", NULL), MSEG_OK);
    return counts;
}

static void add_scene(mseg_counts *counts, int i)
{
    char id[32];
    mseg_image truth, prediction;
    snprintf(id, sizeof id, "scene%d", i);
    draw_scene(i, &truth, &prediction);
    assert_int_equal(mseg_counts_add(counts, id, mseg_view_of(&truth), mseg_view_of(&prediction), NULL), MSEG_OK);
    mseg_image_free(&truth);
    mseg_image_free(&prediction);
}

static void assert_same(double value, double wanted)
{
    if (isnan(wanted))
        assert_true(isnan(value));
    else
        assert_true(fabs(value - wanted) <= 1e-12);
}

static void assert_golden(mseg_counts *counts)
{
    mseg_score s;
    assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
    assert_int_equal(s.images, IMAGES);
    assert_memory_equal(s.confusion, golden_confusion, sizeof golden_confusion);
    for (int c = 0; c < CLASSES; c++) {
        assert_same(s.per_class[c].iou, golden_iou[c]);
        assert_same(s.per_class[c].precision, golden_precision[c]);
        assert_same(s.per_class[c].recall, golden_recall[c]);
        assert_same(s.per_class[c].boundary_iou, golden_boundary_iou[c]);
    }
    assert_int_equal(s.classes_present, 5);
    assert_same(s.miou, golden_miou);
    assert_same(s.pixel_accuracy, golden_pixel_accuracy);
    assert_same(s.mean_accuracy, golden_mean_accuracy);
    assert_same(s.frequency_weighted_iou, golden_frequency_weighted_iou);
    assert_same(s.boundary_iou, golden_mean_boundary_iou);
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(s.per_image[i].id[5], '0' + i);
        assert_same(s.per_image[i].miou, golden_image_miou[i]);
        assert_same(s.per_image[i].pixel_accuracy, golden_image_pixel_accuracy[i]);
        assert_same(s.per_image[i].boundary_iou, golden_image_mean_boundary_iou[i]);
    }
    mseg_score_close(&s);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------- */

static void figures_equal_numpy(void **state)
{
    (void)state;
    mseg_counts *counts = open_counts();
    for (int i = 0; i < IMAGES; i++)
        add_scene(counts, i);
    assert_golden(counts);
    mseg_counts_close(&counts);
    assert_null(counts);
}

/* Any split, merged in any order, through files or not. */
static void parts_add_up(void **state)
{
    (void)state;
    static const int shares[][IMAGES] = {{0, 1, 2, 0, 1, 2}, {2, 2, 2, 2, 2, 2}, {1, 0, 0, 2, 2, 1}, {0, 0, 2, 2, 1, 0}};
    for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
        mseg_counts *parts[3], *sum;
        char paths[3][40];
        for (int p = 0; p < 3; p++) {
            parts[p] = open_counts();
            for (int i = IMAGES - 1; i >= 0; i--)
                if (shares[k][i] == p)
                    add_scene(parts[p], i);
            snprintf(paths[p], sizeof paths[p], "part%d.%d.counts", p, (int)getpid());
            assert_int_equal(mseg_counts_save(parts[p], paths[p], NULL), MSEG_OK);
        }
        assert_int_equal(mseg_counts_load(&sum, (const char *const[]){paths[2], paths[0], paths[1]}, 3, NULL), MSEG_OK);
        assert_golden(sum);
        mseg_counts_close(&sum);
        assert_int_equal(mseg_counts_merge(parts[1], parts[2], NULL), MSEG_OK);
        assert_int_equal(mseg_counts_merge(parts[1], parts[0], NULL), MSEG_OK);
        assert_golden(parts[1]);
        for (int p = 0; p < 3; p++) {
            mseg_counts_close(&parts[p]);
            unlink(paths[p]);
        }
    }
}

static void absent_classes(void **state)
{
    (void)state;
    /* truth 0 0 1 1, prediction 0 2 1 1: IoU 1/2, 1, 0 (predicted only), the rest absent. */
    uint8_t t[] = {0, 0, 1, 1}, p[] = {0, 2, 1, 1};
    mseg_view truth = {4, 1, MSEG_GRAY, 4, t}, prediction = {4, 1, MSEG_GRAY, 4, p};
    mseg_counts *counts = open_counts();
    mseg_score s;
    assert_int_equal(mseg_counts_add(counts, "x", truth, prediction, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
    assert_int_equal(s.classes_present, 3);
    assert_true(s.miou == 0.5);
    assert_true(s.per_class[2].iou == 0 && isnan(s.per_class[2].recall));
    assert_true(isnan(s.per_class[3].iou) && isnan(s.per_class[3].precision) && isnan(s.per_class[3].boundary_iou));
    assert_true(s.mean_accuracy == 0.75 && s.pixel_accuracy == 0.75);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    const mseg_mask_rules rules = rules_of(CLASSES, IGNORE);
    mseg_report_text(file, &(mseg_report){.score = &s, .palette = &rules.palette}, false);
    fclose(file);
    assert_non_null(strstr(text, "class c    0.00 "));
    assert_non_null(strstr(text, "class d       - "));
    assert_non_null(strstr(text, "over 3 of 6 classes"));
    free(text);
    mseg_score_close(&s);
    mseg_counts_close(&counts);
}

static void nothing_to_divide_by(void **state)
{
    (void)state;
    mseg_counts *counts = open_counts();
    mseg_score s;
    assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
    assert_true(isnan(s.miou) && isnan(s.pixel_accuracy) && isnan(s.frequency_weighted_iou) && isnan(s.per_image_miou));
    mseg_score_close(&s);
    mseg_counts_close(&counts);
}

/* What is refused changes no figure. */
static void refused_images(void **state)
{
    (void)state;
    uint8_t t[] = {0, 1, IGNORE, 2, 0, 7}, p[] = {0, 1, 9, 9, 0, 0};
    mseg_view truth = {2, 2, MSEG_GRAY, 2, t}, prediction = {2, 2, MSEG_GRAY, 2, p}, wide = {4, 1, MSEG_GRAY, 4, p},
              stray = {2, 1, MSEG_GRAY, 2, t + 4};
    mseg_view zeros = {2, 1, MSEG_GRAY, 2, p + 4};
    mseg_counts *counts = open_counts();
    mseg_error err = {0};
    assert_int_equal(mseg_counts_add(counts, "x", truth, wide, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "the prediction is 4x1, the ground truth 2x2");
    const mseg_view flat = {2, 1, MSEG_GRAY, 2, p}, narrow = {1, 2, MSEG_GRAY, 2, p};
    assert_int_equal(mseg_counts_add(counts, "x", truth, flat, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "the prediction is 2x1, the ground truth 2x2");
    assert_int_equal(mseg_counts_add(counts, "x", truth, narrow, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "the prediction is 1x2, the ground truth 2x2");
    assert_int_equal(mseg_counts_add(counts, "x", truth, prediction, &err), MSEG_MISMATCH);
    assert_string_equal(err.text,
                        "predicted label 9 is not a class: 1 pixel where the ground truth counts, the first at x 1, y 1");
    assert_int_equal(mseg_counts_add(counts, "x", stray, zeros, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "ground truth label 7 is not a class: 1 pixel, the first at x 1, y 0");
    const mseg_view colours = {1, 1, MSEG_RGB, 3, p}, one = {1, 1, MSEG_GRAY, 1, p};
    assert_int_equal(mseg_counts_add(counts, "x", colours, one, &err), MSEG_INVAL);
    assert_int_equal(mseg_counts_add(counts, "x", one, colours, &err), MSEG_INVAL);
    uint8_t corner[] = {200, 0, 200, 0};
    const mseg_view at_corner = {2, 2, MSEG_GRAY, 2, corner}, background = {2, 2, MSEG_GRAY, 2, (uint8_t[4]){0}};
    assert_int_equal(mseg_counts_add(counts, "x", background, at_corner, &err), MSEG_MISMATCH);
    assert_string_equal(err.text,
                        "predicted label 200 is not a class: 2 pixels where the ground truth counts, the first at x 0, y 0");
    corner[2] = 0;
    assert_int_equal(mseg_counts_add(counts, "x", at_corner, background, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "ground truth label 200 is not a class: 1 pixel, the first at x 0, y 0");
    for (int i = 0; i < IMAGES; i++)
        add_scene(counts, i);
    assert_golden(counts);
    mseg_counts_close(&counts);
}

/* An ignore label that is a class as well: it is out of everything; in the prediction, it is no class. */
static void ignored_class(void **state)
{
    (void)state;
    uint8_t t[] = {0, 0, 1, 1}, p[] = {1, 0, 1, 0};
    mseg_view truth = {4, 1, MSEG_GRAY, 4, t}, prediction = {4, 1, MSEG_GRAY, 4, p};
    mseg_mask_rules rules = rules_of(CLASSES, 0);
    mseg_counts *counts;
    mseg_score s;
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_add(counts, "x", truth, prediction, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
    assert_int_equal(s.pixels, 2);
    assert_int_equal(s.ignored_pixels, 2);
    assert_int_equal(s.void_pixels, 1);
    assert_true(isnan(s.per_class[0].iou) && s.per_class[0].ignored && !s.per_class[0].averaged && s.per_class[0].predicted == 0);
    assert_true(s.per_class[1].iou == 0.5 && s.per_class[1].dice == 2.0 / 3 && s.per_class[1].voids == 1);
    assert_true(s.miou == 0.5 && s.classes_present == 1 && s.per_image[0].miou == 0.5 && s.pixel_accuracy == 0.5);
    mseg_score_close(&s);
    mseg_counts_close(&counts);
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 16);
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

/* 20 columns of 20 pixels; the strip at an edge is 1 pixel wide (2% of the diagonal, 28.3). */
enum { SIDE = 20, SIDE_PIXELS = SIDE * SIDE };

static mseg_view square(uint8_t *ids, int split, uint8_t left, uint8_t right)
{
    for (int i = 0; i < SIDE_PIXELS; i++)
        ids[i] = i % SIDE < split ? left : right;
    return (mseg_view){SIDE, SIDE, MSEG_GRAY, SIDE, ids};
}

/* Boundary figures where the ignore label, 0, is a class as well: what is ignored is no region of either side, so the prediction
 * of one class has its edge where the ground truth of that class ends, whatever is predicted below what is ignored. */
enum { LEFT, RIGHT, TOP, BOTTOM };
static void check_one_class(int classes, uint8_t id, int ignored, uint8_t below)
{
    uint8_t t[SIDE_PIXELS], p[SIDE_PIXELS];
    const mseg_view truth = {SIDE, SIDE, MSEG_GRAY, SIDE, t}, prediction = {SIDE, SIDE, MSEG_GRAY, SIDE, p};
    mseg_mask_rules rules = rules_of(classes, 0);
    mseg_counts *counts;
    mseg_score s;
    for (int i = 0; i < SIDE_PIXELS; i++) {
        const bool first = (ignored == LEFT || ignored == RIGHT ? i % SIDE : i / SIDE) < SIDE / 2;
        t[i] = first == (ignored == LEFT || ignored == TOP) ? 0 : id;
        p[i] = t[i] ? id : below;
    }
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_add(counts, "x", truth, prediction, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
    assert_true(isnan(s.per_class[0].boundary_iou) && s.per_class[id].boundary_iou == 1 && s.boundary_iou == 1);
    assert_true(s.per_image[0].boundary_iou == 1 && s.per_image[0].pixels == SIDE_PIXELS / 2);
    mseg_score_close(&s);
    mseg_counts_close(&counts);
}

static void ignored_class_has_no_boundary(void **state)
{
    (void)state;
    for (int ignored = LEFT; ignored <= BOTTOM; ignored++) {
        check_one_class(6, 1, ignored, 1);
        check_one_class(6, 1, ignored, 7);
        check_one_class(256, 1, ignored, 255); /* every id is a class */
        check_one_class(256, 255, ignored, 255);
        check_one_class(256, 255, ignored, 1);
    }
}

/* The same in what is saved: the ignored class has been predicted in five of the columns that count, which is void. */
static void ignored_class_in_file(void **state)
{
    (void)state;
    static const char path[] = "ignored.counts";
    uint8_t t[SIDE_PIXELS], p[SIDE_PIXELS];
    const mseg_view truth = square(t, 10, 0, 1), prediction = square(p, 15, 0, 1);
    mseg_mask_rules rules = rules_of(CLASSES, 0);
    mseg_counts *counts;
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_add(counts, "x", truth, prediction, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_save(counts, path, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    char *text = slurp(path);
    assert_non_null(strstr(text, "\"void_predicted_pixels\":[0,100,0,0,0,0]"));
    /* Class, hits, truth, predicted; the strips of 20 x 5 have 46 pixels, of 20 x 10 have 56; alike: the right column, and 4
     * pixels above and below it. */
    assert_non_null(strstr(text, "\"classes\":[[1,100,200,100,28,56,46]]"));
    assert_non_null(strstr(text, "\"boundary_hits_truth_predicted\":[[0,0,0],[28,56,46],[0,0,0],"));
    free(text);
    unlink(path);
}

/* Without an ignore label all 256 ids may be classes, also 255. */
static void nothing_is_ignored(void **state)
{
    (void)state;
    uint8_t t[SIDE_PIXELS], p[SIDE_PIXELS];
    /* The left halves are of 10 and of 8 columns. */
    const mseg_view truth = square(t, 10, 255, 0), prediction = square(p, 8, 255, 0);
    mseg_mask_rules rules = rules_of(256, -1);
    mseg_counts *counts;
    mseg_score s;
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_add(counts, "x", truth, prediction, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
    assert_int_equal(s.pixels, SIDE_PIXELS);
    assert_true(s.per_class[255].iou == 0.8 && s.per_class[0].iou == 10.0 / 12);
    /* Strips: the border of 20 x 10 (56 pixels) and of 20 x 8 (52), alike in the left column and twice 7 pixels beside it. */
    assert_true(s.per_class[255].boundary_iou == 34.0 / (56 + 52 - 34));
    /* And of 20 x 10 and 20 x 12 (60): the right column and twice 9 pixels beside it. */
    assert_true(s.per_class[0].boundary_iou == 38.0 / (56 + 60 - 38));
    mseg_score_close(&s);
    mseg_counts_close(&counts);
}

static void write_replaced(const char *path, const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    FILE *file = fopen(path, "wb");
    fprintf(file, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    fclose(file);
}

static void assert_refused(const char *const *paths, int n, mseg_status status, const char *wanted)
{
    mseg_counts *counts;
    mseg_error err = {0};
    assert_int_equal(mseg_counts_load(&counts, paths, n, &err), status);
    assert_null(counts);
    if (!strstr(err.text, wanted))
        fail_msg("'%s' does not say '%s'", err.text, wanted);
}

static void damaged_files(void **state)
{
    (void)state;
    static const char path[] = "whole.counts", bad[] = "bad.counts";
    static const struct {
        const char *old, *new, *says;
        mseg_status status;
    } damages[] = {
        {"10303", "10304", "not the sum", MSEG_FORMAT},
        {"10303", "-1", "confusion matrix", MSEG_FORMAT},
        {"10303", "10303.5", "confusion matrix", MSEG_FORMAT},
        {"10303", "1e300", "confusion matrix", MSEG_FORMAT},
        {"10303,", "", "confusion matrix", MSEG_FORMAT},
        {"\"mseg_counts\":2", "\"mseg_counts\":1", "version 1", MSEG_UNSUPPORTED},
        {"\"mseg_counts\":2", "\"other\":2", "not a counts file", MSEG_FORMAT},
        {"\"ignore\":255", "\"ignore\":300", "ignore label", MSEG_FORMAT},
        {"\"width\":61", "\"width\":6", "more pixels", MSEG_FORMAT},
        {"\"id\":\"scene1\"", "\"id\":\"scene2\"", "is in it twice", MSEG_FORMAT},
        {"\"class f\"", "6", "classes, ignore label", MSEG_FORMAT},
        {"[0,1,2,3,4,5]", "[0,1,2,3,4,4]", "classes, ignore label", MSEG_FORMAT},
        {"[0,1,2,3,4,5]", "[0,1,2,3,4]", "classes, ignore label", MSEG_FORMAT},
        {"[0,1,2,3,4,5]", "[0,1,2,3,4,256]", "classes, ignore label", MSEG_FORMAT},
        {"\"ignored_classes\":[]", "\"ignored_classes\":[9]", "ignored classes", MSEG_FORMAT},
        {"\"ignored_classes\":[]", "\"ignored_classes\":[1]", "the classes of an image", MSEG_FORMAT},
        {"\"void_predicted_pixels\":[0", "\"void_predicted_pixels\":[1", "not the sum", MSEG_FORMAT},
        {"\"images\":[", "\"images\":[[", "not valid JSON", MSEG_FORMAT},
    };
    mseg_counts *counts = open_counts();
    for (int i = 0; i < IMAGES; i++)
        add_scene(counts, i);
    assert_int_equal(mseg_counts_save(counts, path, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    char *text = slurp(path);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        write_replaced(bad, text, damages[i].old, damages[i].new);
        assert_refused((const char *const[]){bad}, 1, damages[i].status, damages[i].says);
    }
    for (size_t length = strlen(text) - 1; length > 0; length -= length < 97 ? length : 97) {
        char *cut = strndup(text, length);
        write_replaced(bad, cut, "", "");
        free(cut);
        assert_refused((const char *const[]){bad}, 1, MSEG_FORMAT, "bad.counts: ");
    }
    assert_refused((const char *const[]){"no such file"}, 1, MSEG_NOENT, "no such file: ");
    free(text);
    unlink(path);
    unlink(bad);
}

static void foreign_files(void **state)
{
    (void)state;
    static const char a[] = "a.counts", b[] = "b.counts";
    mseg_counts *counts = open_counts();
    add_scene(counts, 3);
    assert_int_equal(mseg_counts_save(counts, a, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    char *text = slurp(a);
    write_replaced(b, text, "scene3", "other");
    assert_int_equal(mseg_counts_load(&counts, (const char *const[]){a, b}, 2, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    write_replaced(b, text, "class c", "class x");
    assert_refused((const char *const[]){a, b}, 2, MSEG_MISMATCH,
                   "b.counts: class 2 is 'class x' in it, 'class c' in the others");
    write_replaced(b, text, "\"ignore\":255", "\"ignore\":254");
    assert_refused((const char *const[]){a, b}, 2, MSEG_MISMATCH, "b.counts: its ignore label is 254, that of the others 255");
    write_replaced(b, text, "size: 513", "size: 257");
    assert_refused((const char *const[]){a, b}, 2, MSEG_MISMATCH,
                   "b.counts: made with other settings: 'size: 257', the others 'size: 513'");
    assert_refused((const char *const[]){a, a}, 2, MSEG_MISMATCH, "image scene3 is in both a.counts and a.counts");
    free(text);
    unlink(a);
    unlink(b);
}

/* Every counter, in the sum, in a file and gone from what was merged. */
static void problems_add_up(void **state)
{
    (void)state;
    static const char path[] = "problems.counts";
    mseg_counts *a = open_counts(), *b = open_counts(), *sum;
    mseg_score s;
    for (int i = 0; i < MSEG_PROBLEMS; i++) {
        mseg_counts_note(a, (mseg_problem)i, 1 + (uint64_t)i);
        mseg_counts_note(b, (mseg_problem)i, 100 * (1 + (uint64_t)i));
    }
    assert_int_equal(mseg_counts_merge(a, b, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_merge(a, b, NULL), MSEG_OK); /* b is empty now */
    assert_int_equal(mseg_counts_save(a, path, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_load(&sum, (const char *const[]){path}, 1, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&s, sum, NULL, NULL), MSEG_OK);
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        assert_int_equal(s.problems[i], 101 * (1 + i));
    mseg_score_close(&s);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
    mseg_counts_close(&sum);
    unlink(path);
}

/* What was asked for is no mistake. */
static void mistakes(void **state)
{
    (void)state;
    for (int i = 0; i < MSEG_PROBLEMS; i++) {
        const bool asked =
            i == MSEG_PROBLEM_missing_ignored || i == MSEG_PROBLEM_missing_background || i == MSEG_PROBLEM_unknown_color_pixels;
        mseg_counts *counts = open_counts();
        mseg_score s;
        mseg_counts_note(counts, (mseg_problem)i, 1);
        assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
        assert_int_equal(mseg_score_has_mistakes(&s), !asked);
        mseg_score_close(&s);
        mseg_counts_close(&counts);
    }
}

int main(void)
{
    char folder[] = "/tmp/mseg-metrics-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_equal_numpy),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(absent_classes),
        cmocka_unit_test(nothing_to_divide_by),
        cmocka_unit_test(refused_images),
        cmocka_unit_test(ignored_class),
        cmocka_unit_test(ignored_class_has_no_boundary),
        cmocka_unit_test(ignored_class_in_file),
        cmocka_unit_test(nothing_is_ignored),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(foreign_files),
        cmocka_unit_test(problems_add_up),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
