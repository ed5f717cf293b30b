/* What a safetensors file must be before its names mean anything, rule by rule of the format's description. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/safetensors.h"

/* A header and bytes of data behind it, in a block of exactly their size. */
static mseg_status open_header(mseg_st_file *file, uint8_t **block, const char *header, size_t bytes, mseg_error *err)
{
    const size_t length = strlen(header), size = 8 + length + bytes;
    *block = calloc(1, size);
    assert_non_null(*block);
    for (int i = 0; i < 8; i++)
        (*block)[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(*block + 8, header, length);
    return mseg_st_open(file, *block, size, err);
}

#define TENSOR(type, shape, offsets) "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define F(begin, end)                TENSOR("F32", "[1]", "[" #begin "," #end "]")

static void good_headers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t bytes;
        int count;
    } good[] = {
        {"{}", 0, 0},
        {"{}      ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"a\":" TENSOR("F32", "[]", "[0,4]") "}", 4, 1},
        {"{\"a\":" TENSOR("I64", "[0,9007199254740992]", "[0,0]") ",\"b\":" F(0, 4) "}", 4, 2},
        {"{\"b\":" F(4, 8) ",\"a\":" F(0, 4) ",\"c\":" TENSOR("U8", "[0]", "[8,8]") "}", 8, 3},
        {"{\"a\":" TENSOR("BF16", "[1,2,1,1,3,1]", "[0,12]") "}", 12, 1},
        {"{\"a\":" TENSOR("BOOL", "[65537]", "[0,65537]") "}", 65537, 1},
        {"{\"a\":" TENSOR("F64", "[2]", "[0,16]") ",\"b\":" TENSOR("F16", "[3]", "[16,22]") "}", 22, 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mseg_st_file file;
        uint8_t *block;
        mseg_error err = {0};
        if (open_header(&file, &block, good[i].header, good[i].bytes, &err))
            fail_msg("%s: %s", good[i].header, err.text);
        assert_int_equal(file.count, good[i].count);
        mseg_st_close(&file);
        free(block);
    }
}

static void tensors_are_where_the_header_says(void **state)
{
    (void)state;
    mseg_st_file file;
    uint8_t *block;
    const char *header = "{\"b\":" TENSOR("F16", "[2,1,3]", "[8,20]") ",\"__metadata__\":{\"format\":\"pt\",\"mseg\":\"x\"},"
                                                                      "\"a\":" TENSOR("F64", "[]", "[0,8]") ",\"c\":" TENSOR(
                                                                          "I32", "[1,70000]", "[20,280020]") "}";
    assert_int_equal(open_header(&file, &block, header, 280020, NULL), MSEG_OK);
    assert_int_equal(file.count, 3);
    assert_string_equal(file.format, "pt");
    assert_string_equal(file.description, "x");
    assert_string_equal(file.tensors[0].name, "a");
    assert_int_equal(file.tensors[0].type, MSEG_ST_F64);
    assert_int_equal(file.tensors[0].rank, 0);
    assert_ptr_equal(file.tensors[0].data, block + 8 + strlen(header));
    assert_string_equal(file.tensors[1].name, "b");
    assert_int_equal(file.tensors[1].type, MSEG_ST_F16);
    assert_int_equal(file.tensors[1].rank, 3);
    assert_int_equal(file.tensors[1].shape[0], 2);
    assert_int_equal(file.tensors[1].shape[2], 3);
    assert_int_equal(file.tensors[1].bytes, 12);
    assert_ptr_equal(file.tensors[1].data, block + 8 + strlen(header) + 8);
    assert_int_equal(file.tensors[2].type, MSEG_ST_OTHER);
    assert_int_equal(file.tensors[2].rank, -1);
    mseg_st_close(&file);
    free(block);
}

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t bytes;
        const char *text;
    } faults[] = {
        {"[]", 0, "its header is no object"},
        {"{", 0, "its header is not valid JSON"},
        {"{}x", 0, "its header is not valid JSON: something follows at byte 2"},
        {"{\"a\":1}", 4, "a has no type"},
        {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a has no type"},
        {"{\"a\":" TENSOR("F8_E8M0", "[4]", "[0,4]") "}", 4, "a is of type F8_E8M0, which mseg does not know"},
        {"{\"a\":" TENSOR("f32", "[1]", "[0,4]") "}", 4, "a is of type f32, which mseg does not know"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "a has no shape"},
        {"{\"a\":" TENSOR("F32", "4", "[0,4]") "}", 4, "a has no shape"},
        {"{\"a\":" TENSOR("F32", "[-1]", "[0,4]") "}", 4, "a has an impossible shape"},
        {"{\"a\":" TENSOR("F32", "[1.5]", "[0,6]") "}", 6, "a has an impossible shape"},
        {"{\"a\":" TENSOR("F32", "[\"1\"]", "[0,4]") "}", 4, "a has an impossible shape"},
        {"{\"a\":" TENSOR("F32", "[4294967296,4294967296]", "[0,0]") "}", 4, "a has an impossible shape"},
        {"{\"a\":" TENSOR("F64", "[2305843009213693952]", "[0,0]") "}", 4, "a has an impossible shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "a does not say where its bytes are"},
        {"{\"a\":" TENSOR("F32", "[1]", "[0]") "}", 4, "a does not say where its bytes are"},
        {"{\"a\":" TENSOR("F32", "[1]", "[0,4,8]") "}", 4, "a does not say where its bytes are"},
        {"{\"a\":" TENSOR("F32", "[1]", "[-4,0]") "}", 4, "a does not say where its bytes are"},
        {"{\"a\":" TENSOR("F32", "[1]", "[4,0]") "}", 4, "a has bytes 4 to 0 of 4"},
        {"{\"a\":" TENSOR("F32", "[2]", "[0,8]") "}", 4, "a has bytes 0 to 8 of 4"},
        {"{\"a\":" TENSOR("F32", "[1]", "[9007199254740988,9007199254740992]") "}", 4, "a has bytes 9007199254740988 to"},
        {"{\"a\":" TENSOR("F32", "[2]", "[0,4]") "}", 4, "a has 4 bytes where its type and shape need 8"},
        {"{\"a\":" TENSOR("F16", "[1]", "[0,4]") "}", 4, "a has 4 bytes where its type and shape need 2"},
        {"{\"a\":" TENSOR("F32", "[0]", "[0,4]") "}", 4, "a has 4 bytes where its type and shape need 0"},
        {"{\"a\":" F(0, 4) ",\"b\":" F(0, 4) "}", 4, "begins at byte 0 of the data, the tensors before it end at 4"},
        {"{\"a\":" F(0, 4) ",\"b\":" F(2, 6) "}", 6, "b begins at byte 2 of the data, the tensors before it end at 4"},
        {"{\"a\":" F(0, 4) ",\"b\":" F(8, 12) "}", 12, "b begins at byte 8 of the data, the tensors before it end at 4"},
        {"{\"a\":" F(4, 8) "}", 8, "a begins at byte 4 of the data, the tensors before it end at 0"},
        {"{\"a\":" F(0, 4) "}", 5, "the tensors are 4 bytes of 5"},
        {"{}", 1, "the tensors are 0 bytes of 1"},
        {"{\"a\":" F(0, 4) ",\"a\":" F(4, 8) "}", 8, "two tensors are called a"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "two members are called __metadata__"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is no object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ has a value that is no text"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        mseg_st_file file;
        uint8_t *block;
        mseg_error err = {0};
        const mseg_status status = open_header(&file, &block, faults[i].header, faults[i].bytes, &err);
        const bool unknown = strstr(faults[i].text, "does not know");
        if (status != (unknown ? MSEG_UNSUPPORTED : MSEG_FORMAT) || !strstr(err.text, faults[i].text) ||
            (!unknown && strncmp(err.text, "damaged safetensors file: ", 26) != 0))
            fail_msg("%s: %d '%s', not '%s'", faults[i].header, (int)status, err.text, faults[i].text);
        assert_null(file.header);
        assert_null(file.tensors);
        free(block);
    }
}

static void a_header_has_the_length_that_the_file_says(void **state)
{
    (void)state;
    uint8_t bytes[16] = {8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
    mseg_st_file file;
    mseg_error err;
    assert_int_equal(mseg_st_open(&file, bytes, 16, NULL), MSEG_OK);
    mseg_st_close(&file);
    assert_int_equal(mseg_st_open(&file, bytes, 15, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "damaged safetensors file: it is 15 bytes, its header alone 8; get it again");
    for (size_t size = 0; size < 8; size++)
        assert_int_equal(mseg_st_open(&file, bytes, size, &err), MSEG_FORMAT);
    bytes[7] = 0xff;
    assert_int_equal(mseg_st_open(&file, bytes, 16, &err), MSEG_FORMAT);
}

/* Its tree takes many times its size. */
static void a_header_has_a_limit(void **state)
{
    (void)state;
    enum { MOST = 4 << 20 };
    mseg_st_file file;
    mseg_error err = {0};
    uint8_t *block = malloc(8 + MOST + 1);
    assert_non_null(block);
    memset(block, ' ', 8 + MOST + 1);
    memcpy(block, "\0\0\x40\0\0\0\0\0{}", 10);
    assert_int_equal(mseg_st_open(&file, block, 8 + MOST, &err), MSEG_OK);
    mseg_st_close(&file);
    block[0] = 1;
    assert_int_equal(mseg_st_open(&file, block, 8 + MOST + 1, &err), MSEG_LIMIT);
    assert_string_equal(err.text, "a safetensors file with a header of more than 4 MiB");
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_headers_are_read), cmocka_unit_test(tensors_are_where_the_header_says),
        cmocka_unit_test(faults_are_named),      cmocka_unit_test(a_header_has_the_length_that_the_file_says),
        cmocka_unit_test(a_header_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
