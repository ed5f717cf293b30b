/* What the image tests share: whole files in memory, golden pictures, a decoder on bytes. Include after cmocka.h. */
#ifndef MSEG_TESTS_IMAGE_FILES_H
#define MSEG_TESTS_IMAGE_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

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
    assert_int_equal(image->channels, kind == 6 ? 3 : 1);
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    size_t row = (size_t)width * (size_t)image->channels;
    assert_true(image->stride >= row);
    for (int y = 0; y < height; y++)
        assert_memory_equal(image->data + (size_t)y * image->stride, f.bytes + start + 1 + (size_t)y * row, row);
    free(f.bytes);
}

/* Decodes bytes as if they were a file. labels: as mseg_image_read_labels does. */
static inline mseg_status decode_bytes(mseg_image *image, const uint8_t *bytes, size_t size, bool labels, mseg_error *err)
{
    /* fmemopen wants a buffer that it may write to only in modes that write. */
    union {
        const uint8_t *in;
        void *out;
    } cast = {bytes};
    FILE *in = fmemopen(cast.out, size, "rb");
    assert_non_null(in);
    mseg_limits limits;
    mseg_limits_init(&limits, sizeof limits);
    mseg_status status = labels ? mseg_image_decode_labels(image, NULL, in, &limits, err)
                                : mseg_image_decode(image, in, MSEG_EXIF_APPLY, &limits, err);
    fclose(in);
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
