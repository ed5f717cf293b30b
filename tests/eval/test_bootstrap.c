/* The bootstrap's random numbers against PCG's published ones, and percentiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "seg/judge/bootstrap.h"

/* What pcg32-demo of pcg-random.org prints for state 42, stream 54. */
static void numbers_are_pcg32(void **state)
{
    (void)state;
    static const uint32_t published[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
    mseg_random random = mseg_random_seeded(42);
    for (int i = 0; i < 6; i++)
        assert_int_equal(mseg_random_next(&random), published[i]);
}

/* The first 2^32 mod n numbers are drawn again, or the low ones would come too often: almost half of them here. */
static void bounded_numbers_are_fair(void **state)
{
    (void)state;
    const uint32_t below = 0x80000001u, refused = 0x7fffffffu;
    mseg_random random = mseg_random_seeded(7), plain = mseg_random_seeded(7);
    int again = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t bits = mseg_random_next(&plain);
        for (; bits < refused; bits = mseg_random_next(&plain))
            again++;
        assert_int_equal(mseg_random_below(&random, below), bits % below);
    }
    assert_true(again > 800 && again < 1200); /* 1000 expected, standard deviation 45 */
    for (int i = 0; i < 100; i++)
        assert_int_equal(mseg_random_below(&random, 1), 0);
}

static void draws_are_as_many_as_there_are(void **state)
{
    (void)state;
    uint32_t times[50], all = 0;
    mseg_random random = mseg_random_seeded(1);
    memset(times, 0xff, sizeof times);
    mseg_draw(times, 50, &random);
    for (int i = 0; i < 50; i++)
        all += times[i];
    assert_int_equal(all, 50);
}

static void check_middle(const double *values, int n, double wanted_low, double wanted_high, int numbers)
{
    double copy[64], low, high;
    memcpy(copy, values, (size_t)n * sizeof *copy);
    assert_int_equal(mseg_middle_95(copy, n, &low, &high), numbers);
    assert_true(fabs(low - wanted_low) < 1e-14 || (isnan(low) && isnan(wanted_low)));
    assert_true(fabs(high - wanted_high) < 1e-14 || (isnan(high) && isnan(wanted_high)));
}

static void percentiles(void **state)
{
    (void)state;
    double ramp[41], mirrored[64], low, high, other_low, other_high;
    for (int i = 0; i < 41; i++)
        ramp[i] = (i * 7) % 41; /* 0 .. 40, in disorder */
    check_middle(ramp, 41, 1, 39, 41);
    check_middle((const double[]){10, 0}, 2, 0.25, 9.75, 2);
    check_middle((const double[]){NAN, 10, NAN, 0}, 4, 0.25, 9.75, 2);
    check_middle((const double[]){3}, 1, 3, 3, 1);
    check_middle((const double[]){NAN, NAN}, 2, NAN, NAN, 0);
    check_middle(ramp, 0, NAN, NAN, 0);
    mseg_random random = mseg_random_seeded(3);
    for (int n = 1; n <= 32; n++) {
        for (int i = 0; i < n; i++) {
            mirrored[i] = mseg_random_next(&random) / 3.0;
            mirrored[32 + i] = -mirrored[i];
        }
        mseg_middle_95(mirrored, n, &low, &high);
        mseg_middle_95(mirrored + 32, n, &other_low, &other_high);
        assert_true(other_low == -high && other_high == -low);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_pcg32),
        cmocka_unit_test(bounded_numbers_are_fair),
        cmocka_unit_test(draws_are_as_many_as_there_are),
        cmocka_unit_test(percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
