/* Files that are no pictures, or too large: status and exact text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/files.h"
#include "image/image.h"
#include "image/reader.h"

static void assert_refused(const char *bytes, size_t size, mseg_status status, const char *text)
{
    mseg_image image;
    mseg_error err = {0};
    assert_int_equal(decode_bytes(&image, (const uint8_t *)bytes, size, false, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, text);
    assert_null(image.data);
}

#define READ "PNG, JPEG, WebP or TIFF"

static void other_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *name;
    } kinds[] = {
        {"Hello, this is a text.\n", "text"}, {"Gr\xc3\xbc\xc3\x9f Gott, so ein Text\r\n", "text"},
        {"P4x is no picture.", "text"},       {"%PDF-1.7............", "PDF"},
        {"....ftypisom........", "a video"},  {"<!DOCTYPE html>.....", "HTML"},
        {"PK\3\4................", "ZIP"},    {"\x89PNG\n\x1a\n............", "a PNG damaged by a text-mode transfer"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[128];
        snprintf(text, sizeof text, "not a " READ " (starts like %s)", kinds[i].name);
        assert_refused(kinds[i].bytes, strlen(kinds[i].bytes), MSEG_FORMAT, text);
    }
    assert_refused("\1\2\3\4\5\6\7", 7, MSEG_FORMAT, "not a " READ);
    assert_refused("RIFF....WAVE", 12, MSEG_FORMAT, "not a " READ " (starts like text)");
    assert_refused("\0", 1, MSEG_FORMAT, "not a " READ);
    assert_refused("\xff\xd8", 2, MSEG_FORMAT, "truncated JPEG");
    assert_refused("\x89PNG\r", 5, MSEG_FORMAT, "truncated PNG");
}

/* Pictures of other kinds are told with what converts them. */
static void other_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *name, *convert;
    } kinds[] = {
        {"....ftypheic........", 20, "a HEIC", "heif-convert a.heic a.png"},
        {"....ftyphevc........", 20, "a HEIC", "heif-convert a.heic a.png"},
        {"....ftypmif1........", 20, "a HEIF", "heif-convert a.heic a.png"},
        {"....ftypavif........", 20, "an AVIF", "avifdec a.avif a.png"},
        {"....ftypcrx ........", 20, "a Canon raw", "darktable-cli a.cr3 a.png"},
        {"GIF89a..............", 20, "a GIF", "convert 'a.gif[0]' a.png"},
        {"BM..................", 20, "a BMP", "convert a.bmp a.png"},
        {"P1\n1 1 0", 8, "a PBM", "convert a.pbm a.png"},
        {"P5 1 1 255 .", 12, "a PGM", "convert a.pgm a.png"},
        {"P6# a comment\n", 14, "a PPM", "convert a.ppm a.png"},
        {"P7\nWIDTH 1\n", 11, "a PAM", "convert a.pam a.png"},
        {"....jP  ............", 20, "a JPEG 2000", "opj_decompress -i a.jp2 -o a.png"},
        {"\xff\x0a..........", 12, "a JPEG XL", "djxl a.jxl a.png"},
        {"\0\0\1\0\1\0......", 12, "an icon", "convert 'a.ico[0]' a.png"},
        {"IIU\0............", 16, "a Panasonic raw", "darktable-cli a.rw2 a.png"},
        {"<svg xmlns='........", 20, "an SVG", "rsvg-convert a.svg -o a.png"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s picture, not a " READ "; convert it, e.g. %s", kinds[i].name, kinds[i].convert);
        assert_refused(kinds[i].bytes, kinds[i].size, MSEG_FORMAT, text);
        assert_null(mseg_image_kind(kinds[i].bytes, kinds[i].size));
    }
}

/* Enough of the first bytes say what is read. */
static void kinds_that_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } kinds[] = {
        {"\x89PNG\r\n\x1a\n", 8, "PNG"},
        {"\xff\xd8\xff", 3, "JPEG"},
        {"RIFF....WEBP", 12, "WebP"},
        {"II*\0", 4, "TIFF"},
        {"MM\0*", 4, "TIFF"},
        {"II+\0", 4, "TIFF"},
        {"MM\0+", 4, "TIFF"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_string_equal(mseg_image_kind(kinds[i].bytes, kinds[i].size), kinds[i].name);
        for (size_t size = 0; size < kinds[i].size; size++)
            assert_null(mseg_image_kind(kinds[i].bytes, size));
    }
    assert_null(mseg_image_kind(NULL, 0));
    assert_null(mseg_image_kind("photos/a.png\nphotos/b.png\n", 26));
}

/* A PNG header of 20000 x 20000, its check sum right, and nothing behind it. */
static void large_header(void **state)
{
    (void)state;
    static const char header[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\2\0\0\0\x6c\x12\xd1\x6e"
                                 "\0\0\0\0IDAT\x35\xaf\x06\x1e";
    assert_refused(header, sizeof header - 1, MSEG_LIMIT,
                   "20000x20000 = 400 million pixels, over the limit of 178.95697 million");
}

static void limits(void **state)
{
    (void)state;
    mseg_image image;
    mseg_error err;
    mseg_limits few;
    mseg_limits_init(&few, sizeof few);
    few.max_pixels = 11 * 13;
    assert_int_equal(read_path(&image, GOLDEN "png_2_8.png", (reading){.limits = &few}, &err), MSEG_OK);
    mseg_image_free(&image);
    few.max_pixels--;
    assert_int_equal(read_path(&image, GOLDEN "png_2_8.png", (reading){.limits = &few}, &err), MSEG_LIMIT);
    assert_string_equal(err.text, "11x13 = 143 pixels, over the limit of 142");
    assert_int_equal(read_path(&image, GOLDEN "png_2_8.png", (reading){.labels = true, .limits = &few}, &err), MSEG_LIMIT);
    mseg_limits_init(&few, sizeof few);
    few.max_file_bytes = 100;
    assert_int_equal(read_path(&image, GOLDEN "png_2_8.png", (reading){.limits = &few}, &err), MSEG_LIMIT);
    assert_non_null(strstr(err.text, "over the limit of 100"));
}

static mseg_status read_as_both(const char *path, mseg_error *err)
{
    mseg_image image;
    mseg_error other;
    mseg_status status = mseg_image_read(&image, path, MSEG_EXIF_APPLY, NULL, err);
    assert_null(image.data);
    assert_int_equal(mseg_image_read_labels(&image, NULL, path, NULL, &other), status);
    assert_string_equal(err->text, other.text);
    return status;
}

static void no_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/mseg-test-XXXXXX", path[64];
    mseg_error err;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(read_as_both(folder, &err), MSEG_IO);
    assert_string_equal(err.text, "a folder, not a file");
    snprintf(path, sizeof path, "%s/x", folder);
    assert_int_equal(read_as_both(path, &err), MSEG_NOENT);
    assert_string_equal(err.text, "cannot open: No such file or directory");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_as_both(path, &err), MSEG_IO);
    assert_string_equal(err.text, "a pipe or device, not a file");
    unlink(path);
    fclose(fopen(path, "w"));
    assert_int_equal(read_as_both(path, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "zero bytes");
    unlink(path);
    assert_int_equal(symlink("x", path), 0); /* names itself */
    assert_int_equal(read_as_both(path, &err), MSEG_IO);
    assert_string_equal(err.text, "cannot open: Too many levels of symbolic links");
    unlink(path);
    rmdir(folder);
    assert_int_equal(read_as_both("/dev/null", &err), MSEG_IO);
}

/* In memory there is less that can be wrong. */
static void no_bytes(void **state)
{
    (void)state;
    mseg_image image;
    mseg_error err;
    static const uint8_t byte = 0;
    const mseg_limits few = {.struct_size = sizeof few, .max_pixels = 100, .max_file_bytes = 5};
    const struct {
        const uint8_t *bytes;
        size_t size;
        mseg_status status;
        const char *text;
    } cases[] = {
        {&byte, 0, MSEG_FORMAT, "zero bytes"},
        {NULL, 0, MSEG_FORMAT, "zero bytes"},
        {NULL, 3, MSEG_INVAL, "bytes is NULL"},
        {&byte, 6, MSEG_LIMIT, "6 bytes, over the limit of 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_image_reader *reader;
        assert_int_equal(mseg_image_read_memory(&image, cases[i].bytes, cases[i].size, MSEG_EXIF_APPLY, &few, &err),
                         cases[i].status);
        assert_string_equal(err.text, cases[i].text);
        assert_null(image.data);
        assert_int_equal(mseg_image_read_labels_memory(&image, NULL, cases[i].bytes, cases[i].size, &few, &err), cases[i].status);
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(mseg_image_reader_open_memory(&reader, cases[i].bytes, cases[i].size, MSEG_EXIF_APPLY, &few, &err),
                         cases[i].status);
        assert_string_equal(err.text, cases[i].text);
        assert_null(reader);
    }
}

static void labels_are_png(void **state)
{
    (void)state;
    mseg_image image;
    mseg_error err;
    assert_int_equal(read_path(&image, GOLDEN "jpeg_gray.jpg", (reading){.labels = true}, &err), MSEG_FORMAT);
    assert_non_null(strstr(err.text, "must be PNG"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_kinds),    cmocka_unit_test(other_pictures), cmocka_unit_test(kinds_that_are_read),
        cmocka_unit_test(large_header),   cmocka_unit_test(limits),         cmocka_unit_test(no_files),
        cmocka_unit_test(labels_are_png), cmocka_unit_test(no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
