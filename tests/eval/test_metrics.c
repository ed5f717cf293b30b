/* Counts and figures against NumPy (golden_metrics.h) and against sums done by hand. */
#include "scenes.h"

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
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
