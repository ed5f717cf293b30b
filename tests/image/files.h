/* What the image tests share: whole files in memory, golden pictures, and reading them as files as well as from memory. Include
 * after cmocka.h. */
#ifndef MSEG_TESTS_IMAGE_FILES_H
#define MSEG_TESTS_IMAGE_FILES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/memory_file.h"
#include "image/image.h"

#define GOLDEN MSEG_TESTS_DIR "/image/golden/"

typedef struct file_bytes {
    uint8_t *bytes;
    size_t size;
} file_bytes;

/* The whole file in a block of exactly its size. */
static inline file_bytes load_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        fail_msg("cannot open %s", path);
    fseek(in, 0, SEEK_END);
    file_bytes f = {NULL, (size_t)ftell(in)};
    f.bytes = malloc(f.size);
    assert_non_null(f.bytes);
    rewind(in);
    assert_int_equal(fread(f.bytes, 1, f.size, in), f.size);
    fclose(in);
    return f;
}

static inline file_bytes load_golden(const char *name, const char *ending)
{
    char path[1024];
    snprintf(path, sizeof path, GOLDEN "%s%s", name, ending);
    return load_file(path);
}

/* Fails unless image shows exactly what the golden .ppm or .pgm file does. */
static inline void assert_shows(const mseg_image *image, const char *name, const char *ending)
{
    file_bytes f = load_golden(name, ending);
    int kind, width, height, start;
    assert_int_equal(sscanf((const char *)f.bytes, "P%d %d %d 255%n", &kind, &width, &height, &start), 3);
    assert_int_equal(image->format, kind == 6 ? MSEG_RGB : MSEG_GRAY);
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    size_t row = (size_t)width * (size_t)(kind == 6 ? 3 : 1);
    assert_true(image->stride >= row);
    for (int y = 0; y < height; y++)
        assert_memory_equal(image->data + (size_t)y * image->stride, f.bytes + start + 1 + (size_t)y * row, row);
    free(f.bytes);
}

/* How a picture is read. labels: as mseg_image_read_labels does; limits may be NULL. */
typedef struct reading {
    bool labels;
    mseg_orientation orientation;
    const mseg_limits *limits;
} reading;

/* Reads the file at path, and again from its bytes in memory: both must come to the same, be that a picture or a refusal. */
static inline mseg_status read_both(mseg_image *image, const char *path, const uint8_t *bytes, size_t size, reading how,
                                    mseg_error *err)
{
    mseg_image other;
    mseg_colors colors = {0}, other_colors = {0};
    mseg_error why = {0};
    mseg_status status, other_status;
    *err = why;
    if (how.labels) {
        status = mseg_image_read_labels(image, &colors, path, how.limits, err);
        other_status = mseg_image_read_labels_memory(&other, &other_colors, bytes, size, how.limits, &why);
    } else {
        status = mseg_image_read(image, path, how.orientation, how.limits, err);
        other_status = mseg_image_read_memory(&other, bytes, size, how.orientation, how.limits, &why);
    }
    assert_int_equal(other_status, status);
    assert_int_equal(why.status, err->status);
    assert_string_equal(why.text, err->text);
    assert_int_equal(other.width, image->width);
    assert_int_equal(other.height, image->height);
    assert_int_equal(other.format, image->format);
    assert_int_equal(!other.data, status != MSEG_OK);
    for (int y = 0; y < other.height; y++)
        assert_memory_equal(other.data + (size_t)y * other.stride, image->data + (size_t)y * image->stride,
                            (size_t)other.width * (size_t)mseg_format_channels(other.format));
    assert_memory_equal(&other_colors, &colors, sizeof colors);
    mseg_image_free(&other);
    return status;
}

static inline mseg_status read_path(mseg_image *image, const char *path, reading how, mseg_error *err)
{
    file_bytes f = load_file(path);
    const mseg_status status = read_both(image, path, f.bytes, f.size, how, err);
    free(f.bytes);
    return status;
}

/* Decodes bytes, from memory and as a file. */
static inline mseg_status decode_bytes(mseg_image *image, const uint8_t *bytes, size_t size, bool labels, mseg_error *err)
{
    memory_file file;
    assert_true(memory_file_open(&file, bytes, size));
    const mseg_status status = read_both(image, file.path, bytes, size, (reading){.labels = labels}, err);
    memory_file_close(&file);
    return status;
}

/* Decoded or refused with a text; nothing in between. */
static inline void assert_decoded_or_refused(const uint8_t *bytes, size_t size, bool labels)
{
    mseg_image image;
    mseg_error err = {0};
    if (decode_bytes(&image, bytes, size, labels, &err) == MSEG_OK) {
        assert_non_null(image.data);
    } else {
        assert_null(image.data);
        assert_int_equal(image.width, 0);
        assert_true(err.text[0] && !strchr(err.text, '\n'));
    }
    mseg_image_free(&image);
}

/* Every shorter file is refused, and refused as a truncated one. */
static inline void assert_truncation_noticed(const char *name, const char *ending, const char *text)
{
    file_bytes f = load_golden(name, ending);
    for (size_t size = 1; size < f.size; size++) {
        uint8_t *copy = malloc(size);
        mseg_image image;
        mseg_error err = {0};
        assert_non_null(copy);
        memcpy(copy, f.bytes, size);
        if (decode_bytes(&image, copy, size, false, &err) != MSEG_FORMAT)
            fail_msg("%s cut to %zu bytes of %zu was accepted", name, size, f.size);
        if (size >= 3 && strcmp(err.text, text))
            fail_msg("%s cut to %zu bytes: \"%s\"", name, size, err.text);
        free(copy);
    }
    free(f.bytes);
}

/* Each byte in turn gets several other values; whatever comes out, nothing may crash. */
static inline void damage_each_byte(const char *name, const char *ending)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff, 0x55};
    file_bytes f = load_golden(name, ending);
    for (size_t i = 0; i < f.size; i++)
        for (size_t m = 0; m < sizeof masks; m++) {
            f.bytes[i] ^= masks[m];
            assert_decoded_or_refused(f.bytes, f.size, m & 1);
            f.bytes[i] ^= masks[m];
        }
    free(f.bytes);
}

#endif
