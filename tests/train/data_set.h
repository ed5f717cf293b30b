#ifndef MSEG_TESTS_TRAIN_DATA_SET_H
#define MSEG_TESTS_TRAIN_DATA_SET_H

/* Photos and masks that tests draw into a folder of their own. Include first. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seg/train/data_inside.h"

typedef void (*draw_fn)(uint8_t *pixel, int x, int y);

/* A picture of that size and kind, drawn pixel by pixel, as PNG. */
static inline void draw(const char *path, int width, int height, mseg_format format, draw_fn fn)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, width, height, format), MSEG_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            fn(image.data + (size_t)y * image.stride + (size_t)(x * mseg_format_channels(format)), x, y);
    assert_int_equal(mseg_image_write_png(path, mseg_view_of(&image), NULL), MSEG_OK);
    mseg_image_free(&image);
}

static inline void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
}

static inline void draw_jpeg(const char *path, int width, int height, draw_fn fn, size_t cut_off)
{
    mseg_image image;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(mseg_image_create(&image, width, height, MSEG_RGB), MSEG_OK);
    for (int i = 0; i < width * height; i++)
        fn(image.data + 3 * (size_t)i, i % width, i / width);
    assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&image), 90, &bytes, &size, NULL), MSEG_OK);
    write_bytes(path, bytes, size - cut_off);
    mseg_bytes_free(&bytes);
    mseg_image_free(&image);
}

/* Reads red and green as the place, up to 127 pixels: a straight line, which triangle filters keep. */
static inline void draw_place(uint8_t *rgb, int x, int y)
{
    rgb[0] = (uint8_t)(2 * x);
    rgb[1] = (uint8_t)(2 * y);
    rgb[2] = (uint8_t)(x * 37 + y * 91);
}

static inline void draw_noise(uint8_t *rgb, int x, int y)
{
    for (uint64_t c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(mseg_train_scramble((uint64_t)x * 100003 + (uint64_t)y * 3 + c) >> 20);
}

static inline void draw_black(uint8_t *rgb, int x, int y)
{
    (void)x, (void)y;
    memset(rgb, 0, 3);
}

static inline void draw_thirds(uint8_t *id, int x, int y)
{
    (void)y;
    *id = (uint8_t)(x / 10 % 3);
}

/* Rules of n classes, "class 0" and so on, in the colours of 10 id, 20, 30. */
static inline mseg_mask_rules rules_of(int n, int ignore)
{
    static char names[256][12];
    mseg_palette palette = {.entries = n, .count = n, .colors.count = 256};
    mseg_mask_rules rules;
    for (int id = 0; id < 256; id++) {
        snprintf(names[id], sizeof names[id], "class %d", id);
        palette.names[id] = id < n ? names[id] : "";
        palette.listed[id] = id < n;
        memcpy(palette.colors.rgb[id], (uint8_t[]){(uint8_t)(10 * id), 20, 30}, 3);
    }
    mseg_mask_rules_init(&rules, &palette, ignore);
    return rules;
}

/* Bytes enter as they are; -7 beside the photo. */
static const mseg_input as_bytes = {.scale = {1, 1, 1}, .pad = {-7, -7, -7}};

static inline mseg_train_data_options options_of(const mseg_train_sample *samples, size_t count, const mseg_mask_rules *rules)
{
    return (mseg_train_data_options){.samples = samples,
                                     .count = count,
                                     .rules = rules,
                                     .masks = true,
                                     .size = 33,
                                     .scale_min = 0.5,
                                     .scale_max = 2,
                                     .flip = true,
                                     .seed = 1,
                                     .cache_bytes = (size_t)1 << 30,
                                     .input = as_bytes};
}

/* What a note was told, "file: text" a line. */
typedef struct notes {
    char text[1 << 14];
} notes;

static inline void take_note(void *context, mseg_train_severity severity, const char *file, const char *text)
{
    assert_int_equal(severity, MSEG_TRAIN_WARNING);
    notes *n = context;
    const size_t used = strlen(n->text);
    snprintf(n->text + used, sizeof n->text - used, "%s%s%s\n", file ? file : "", file ? ": " : "", text);
}

static inline mseg_train_data *open_set(const mseg_train_data_options *options, mseg_pool *pool)
{
    mseg_train_data *data;
    mseg_error err = {0};
    if (mseg_train_data_open(&data, options, pool, NULL, NULL, &err))
        fail_msg("%s", err.text);
    return data;
}

static char set_folder[] = "/tmp/mseg-data-XXXXXX";

static inline int enter_folder(void **state)
{
    (void)state;
    return !mkdtemp(set_folder) || chdir(set_folder);
}

static inline int leave_folder(void **state)
{
    (void)state;
    DIR *folder = opendir(".");
    for (struct dirent *entry; (entry = readdir(folder));)
        unlink(entry->d_name);
    closedir(folder);
    return chdir("/") || rmdir(set_folder);
}

#endif
