/* Two sets of predictions compared: intervals against all resamples that a small set has, and what must not be compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "seg/judge/metrics.h"

/* ---- sets of images ---------------------------------------------------------------------------------------------------- */

enum { WIDTH = 16 };

static mseg_counts *open_set(int classes, int ignore, const char *settings)
{
    const mseg_mask_rules rules = rules_of(classes, ignore);
    mseg_counts *counts;
    assert_int_equal(mseg_counts_open(&counts, &rules, settings, NULL), MSEG_OK);
    return counts;
}

static void add_image(mseg_counts *counts, const char *id, const uint8_t *truth, const uint8_t *prediction, int width)
{
    mseg_image ids[2];
    mseg_error err = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mseg_image_create(&ids[i], width, 1, MSEG_GRAY), MSEG_OK);
        memcpy(ids[i].data, i ? prediction : truth, (size_t)width);
    }
    if (mseg_counts_add(counts, id, mseg_view_of(&ids[0]), mseg_view_of(&ids[1]), &err))
        fail_msg("%s", err.text);
    mseg_image_free(&ids[0]);
    mseg_image_free(&ids[1]);
}

/* Image number i of two classes: half is class 1, and the prediction finds hits of its pixels and as many more elsewhere. */
static void add_half(mseg_counts *counts, int i, int hits, int false_alarms)
{
    uint8_t truth[WIDTH] = {0}, prediction[WIDTH] = {0};
    char id[2] = {(char)('a' + i), 0};
    memset(truth, 1, WIDTH / 2);
    memset(prediction, 1, (size_t)hits);
    memset(prediction + WIDTH / 2, 1, (size_t)false_alarms);
    add_image(counts, id, truth, prediction, WIDTH);
}

static const int hits_of_a[] = {1, 7, 3, 4, 2, 8}, hits_of_b[] = {4, 6, 5, 8, 1, 8};
static const int alarms_of_a[] = {0, 1, 3, 2, 0, 4}, alarms_of_b[] = {2, 0, 1, 1, 4, 1};

static mseg_counts *open_half(const int *hits, const int *alarms, int n)
{
    mseg_counts *counts = open_set(2, 255, "");
    for (int i = n - 1; i >= 0; i--)
        add_half(counts, i, hits[i], alarms[i]);
    return counts;
}

/* IoU of class 1 over images drawn so often. */
static double iou_by_hand(const int *hits, const int *alarms, const int *times)
{
    int all = 0, either = 0;
    for (int i = 0; i < 6; i++) {
        all += times[i] * hits[i];
        either += times[i] * (WIDTH / 2 + alarms[i]);
    }
    return (double)all / either;
}

static double accuracy_by_hand(const int *hits, const int *alarms, const int *times)
{
    int right = 0;
    for (int i = 0; i < 6; i++)
        right += times[i] * (hits[i] + WIDTH / 2 - alarms[i]);
    return right / (6.0 * WIDTH);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* That the bounds are where 2.5 % and 97.5 % of all resamples' differences lie below, give or take three standard errors of a
 * share of 20,000 draws. */
static void check_interval(const mseg_difference *d, double *all, int n)
{
    const double error = 3 * sqrt(0.025 * 0.975 / 20000);
    qsort(all, (size_t)n, sizeof *all, ascending);
    assert_true(d->low >= all[(int)(n * (0.025 - error))] && d->low <= all[(int)(n * (0.025 + error))]);
    assert_true(d->high >= all[(int)(n * (0.975 - error))] && d->high <= all[(int)(n * (0.975 + error))]);
    assert_true(d->low < d->change && d->change < d->high);
    assert_int_equal(d->samples, 20000);
}

static void intervals_of_all_resamples(void **state)
{
    (void)state;
    enum { ALL = 46656 }; /* 6^6 */
    static double iou[ALL], accuracy[ALL];
    static const int once[6] = {1, 1, 1, 1, 1, 1};
    for (int k = 0; k < ALL; k++) {
        int times[6] = {0};
        for (int i = 0, rest = k; i < 6; i++, rest /= 6)
            times[rest % 6]++;
        iou[k] = iou_by_hand(hits_of_b, alarms_of_b, times) - iou_by_hand(hits_of_a, alarms_of_a, times);
        accuracy[k] = accuracy_by_hand(hits_of_b, alarms_of_b, times) - accuracy_by_hand(hits_of_a, alarms_of_a, times);
    }
    mseg_counts *a = open_half(hits_of_a, alarms_of_a, 6), *b = open_half(hits_of_b, alarms_of_b, 6);
    mseg_comparison c;
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 20000, 1, NULL), MSEG_OK);
    const mseg_difference *d = &c.per_class[1].iou;
    assert_true(fabs(d->a - iou_by_hand(hits_of_a, alarms_of_a, once)) < 1e-15);
    assert_true(fabs(d->b - iou_by_hand(hits_of_b, alarms_of_b, once)) < 1e-15);
    assert_true(d->change == d->b - d->a);
    check_interval(d, iou, ALL);
    check_interval(&c.pixel_accuracy, accuracy, ALL);
    assert_int_equal(c.per_class[1].images, 6);
    mseg_comparison_close(&c);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
}

/* ---- what must hold ---------------------------------------------------------------------------------------------------- */

static void for_each_difference(const mseg_comparison *c, void (*check)(const mseg_difference *, const mseg_difference *),
                                const mseg_comparison *other)
{
    check(&c->miou, &other->miou);
    check(&c->dice, &other->dice);
    check(&c->pixel_accuracy, &other->pixel_accuracy);
    check(&c->boundary_iou, &other->boundary_iou);
    for (int i = 0; i < c->classes; i++)
        check(&c->per_class[i].iou, &other->per_class[i].iou);
}

static void is_nothing(const mseg_difference *d, const mseg_difference *other)
{
    (void)other;
    assert_true(d->a == d->b && d->change == 0 && d->low == 0 && d->high == 0);
    assert_int_equal(mseg_difference_sign(d), 0);
}

static void is_negated(const mseg_difference *d, const mseg_difference *other)
{
    assert_true(d->a == other->b && d->b == other->a && d->change == -other->change);
    assert_true(d->low == -other->high && d->high == -other->low && d->low < d->high);
    assert_int_equal(mseg_difference_sign(d), -mseg_difference_sign(other));
}

static void same_and_swapped(void **state)
{
    (void)state;
    mseg_counts *a = open_half(hits_of_a, alarms_of_a, 6), *b = open_half(hits_of_b, alarms_of_b, 6);
    mseg_counts *twin = open_half(hits_of_a, alarms_of_a, 6);
    mseg_comparison c, swapped;
    assert_int_equal(mseg_comparison_open(&c, a, twin, NULL, 1000, 1, NULL), MSEG_OK);
    for_each_difference(&c, is_nothing, &c);
    assert_int_equal(c.same, 6);
    mseg_comparison_close(&c);
    assert_int_equal(mseg_comparison_open(&c, a, a, NULL, 1000, 1, NULL), MSEG_OK); /* one object */
    for_each_difference(&c, is_nothing, &c);
    mseg_comparison_close(&c);
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 1000, 1, NULL), MSEG_OK);
    assert_int_equal(mseg_comparison_open(&swapped, b, a, NULL, 1000, 1, NULL), MSEG_OK);
    for_each_difference(&c, is_negated, &swapped);
    assert_int_equal(c.better, swapped.worse);
    assert_int_equal(c.worse, swapped.better);
    mseg_comparison_close(&c);
    mseg_comparison_close(&swapped);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
    mseg_counts_close(&twin);
}

/* All images got better: five of them are too few to say so, six are not. */
static void few_images(void **state)
{
    (void)state;
    static const int before[] = {1, 2, 3, 4, 5, 6}, after[] = {2, 4, 4, 6, 7, 8}, none[6] = {0};
    for (int n = 5; n <= 6; n++) {
        mseg_counts *a = open_half(before, none, n), *b = open_half(after, none, n);
        mseg_comparison c;
        assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 100, 1, NULL), MSEG_OK);
        assert_int_equal(mseg_difference_sign(&c.miou), n == 6);
        assert_int_equal(isnan(c.miou.low), n == 5);
        assert_int_equal(isnan(c.miou.high), n == 5);
        assert_int_equal(mseg_difference_sign(&c.per_class[1].iou), n == 6);
        assert_true(c.miou.change > 0);
        mseg_comparison_close(&c);
        mseg_counts_close(&a);
        mseg_counts_close(&b);
    }
}

/* Class 1 in one image of eight, class 2 in predictions of b only, class 3 nowhere. */
static void rare_classes(void **state)
{
    (void)state;
    static const uint8_t plain[4] = {0}, one[4] = {1, 1, 0, 0}, half[4] = {1, 0, 0, 0}, alarm[4] = {0, 0, 0, 2};
    mseg_counts *a = open_set(4, 255, ""), *b = open_set(4, 255, "");
    for (char id[] = "a"; id[0] < 'i'; id[0]++) {
        add_image(a, id, id[0] == 'c' ? one : plain, id[0] == 'c' ? half : plain, 4);
        add_image(b, id, id[0] == 'c' ? one : plain, id[0] == 'c' ? one : alarm, 4);
    }
    mseg_comparison c;
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 1000, 1, NULL), MSEG_OK);
    assert_int_equal(c.per_class[0].images, 8);
    assert_int_equal(c.per_class[1].images, 1);
    assert_true(c.per_class[1].iou.change == 0.5 && isnan(c.per_class[1].iou.low) && !c.per_class[1].iou.samples);
    assert_true(isnan(c.per_class[2].iou.a) && c.per_class[2].iou.b == 0 && isnan(c.per_class[2].iou.change));
    assert_true(isnan(c.per_class[2].iou.low) && isnan(c.per_class[3].iou.b));
    assert_true(!isnan(c.miou.low) && c.miou.samples == 1000);
    mseg_comparison_close(&c);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
}

static void order_of_images(void **state)
{
    (void)state;
    static const uint8_t truth[4] = {1, 1, 1, 1}, nothing[4] = {255, 255, 255, 255};
    static const uint8_t good[4] = {1, 1, 1, 1}, fair[4] = {1, 1, 1, 0}, bad[4] = {0, 0, 0, 0};
    const struct {
        const char *id;
        const uint8_t *truth, *a, *b;
    } images[] = {{"d", truth, fair, good}, {"c", nothing, bad, good}, {"f", truth, good, bad}, {"a", truth, fair, fair},
                  {"b", truth, bad, good},  {"e", truth, fair, good},  {"g", truth, good, fair}};
    mseg_counts *a = open_set(2, 255, ""), *b = open_set(2, 255, "");
    for (int i = 0; i < 7; i++) {
        add_image(a, images[i].id, images[i].truth, images[i].a, 4);
        add_image(b, images[6 - i].id, images[6 - i].truth, images[6 - i].b, 4);
    }
    mseg_comparison c;
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 100, 1, NULL), MSEG_OK);
    for (int i = 0; i < 7; i++)
        assert_int_equal(c.per_image[i].id[0], "bdeagfc"[i]);
    assert_true(isnan(c.per_image[6].change) && c.per_image[0].change == 1 && c.per_image[5].change == -1);
    assert_int_equal(c.better, 3);
    assert_int_equal(c.worse, 2);
    assert_int_equal(c.same, 1);
    mseg_comparison_close(&c);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
}

/* ---- what is refused --------------------------------------------------------------------------------------------------- */

/* Compares the six images of a with b, which it closes. */
static void check_refused(mseg_counts *b, int samples, mseg_status wanted, const char *says)
{
    mseg_counts *a = open_half(hits_of_a, alarms_of_a, 6);
    mseg_comparison c;
    mseg_error err = {0};
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, samples, 1, &err), wanted);
    assert_string_equal(err.text, says);
    assert_null(c.per_class);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
}

static mseg_counts *with_another(mseg_counts *counts, const char *id)
{
    static const uint8_t plain[WIDTH] = {0};
    add_image(counts, id, plain, plain, WIDTH);
    return counts;
}

static mseg_counts *with_another_truth(int width, int ones)
{
    uint8_t truth[WIDTH] = {0};
    mseg_counts *counts = open_half(hits_of_b, alarms_of_b, 5);
    memset(truth, 1, (size_t)ones);
    add_image(counts, "f", truth, truth, width);
    return counts;
}

static void sets_that_do_not_belong_together(void **state)
{
    (void)state;
    check_refused(open_half(hits_of_b, alarms_of_b, 6), 99, MSEG_INVAL, "99 resamples: not from 100 to 100000");
    check_refused(open_half(hits_of_b, alarms_of_b, 6), 100001, MSEG_INVAL, "100001 resamples: not from 100 to 100000");
    check_refused(open_set(3, 255, ""), 100, MSEG_MISMATCH, "it has 3 classes, the others 2");
    check_refused(open_set(2, 254, ""), 100, MSEG_MISMATCH, "its ignore label is 254, that of the others 255");
    check_refused(open_set(2, 1, ""), 100, MSEG_MISMATCH, "class 1, class b, is ignored in it only");
    check_refused(open_half(hits_of_b, alarms_of_b, 4), 100, MSEG_MISMATCH,
                  "not the images of the other: 2 missing (e); score one list");
    check_refused(with_another(open_half(hits_of_b, alarms_of_b, 6), "bb"), 100, MSEG_MISMATCH,
                  "not the images of the other: 1 more (bb); score one list");
    check_refused(with_another(open_half(hits_of_b, alarms_of_b, 5), "z"), 100, MSEG_MISMATCH,
                  "not the images of the other: 1 missing (f), 1 more (z); score one list");
    check_refused(with_another_truth(WIDTH - 1, WIDTH / 2), 100, MSEG_MISMATCH, "image f has 15x1 pixels, in the other 16x1");
    check_refused(with_another_truth(WIDTH, WIDTH / 2 + 1), 100, MSEG_MISMATCH,
                  "image f has another ground truth in it: class 0, class a, differs");
    mseg_counts *empty = open_set(2, 255, "");
    mseg_comparison c;
    assert_int_equal(mseg_comparison_open(&c, empty, empty, NULL, 100, 1, NULL), MSEG_INVAL);
    mseg_counts_close(&empty);
}

typedef struct box {
    int x, y, width, height;
} box;

/* An image of class 0 with a box of class 1 in it, or two. */
static mseg_counts *with_boxes(box one, box two)
{
    const box boxes[] = {one, two};
    mseg_counts *counts = open_set(2, 255, "");
    mseg_image ids;
    assert_int_equal(mseg_image_create(&ids, 20, 20, MSEG_GRAY), MSEG_OK);
    memset(ids.data, 0, ids.stride * 20);
    for (int i = 0; i < 2; i++)
        for (int y = 0; y < boxes[i].height; y++)
            memset(ids.data + (size_t)(boxes[i].y + y) * ids.stride + boxes[i].x, 1, (size_t)boxes[i].width);
    assert_int_equal(mseg_counts_add(counts, "x", mseg_view_of(&ids), mseg_view_of(&ids), NULL), MSEG_OK);
    mseg_image_free(&ids);
    return counts;
}

/* Two truths of as many pixels but other boundaries, and the other way round: 4 x 6 and 5 x 5 both have 16 boundary pixels and
 * are surrounded by 24. */
static void truth_that_is_alike(void **state)
{
    (void)state;
    static const box square = {4, 4, 5, 5}, oblong = {4, 4, 4, 6}, half = {4, 4, 4, 3}, other_half = {12, 4, 4, 3}, none = {0};
    mseg_counts *sets[] = {with_boxes(oblong, none), with_boxes(half, other_half), with_boxes(square, none)};
    for (int i = 1; i < 3; i++) {
        mseg_comparison c;
        mseg_error err = {0};
        assert_int_equal(sets[0]->totals[1].truth == sets[i]->totals[1].truth, i == 1);
        assert_int_equal(sets[0]->totals[1].boundary_truth == sets[i]->totals[1].boundary_truth, i == 2);
        assert_int_equal(sets[0]->totals[0].boundary_truth == sets[i]->totals[0].boundary_truth, i == 2);
        assert_int_equal(mseg_comparison_open(&c, sets[0], sets[i], NULL, 100, 1, &err), MSEG_MISMATCH);
        assert_string_equal(err.text, "image x has another ground truth in it: class 0, class a, differs");
    }
    for (int i = 0; i < 3; i++)
        mseg_counts_close(&sets[i]);
}

/* Settings may differ; sums that do not fit into 64 bits are refused. */
static void settings_and_limits(void **state)
{
    (void)state;
    mseg_counts *a = open_set(2, 255, "size: 513\n"), *b = open_set(2, 255, "size: 321\n");
    mseg_comparison c;
    for (int i = 0; i < 3; i++) {
        add_half(a, i, 3, 0);
        add_half(b, i, 4, 0);
    }
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 100, 1, NULL), MSEG_OK);
    assert_string_equal(c.a.settings, "size: 513\n");
    assert_string_equal(c.b.settings, "size: 321\n");
    mseg_comparison_close(&c);
    for (int i = 0; i < 2; i++) {
        mseg_image_row row;
        assert_int_equal(mseg_image_row_create(&row, "huge", 1 << 26, 1 << 26, 1), MSEG_OK);
        row.counts[0] = (mseg_class_counts){.truth = UINT64_C(1) << 52, .predicted = UINT64_C(1) << 52};
        assert_int_equal(mseg_counts_append(i ? b : a, &row), MSEG_OK);
    }
    assert_int_equal(mseg_comparison_open(&c, a, b, NULL, 100, 1, NULL), MSEG_LIMIT);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_of_all_resamples),
        cmocka_unit_test(same_and_swapped),
        cmocka_unit_test(few_images),
        cmocka_unit_test(rare_classes),
        cmocka_unit_test(order_of_images),
        cmocka_unit_test(sets_that_do_not_belong_together),
        cmocka_unit_test(truth_that_is_alike),
        cmocka_unit_test(settings_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
