/* The few numbers that graphs compute of sizes, against what TensorFlow's and ONNX' operators are defined to give. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "weights/sizes.h"

static mseg_sizes list(int count, const double *values)
{
    mseg_sizes s = {.rank = 1, .shape = {count}, .integer = true};
    memcpy(s.values, values, (size_t)count * sizeof *values);
    return s;
}

#define LIST(...) list(sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

static void check(const mseg_sizes *got, int rank, const int *shape, const double *values)
{
    assert_int_equal(got->rank, rank);
    assert_memory_equal(got->shape, shape, (size_t)rank * sizeof *shape);
    const int count = mseg_sizes_count(rank, shape);
    for (int i = 0; i < count; i++)
        if (got->values[i] != values[i])
            fail_msg("[%d] is %g, not %g", i, got->values[i], values[i]);
}

#define CHECK(got, rank, shape, ...) check(got, rank, (int[])shape, (double[]){__VA_ARGS__})
#define SHAPE(...)                                                                                                               \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

static void operators_work_element_by_element(void **state)
{
    (void)state;
    mseg_sizes out, a = LIST(7, -7, 513), two = mseg_sizes_number(2, true), b = LIST(1, 2, 3), bad = LIST(1, 2);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_DIV, &a, &two));
    CHECK(&out, 1, SHAPE(3), 3, -3, 256);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_FLOOR_DIV, &a, &two));
    CHECK(&out, 1, SHAPE(3), 3, -4, 256);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_FLOOR_MOD, &a, &two));
    CHECK(&out, 1, SHAPE(3), 1, 1, 1);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_SUB, &two, &a));
    CHECK(&out, 1, SHAPE(3), -5, 9, -511);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_GREATER, &a, &b));
    CHECK(&out, 1, SHAPE(3), 1, 0, 1);
    assert_false(mseg_sizes_apply(&out, MSEG_SIZES_ADD, &a, &bad));
    const mseg_sizes none = mseg_sizes_number(0, true);
    assert_false(mseg_sizes_apply(&out, MSEG_SIZES_DIV, &a, &none));
}

/* 513 / 500 in float32, floor of a product with it: DeepLab's resize_to_range. */
static void floats_are_rounded_to_float32(void **state)
{
    (void)state;
    mseg_sizes out, large = mseg_sizes_number(513, false), side = mseg_sizes_number(500, false);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_DIV, &large, &side));
    assert_true(out.values[0] == (double)(513.0f / 500.0f) && out.values[0] != 513.0 / 500.0);
    assert_true(mseg_sizes_apply(&out, MSEG_SIZES_TO_INTEGER, &out, NULL));
    assert_true(out.integer && out.values[0] == 1);
}

static void shapes_are_taken_apart_and_joined(void **state)
{
    (void)state;
    mseg_sizes out, shape = LIST(1, 513, 385, 3), index = LIST(3, 0);
    shape.computed = true;
    assert_true(mseg_sizes_slice(&out, &shape, 1, 2, 1, false));
    CHECK(&out, 1, SHAPE(2), 513, 385);
    assert_true(out.computed);
    assert_true(mseg_sizes_slice(&out, &shape, 3, 2, -2, false));
    CHECK(&out, 1, SHAPE(2), 3, 513);
    assert_true(mseg_sizes_slice(&out, &shape, 2, 1, 1, true));
    CHECK(&out, 0, SHAPE(0), 385);
    assert_false(mseg_sizes_slice(&out, &shape, 3, 2, 1, false));
    assert_true(mseg_sizes_gather(&out, &shape, &index));
    CHECK(&out, 1, SHAPE(2), 3, 1);
    const mseg_sizes a = LIST(0, 5), b = LIST(1, 2), *parts[] = {&a, &b};
    assert_true(mseg_sizes_join(&out, parts, 2, true));
    CHECK(&out, 2, SHAPE(2, 2), 0, 5, 1, 2);
    assert_false(out.computed);
    assert_true(mseg_sizes_join(&out, parts, 2, false));
    CHECK(&out, 1, SHAPE(4), 0, 5, 1, 2);
    assert_true(mseg_sizes_reshape(&out, &out, 3, (int[]){2, -1, 1}));
    CHECK(&out, 3, SHAPE(2, 2, 1), 0, 5, 1, 2);
    assert_false(mseg_sizes_reshape(&out, &shape, 2, (int[]){3, -1}));
    assert_true(mseg_sizes_reduce(&out, MSEG_SIZES_MAX, &shape));
    CHECK(&out, 0, SHAPE(0), 513);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    mseg_sizes out, many = {.rank = 1, .shape = {10}, .integer = true}, huge = mseg_sizes_number(2147483647, true);
    const mseg_sizes *parts[] = {&many, &many};
    assert_false(mseg_sizes_join(&out, parts, 2, false));
    assert_false(mseg_sizes_apply(&out, MSEG_SIZES_MUL, &huge, &huge));
    assert_int_equal(mseg_sizes_count(2, (int[]){4, 5}), -1);
    assert_int_equal(mseg_sizes_count(1, (int[]){-1}), -1);
    assert_int_equal(mseg_sizes_count(5, (int[]){1, 1, 1, 1, 1}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_work_element_by_element),
        cmocka_unit_test(floats_are_rounded_to_float32),
        cmocka_unit_test(shapes_are_taken_apart_and_joined),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
