#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <limits.h>

#include "kernels/random.h"
#include "seg/run/geometry.h"

/* mseg_geometry_plan against docs/numerics.md, "The picture's entry": cases worked out by hand, then the rules by integer
 * arithmetic. */

#define FIT     MSEG_RESIZE_FIT
#define NONE    MSEG_RESIZE_NONE
#define STRETCH MSEG_RESIZE_STRETCH
#define SQUARE  MSEG_PAD_SQUARE
#define TIGHT   MSEG_PAD_TIGHT

static mseg_geometry plan_by(mseg_sampling sampling, int width, int height, int output_stride, mseg_resize resize, mseg_pad pad,
                             int size)
{
    const mseg_canvas_rule rule = {output_stride, sampling};
    mseg_geometry g;
    mseg_error err;
    const mseg_run_options options = {.struct_size = sizeof options, .resize = resize, .pad = pad, .size = size};
    if (mseg_geometry_plan(&g, width, height, &rule, &options, &err))
        fail_msg("%d x %d: %s", width, height, err.text);
    return g;
}

static mseg_geometry plan(int width, int height, int output_stride, mseg_resize resize, mseg_pad pad, int size)
{
    return plan_by(MSEG_ALIGN_CORNERS, width, height, output_stride, resize, pad, size);
}

static void test_by_hand(void **state)
{
    (void)state;
    static const struct {
        int width, height, output_stride;
        mseg_resize resize;
        mseg_pad pad;
        int size;
        mseg_geometry expected;
    } cases[] = {
        {500, 375, 16, FIT, SQUARE, 513, {513, 385, 513, 513}},
        {375, 500, 16, FIT, SQUARE, 513, {385, 513, 513, 513}},
        {500, 375, 16, FIT, TIGHT, 513, {513, 385, 513, 385}},
        {500, 374, 16, FIT, TIGHT, 513, {513, 384, 513, 385}},
        {500, 376, 16, FIT, TIGHT, 513, {513, 386, 513, 401}},
        {4000, 3000, 8, FIT, SQUARE, 257, {257, 193, 257, 257}},
        {100, 7, 16, STRETCH, SQUARE, 513, {513, 513, 513, 513}},
        {100, 7, 16, STRETCH, TIGHT, 385, {385, 385, 385, 385}},
        {500, 375, 16, NONE, SQUARE, 513, {500, 375, 513, 513}},
        {513, 513, 16, NONE, SQUARE, 513, {513, 513, 513, 513}},
        {514, 300, 16, NONE, SQUARE, 513, {514, 300, 529, 529}},
        {300, 600, 8, NONE, SQUARE, 513, {300, 600, 601, 601}},
        {300, 600, 16, NONE, SQUARE, 513, {300, 600, 609, 609}},
        {300, 600, 32, NONE, SQUARE, 513, {300, 600, 609, 609}},
        {601, 10, 8, NONE, SQUARE, 513, {601, 10, 601, 601}},
        {500, 375, 8, NONE, TIGHT, 513, {500, 375, 505, 377}},
        {500, 375, 16, NONE, TIGHT, 513, {500, 375, 513, 385}},
        {500, 375, 32, NONE, TIGHT, 513, {500, 375, 513, 385}},
        {497, 369, 16, NONE, TIGHT, 513, {497, 369, 497, 369}},
        {1, 1, 16, FIT, SQUARE, 513, {513, 513, 513, 513}},
        {1, 1, 16, NONE, SQUARE, 513, {1, 1, 513, 513}},
        {1, 1, 16, NONE, TIGHT, 513, {1, 1, 1, 1}},
        {2, 1, 16, NONE, TIGHT, 513, {2, 1, 17, 1}},
        {1, 100000, 16, FIT, SQUARE, 513, {1, 513, 513, 513}},
        {100000, 1, 16, FIT, TIGHT, 513, {513, 1, 513, 1}},
        {100000, 300, 16, FIT, TIGHT, 513, {513, 2, 513, 17}},
        {20, 15, 16, FIT, SQUARE, 513, {513, 385, 513, 513}},
        {7, 5, 16, FIT, SQUARE, 1, {1, 1, 1, 1}},
        {5, 5, 16, FIT, SQUARE, 32768, {32768, 32768, 32768, 32768}}, /* 2^30 pixels are the most */
        {500, 375, 16, NONE, SQUARE, 500, {500, 375, 513, 513}},      /* max(size, smallest k * 16 + 1 >= image) */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_geometry g =
            plan(cases[i].width, cases[i].height, cases[i].output_stride, cases[i].resize, cases[i].pad, cases[i].size);
        const mseg_geometry *e = &cases[i].expected;
        if (g.scaled_width != e->scaled_width || g.scaled_height != e->scaled_height || g.canvas_width != e->canvas_width ||
            g.canvas_height != e->canvas_height)
            fail_msg("case %zu: %d x %d becomes %d x %d on %d x %d", i, cases[i].width, cases[i].height, g.scaled_width,
                     g.scaled_height, g.canvas_width, g.canvas_height);
    }
}

/* scaled = round(length * size / longer), at least 1; either neighbour at an exact half. */
static void check_scaled(int length, int size, int longer, int scaled)
{
    long long twice = 2LL * length * size;
    if (scaled == 1 && twice < 3LL * longer)
        return;
    assert_true(twice >= (2LL * scaled - 1) * longer && twice <= (2LL * scaled + 1) * longer);
}

/* canvas is the smallest k * stride + 1 that holds length. */
static void check_canvas(int length, int stride, int canvas)
{
    assert_true(canvas >= length && canvas - stride < length && (canvas - 1) % stride == 0);
}

static void test_rules(void **state)
{
    static const int strides[] = {8, 16, 32}, sizes[] = {257, 385, 513, 769, 1025};
    uint64_t stream = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        int width = random_int(&stream, 1, i % 2 ? 700 : 6000), height = random_int(&stream, 1, i % 3 ? 700 : 6000);
        int stride = strides[random_int(&stream, 0, 2)], size = sizes[random_int(&stream, 0, 4)];
        int longer = width > height ? width : height;
        mseg_geometry g = plan(width, height, stride, FIT, SQUARE, size);
        assert_true(g.canvas_width == size && g.canvas_height == size);
        assert_int_equal(width == longer ? g.scaled_width : g.scaled_height, size);
        check_scaled(width, size, longer, g.scaled_width);
        check_scaled(height, size, longer, g.scaled_height);
        mseg_geometry tight = plan(width, height, stride, FIT, TIGHT, size);
        assert_true(tight.scaled_width == g.scaled_width && tight.scaled_height == g.scaled_height);
        check_canvas(g.scaled_width, stride, tight.canvas_width);
        check_canvas(g.scaled_height, stride, tight.canvas_height);
        g = plan(width, height, stride, NONE, SQUARE, size);
        assert_true(g.scaled_width == width && g.scaled_height == height && g.canvas_width == g.canvas_height);
        if (longer <= size)
            assert_int_equal(g.canvas_width, size);
        else
            check_canvas(longer, stride, g.canvas_width);
    }
}

/* Without aligned corners canvases need not be k * stride + 1. */
static void test_canvases_without_aligned_corners(void **state)
{
    (void)state;
    const mseg_canvas_rule aligned = {16, MSEG_ALIGN_CORNERS};
    assert_true(mseg_side_suits(513, &aligned) && mseg_side_suits(1, &aligned));
    assert_false(mseg_side_suits(512, &aligned) || mseg_side_suits(0, &aligned));
    assert_int_equal(mseg_side_at_scale(513, 0.75, MSEG_ALIGN_CORNERS), 385);
    for (mseg_sampling sampling = MSEG_HALF_PIXEL; sampling <= MSEG_LEGACY; sampling++) {
        const mseg_canvas_rule rule = {16, sampling};
        assert_true(mseg_side_suits(512, &rule) && mseg_side_suits(500, &rule) && mseg_side_suits(513, &rule));
        assert_false(mseg_side_suits(0, &rule));
        assert_int_equal(mseg_side_at_scale(512, 0.75, sampling), 384);
        assert_int_equal(mseg_side_at_scale(512, 0.001, sampling), 1);
        mseg_geometry g = plan_by(sampling, 500, 375, 16, FIT, SQUARE, 512);
        assert_true(g.scaled_width == 512 && g.scaled_height == 384 && g.canvas_width == 512 && g.canvas_height == 512);
        g = plan_by(sampling, 500, 375, 16, NONE, TIGHT, 512);
        assert_true(g.canvas_width == 512 && g.canvas_height == 384);
        g = plan_by(sampling, 1, 16, 16, NONE, TIGHT, 512);
        assert_true(g.canvas_width == 16 && g.canvas_height == 16);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        mseg_resize resize;
        mseg_pad pad;
        int size;
        mseg_status status;
    } cases[] = {
        {0, 5, FIT, SQUARE, 513, MSEG_INVAL},         {5, 0, NONE, TIGHT, 513, MSEG_INVAL},
        {5, 5, FIT, SQUARE, 0, MSEG_INVAL},           {-1, 5, STRETCH, SQUARE, 513, MSEG_INVAL},
        {5, 5, FIT, SQUARE, 32769, MSEG_LIMIT},       {40000, 5, NONE, SQUARE, 513, MSEG_LIMIT},
        {40000, 40000, NONE, TIGHT, 513, MSEG_LIMIT}, {INT_MAX, 1, NONE, SQUARE, 513, MSEG_LIMIT},
        {INT_MAX, 1, NONE, TIGHT, 513, MSEG_LIMIT},   {INT_MAX, INT_MAX, NONE, TIGHT, 513, MSEG_LIMIT},
        {5, 5, STRETCH, SQUARE, INT_MAX, MSEG_LIMIT}, {INT_MAX, 1, FIT, SQUARE, 513, MSEG_OK},
        {40000, 5, NONE, TIGHT, 513, MSEG_OK},        {32753, 32753, NONE, SQUARE, 513, MSEG_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_geometry g;
        mseg_error err = {0};
        const mseg_canvas_rule rule = {16, MSEG_ALIGN_CORNERS};
        const mseg_run_options options = {
            .struct_size = sizeof options, .resize = cases[i].resize, .pad = cases[i].pad, .size = cases[i].size};
        assert_int_equal(mseg_geometry_plan(&g, cases[i].width, cases[i].height, &rule, &options, &err), cases[i].status);
        assert_true(!cases[i].status || err.text[0]);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    assert_true(options.resize == FIT && options.pad == SQUARE && options.size == 513);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),  cmocka_unit_test(test_rules),    cmocka_unit_test(test_canvases_without_aligned_corners),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
