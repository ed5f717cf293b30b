#ifndef MSEG_TESTS_MODEL_FILES_H
#define MSEG_TESTS_MODEL_FILES_H

/* What the tests of model files share: files of tests/weights/data as blocks of memory, single faults in them, damage. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

#define DATA MSEG_TESTS_DIR "/weights/data/"

typedef struct file {
    uint8_t *bytes;
    size_t size;
} file;

/* The whole file in a block of exactly its size, so that the sanitizer sees every byte read beyond it. */
static file load(const char *path)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    file f = {NULL, (size_t)ftell(in)};
    f.bytes = malloc(f.size);
    assert_non_null(f.bytes);
    rewind(in);
    assert_int_equal(fread(f.bytes, 1, f.size, in), f.size);
    fclose(in);
    return f;
}

static file load_data(const char *name, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof path, DATA "%s%s", name, suffix);
    return load(path);
}

static void check_error(mseg_status status, const mseg_error *err)
{
    assert_int_equal(status, err->status);
    assert_true(status == MSEG_FORMAT || status == MSEG_UNSUPPORTED || status == MSEG_LIMIT);
    assert_true(strlen(err->text) >= strlen("empty file"));
    for (const char *c = err->text; *c; c++)
        assert_true(*c >= ' ' && *c <= '~');
}

static mseg_status status_named(const char *name)
{
    return strcmp(name, "FORMAT") == 0 ? MSEG_FORMAT : strcmp(name, "LIMIT") == 0 ? MSEG_LIMIT : MSEG_UNSUPPORTED;
}

static void check_refusal(mseg_status got, const mseg_error *err, const char *base, const char *status, const char *text)
{
    if (got == MSEG_OK)
        fail_msg("%s opens, expected %s with '%s'", base, status, text);
    check_error(got, err);
    if (got != status_named(status) || !strstr(err->text, text))
        fail_msg("%s: expected %s with '%s', got: %s", base, status, text, err->text);
}

static void check_reason(const mseg_weights *weights, const char *base, const char *text)
{
    const char *reason = mseg_weights_no_integers(weights);
    if (!reason || !strstr(reason, text))
        fail_msg("%s: expected '%s' against integers, got: %s", base, text, reason ? reason : "nothing");
}

/* base|status|text|offset=byte offset=byte ...; status OK, whatever the text: it opens; REASON: it opens, not to be run in
 * integers for the reason that has the text. */
static void check_patch(char *line)
{
    char *base = strtok(line, "|"), *status = strtok(NULL, "|"), *text = strtok(NULL, "|"), *changes = strtok(NULL, "|");
    assert_non_null(changes);
    file f = load_data(base, ".tflite");
    for (char *change = strtok(changes, " \n"); change; change = strtok(NULL, " \n")) {
        size_t offset;
        unsigned byte;
        assert_int_equal(sscanf(change, "%zu=%u", &offset, &byte), 2);
        assert_true(offset < f.size);
        f.bytes[offset] = (uint8_t)byte;
    }
    mseg_weights *weights;
    mseg_error err = {0};
    mseg_status got = mseg_weights_open_memory(&weights, f.bytes, f.size, &err);
    const bool opens = strcmp(status, "OK") == 0 || strcmp(status, "REASON") == 0;
    if (!opens)
        check_refusal(got, &err, base, status, text);
    else if (got)
        fail_msg("%s: %s", base, err.text);
    if (strcmp(status, "REASON") == 0)
        check_reason(weights, base, text);
    assert_int_equal(weights == NULL, got != MSEG_OK);
    mseg_weights_close(&weights);
    free(f.bytes);
}

/* Checks all lines of a file of single faults; how many there are. */
static inline int check_patches(const char *path)
{
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char line[1024];
    int count = 0;
    for (; fgets(line, sizeof line, in); count++)
        check_patch(line);
    fclose(in);
    return count;
}

static volatile float sink;

/* Reads whatever the file holds now: any outcome but a crash or an unexplained error is right. */
static void read_damaged(const file *f)
{
    mseg_weights *weights;
    mseg_error err = {0};
    mseg_status status = mseg_weights_open_memory(&weights, f->bytes, f->size, &err);
    if (status != MSEG_OK) {
        assert_null(weights);
        check_error(status, &err);
        return;
    }
    for (int i = 0; i < mseg_weights_count(weights); i++) {
        const mseg_tensor *t = mseg_weights_at(weights, i);
        float *values = malloc(mseg_tensor_elements(t) * sizeof *values);
        assert_non_null(values);
        mseg_tensor_to_f32(t, values);
        sink = values[mseg_tensor_elements(t) - 1];
        free(values);
    }
    mseg_weights_close(&weights);
}

/* Each byte of the file changed by itself. */
static inline void read_damaged_everywhere(const char *name)
{
    static const uint8_t flips[] = {0xff, 0x01, 0x80};
    file f = load_data(name, ".tflite");
    for (size_t at = 0; at < f.size; at++) {
        f.bytes[at] ^= flips[at % 3];
        read_damaged(&f);
        f.bytes[at] ^= flips[at % 3];
    }
    free(f.bytes);
}

#endif
