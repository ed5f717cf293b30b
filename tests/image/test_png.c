/* PNG against files composed by make_goldens.py from the format's text, and against libpng's own reader for what we write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "base/alloc.h"
#include "image/files.h"

static const char *const names[] = {
    "png_0_1",
    "png_0_1_interlaced",
    "png_0_2",
    "png_0_2_interlaced",
    "png_0_4",
    "png_0_4_interlaced",
    "png_0_8",
    "png_0_8_interlaced",
    "png_3_1",
    "png_3_1_interlaced",
    "png_3_2",
    "png_3_2_interlaced",
    "png_3_4",
    "png_3_4_interlaced",
    "png_3_8",
    "png_3_8_interlaced",
    "png_2_8",
    "png_2_8_interlaced",
    "png_4_8",
    "png_4_8_interlaced",
    "png_6_8",
    "png_6_8_interlaced",
    "png_0_2_transparent",
    "png_0_8_transparent",
    "png_2_8_transparent",
    "png_3_4_transparent",
};

static const char *const deep_names[] = {
    "png_0_16",
    "png_0_16_interlaced",
    "png_2_16",
    "png_2_16_interlaced",
    "png_4_16",
    "png_4_16_interlaced",
    "png_6_16",
    "png_6_16_interlaced",
    "png_0_16_transparent",
    "png_2_16_transparent",
};

enum { NAMES = sizeof names / sizeof *names, DEEP_NAMES = sizeof deep_names / sizeof *deep_names };

static void golden_path(char path[1024], const char *name)
{
    snprintf(path, 1024, GOLDEN "%s.png", name);
}

static void every_kind_as_rgb(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES + DEEP_NAMES; i++) {
        const char *name = i < NAMES ? names[i] : deep_names[i - NAMES];
        char path[1024];
        mseg_image image;
        mseg_error err;
        golden_path(path, name);
        if (read_path(&image, path, (reading){0}, &err))
            fail_msg("%s: %s", name, err.text);
        assert_shows(&image, name, ".ppm");
        mseg_image_free(&image);
        assert_null(image.data);
    }
}

static void labels_as_stored(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        char path[1024], name[64];
        mseg_image image;
        mseg_error err;
        golden_path(path, names[i]);
        if (read_path(&image, path, (reading){.labels = true}, &err))
            fail_msg("%s: %s", names[i], err.text);
        snprintf(name, sizeof name, "%s_labels", names[i]);
        assert_shows(&image, name, image.format == MSEG_RGB ? ".ppm" : ".pgm");
        mseg_image_free(&image);
    }
    for (size_t i = 0; i < DEEP_NAMES; i++) {
        char path[1024];
        mseg_image image;
        mseg_error err;
        golden_path(path, deep_names[i]);
        assert_int_equal(read_path(&image, path, (reading){.labels = true}, &err), MSEG_UNSUPPORTED);
        assert_non_null(strstr(err.text, "16-bit"));
        assert_null(image.data);
    }
}

static void damage(void **state)
{
    (void)state;
    assert_truncation_noticed("png_6_16_interlaced", ".png", "truncated PNG");
    assert_truncation_noticed("png_3_4_transparent", ".png", "truncated PNG");
    damage_each_byte("png_6_16_interlaced", ".png");
    damage_each_byte("png_3_4_transparent", ".png");
    damage_each_byte("png_0_1", ".png");
}

static void check_sum_is_checked(void **state)
{
    (void)state;
    file_bytes f = load_golden("png_2_8", ".png");
    mseg_image image;
    mseg_error err;
    f.bytes[f.size - 40] ^= 1; /* in the last IDAT */
    assert_int_equal(decode_bytes(&image, f.bytes, f.size, false, &err), MSEG_FORMAT);
    assert_non_null(strstr(err.text, "damaged PNG"));
    free(f.bytes);
}

/* A picture of class-like blobs with rows that are longer than they need to be. */
static mseg_image make_ids(int width, int height, int channels, int ids)
{
    mseg_image image = {width, height, channels == 3 ? MSEG_RGB : MSEG_GRAY, (size_t)(width * channels) + 5, NULL};
    image.data = mseg_alloc(image.stride * (size_t)height);
    assert_non_null(image.data);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width * channels; x++)
            image.data[(size_t)y * image.stride + (size_t)x] = (uint8_t)(((x / 3) ^ (y / 2) ^ (x * y / 17)) % ids);
    return image;
}

typedef struct cursor {
    const uint8_t *at;
    size_t left;
} cursor;

static void read_memory(png_structp png, png_bytep out, size_t size)
{
    cursor *c = png_get_io_ptr(png);
    if (size > c->left)
        png_error(png, "end");
    memcpy(out, c->at, size);
    c->at += size;
    c->left -= size;
}

/* libpng's plain reader sees the same header, palette and rows. */
static void assert_written(const uint8_t *bytes, size_t size, const mseg_image *image, const mseg_colors *palette)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    cursor c = {bytes, size};
    png_colorp colors = NULL;
    int n = 0, color = palette ? PNG_COLOR_TYPE_PALETTE : image->format == MSEG_RGB ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
    png_set_read_fn(png, &c, read_memory);
    png_read_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    assert_int_equal(png_get_image_width(png, info), image->width);
    assert_int_equal(png_get_image_height(png, info), image->height);
    assert_int_equal(png_get_bit_depth(png, info), 8);
    assert_int_equal(png_get_color_type(png, info), color);
    png_get_PLTE(png, info, &colors, &n);
    assert_int_equal(n, palette ? palette->count : 0);
    for (int i = 0; i < n; i++) {
        const uint8_t rgb[3] = {colors[i].red, colors[i].green, colors[i].blue};
        assert_memory_equal(rgb, palette->rgb[i], 3);
    }
    png_bytepp rows = png_get_rows(png, info);
    for (int y = 0; y < image->height; y++)
        assert_memory_equal(rows[y], image->data + (size_t)y * image->stride,
                            (size_t)(image->width * mseg_format_channels(image->format)));
    assert_int_equal(c.left, 0);
    png_destroy_read_struct(&png, &info, NULL);
}

static void encoding(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 40}, {333, 1}, {50, 37}, {500, 375}};
    static const int forms[][3] = {{1, 256, 256}, {1, 21, 21}, {1, 1, 1}, {1, 0, 256}, {3, 0, 256}}; /* channels, entries, ids */
    mseg_colors palette;
    for (int i = 0; i < 256; i++)
        for (int c = 0; c < 3; c++)
            palette.rgb[i][c] = (uint8_t)(i * (7 + 4 * c) + c);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
            mseg_image image = make_ids(sizes[s][0], sizes[s][1], forms[f][0], forms[f][2]);
            uint8_t *bytes;
            size_t size;
            mseg_error err;
            palette.count = forms[f][1];
            if (mseg_image_encode_png(mseg_view_of(&image), &palette, &bytes, &size, &err))
                fail_msg("%s", err.text);
            assert_written(bytes, size, &image, palette.count ? &palette : NULL);
            mseg_bytes_free(&bytes);
            mseg_image_free(&image);
        }
}

static void encoding_refuses(void **state)
{
    (void)state;
    mseg_image ids = make_ids(8, 8, 1, 2), rgb = make_ids(8, 8, 3, 2), empty = {0};
    mseg_colors palette = {.count = 21};
    uint8_t *bytes;
    size_t size;
    mseg_error err;
    ids.data[ids.stride * 3 + 4] = 21;
    assert_int_equal(mseg_image_encode_png(mseg_view_of(&ids), &palette, &bytes, &size, &err), MSEG_INVAL);
    assert_string_equal(err.text, "label 21 in row 3 has no entry in the palette of 21");
    assert_null(bytes);
    assert_int_equal(mseg_image_encode_png(mseg_view_of(&rgb), &palette, &bytes, &size, &err), MSEG_INVAL);
    assert_string_equal(err.text, "21 colours: an indexed PNG is of MSEG_GRAY and has at most 256");
    palette.count = 257;
    assert_int_equal(mseg_image_encode_png(mseg_view_of(&ids), &palette, &bytes, &size, &err), MSEG_INVAL);
    assert_string_equal(err.text, "257 colours: an indexed PNG is of MSEG_GRAY and has at most 256");
    palette.count = -1;
    assert_int_equal(mseg_image_encode_png(mseg_view_of(&ids), &palette, &bytes, &size, &err), MSEG_INVAL);
    assert_int_equal(mseg_image_write_indexed("never.png", mseg_view_of(&ids), &palette, &err), MSEG_INVAL);
    palette.count = 0;
    assert_int_equal(mseg_image_write_indexed("never.png", mseg_view_of(&ids), &palette, &err), MSEG_INVAL);
    assert_int_equal(mseg_image_write_indexed("never.png", mseg_view_of(&ids), NULL, &err), MSEG_INVAL);
    assert_string_equal(err.text, "0 colours: an indexed PNG needs some");
    assert_int_equal(mseg_image_encode_png(mseg_view_of(&empty), NULL, &bytes, &size, &err), MSEG_INVAL);
    mseg_image_free(&ids);
    mseg_image_free(&rgb);
}

static void written_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/mseg-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.png", folder);
    mseg_image ids = make_ids(30, 20, 1, 3), rgb = make_ids(30, 20, 3, 255);
    static const mseg_colors palette = {3, {{0, 0, 0}, {128, 0, 0}, {0, 128, 0}}};
    mseg_error err;
    assert_int_equal(mseg_image_write_png(path, mseg_view_of(&rgb), &err), MSEG_OK);
    file_bytes f = load_file(path);
    assert_written(f.bytes, f.size, &rgb, NULL);
    free(f.bytes);
    assert_int_equal(mseg_image_write_indexed(path, mseg_view_of(&ids), &palette, &err), MSEG_OK);
    f = load_file(path);
    assert_written(f.bytes, f.size, &ids, &palette);
    free(f.bytes);
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    assert_int_equal(mseg_image_write_png(path, mseg_view_of(&rgb), &err), MSEG_NOENT);
    mseg_image_free(&ids);
    mseg_image_free(&rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_as_rgb),    cmocka_unit_test(labels_as_stored), cmocka_unit_test(damage),
        cmocka_unit_test(check_sum_is_checked), cmocka_unit_test(encoding),         cmocka_unit_test(encoding_refuses),
        cmocka_unit_test(written_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
