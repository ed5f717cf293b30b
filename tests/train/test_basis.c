#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants those before */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "seg/train/basis.h"

/* Samples whose principal components are known: waves over the samples, orthogonal to one another, along directions that are. */

enum { SAMPLES = 512, CHANNELS = 70, VARY = 12 };

typedef struct scene {
    float samples[SAMPLES][CHANNELS];
    int vary; /* components that do */
} scene;

/* Row k of the cosine transform of n numbers, of mean square 1. */
static double wave(int k, int i, int n)
{
    return sqrt(2) * cos(acos(-1) * k * (2 * i + 1) / (2.0 * n));
}

static double deviation(int k)
{
    return 10 * pow(0.6, k);
}

static scene *make_scene(int vary)
{
    scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->vary = vary;
    for (int i = 0; i < SAMPLES; i++)
        for (int c = 0; c < CHANNELS; c++) {
            double x = 3 * sin(c); /* the mean */
            for (int k = 0; k < vary; k++)
                x += deviation(k) * wave(5 * k + 3, i, SAMPLES) * wave(k + 1, c, CHANNELS) / sqrt(CHANNELS);
            s->samples[i][c] = (float)x;
        }
    return s;
}

/* Component k of a sample, half whitened: the mean square over parts is 1. */
static double wanted(const scene *s, int parts, int k, int i)
{
    double sum = 0;
    for (int j = 0; j < parts && j < s->vary; j++)
        sum += deviation(j);
    return k < s->vary ? sqrt(parts * deviation(k) / sum) * wave(5 * k + 3, i, SAMPLES) : 0;
}

static void check(int vary, int parts)
{
    scene *s = make_scene(vary);
    mseg_basis basis;
    assert_int_equal(mseg_basis_open(&basis, s->samples[0], SAMPLES, CHANNELS, parts, NULL), MSEG_OK);
    assert_int_equal(basis.parts, parts);
    for (int k = 0; k < parts; k++) {
        double sign = 0;
        for (int i = 0; i < SAMPLES; i++) {
            uint8_t bytes[MSEG_BASIS_MOST];
            mseg_basis_take(&basis, s->samples[i], bytes);
            const double got = (bytes[k] - MSEG_BASIS_ZERO) * (double)basis.steps[k], want = wanted(s, parts, k, i);
            if (sign == 0 && fabs(want) > 2 * (double)basis.steps[k])
                sign = got * want > 0 ? 1 : -1; /* of a direction, either will do */
            if (!(fabs(got - sign * want) <= 0.51 * (double)basis.steps[k] + 1e-4))
                fail_msg("component %d of sample %d: %g, not %g", k, i, got, sign * want);
        }
        assert_int_equal(basis.steps[k] > 0, k < vary);
    }
    mseg_basis_close(&basis);
    free(s);
}

static void components(void **state)
{
    (void)state;
    check(VARY, VARY);
    check(VARY, 7);
}

/* Directions in which nothing varies are 0, also when there are no others. */
static void fewer_than_asked_for(void **state)
{
    (void)state;
    check(5, 9);
    check(0, 3);
}

static void far_away_is_cut_off(void **state)
{
    (void)state;
    scene *s = make_scene(VARY);
    mseg_basis basis;
    uint8_t bytes[MSEG_BASIS_MOST];
    assert_int_equal(mseg_basis_open(&basis, s->samples[0], SAMPLES, CHANNELS, 4, NULL), MSEG_OK);
    for (int c = 0; c < CHANNELS; c++)
        s->samples[0][c] += (float)(1e6 * wave(1, c, CHANNELS));
    mseg_basis_take(&basis, s->samples[0], bytes);
    assert_int_equal(abs(bytes[0] - MSEG_BASIS_ZERO), 127);
    mseg_basis_close(&basis);
    free(s);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    scene *s = make_scene(VARY);
    mseg_pool *pool;
    mseg_basis one, many;
    assert_int_equal(mseg_pool_open(&pool, 3), MSEG_OK);
    assert_int_equal(mseg_basis_open(&one, s->samples[0], SAMPLES, CHANNELS, MSEG_BASIS_MOST, NULL), MSEG_OK);
    assert_int_equal(mseg_basis_open(&many, s->samples[0], SAMPLES, CHANNELS, MSEG_BASIS_MOST, pool), MSEG_OK);
    assert_memory_equal(one.mean, many.mean, CHANNELS * sizeof *one.mean);
    assert_memory_equal(one.directions, many.directions, CHANNELS * MSEG_BASIS_MOST * sizeof *one.directions);
    assert_memory_equal(one.steps, many.steps, MSEG_BASIS_MOST * sizeof *one.steps);
    mseg_basis_close(&one);
    mseg_basis_close(&many);
    mseg_pool_close(&pool);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components),
        cmocka_unit_test(fewer_than_asked_for),
        cmocka_unit_test(far_away_is_cut_off),
        cmocka_unit_test(threads_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
