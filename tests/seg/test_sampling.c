#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "seg/run/sampling.h"

/* Where a canvas' pixels lie on a map, by the definitions in TensorFlow's ResizeBilinear: with align_corners x * (k - 1) / (n -
 * 1), with half_pixel_centers (x + 0.5) * k / n - 0.5, with neither x * k / n, kept inside the map. */

typedef struct expected {
    mseg_sampling sampling;
    int n, k;
    double at[8];
} expected;

static void check(const mseg_axis *axis, int x, double at)
{
    int low, high;
    float fraction;
    mseg_axis_at(axis, x, &low, &high, &fraction);
    assert_true(low >= 0 && low < axis->k && high >= low && high <= low + 1 && high < axis->k);
    if (!(fabs(low + (double)fraction - at) <= 1e-6) || (fraction > 0 && high == low))
        fail_msg("pixel %d of %d lies at %d + %g of %d, not at %g", x, axis->n, low, (double)fraction, axis->k, at);
}

static void test_rules(void **state)
{
    (void)state;
    static const expected cases[] = {
        {MSEG_ALIGN_CORNERS, 4, 2, {0, 1 / 3., 2 / 3., 1}},
        {MSEG_HALF_PIXEL, 4, 2, {0, 0.25, 0.75, 1}},
        {MSEG_LEGACY, 4, 2, {0, 0.5, 1, 1}},
        {MSEG_ALIGN_CORNERS, 3, 5, {0, 2, 4}},
        {MSEG_HALF_PIXEL, 3, 6, {0.5, 2.5, 4.5}},
        {MSEG_LEGACY, 3, 6, {0, 2, 4}},
        {MSEG_ALIGN_CORNERS, 1, 1, {0}},
        {MSEG_HALF_PIXEL, 1, 1, {0}},
        {MSEG_LEGACY, 1, 1, {0}},
        {MSEG_HALF_PIXEL, 8, 8, {0, 1, 2, 3, 4, 5, 6, 7}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const expected *c = &cases[i];
        const mseg_axis axis = {.n = c->n, .scaled = c->n, .size = c->n, .k = c->k, .sampling = c->sampling};
        mseg_axis mirrored = axis;
        mirrored.mirrored = true;
        for (int x = 0; x < c->n; x++) {
            check(&axis, x, c->at[x]);
            check(&mirrored, c->n - 1 - x, c->at[x]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
