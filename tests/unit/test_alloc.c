/* Memory, sizes and status texts. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"

static void aligned_and_zeroed(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 400; bytes += 13) {
        uint8_t *memory = mseg_alloc(bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % MSEG_ALIGN, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 255, bytes);
        mseg_free(&memory);
        assert_null(memory);
        mseg_free(&memory);
    }
}

static void overflow(void **state)
{
    (void)state;
    size_t product;
    assert_true(mseg_mul(SIZE_MAX, 1, &product) && product == SIZE_MAX);
    assert_true(mseg_mul(0, SIZE_MAX, &product) && !product);
    assert_false(mseg_mul(SIZE_MAX / 2 + 1, 2, &product));
    assert_null(mseg_alloc(SIZE_MAX));
    assert_null(mseg_alloc_array(SIZE_MAX / 4, 8));
}

static void rounding(void **state)
{
    (void)state;
    assert_int_equal(mseg_round_up(0, 16), 0);
    assert_int_equal(mseg_round_up(1, 16), 16);
    assert_int_equal(mseg_round_up(16, 16), 16);
    assert_int_equal(mseg_round_up(17, 12), 24);
}

static void errors(void **state)
{
    (void)state;
    mseg_error err;
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(mseg_fail(&err, MSEG_IO, "%s: %d", "a", 3), MSEG_IO);
    assert_int_equal(err.status, MSEG_IO);
    assert_string_equal(err.text, "a: 3");
    assert_int_equal(mseg_fail(&err, MSEG_NOMEM, NULL), MSEG_NOMEM);
    assert_string_equal(err.text, "out of memory");
    mseg_fail(&err, MSEG_INVAL, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(mseg_fail(NULL, MSEG_INVAL, "%s", text), MSEG_INVAL);
    assert_string_equal(mseg_status_text(MSEG_OK), "success");
    assert_string_equal(mseg_status_text((mseg_status)99), "unknown status");
}

static void an_array_grows_and_keeps_what_is_in_it(void **state)
{
    (void)state;
    int *numbers = NULL, room = 0;
    for (int i = 0; i < 1000; i++) {
        const int before = room;
        assert_true(mseg_grow(&numbers, &room, i + 1, sizeof *numbers));
        assert_true(room > i && (room == before || room >= 2 * before));
        numbers[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    int *const same = numbers;
    assert_false(mseg_grow(&numbers, &room, INT_MAX, SIZE_MAX / 4));
    assert_true(numbers == same && room < INT_MAX);
    mseg_free(&numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_and_zeroed),
        cmocka_unit_test(overflow),
        cmocka_unit_test(rounding),
        cmocka_unit_test(errors),
        cmocka_unit_test(an_array_grows_and_keeps_what_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
