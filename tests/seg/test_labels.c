#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/levels.h"
#include "kernels/random.h"
#include "seg/label_maps.h"
#include "seg/run/labels.h"

/* mseg_labels against PyTorch's align_corners interpolation (goldens.txt) and against docs/numerics.md's formula in double, with
 * every kernel set and one to three threads, in an image whose rows are longer than its width. */

static float *random_logits(int width, int height, int classes, uint64_t seed)
{
    size_t count = (size_t)width * (size_t)height * (size_t)classes;
    float *data = malloc(count * sizeof *data);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++)
        data[i] = random_value(seed, i);
    return data;
}

/* The same map class by class. */
static float *planar_of(const mseg_logits *l)
{
    const int pixels = l->width * l->height;
    float *data = malloc((size_t)pixels * (size_t)l->classes * sizeof *data);
    assert_non_null(data);
    for (int c = 0; c < l->classes; c++)
        for (int p = 0; p < pixels; p++)
            data[c * pixels + p] = l->data[p * l->classes + c];
    return data;
}

/* Calls check with the labels of every kernel set and number of threads. */
static void label_map(const fixture *f, const mseg_logits *logits, int width, int height,
                      void (*check)(const mseg_logits *, const mseg_image *, const void *), const void *context)
{
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int threads = 1; threads <= MAX_THREADS; threads++) {
            mseg_image image = blank(width, height);
            assert_int_equal(mseg_labels(&image, logits, level_kernels(level), f->pools[threads]), MSEG_OK);
            for (int y = 0; y < height; y++)
                for (int x = width; x < width + ROW_GAP; x++)
                    assert_int_equal(image.data[(size_t)y * image.stride + (size_t)x], CANARY);
            check(logits, &image, context);
            free(image.data);
        }
}

/* Of an interleaved map, and of the same one as planes, which is what the probabilities of several scales are. */
static void label(const fixture *f, const mseg_logits *logits, int width, int height,
                  void (*check)(const mseg_logits *, const mseg_image *, const void *), const void *context)
{
    float *planes = planar_of(logits);
    mseg_logits planar = *logits;
    planar.data = planes;
    planar.planar = true;
    label_map(f, logits, width, height, check, context);
    if (!logits->mirrored)
        label_map(f, &planar, width, height, check, context);
    free(planes);
}

/* ---- PyTorch ---- */

static void check_golden(const mseg_logits *logits, const mseg_image *image, const void *context)
{
    const char(*rows)[128] = context;
    (void)logits;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            assert_int_equal(image->data[(size_t)y * image->stride + (size_t)x], rows[y][x] - 'a');
}

static void test_align_corners(void **state)
{
    static char rows[128][128];
    char line[256];
    int cases = 0;
    FILE *file = fopen(MSEG_TESTS_DIR "/seg/goldens.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        int width, height;
        unsigned long long seed;
        mseg_logits l = {0};
        assert_int_equal(sscanf(line, "case logits=%dx%dx%d canvas=%dx%d image=%dx%d seed=%llu", &l.width, &l.height, &l.classes,
                                &l.canvas_width, &l.canvas_height, &width, &height, &seed),
                         8);
        for (int y = 0; y < height; y++) {
            assert_true(y < 128 && fgets(rows[y], sizeof rows[y], file));
            assert_int_equal((int)strcspn(rows[y], "\n"), width);
        }
        float *data = random_logits(l.width, l.height, l.classes, seed);
        l.data = data;
        l.scaled_width = width;
        l.scaled_height = height;
        label(*state, &l, width, height, check_golden, rows);
        free(data);
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 8);
}

/* ---- the formula ---- */

/* docs/numerics.md, "Back to the photo": where output pixel x of size lies among count logits, of the canvas as it is or turned.
 */
static double formula(int x, int size, int scaled, int canvas, int count, bool mirrored)
{
    double u = (x + 0.5) * scaled / size - 0.5;
    u = fmin(fmax(u, 0), scaled - 1);
    u = mirrored ? canvas - 1 - u : u;
    return canvas == 1 ? 0 : u * (count - 1) / (canvas - 1);
}

static double bilinear(const mseg_logits *l, double column, double row, int class)
{
    double sum = 0;
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            double weight = fmax(0, 1 - fabs(column - x)) * fmax(0, 1 - fabs(row - y));
            if (weight > 0)
                sum +=
                    weight *
                    (double)l->data[l->planar ? (class * l->height + y) * l->width + x : (y * l->width + x) * l->classes + class];
        }
    return sum;
}

/* The label must be within rounding of the best class. */
static void check_formula(const mseg_logits *l, const mseg_image *image, const void *context)
{
    (void)context;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            double column = formula(x, image->width, l->scaled_width, l->canvas_width, l->width, l->mirrored);
            double row = formula(y, image->height, l->scaled_height, l->canvas_height, l->height, false);
            int ours = image->data[(size_t)y * image->stride + (size_t)x];
            double best = -INFINITY;
            assert_in_range(ours, 0, l->classes - 1);
            for (int c = 0; c < l->classes; c++)
                best = fmax(best, bilinear(l, column, row, c));
            if (!(best - bilinear(l, column, row, ours) <= 16 * (double)FLT_EPSILON))
                fail_msg("%d x %d: label %d at (%d, %d)", image->width, image->height, ours, x, y);
        }
}

static void test_formula(void **state)
{
    static const struct {
        int width, height, classes, canvas_width, canvas_height, scaled_width, scaled_height, image_width, image_height;
    } cases[] = {
        {5, 5, 7, 33, 33, 33, 25, 90, 68},   /* enlarged back */
        {5, 5, 7, 33, 33, 33, 25, 20, 15},   /* the image was smaller */
        {5, 4, 7, 33, 25, 33, 25, 33, 25},   /* tight */
        {5, 5, 3, 33, 33, 33, 1, 200, 3},    /* elongated */
        {5, 5, 3, 33, 33, 33, 33, 1, 1},     /* one pixel */
        {1, 1, 4, 1, 1, 1, 1, 6, 5},         /* a canvas of one pixel */
        {3, 9, 256, 17, 65, 17, 65, 23, 40}, /* all ids */
        {9, 9, 1, 65, 65, 65, 65, 10, 10},   /* one class */
        {6, 6, 21, 41, 41, 40, 30, 100, 33}, /* stretched, canvas not k * 8 + 1 */
        {20, 14, 6, 20, 14, 20, 14, 20, 14}, /* the map is as large as the image */
        {20, 14, 6, 20, 14, 20, 14, 20, 31}, /* as wide */
        {20, 14, 6, 20, 14, 20, 14, 45, 14}, /* as high */
        {20, 14, 6, 20, 14, 20, 14, 9, 5},   /* larger */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float *data = random_logits(cases[i].width, cases[i].height, cases[i].classes, 50 + i);
        mseg_logits l = {data,
                         cases[i].width,
                         cases[i].height,
                         cases[i].classes,
                         cases[i].canvas_width,
                         cases[i].canvas_height,
                         cases[i].scaled_width,
                         cases[i].scaled_height};
        for (int mirrored = 0; mirrored < 2; mirrored++) {
            l.mirrored = mirrored;
            label(*state, &l, cases[i].image_width, cases[i].image_height, check_formula, NULL);
        }
        free(data);
    }
}

/* ---- sums of probabilities ---- */

enum { MAPS = 3, SUM_CLASSES = 5, SUM_WIDTH = 30, SUM_HEIGHT = 23 };

/* The softmax of each map, interpolated at the pixel, in double. */
static double probability(const mseg_logits *l, int x, int y, int class)
{
    const double column = formula(x, l->scaled_width, l->scaled_width, l->canvas_width, l->width, l->mirrored);
    const double row = formula(y, l->scaled_height, l->scaled_height, l->canvas_height, l->height, false);
    double sum = 0;
    for (int c = 0; c < l->classes; c++)
        sum += exp(bilinear(l, column, row, c));
    return exp(bilinear(l, column, row, class)) / sum;
}

static void test_sums_of_probabilities(void **state)
{
    const fixture *f = *state;
    static const int sizes[MAPS][2] = {{5, 5}, {9, 7}, {3, 4}};
    mseg_logits maps[MAPS];
    float *data[MAPS], sums[SUM_CLASSES * SUM_HEIGHT * SUM_WIDTH];
    for (int i = 0; i < MAPS; i++) {
        data[i] = random_logits(sizes[i][0], sizes[i][1], SUM_CLASSES, 70 + (uint64_t)i);
        maps[i] =
            (mseg_logits){data[i], sizes[i][0], sizes[i][1], SUM_CLASSES, 33, 33, SUM_WIDTH, SUM_HEIGHT, .mirrored = i == 1};
    }
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int threads = 1; threads <= MAX_THREADS; threads++) {
            memset(sums, 0xff, sizeof sums); /* NaN */
            assert_int_equal(mseg_sum_probabilities(sums, maps, MAPS, level_kernels(level), f->pools[threads]), MSEG_OK);
            for (int i = 0; i < SUM_CLASSES * SUM_HEIGHT * SUM_WIDTH; i++) {
                double expected = 0;
                for (int m = 0; m < MAPS; m++)
                    expected += probability(&maps[m], i % SUM_WIDTH, i / SUM_WIDTH % SUM_HEIGHT, i / SUM_WIDTH / SUM_HEIGHT);
                if (!(fabs((double)sums[i] - expected) < 1e-6))
                    fail_msg("%s, %d threads: value %d is %g, not %g", mseg_cpu_level_name(level), threads, i, (double)sums[i],
                             expected);
            }
        }
    for (int i = 0; i < MAPS; i++)
        free(data[i]);
}

/* ---- ties ---- */

static void check_all_are(const mseg_logits *logits, const mseg_image *image, const void *context)
{
    (void)logits;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            assert_int_equal(image->data[(size_t)y * image->stride + (size_t)x], *(const int *)context);
}

/* Classes first and above have the same maps, those below lower ones. */
static void check_ties(const fixture *f, int first)
{
    enum { SIDE = 5, CLASSES = 21 };
    float logits[SIDE * SIDE * CLASSES];
    for (int p = 0; p < SIDE * SIDE; p++)
        for (int c = 0; c < CLASSES; c++)
            logits[p * CLASSES + c] = random_value(8, (uint64_t)p) - (c < first ? 1.0f : 0.0f);
    const mseg_logits l = {logits, SIDE, SIDE, CLASSES, 33, 33, 30, 31};
    label(f, &l, 47, 50, check_all_are, &first);
    label(f, &l, SIDE, SIDE, check_all_are, &first);
}

static void test_first_maximum_wins(void **state)
{
    check_ties(*state, 0);
    check_ties(*state, 1);
    check_ties(*state, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_align_corners),
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_sums_of_probabilities),
        cmocka_unit_test(test_first_maximum_wins),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
