/* JPEG against what Pillow, which decodes with libjpeg-turbo too, makes of the same files (make_goldens.py): pixels are equal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "image/files.h"

static void kinds(void **state)
{
    (void)state;
    static const char *const names[] = {"jpeg_444", "jpeg_420",        "jpeg_progressive", "jpeg_gray",
                                        "jpeg_1x1", "jpeg_cmyk_adobe", "jpeg_cmyk",        "jpeg_ycck"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file_bytes f = load_golden(names[i], ".jpg");
        mseg_image image;
        mseg_error err;
        if (decode_bytes(&image, f.bytes, f.size, false, &err))
            fail_msg("%s: %s", names[i], err.text);
        assert_shows(&image, names[i], ".ppm");
        mseg_image_free(&image);
        free(f.bytes);
    }
}

static void damage(void **state)
{
    (void)state;
    static const char *const names[] = {"jpeg_420", "jpeg_progressive", "jpeg_ycck", "exif_6_be"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_truncation_noticed(names[i], ".jpg", "truncated JPEG");
        damage_each_byte(names[i], ".jpg");
    }
}

/* A file that ends in the middle of its data but has its end marker is just as incomplete. */
static void cut_with_end_marker(void **state)
{
    (void)state;
    file_bytes f = load_golden("jpeg_444", ".jpg");
    mseg_image image;
    mseg_error err;
    size_t size = f.size - f.size / 4;
    f.bytes[size - 2] = 0xff;
    f.bytes[size - 1] = 0xd9;
    assert_int_equal(decode_bytes(&image, f.bytes, size, false, &err), MSEG_FORMAT);
    assert_non_null(strstr(err.text, "premature end"));
    free(f.bytes);
}

/* The size fields of the frame header changed to the largest that there is. */
static void huge_header(void **state)
{
    (void)state;
    file_bytes f = load_golden("jpeg_444", ".jpg");
    mseg_image image;
    mseg_error err;
    size_t at = 0;
    while (f.bytes[at] != 0xff || f.bytes[at + 1] != 0xc0)
        at++;
    memset(f.bytes + at + 5, 0x75, 4);
    assert_int_equal(decode_bytes(&image, f.bytes, f.size, false, &err), MSEG_LIMIT);
    assert_string_equal(err.text, "30069x30069 = 904.144761 million pixels, over the limit of 178.95697 million");
    memset(f.bytes + at + 5, 0xff, 4);
    assert_int_equal(decode_bytes(&image, f.bytes, f.size, false, &err), MSEG_LIMIT);
    f.bytes[at + 1] = 0xc3; /* lossless */
    assert_int_equal(decode_bytes(&image, f.bytes, f.size, false, &err), MSEG_UNSUPPORTED);
    free(f.bytes);
}

/* Where the next marker from at on that is not a stuffed zero begins. */
static size_t next_marker(const file_bytes *f, size_t at)
{
    while (f->bytes[at] != 0xff || !f->bytes[at + 1])
        at++;
    return at;
}

/* A progressive file whose first scan is repeated a thousand times. */
static void too_many_scans(void **state)
{
    (void)state;
    file_bytes f = load_golden("jpeg_progressive", ".jpg");
    size_t scan = 0;
    while (f.bytes[scan] != 0xff || f.bytes[scan + 1] != 0xda)
        scan++;
    size_t end = next_marker(&f, scan + 2), length = end - scan, size = f.size + 1000 * length;
    uint8_t *many = malloc(size), *to = many;
    assert_non_null(many);
    memcpy(to, f.bytes, scan);
    to += scan;
    for (int i = 0; i < 1001; i++, to += length)
        memcpy(to, f.bytes + scan, length);
    memcpy(to, f.bytes + end, f.size - end);
    mseg_image image;
    mseg_error err;
    assert_int_equal(decode_bytes(&image, many, size, false, &err), MSEG_LIMIT);
    assert_non_null(strstr(err.text, "too many scans"));
    free(many);
    free(f.bytes);
}

/* Pictures survive within what JPEG loses (colour at half resolution), and a lower quality makes a smaller file. */
static void encoding(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        mseg_image image, back;
        mseg_error err;
        uint8_t *bytes, *small;
        size_t size, small_size;
        assert_int_equal(mseg_image_create(&image, 301, 207, channels == 3 ? MSEG_RGB : MSEG_GRAY), MSEG_OK);
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width * channels; x++)
                image.data[(size_t)y * image.stride + (size_t)x] = (uint8_t)(((x / 9) ^ (y / 7)) * 11);
        assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&image), 95, &bytes, &size, &err), MSEG_OK);
        assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&image), 20, &small, &small_size, &err), MSEG_OK);
        assert_true(small_size < size);
        assert_int_equal(decode_bytes(&back, bytes, size, false, &err), MSEG_OK);
        assert_int_equal(back.width, 301);
        assert_int_equal(back.height, 207);
        double error = 0;
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width * 3; x++) {
                int was = image.data[(size_t)y * image.stride + (size_t)(channels == 3 ? x : x / 3)];
                int is = back.data[(size_t)y * back.stride + (size_t)x];
                error += (was - is) * (was - is);
            }
        assert_true(error / (301 * 207 * 3) < (channels == 3 ? 400 : 20));
        mseg_bytes_free(&bytes);
        mseg_bytes_free(&small);
        assert_null(bytes);
        mseg_bytes_free(&bytes);
        mseg_image_free(&image);
        mseg_image_free(&back);
    }
}

static void encoding_refuses(void **state)
{
    (void)state;
    mseg_image image, empty = {0};
    mseg_error err;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(mseg_image_create(&image, 70000, 1, MSEG_GRAY), MSEG_OK);
    assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&image), 90, &bytes, &size, &err),
                     MSEG_INVAL); /* the format ends at 65500 */
    assert_null(bytes);
    assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&image), 0, &bytes, &size, &err), MSEG_INVAL);
    assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&image), 101, &bytes, &size, &err), MSEG_INVAL);
    assert_int_equal(mseg_image_encode_jpeg(mseg_view_of(&empty), 90, &bytes, &size, &err), MSEG_INVAL);
    mseg_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(damage),
        cmocka_unit_test(cut_with_end_marker),
        cmocka_unit_test(huge_header),
        cmocka_unit_test(too_many_scans),
        cmocka_unit_test(encoding),
        cmocka_unit_test(encoding_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
