#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/npy.h"
#include "kernels/levels.h"
#include "kernels/random.h"
#include "seg/label_maps.h"
#include "seg/run/labels.h"
#include "seg/run/sampling.h"
#include "shared.h"

/* Labels from logits in 8 bits: equal in every pixel to docs/numerics.md, "Labels in 8 bits", written here once more, a pixel at
 * a time, and to those of Google's LiteRT, with every kernel set and one to three threads. */

enum { RULES = 3 };

static const char *const rule_names[RULES] = {"corners aligned", "half pixels", "legacy"};

/* ---- the arithmetic, once more ---- */

typedef struct place {
    int low, high;
    int64_t part; /* of 2048 */
} place;

static place between(double at, int count)
{
    place p = {.low = (int)fmin(floor(at), count - 1)};
    p.high = p.low + 1 < count ? p.low + 1 : p.low;
    p.part = (int64_t)rint((double)(float)(at - p.low) * 2048);
    return p;
}

/* XNNPACK's indirection for bilinear resizing with weights of 11 bits: every operation of its floats is done in double here and
 * rounded, which is the same. */
static place lite_place(mseg_sampling rule, int x, int size, int count)
{
    float scale = (float)((double)count / size), at;
    if (rule == MSEG_ALIGN_CORNERS && size > 1)
        scale = (float)((double)(count - 1) / (size - 1));
    at = (float)((double)x * (double)scale);
    if (rule == MSEG_HALF_PIXEL) {
        const float offset = (float)(0.5 * (double)scale - 0.5);
        at = fminf(fmaxf((float)((double)at + (double)offset), 0), (float)(count - 1));
    }
    return between((double)at, count);
}

/* "Back to the photo": pixel x of an image of n pixels that lies scaled on a canvas of size pixels. */
static place place_of(mseg_sampling rule, int x, int n, int scaled, int size, int count)
{
    if (n == scaled)
        return lite_place(rule, x, size, count);
    const double u = fmin(fmax((x + 0.5) * scaled / n - 0.5, 0), scaled - 1);
    double at = size == 1 ? 0 : u * (count - 1) / (size - 1);
    if (rule == MSEG_HALF_PIXEL)
        at = fmin(fmax((u + 0.5) * count / size - 0.5, 0), count - 1);
    else if (rule == MSEG_LEGACY)
        at = fmin(u * count / size, count - 1);
    return between(at, count);
}

/* *ties: whether another class has as much. */
static int label_at(const mseg_logits *l, place across, place down, bool *ties)
{
    const place p[2] = {down, across};
    int64_t most = -1;
    int label = -1;
    *ties = false;
    for (int c = 0; c < l->classes; c++) {
        int64_t sum = 0;
        for (int corner = 0; corner < 4; corner++) {
            const int y = corner / 2 ? p[0].high : p[0].low, x = corner % 2 ? p[1].high : p[1].low;
            const int64_t weight = (corner / 2 ? p[0].part : 2048 - p[0].part) * (corner % 2 ? p[1].part : 2048 - p[1].part);
            sum += weight * l->bytes[((y - l->first_row) * l->width + x) * l->classes + c];
        }
        const int64_t value = (int64_t)floor(ldexp((double)(sum + (1 << 21)), -22));
        *ties = value == most || (*ties && value < most);
        if (value > most) {
            most = value;
            label = c;
        }
    }
    return label;
}

static void check_place(const char *what, const mseg_axis *axis, int x, int size)
{
    int low, high;
    int32_t part;
    mseg_axis_part_at(axis, x, &low, &high, &part);
    const place want = lite_place(axis->sampling, axis->mirrored ? size - 1 - x : x, size, axis->k);
    if (low != want.low || high != want.high || part != want.part)
        fail_msg("%s: element %d of %d lies %d of 2048 between %d and %d of %d, not %d between %d and %d", what, x, size, part,
                 low, high, axis->k, (int)want.part, want.low, want.high);
}

/* Of canvases as they are, which LiteRT sees, as they are and mirrored. */
static void test_places(void **state)
{
    static const int counts[] = {1, 2, 3, 16, 33, 65, 97, 128, 129, 640};
    (void)state;
    for (int rule = 0; rule < RULES; rule++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (int size = 1; size < 1100; size += size < 40 ? 1 : 31)
                for (int x = 0; x < 2 * size; x++) {
                    const mseg_axis axis = {size, size, size, counts[i], x >= size, (mseg_sampling)rule};
                    check_place(rule_names[rule], &axis, x % size, size);
                }
}

/* ---- made-up logits ---- */

typedef struct map_case {
    int width, height, classes, canvas_width, canvas_height, scaled_width, scaled_height, image_width, image_height;
} map_case;

/* rows rows from first on of an image of width x height, whose labels want has, with every kernel set and number of threads. */
static void check_labels(const fixture *f, const mseg_logits *l, const uint8_t *want, int width, int height, int first, int rows,
                         const char *what)
{
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int threads = 1; threads <= MAX_THREADS; threads++) {
            mseg_image image = blank(width, rows);
            assert_int_equal(mseg_label_rows(&image, first, height, l, level_kernels(level), f->pools[threads]), MSEG_OK);
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < width + ROW_GAP; x++) {
                    const int got = image.data[(size_t)y * image.stride + (size_t)x];
                    const int expected = x < width ? want[(first + y) * width + x] : CANARY;
                    if (got != expected)
                        fail_msg("%s, %s, %d threads: (%d, %d) is %d, not %d", what, mseg_cpu_level_name(level), threads, x,
                                 first + y, got, expected);
                }
            free(image.data);
        }
}

/* Bytes of 0 to 255, most of them from a few values only. */
static uint8_t *random_bytes(size_t count, uint64_t seed)
{
    uint8_t *bytes = malloc(count);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = random_bits(seed, i);
        bytes[i] = (uint8_t)(bits % 9 ? 246 + bits / 9 % 4 * 3 : bits / 9 % 256);
    }
    return bytes;
}

/* Returns how many pixels are ties. */
static int check_map(const fixture *f, const map_case *c, mseg_sampling rule, uint64_t seed)
{
    uint8_t *bytes = random_bytes((size_t)c->width * (size_t)c->height * (size_t)c->classes, seed);
    uint8_t *want = malloc((size_t)c->image_width * (size_t)c->image_height);
    assert_non_null(want);
    mseg_logits l = {.bytes = bytes,
                     .width = c->width,
                     .height = c->height,
                     .classes = c->classes,
                     .canvas_width = c->canvas_width,
                     .canvas_height = c->canvas_height,
                     .scaled_width = c->scaled_width,
                     .scaled_height = c->scaled_height,
                     .sampling = rule};
    int ties = 0;
    for (int y = 0; y < c->image_height; y++)
        for (int x = 0; x < c->image_width; x++) {
            bool tie;
            want[y * c->image_width + x] =
                (uint8_t)label_at(&l, place_of(rule, x, c->image_width, c->scaled_width, c->canvas_width, c->width),
                                  place_of(rule, y, c->image_height, c->scaled_height, c->canvas_height, c->height), &tie);
            ties += tie;
        }
    char what[128];
    snprintf(what, sizeof what, "%dx%dx%d, %s, image of %d x %d", c->width, c->height, c->classes, rule_names[rule],
             c->image_width, c->image_height);
    check_labels(f, &l, want, c->image_width, c->image_height, 0, c->image_height, what);
    const int first = c->image_height / 2;
    l.first_row = place_of(rule, first, c->image_height, c->scaled_height, c->canvas_height, c->height).low;
    l.bytes += l.first_row * l.width * l.classes;
    check_labels(f, &l, want, c->image_width, c->image_height, first, c->image_height - first, what);
    free(want);
    free(bytes);
    return ties;
}

static void test_made_up(void **state)
{
    static const map_case cases[] = {
        {33, 33, 21, 513, 513, 513, 513, 513, 513}, /* the whole canvas */
        {33, 33, 21, 513, 513, 500, 375, 500, 375}, /* a part of it */
        {5, 4, 7, 33, 25, 33, 25, 33, 25},          /* tight */
        {9, 7, 5, 100, 77, 100, 61, 100, 61},       /* a canvas that is no multiple of the stride */
        {32, 32, 32, 125, 128, 125, 96, 125, 96},   /* a decoder's */
        {5, 5, 7, 33, 33, 33, 25, 90, 68},          /* enlarged back */
        {5, 5, 7, 33, 33, 33, 25, 20, 15},          /* the image was smaller */
        {5, 5, 7, 33, 33, 33, 25, 33, 41},          /* scaled along one axis */
        {5, 5, 3, 33, 33, 33, 1, 200, 3},           /* elongated */
        {5, 5, 3, 33, 33, 33, 33, 1, 1},            /* one pixel */
        {1, 1, 4, 1, 1, 1, 1, 6, 5},                /* a canvas of one pixel */
        {3, 9, 256, 17, 65, 17, 65, 17, 65},        /* all ids */
        {3, 9, 256, 17, 65, 17, 65, 23, 40},        /* the same, scaled */
        {9, 9, 1, 65, 65, 65, 65, 65, 65},          /* one class */
        {6, 6, 2, 41, 41, 40, 30, 100, 33},         /* two */
        {20, 14, 6, 20, 14, 20, 14, 20, 14},        /* the map is as large as the image */
        {20, 14, 6, 11, 9, 11, 9, 11, 9},           /* larger */
    };
    for (int rule = 0; rule < RULES; rule++) {
        int ties = 0, pixels = 0;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            ties += check_map(*state, &cases[i], (mseg_sampling)rule, 50 + i);
            pixels += cases[i].image_width * cases[i].image_height;
        }
        assert_in_range(ties, pixels / 4, pixels); /* most of what they are about */
    }
}

/* ---- LiteRT ---- */

/* The labels of Google's LiteRT (XNNPACK) from the logits that it made of a canvas of 513 x 513. */
static void check_lite(const fixture *f, const char *model, const char *photo)
{
    npy logits, labels;
    assert_true(npy_read_bytes(&logits, shared_path("golden/tflite/%s_%s_logits33_xnn.npy", model, photo)));
    assert_true(npy_read_bytes(&labels, shared_path("golden/tflite/%s_%s_labels_xnn.npy", model, photo)));
    const int *map = logits.shape + logits.rank - 3, *image = labels.shape + labels.rank - 2;
    assert_int_equal(map[0] * map[1] * map[2], 33 * 33 * 21);
    assert_int_equal(image[0] * image[1], 513 * 513);
    mseg_logits l = {.bytes = logits.bytes,
                     .width = 33,
                     .height = 33,
                     .classes = 21,
                     .canvas_width = 513,
                     .canvas_height = 513,
                     .scaled_width = 513,
                     .scaled_height = 513,
                     .sampling = MSEG_ALIGN_CORNERS};
    check_labels(f, &l, labels.bytes, 513, 513, 0, 513, model);
    /* A photo at the canvas' top left has what is there. */
    uint8_t part[375 * 500];
    for (int y = 0; y < 375; y++)
        memcpy(part + y * 500, labels.bytes + y * 513, 500);
    l.scaled_width = 500;
    l.scaled_height = 375;
    check_labels(f, &l, part, 500, 375, 0, 375, model);
    free(logits.bytes);
    free(labels.bytes);
}

static void test_lite(void **state)
{
    static const char *const models[] = {"q100", "q050"}, *const photos[] = {"2011_000003", "2011_000025"};
    for (int i = 0; i < 4; i++) {
        const char *model = models[i / 2], *photo = photos[i % 2];
        need_shared(shared_path("golden/tflite/%s_%s_logits33_xnn.npy", model, photo), "labels in 8 bits against LiteRT");
        need_shared(shared_path("golden/tflite/%s_%s_labels_xnn.npy", model, photo), "labels in 8 bits against LiteRT");
    }
    for (int i = 0; i < 4; i++)
        check_lite(*state, models[i / 2], photos[i % 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_made_up),
        cmocka_unit_test(test_lite),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
