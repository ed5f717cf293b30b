/* EXIF orientation, of JPEG and PNG, against Pillow's exif_transpose (make_goldens.py), and the parser against damage. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/decode.h"
#include "image/files.h"

static void pictures_are_turned(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int order = 0; order < 2; order++) {
            char name[32];
            snprintf(name, sizeof name, "exif_%d_%s", orientation, order ? "be" : "le");
            file_bytes f = load_golden(name, ".jpg");
            mseg_image image;
            mseg_error err;
            assert_int_equal(decode_bytes(&image, f.bytes, f.size, false, &err), MSEG_OK);
            assert_shows(&image, name, ".ppm");
            mseg_image_free(&image);
            free(f.bytes);
        }
}

/* The chunk before or behind the picture, all kinds of picture. */
static void png_pictures_are_turned(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        char name[32];
        snprintf(name, sizeof name, "png_exif_%d", orientation);
        file_bytes f = load_golden(name, ".png");
        mseg_image image;
        mseg_error err;
        assert_int_equal(decode_bytes(&image, f.bytes, f.size, false, &err), MSEG_OK);
        assert_shows(&image, name, ".ppm");
        mseg_image_free(&image);
        free(f.bytes);
    }
}

static void label_maps_are_never_turned(void **state)
{
    (void)state;
    for (int orientation = 4; orientation <= 5; orientation++) {
        char name[32], path[1024];
        mseg_image image;
        mseg_error err;
        snprintf(name, sizeof name, "png_exif_%d_labels", orientation);
        snprintf(path, sizeof path, GOLDEN "png_exif_%d.png", orientation);
        assert_int_equal(read_path(&image, path, (reading){.labels = true}, &err), MSEG_OK);
        assert_shows(&image, name, ".pgm");
        mseg_image_free(&image);
    }
}

/* Width of png_exif_8.png, stored as 11 x 13, with a byte of its chunk changed: 13 when it is still turned. Offset 0 is the
 * first of the chunk's data; that data begins with the TIFF header. */
static int width_when_changed(int at, uint8_t value)
{
    file_bytes f = load_golden("png_exif_8", ".png");
    uint8_t *chunk = memmem(f.bytes, f.size, "eXIf", 4);
    assert_non_null(chunk);
    chunk[4 + at] = value;
    mseg_image image;
    mseg_error err = {0};
    if (decode_bytes(&image, f.bytes, f.size, false, &err))
        fail_msg("%s", err.text);
    const int width = image.width;
    mseg_image_free(&image);
    free(f.bytes);
    return width;
}

static void damaged_png_chunks_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(width_when_changed(0, 'I'), 13); /* as it is */
    assert_int_equal(width_when_changed(0, 'J'), 11);
    assert_int_equal(width_when_changed(30, 6), 11); /* another orientation, but the checksum is of 8 */
    assert_int_equal(width_when_changed(-1, 'x'), 11);
    assert_truncation_noticed("png_exif_5", ".png", "truncated PNG");
    damage_each_byte("png_exif_5", ".png");
    damage_each_byte("png_exif_8", ".png");
}

static void ignored_on_request(void **state)
{
    (void)state;
    mseg_image image;
    mseg_error err;
    assert_int_equal(read_path(&image, GOLDEN "png_exif_8.png", (reading){.orientation = MSEG_EXIF_IGNORE}, &err), MSEG_OK);
    assert_int_equal(image.width, 11);
    mseg_image_free(&image);
    assert_int_equal(read_path(&image, GOLDEN "exif_6_le.jpg", (reading){.orientation = MSEG_EXIF_IGNORE}, &err), MSEG_OK);
    assert_shows(&image, "exif_ignored", ".ppm");
    mseg_image_free(&image);
}

/* Big enough for the squares that a turn is done in, and with one channel. */
static void large_pictures(void **state)
{
    (void)state;
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, 131, 70, MSEG_GRAY), MSEG_OK);
    for (int y = 0; y < 70; y++)
        for (int x = 0; x < 131; x++)
            image.data[(size_t)y * image.stride + (size_t)x] = (uint8_t)(x * 3 + y * 7);
    assert_int_equal(mseg_image_orient(&image, 6), MSEG_OK); /* a quarter turn clockwise */
    assert_int_equal(image.width, 70);
    assert_int_equal(image.height, 131);
    for (int y = 0; y < 131; y++)
        for (int x = 0; x < 70; x++)
            assert_int_equal(image.data[(size_t)y * image.stride + (size_t)x], (uint8_t)(y * 3 + (69 - x) * 7));
    mseg_image_free(&image);
}

/* One directory with the orientation alone, little-endian: 6 + 8 + 2 + 12 bytes. */
static const uint8_t plain[28] = {'E', 'x', 'i',  'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,
                                  1,   0,   0x12, 1,   3, 0, 1,   0,   0,  0, 6, 0, 0, 0};

static int parse_changed(size_t at, uint8_t value)
{
    uint8_t bytes[sizeof plain];
    memcpy(bytes, plain, sizeof plain);
    bytes[at] = value;
    return mseg_exif_orientation(bytes, sizeof bytes);
}

static void odd_values(void **state)
{
    (void)state;
    assert_int_equal(mseg_exif_orientation(plain, sizeof plain), 6);
    assert_int_equal(mseg_tiff_orientation(plain + 6, sizeof plain - 6), 6);
    assert_int_equal(mseg_tiff_orientation(plain, sizeof plain), 1);
    assert_int_equal(parse_changed(24, 0), 1);
    assert_int_equal(parse_changed(24, 9), 1);
    assert_int_equal(parse_changed(25, 1), 1);    /* 262 */
    assert_int_equal(parse_changed(18, 4), 6);    /* LONG */
    assert_int_equal(parse_changed(18, 5), 1);    /* RATIONAL */
    assert_int_equal(parse_changed(20, 2), 1);    /* two values */
    assert_int_equal(parse_changed(16, 0x13), 1); /* another tag */
    assert_int_equal(parse_changed(8, 43), 1);
    assert_int_equal(parse_changed(6, 'J'), 1);
    assert_int_equal(parse_changed(10, 200), 1); /* the directory lies outside */
    assert_int_equal(parse_changed(13, 255), 1);
    assert_int_equal(parse_changed(15, 255), 6); /* more entries than bytes, ours first */
    assert_int_equal(parse_changed(0, 'e'), 0);  /* some other APP1 */
    assert_int_equal(mseg_exif_orientation((const uint8_t *)"http://ns.adobe.com/xap/1.0/", 29), 0);
}

/* Every shorter block and every changed byte, in memory of exactly that size. */
static void damage(void **state)
{
    (void)state;
    for (size_t size = 0; size <= sizeof plain; size++)
        for (size_t at = 0; at < size || !at; at++)
            for (int value = 0; value < 256; value += 5) {
                uint8_t *bytes = malloc(size ? size : 1);
                assert_non_null(bytes);
                memcpy(bytes, plain, size);
                if (at < size)
                    bytes[at] = (uint8_t)value;
                int orientation = mseg_exif_orientation(bytes, size);
                assert_true(orientation >= 0 && orientation <= 8);
                if (size < 26 && at < size)
                    assert_true(orientation <= 1);
                free(bytes);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_turned),
        cmocka_unit_test(png_pictures_are_turned),
        cmocka_unit_test(label_maps_are_never_turned),
        cmocka_unit_test(damaged_png_chunks_are_ignored),
        cmocka_unit_test(ignored_on_request),
        cmocka_unit_test(large_pictures),
        cmocka_unit_test(odd_values),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
