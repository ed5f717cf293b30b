/* The mark of a PNG: read back by libpng, found in a file's beginning, and files that are whole or not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "image/files.h"
#include "image/png_mark.h"
#include "image/row_writer.h"

#define MARK "0.1.0 model 0123456789abcdef options fedcba9876543210 photo 183211"
enum { WIDTH = 31, HEIGHT = 23 };

static char folder[64], path[128];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mseg-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.png", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static mseg_colors palette = {256, {{0}}};

static mseg_status open_writer(mseg_row_writer **writer, mseg_format kind, const char *mark, mseg_error *err)
{
    const mseg_png_format format = {WIDTH, HEIGHT, kind, kind == MSEG_GRAY ? &palette : NULL, mark};
    return mseg_row_writer_open(writer, path, &format, err);
}

static mseg_image noise(mseg_format kind)
{
    mseg_image image;
    uint32_t state = 1;
    assert_int_equal(mseg_image_create(&image, WIDTH, HEIGHT, kind), MSEG_OK);
    for (size_t i = 0; i < image.stride * HEIGHT; i++) {
        state = state * 1664525 + 1013904223;
        image.data[i] = (uint8_t)(state >> 24);
    }
    return image;
}

/* Writes a picture of noise. */
static file_bytes write_file(mseg_format kind, const char *mark)
{
    mseg_row_writer *writer;
    mseg_image image = noise(kind);
    assert_int_equal(open_writer(&writer, kind, mark, NULL), MSEG_OK);
    assert_int_equal(mseg_row_writer_put(writer, mseg_view_of(&image), NULL), MSEG_OK);
    assert_int_equal(mseg_row_writer_commit(&writer, NULL), MSEG_OK);
    mseg_image_free(&image);
    return load_file(path);
}

static void put_file(const uint8_t *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static const mseg_format kinds[] = {MSEG_GRAY, MSEG_RGB};

static void libpng_reads_it(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        file_bytes f = write_file(kinds[i], MARK);
        FILE *in = fopen(path, "rb");
        png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png_create_info_struct(png);
        png_textp text;
        png_init_io(png, in);
        png_read_info(png, info); /* up to the picture: the mark is in front of it */
        assert_int_equal(png_get_text(png, info, &text, NULL), 1);
        assert_string_equal(text->key, "mseg");
        assert_string_equal(text->text, MARK);
        png_destroy_read_struct(&png, &info, NULL);
        fclose(in);
        free(f.bytes);
    }
}

/* Of each beginning of a file: whether there is a mark is known once it, or the picture's first chunk, is there. */
static void beginnings(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        char text[MSEG_PNG_MARK_SIZE];
        const bool marked = i < 2;
        file_bytes f = write_file(kinds[i % 2], marked ? MARK : NULL);
        const size_t head = 8 + 25 + (kinds[i % 2] == MSEG_GRAY ? 12 + 3 * 256 : 0), chunk = 12 + 5 + strlen(MARK);
        for (size_t size = 0; size <= f.size; size++) {
            mseg_png_marked expected = size < head + 8 ? MSEG_PNG_CUT : MSEG_PNG_UNMARKED;
            if (marked)
                expected = size < head + 8 + 5 ? MSEG_PNG_CUT : size < head + chunk ? MSEG_PNG_DAMAGED_MARK : MSEG_PNG_MARKED;
            assert_int_equal(mseg_png_mark(f.bytes, size, text), expected);
            assert_string_equal(text, expected == MSEG_PNG_MARKED ? MARK : "");
        }
        assert_true(head + chunk <= MSEG_PNG_MARK_WITHIN);
        free(f.bytes);
    }
}

static void other_files(void **state)
{
    (void)state;
    char text[MSEG_PNG_MARK_SIZE];
    file_bytes f = write_file(MSEG_RGB, MARK);
    const size_t data = 8 + 25 + 8;
    assert_int_equal(mseg_png_mark("GIF89a", 6, text), MSEG_PNG_NONE);
    assert_int_equal(mseg_png_mark("\x89PNG\n", 5, text), MSEG_PNG_NONE);
    f.bytes[data] = 'M'; /* another keyword */
    assert_int_equal(mseg_png_mark(f.bytes, f.size, text), MSEG_PNG_UNMARKED);
    f.bytes[data] = 'm';
    f.bytes[data + 9] ^= 1;
    assert_int_equal(mseg_png_mark(f.bytes, f.size, text), MSEG_PNG_DAMAGED_MARK);
    memset(f.bytes + data - 8, 0xff, 4); /* a chunk of 4 GiB */
    assert_int_equal(mseg_png_mark(f.bytes, f.size, text), MSEG_PNG_UNMARKED);
    free(f.bytes);
}

static void lengths(void **state)
{
    (void)state;
    char mark[300], text[MSEG_PNG_MARK_SIZE];
    mseg_row_writer *writer;
    mseg_error err;
    memset(mark, '~', sizeof mark);
    mark[255] = 0;
    file_bytes f = write_file(MSEG_GRAY, mark);
    assert_int_equal(mseg_png_mark(f.bytes, MSEG_PNG_MARK_WITHIN, text), MSEG_PNG_MARKED);
    assert_string_equal(text, mark);
    free(f.bytes);
    f = write_file(MSEG_GRAY, "");
    assert_int_equal(mseg_png_mark(f.bytes, f.size, text), MSEG_PNG_MARKED);
    assert_string_equal(text, "");
    free(f.bytes);
    mark[255] = '~';
    mark[256] = 0;
    static const char *const wrong[] = {NULL, "line\n", "\xe9", "\x7f"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(open_writer(&writer, MSEG_RGB, wrong[i] ? wrong[i] : mark, &err), MSEG_INVAL);
        assert_string_equal(err.text, "a mark is of up to 255 characters of ASCII");
        assert_null(writer);
    }
}

/* A file is whole with all of its bytes, each of them as it was. */
static void whole(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        file_bytes f = write_file(kinds[i], MARK);
        assert_int_equal(mseg_png_check(path, NULL, NULL), MSEG_OK);
        for (size_t size = 0; size < f.size; size += 7) {
            put_file(f.bytes, size);
            assert_int_equal(mseg_png_check(path, NULL, NULL), MSEG_FORMAT);
        }
        put_file(f.bytes, f.size - 1);
        assert_int_equal(mseg_png_check(path, NULL, NULL), MSEG_FORMAT);
        for (size_t at = f.size - 40; at < f.size; at++) { /* the end of the picture's data, and the last chunk */
            f.bytes[at] ^= 1;
            put_file(f.bytes, f.size);
            assert_int_equal(mseg_png_check(path, NULL, NULL), MSEG_FORMAT);
            f.bytes[at] ^= 1;
        }
        free(f.bytes);
    }
    mseg_limits limits;
    mseg_limits_init(&limits, sizeof limits);
    limits.max_pixels = WIDTH * HEIGHT - 1;
    free(write_file(MSEG_RGB, NULL).bytes);
    assert_int_equal(mseg_png_check(path, &limits, NULL), MSEG_LIMIT);
    put_file((const uint8_t *)"GIF89a", 6);
    assert_int_equal(mseg_png_check(path, NULL, NULL), MSEG_FORMAT);
    unlink(path);
    assert_int_equal(mseg_png_check(path, NULL, NULL), MSEG_NOENT);
}

static void new_file(void **state)
{
    (void)state;
    mseg_row_writer *writer;
    mseg_error err;
    mseg_image image = noise(MSEG_RGB);
    for (int taken = 0; taken < 2; taken++) {
        unlink(path);
        assert_int_equal(open_writer(&writer, MSEG_RGB, NULL, &err), MSEG_OK);
        assert_int_equal(mseg_row_writer_put(writer, mseg_view_of(&image), &err), MSEG_OK);
        if (taken)
            put_file((const uint8_t *)"mine", 4);
        assert_int_equal(mseg_row_writer_commit_new(&writer, &err), taken ? MSEG_IO : MSEG_OK);
        assert_null(writer);
        file_bytes f = load_file(path);
        assert_int_equal(f.size == 4, taken);
        free(f.bytes);
    }
    mseg_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(libpng_reads_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beginnings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
