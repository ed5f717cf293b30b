/* Pictures read and written a few rows at a time: against Pillow's golden pictures and against libpng's own reader. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <png.h>
#include <unistd.h>

#include "image/files.h"
#include "image/reader.h"
#include "image/row_writer.h"

/* ---- reading ---- */

/* The picture read in strips of n rows: from the file at path, or in memory when that is NULL. */
static void read_strips(mseg_image *image, const char *path, const file_bytes *f, int n)
{
    mseg_image_reader *reader;
    mseg_error err = {0};
    uint8_t none;
    if (path ? mseg_image_reader_open(&reader, path, MSEG_EXIF_APPLY, NULL, &err)
             : mseg_image_reader_open_memory(&reader, f->bytes, f->size, MSEG_EXIF_APPLY, NULL, &err))
        fail_msg("%s: %s", path ? path : "in memory", err.text);
    const int height = mseg_image_reader_height(reader);
    assert_int_equal(mseg_image_create(image, mseg_image_reader_width(reader), height, MSEG_RGB), MSEG_OK);
    for (int y = 0; y < height; y += n) {
        const int rows = n < height - y ? n : height - y;
        if (mseg_image_reader_rows(reader, image->data + (size_t)y * image->stride, image->stride, rows, &err))
            fail_msg("%s, row %d: %s", path ? path : "in memory", y, err.text);
    }
    assert_int_equal(mseg_image_reader_rows(reader, &none, 0, 1, &err), MSEG_INVAL);
    mseg_image_reader_close(&reader);
    assert_null(reader);
}

static void strips_show_the_picture(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"jpeg_444", ".jpg"},
        {"jpeg_420", ".jpg"},
        {"jpeg_progressive", ".jpg"},
        {"jpeg_gray", ".jpg"},
        {"jpeg_1x1", ".jpg"},
        {"jpeg_cmyk_adobe", ".jpg"},
        {"jpeg_cmyk", ".jpg"},
        {"jpeg_ycck", ".jpg"},
        {"exif_1_le", ".jpg"},
        {"exif_3_be", ".jpg"},
        {"exif_6_le", ".jpg"},
        {"exif_8_be", ".jpg"},
        {"png_0_1", ".png"},
        {"png_3_4", ".png"},
        {"png_2_8", ".png"},
        {"png_2_8_interlaced", ".png"},
        {"png_6_8", ".png"},
        {"png_0_16", ".png"},
        {"png_6_16_interlaced", ".png"},
        {"png_2_16", ".png"},
        {"png_exif_2", ".png"},
        {"png_exif_3", ".png"},
        {"png_exif_4", ".png"},
        {"png_exif_6", ".png"},
        {"png_exif_7", ".png"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int n = 1; n <= 9; n += 4) {
            char path[1024];
            mseg_image image;
            snprintf(path, sizeof path, GOLDEN "%s%s", names[i][0], names[i][1]);
            file_bytes f = load_file(path);
            for (int in_memory = 0; in_memory < 2; in_memory++) {
                read_strips(&image, in_memory ? NULL : path, &f, n);
                assert_shows(&image, names[i][0], ".ppm");
                mseg_image_free(&image);
            }
            free(f.bytes);
        }
}

/* Reads the file at path, or in memory when that is NULL, in strips until it fails; the number of rows that came. */
static int rows_before_failure(const char *path, const file_bytes *f, mseg_error *err)
{
    mseg_image_reader *reader;
    uint8_t row[3 * 1024];
    int rows = 0;
    if (path ? mseg_image_reader_open(&reader, path, MSEG_EXIF_APPLY, NULL, err)
             : mseg_image_reader_open_memory(&reader, f->bytes, f->size, MSEG_EXIF_APPLY, NULL, err))
        return 0;
    assert_true(mseg_image_reader_width(reader) <= 1024);
    while (rows < mseg_image_reader_height(reader) && !mseg_image_reader_rows(reader, row, sizeof row, 1, err))
        rows++;
    mseg_image_reader_close(&reader);
    return rows;
}

static void cut_files(void **state)
{
    (void)state;
    static const char *const names[][3] = {{"jpeg_420", ".jpg", "truncated JPEG"}, {"png_2_8", ".png", "truncated PNG"}};
    for (size_t i = 0; i < 2; i++) {
        file_bytes f = load_golden(names[i][0], names[i][1]);
        /* Even of the last bytes, which hold no pixels, none may be missing. */
        const size_t sizes[] = {f.size - 1, f.size - 4, f.size * 3 / 4};
        for (size_t k = 0; k < 3; k++) {
            const file_bytes cut = {f.bytes, sizes[k]};
            memory_file file;
            int rows[2];
            assert_true(memory_file_open(&file, cut.bytes, cut.size));
            for (int in_memory = 0; in_memory < 2; in_memory++) {
                mseg_error err = {0};
                rows[in_memory] = rows_before_failure(in_memory ? NULL : file.path, &cut, &err);
                assert_int_equal(err.status, MSEG_FORMAT);
                assert_string_equal(err.text, names[i][2]);
            }
            assert_int_equal(rows[0], rows[1]);
            memory_file_close(&file);
        }
        free(f.bytes);
    }
}

static void refusals(void **state)
{
    (void)state;
    mseg_image_reader *reader;
    mseg_limits few;
    mseg_limits_init(&few, sizeof few);
    mseg_error err;
    few.max_pixels = 11 * 13 - 1;
    assert_int_equal(mseg_image_reader_open(&reader, GOLDEN "png_2_8.png", MSEG_EXIF_APPLY, &few, &err), MSEG_LIMIT);
    assert_null(reader);
    assert_int_equal(mseg_image_reader_open(&reader, GOLDEN "nothing.png", MSEG_EXIF_APPLY, NULL, &err), MSEG_NOENT);
    assert_int_equal(mseg_image_reader_open(&reader, GOLDEN "png_2_8.ppm", MSEG_EXIF_APPLY, NULL, &err), MSEG_FORMAT);
    mseg_image_reader_close(&reader);
}

/* ---- writing ---- */

enum { WIDTH = 37, HEIGHT = 23 };

static int files_in(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return count;
}

static mseg_image numbered(mseg_format kind, int limit)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, WIDTH, HEIGHT, kind), MSEG_OK);
    for (size_t i = 0; i < image.stride * HEIGHT; i++)
        image.data[i] = (uint8_t)(i * i / 7 % (size_t)limit);
    return image;
}

static mseg_view strip_of(const mseg_image *image, int y, int n)
{
    mseg_view strip = mseg_view_of(image);
    strip.data += (size_t)y * image->stride;
    strip.height = n < image->height - y ? n : image->height - y;
    return strip;
}

/* The samples as libpng's simplified reader gives them: RGB, or the index of each pixel. */
static void assert_png_holds(const char *path, const mseg_image *image, bool indexed)
{
    png_image png = {.version = PNG_IMAGE_VERSION};
    uint8_t read[WIDTH * HEIGHT * 3], map[256 * 3];
    assert_true(png_image_begin_read_from_file(&png, path));
    assert_int_equal(png.width, WIDTH);
    assert_int_equal(png.height, HEIGHT);
    png.format = indexed ? PNG_FORMAT_RGB_COLORMAP : PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&png, NULL, read, 0, map));
    assert_memory_equal(read, image->data, (size_t)WIDTH * HEIGHT * (size_t)mseg_format_channels(image->format));
}

static void written_strips(void **state)
{
    (void)state;
    static const mseg_colors palette = {5, {{0, 0, 0}, {1, 2, 3}, {255, 0, 9}, {7, 7, 7}, {200, 100, 50}}};
    char folder[] = "/tmp/mseg-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.png", folder);
    for (mseg_format kind = MSEG_GRAY; kind <= MSEG_RGB; kind++)
        for (int n = 1; n <= HEIGHT; n += 5) {
            const mseg_png_format format = {WIDTH, HEIGHT, kind, kind == MSEG_GRAY ? &palette : NULL};
            mseg_image image = numbered(kind, kind == MSEG_GRAY ? 5 : 256);
            mseg_row_writer *writer;
            assert_int_equal(mseg_row_writer_open(&writer, path, &format, NULL), MSEG_OK);
            for (int y = 0; y < HEIGHT; y += n) {
                const mseg_view strip = strip_of(&image, y, n);
                assert_int_equal(files_in(folder), 0);
                assert_int_equal(mseg_row_writer_put(writer, strip, NULL), MSEG_OK);
            }
            assert_int_equal(mseg_row_writer_commit(&writer, NULL), MSEG_OK);
            assert_null(writer);
            assert_png_holds(path, &image, kind == MSEG_GRAY);
            unlink(path);
            mseg_image_free(&image);
        }
    rmdir(folder);
}

static void nothing_is_left(void **state)
{
    (void)state;
    static const mseg_colors palette = {5, {{0}}};
    const mseg_png_format format = {WIDTH, HEIGHT, MSEG_GRAY, &palette};
    char folder[] = "/tmp/mseg-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.png", folder);
    mseg_image image = numbered(MSEG_GRAY, 5), wide = numbered(MSEG_RGB, 5);
    const mseg_view strip = strip_of(&image, 0, 9);
    mseg_row_writer *writer;
    mseg_error err;
    assert_int_equal(mseg_row_writer_open(&writer, path, &format, NULL), MSEG_OK);
    assert_int_equal(mseg_row_writer_put(writer, strip, NULL), MSEG_OK);
    assert_int_equal(mseg_row_writer_put(writer, mseg_view_of(&wide), NULL), MSEG_INVAL);
    assert_int_equal(mseg_row_writer_put(writer, mseg_view_of(&image), NULL), MSEG_INVAL); /* 9 rows are there already */
    assert_int_equal(mseg_row_writer_commit(&writer, &err), MSEG_INVAL);
    assert_string_equal(err.text, "rows are missing");
    assert_null(writer);
    assert_int_equal(mseg_row_writer_commit(&writer, &err), MSEG_INVAL);
    assert_string_equal(err.text, "no picture is being written");
    assert_int_equal(mseg_row_writer_open(&writer, path, &format, NULL), MSEG_OK);
    assert_int_equal(mseg_row_writer_put(writer, strip, NULL), MSEG_OK);
    image.data[3 * image.stride + 7] = 5;
    assert_int_equal(mseg_row_writer_put(writer, strip, &err), MSEG_INVAL);
    assert_string_equal(err.text, "label 5 in row 12 has no entry in the palette of 5");
    mseg_row_writer_discard(&writer);
    assert_null(writer);
    assert_int_equal(mseg_row_writer_open(&writer, "/nowhere/x.png", &format, &err), MSEG_NOENT);
    assert_null(writer);
    assert_int_equal(files_in(folder), 0);
    mseg_image_free(&image);
    mseg_image_free(&wide);
    rmdir(folder);
}

static void full_disk(void **state)
{
    (void)state;
    const mseg_png_format format = {WIDTH, 4096, MSEG_RGB, NULL};
    mseg_image image = numbered(MSEG_RGB, 256);
    mseg_row_writer *writer;
    mseg_error err = {0};
    assert_int_equal(mseg_row_writer_open(&writer, "/dev/full", &format, NULL), MSEG_OK);
    mseg_status status = MSEG_OK;
    for (int y = 0; y + HEIGHT <= 4096 && !status; y += HEIGHT)
        status = mseg_row_writer_put(writer, mseg_view_of(&image), &err);
    assert_int_equal(status, MSEG_FULL);
    assert_string_equal(err.text, "cannot write the file: No space left on device");
    mseg_row_writer_discard(&writer);
    mseg_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strips_show_the_picture), cmocka_unit_test(cut_files),       cmocka_unit_test(refusals),
        cmocka_unit_test(written_strips),          cmocka_unit_test(nothing_is_left), cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
