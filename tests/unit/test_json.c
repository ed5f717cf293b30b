/* The JSON writer against exact texts, against strtod for numbers, and with memory running out at every point. */

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/json.h"

static mseg_json *make_tree(void)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "path", "a \"b\"\\\n.jpg");
    mseg_json_add_int(root, "big", INT64_C(9007199254740993));
    mseg_json_add_number(root, "ms", 0.1);
    mseg_json *list = mseg_json_add_array(root, "list");
    mseg_json_add_int(list, NULL, INT64_MIN);
    mseg_json_add_bool(list, NULL, true);
    mseg_json_add_null(list, NULL);
    mseg_json *inner = mseg_json_add_object(list, NULL);
    mseg_json_add_bool(inner, "ok", false);
    mseg_json_add_array(inner, "none");
    return root;
}

static const char tree_text[] = "{\"path\":\"a \\\"b\\\"\\\\\\n.jpg\",\"big\":9007199254740993,\"ms\":0.1,"
                                "\"list\":[-9223372036854775808,true,null,{\"ok\":false,\"none\":[]}]}";

static void whole_tree(void **state)
{
    (void)state;
    mseg_json *root = make_tree();
    char *text = mseg_json_print(root, false), *pretty = mseg_json_print(root, true);
    assert_string_equal(text, tree_text);
    assert_non_null(strchr(pretty, '\n'));
    cJSON *back = cJSON_Parse(pretty);
    char *again = cJSON_PrintUnformatted(cJSON_GetObjectItem(back, "path"));
    assert_string_equal(again, "\"a \\\"b\\\"\\\\\\n.jpg\"");
    cJSON_Delete(back);
    free(again);
    free(text);
    free(pretty);
    mseg_json_free(&root);
    assert_null(root);
    mseg_json_free(&root);
}

/* The text that one number makes. */
static void print_number(char out[64], double value)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_number(root, "x", value);
    char *text = mseg_json_print(root, false);
    assert_true(strlen(text) < 64 && !strncmp(text, "{\"x\":", 5));
    text[strlen(text) - 1] = 0;
    strcpy(out, text + 5);
    free(text);
    mseg_json_free(&root);
}

static void assert_reads_back(double value)
{
    char text[64];
    print_number(text, value);
    double back = strtod(text, NULL);
    if (memcmp(&back, &value, sizeof value))
        fail_msg("%a became %s", value, text);
}

static void numbers_read_back(void **state)
{
    (void)state;
    static const double values[] = {0.0,     -0.0,     1.0,  0.1 + 0.2,          1.0 / 3, DBL_MAX,
                                    DBL_MIN, 4.9e-324, 1e22, 9007199254740993.0, -123.456};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_reads_back(values[i]);
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            assert_reads_back(value);
    }
}

static void number_texts(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},       {0.1 + 0.2, "0.30000000000000004"}, {5, "5"}, {1e300, "1e+300"}, {NAN, "null"}, {INFINITY, "null"},
        {-INFINITY, "null"}};
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_number(text, cases[i].value);
        assert_string_equal(text, cases[i].text);
    }
}

/* Under a locale with a decimal comma, made for the occasion. */
static void other_locale(void **state)
{
    (void)state;
    char folder[] = "/tmp/mseg-test-XXXXXX", command[128], text[64];
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null", folder);
    int made = !system(command);
    setenv("LOCPATH", folder, 1);
    bool set = made && setlocale(LC_NUMERIC, "de_DE.UTF-8");
    print_number(text, 1234.5);
    setlocale(LC_NUMERIC, "C");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    if (!set) {
        print_message("SKIP: localedef cannot make a locale with a decimal comma here\n");
        skip();
    }
    assert_string_equal(text, "1234.5");
}

static void bytes_outside_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"caf\xe9.jpg", "caf\xef\xbf\xbd.jpg"},
        {"gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x90\xb1", "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x90\xb1"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* half a surrogate pair */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond U+10FFFF */
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_json *root = mseg_json_object();
        mseg_json_add_string(root, "s", cases[i].in);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "s")), cases[i].out);
        mseg_json_free(&root);
    }
}

static int allocations_left;

static void *limited_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Whatever allocation fails, the result is the whole text or none. */
static void out_of_memory(void **state)
{
    (void)state;
    cJSON_Hooks hooks = {limited_malloc, free};
    int failures = 0;
    bool whole = false;
    cJSON_InitHooks(&hooks);
    for (int n = 0; !whole; n++) {
        allocations_left = n;
        mseg_json *root = make_tree();
        allocations_left = 1000; /* memory that comes back must not hide the loss */
        char *text = mseg_json_print(root, false);
        whole = text;
        failures += !text;
        if (text)
            assert_string_equal(text, tree_text);
        free(text);
        mseg_json_free(&root);
    }
    cJSON_InitHooks(NULL);
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_tree),   cmocka_unit_test(numbers_read_back),  cmocka_unit_test(number_texts),
        cmocka_unit_test(other_locale), cmocka_unit_test(bytes_outside_utf8), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
