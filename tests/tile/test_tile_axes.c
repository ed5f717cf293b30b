/* Where tiles lie and how they share a point, by arithmetic. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seg/run/tile.h"

#define TILES(size, overlap)                                                                                                     \
    {                                                                                                                            \
        sizeof(mseg_tile_options), size, overlap                                                                                 \
    }

/* Pixels that tiles a and b of the axis share besides their border. */
static int shared(const mseg_tile_axis *axis, int a, int stride)
{
    return (mseg_tile_origin(axis, a) + axis->side - 1 - mseg_tile_origin(axis, a + 1)) * stride;
}

static void check_axis(int length, int stride, int logits_stride, const mseg_tile_options *o)
{
    const mseg_canvas_rule rule = {stride, MSEG_ALIGN_CORNERS};
    const mseg_tile_axis fine = mseg_tile_axis_of(length, &rule, logits_stride, o),
                         axis = mseg_tile_axis_of(length, &rule, stride, o);
    const int overlap = o->overlap < 0 ? (o->size - 1) / stride / 4 * stride : o->overlap, points = stride / logits_stride;
    assert_true(fine.tiles == axis.tiles && fine.side == (axis.side - 1) * points + 1);
    assert_int_equal(fine.points, (axis.points - 1) * points + 1);
    for (int t = 0; t < axis.tiles; t++)
        assert_int_equal(mseg_tile_origin(&fine, t), mseg_tile_origin(&axis, t) * points);
    assert_int_equal((axis.side - 1) * stride + 1, o->size);
    assert_in_range((axis.points - 1) * stride + 1, length, length + stride - 1);
    assert_int_equal(mseg_tile_origin(&axis, 0), 0);
    for (int t = 0; t + 1 < axis.tiles; t++) {
        assert_true(mseg_tile_origin(&axis, t) < mseg_tile_origin(&axis, t + 1));
        assert_true(shared(&axis, t, stride) >= overlap);
    }
    if (axis.tiles == 1) {
        assert_true(length <= o->size);
        return;
    }
    assert_int_equal(mseg_tile_origin(&axis, axis.tiles - 1) + axis.side, axis.points);
    /* One tile fewer does not do: each after the first adds at most its side less the overlap. */
    const int step = (o->size - 1 - overlap) / stride * stride;
    assert_true(o->size + (axis.tiles - 2) * step < (axis.points - 1) * stride + 1);
}

static void check_weights(int length, int stride, int logits_stride, const mseg_tile_options *o)
{
    const mseg_canvas_rule rule = {stride, MSEG_ALIGN_CORNERS};
    const mseg_tile_axis axis = mseg_tile_axis_of(length, &rule, logits_stride, o);
    double *sums = calloc((size_t)(axis.points + axis.side), sizeof *sums);
    float *weights = malloc((size_t)axis.side * sizeof *weights);
    assert_true(sums && weights);
    for (int t = 0; t < axis.tiles; t++) {
        mseg_tile_weights(&axis, t, weights);
        for (int i = 0; i < axis.side; i++) {
            assert_true(weights[i] > 0 && weights[i] <= 1);
            sums[mseg_tile_origin(&axis, t) + i] += (double)weights[i];
        }
    }
    for (int p = 0; p < axis.points; p++)
        assert_true(fabs(sums[p] - 1) < 1e-6);
    free(sums);
    free(weights);
}

static void test_axes(void **state)
{
    (void)state;
    static const mseg_tile_options options[] = {TILES(65, -1), TILES(65, 0), TILES(65, 1),  TILES(65, 16),
                                                TILES(65, 32), TILES(17, 0), TILES(33, -1), TILES(513, 128)};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        for (int length = 1; length < 1500; length += length < 150 ? 1 : 37) {
            check_axis(length, 16, 4, &options[i]);
            check_weights(length, 16, 16, &options[i]);
            check_weights(length, 16, 4, &options[i]);
            check_weights(length, 8, 8, &options[i]);
        }
    static const mseg_tile_options most = TILES(65, 48);
    const mseg_tile_axis axis =
        mseg_tile_axis_of(209, &(mseg_canvas_rule){16, MSEG_ALIGN_CORNERS}, 16, &most); /* 14 points, tiles of 5, one on each */
    assert_int_equal(axis.tiles, 10);
}

/* Without aligned corners a tile of k * 16 pixels has k points, and neighbours share nothing unless asked to. */
static void test_axes_without_aligned_corners(void **state)
{
    (void)state;
    static const struct {
        int length, size, overlap, points, side, tiles;
    } cases[] = {
        {64, 64, 0, 4, 4, 1},       {65, 64, 0, 5, 4, 2},      {128, 64, 0, 8, 4, 2}, {129, 64, 0, 9, 4, 3},
        {128, 64, 16, 8, 4, 3},     {128, 64, 48, 8, 4, 5},    {20, 64, 0, 4, 4, 1},  {1, 16, 0, 1, 1, 1},
        {1024, 512, -1, 64, 32, 3}, {896, 512, -1, 56, 32, 2}, {48, 16, 0, 3, 1, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (mseg_sampling sampling = MSEG_HALF_PIXEL; sampling <= MSEG_LEGACY; sampling++) {
            const mseg_canvas_rule rule = {16, sampling};
            const mseg_tile_options options = TILES(cases[i].size, cases[i].overlap);
            for (int points = 1; points <= 4; points += 3) { /* for an output stride */
                const mseg_tile_axis axis = mseg_tile_axis_of(cases[i].length, &rule, 16 / points, &options);
                assert_int_equal(axis.points, cases[i].points * points);
                assert_int_equal(axis.side, cases[i].side * points);
                assert_int_equal(axis.tiles, cases[i].tiles);
            }
        }
}

/* Two tiles of 5 points that share three of the seven: they cross there in a straight line. */
static void test_ramp(void **state)
{
    (void)state;
    static const float first[] = {1, 1, 0.75f, 0.5f, 0.25f}, second[] = {0.25f, 0.5f, 0.75f, 1, 1};
    const mseg_canvas_rule rule = {16, MSEG_ALIGN_CORNERS};
    const mseg_tile_axis axis = mseg_tile_axis_of(97, &rule, 16, &(mseg_tile_options)TILES(65, 32));
    float weights[5];
    assert_int_equal(axis.tiles, 2);
    mseg_tile_weights(&axis, 0, weights);
    assert_memory_equal(weights, first, sizeof first);
    mseg_tile_weights(&axis, 1, weights);
    assert_memory_equal(weights, second, sizeof second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_axes_without_aligned_corners),
        cmocka_unit_test(test_ramp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
