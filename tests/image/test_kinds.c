/* WebP and TIFF against files that make_kinds.py composes or that Pillow writes: pixels are equal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "image/files.h"
#include "image/reader.h"

typedef void (*check_fn)(const char *name, const char *ending);

/* Calls check for every golden picture whose name starts and ends so; how many there were. */
static int each_golden(const char *start, const char *ending, check_fn check)
{
    DIR *folder = opendir(GOLDEN);
    int count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char name[256];
        const size_t length = strlen(entry->d_name), tail = strlen(ending);
        if (length < tail || strcmp(entry->d_name + length - tail, ending) || strncmp(entry->d_name, start, strlen(start)))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(length - tail), entry->d_name);
        check(name, ending);
        count++;
    }
    closedir(folder);
    return count;
}

static void assert_decoded(const char *name, const char *ending)
{
    file_bytes f = load_golden(name, ending);
    mseg_image image;
    mseg_error err = {0};
    if (decode_bytes(&image, f.bytes, f.size, false, &err))
        fail_msg("%s: %s", name, err.text);
    assert_string_equal(mseg_image_kind(f.bytes, MSEG_IMAGE_HEAD), ending[1] == 'w' ? "WebP" : "TIFF");
    assert_shows(&image, name, ".ppm");
    mseg_image_free(&image);
    free(f.bytes);
}

static void kinds(void **state)
{
    (void)state;
    assert_int_equal(each_golden("webp", ".webp", assert_decoded), 15);
    assert_int_equal(each_golden("tiff", ".tif", assert_decoded), 48);
}

/* A few rows at a time, whatever the file's own blocks are. */
static void assert_read_by_rows(const char *name, const char *ending)
{
    file_bytes f = load_golden(name, ending);
    for (int n = 1; n <= 9; n += 4) {
        mseg_image_reader *reader;
        mseg_image image;
        mseg_error err = {0};
        if (mseg_image_reader_open_memory(&reader, f.bytes, f.size, MSEG_EXIF_APPLY, NULL, &err))
            fail_msg("%s: %s", name, err.text);
        const int height = mseg_image_reader_height(reader);
        assert_int_equal(mseg_image_create(&image, mseg_image_reader_width(reader), height, MSEG_RGB), MSEG_OK);
        for (int y = 0; y < height; y += n)
            if (mseg_image_reader_rows(reader, image.data + (size_t)y * image.stride, image.stride,
                                       n < height - y ? n : height - y, &err))
                fail_msg("%s, row %d: %s", name, y, err.text);
        mseg_image_reader_close(&reader);
        assert_shows(&image, name, ".ppm");
        mseg_image_free(&image);
    }
    free(f.bytes);
}

static void rows(void **state)
{
    (void)state;
    each_golden("webp", ".webp", assert_read_by_rows);
    each_golden("tiff", ".tif", assert_read_by_rows);
}

static void orientation_ignored(void **state)
{
    (void)state;
    static const char *const files[] = {GOLDEN "webp_exif_6.webp", GOLDEN "tiff_turned_6.tif", GOLDEN "tiff_turned_5.tif"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int ignored = 0; ignored < 2; ignored++) {
            mseg_image image;
            mseg_error err;
            const reading how = {.orientation = ignored ? MSEG_EXIF_IGNORE : MSEG_EXIF_APPLY};
            assert_int_equal(read_path(&image, files[i], how, &err), MSEG_OK);
            assert_int_equal(image.width, ignored ? 21 : 13);
            mseg_image_free(&image);
        }
}

static void cut_webp(void **state)
{
    (void)state;
    static const char *const names[] = {"webp_lossy", "webp_lossy_alpha", "webp_lossless", "webp_animated", "webp_exif_8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_truncation_noticed(names[i], ".webp", "truncated WebP");
}

/* Of a TIFF, whose directory may stand anywhere, each tenth of the file; the texts may be libtiff's. */
static void assert_cut_noticed(const char *name, const char *ending)
{
    file_bytes f = load_golden(name, ending);
    for (size_t tenth = 1; tenth < 10; tenth++) {
        const size_t size = f.size * tenth / 10;
        mseg_image image;
        mseg_error err = {0};
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, f.bytes, size);
        if (decode_bytes(&image, copy, size, false, &err) != MSEG_FORMAT || !strstr(err.text, "TIFF"))
            fail_msg("%s cut to %zu bytes of %zu: %s", name, size, f.size, err.text);
        free(copy);
    }
    free(f.bytes);
}

static void cut_tiff(void **state)
{
    (void)state;
    each_golden("tiff", ".tif", assert_cut_noticed);
}

static void damage(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"webp_lossy", ".webp"},      {"webp_animated_part", ".webp"}, {"webp_exif_8", ".webp"},   {"tiff_1x1", ".tif"},
        {"tiff_by_tiff_lzw", ".tif"}, {"tiff_by_jpeg", ".tif"},        {"tiff_by_group4", ".tif"}, {"tiff_turned_6", ".tif"},
        {"tiff_turned_7", ".tif"},    {"tiff_palette_8", ".tif"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        damage_each_byte(names[i][0], names[i][1]);
}

/* A TIFF with n of its tags, each {tag, type, count, value}, and nothing else; a colour picture of 1 x 1 unless they say more.
 * text: how the refusal starts. */
static void assert_tiff_refused(const uint16_t (*tags)[2], int n, mseg_status status, const char *text)
{
    uint16_t all[16][2] = {{256, 1}, {257, 1}, {258, 8}, {259, 1}, {262, 2}, {273, 8}, {277, 3}, {278, 1}, {279, 3}};
    int count = 9;
    for (int i = 0; i < n; i++) {
        int at = 0;
        while (at < count && all[at][0] < tags[i][0])
            at++;
        if (at == count || all[at][0] != tags[i][0]) {
            memmove(all + at + 1, all + at, (size_t)(count - at) * sizeof *all);
            count++;
        }
        all[at][0] = tags[i][0];
        all[at][1] = tags[i][1];
    }
    uint8_t file[256] = {'I', 'I', 42, 0, 12, 0, 0, 0, 1, 2, 3, 0, (uint8_t)count};
    for (int i = 0; i < count; i++) {
        const uint8_t entry[12] = {(uint8_t)all[i][0], (uint8_t)(all[i][0] >> 8), 3, 0, 1, 0, 0, 0,
                                   (uint8_t)all[i][1], (uint8_t)(all[i][1] >> 8)};
        memcpy(file + 14 + 12 * i, entry, sizeof entry);
    }
    mseg_image image;
    mseg_error err = {0};
    const mseg_status got = decode_bytes(&image, file, (size_t)(14 + 12 * count + 4), false, &err);
    if (got != status || strncmp(err.text, text, strlen(text)))
        fail_msg("\"%s\" instead of \"%s\"", err.text, text);
    mseg_image_free(&image);
}

#define TAGS(...) (const uint16_t[][2]){__VA_ARGS__}, sizeof((const uint16_t[][2]){__VA_ARGS__}) / sizeof(uint16_t[2])

static void odd_tiffs(void **state)
{
    (void)state;
    const mseg_status format = MSEG_FORMAT, unsupported = MSEG_UNSUPPORTED;
    assert_tiff_refused(NULL, 0, MSEG_OK, "");
    assert_tiff_refused(TAGS({256, 65535}, {257, 65534}), MSEG_LIMIT,
                        "65535x65534 = 4294.77069 million pixels, over the limit of 178.95697 million");
    assert_tiff_refused(TAGS({256, 0}), format, "damaged TIFF");
    assert_tiff_refused(TAGS({257, 0}), format, "damaged TIFF");
    assert_tiff_refused(TAGS({258, 32}, {339, 3}), unsupported,
                        "a TIFF with samples of 32 bits in floating point; 8 or 16 bits without sign are read");
    assert_tiff_refused(TAGS({258, 32}), unsupported, "a TIFF with samples of 32 bits; 8 or 16 bits without sign are read");
    assert_tiff_refused(TAGS({258, 16}, {339, 2}), unsupported,
                        "a TIFF with samples of 16 bits with sign; 8 or 16 bits without sign are read");
    assert_tiff_refused(TAGS({258, 12}), unsupported, "a TIFF with samples of 12 bits; 8 or 16 bits without sign are read");
    assert_tiff_refused(TAGS({259, 12345}), unsupported, "a TIFF whose compression (number 12345) is not supported");
    assert_tiff_refused(TAGS({262, 8}), unsupported,
                        "a TIFF with 3 samples of 8 bits a pixel and colours of a kind (number 8) that is not read");
    assert_tiff_refused(TAGS({262, 1}), unsupported,
                        "a TIFF with 3 samples of 8 bits a pixel and colours of a kind (number 1) that is not read");
    assert_tiff_refused(TAGS({277, 17}), unsupported,
                        "a TIFF with 17 samples of 8 bits a pixel and colours of a kind (number 2) that is not read");
    assert_tiff_refused(TAGS({277, 1}), format, "damaged TIFF: too few samples a pixel");
    assert_tiff_refused(
        TAGS({254, 1}), unsupported,
        "a TIFF that starts with a preview, as cameras' raw files do; convert it, e.g. darktable-cli a.nef a.png");
    assert_tiff_refused(TAGS({256, 40}), format, "truncated TIFF");
}

/* Tiles larger than any picture may be. */
static void huge_tiles(void **state)
{
    (void)state;
    assert_tiff_refused(TAGS({322, 65520}, {323, 65520}, {324, 8}, {325, 3}), MSEG_LIMIT,
                        "a TIFF in blocks of 65520x65520 pixels, over the limit");
    /* Narrow ones, of which a row is 16 bytes a pixel of the whole picture. */
    assert_tiff_refused(TAGS({256, 13000}, {257, 13000}, {277, 16}, {322, 16}, {323, 13008}, {324, 8}, {325, 3}), MSEG_LIMIT,
                        "a TIFF in blocks of 16x13008 pixels, over the limit");
}

static void labels_are_png(void **state)
{
    (void)state;
    mseg_image image;
    mseg_error err;
    assert_int_equal(read_path(&image, GOLDEN "tiff_gray_8.tif", (reading){.labels = true}, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "a TIFF; label maps must be PNG");
    assert_int_equal(read_path(&image, GOLDEN "webp_lossless.webp", (reading){.labels = true}, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "a WebP; label maps must be PNG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),     cmocka_unit_test(rows),       cmocka_unit_test(orientation_ignored),
        cmocka_unit_test(cut_webp),  cmocka_unit_test(cut_tiff),   cmocka_unit_test(damage),
        cmocka_unit_test(odd_tiffs), cmocka_unit_test(huge_tiles), cmocka_unit_test(labels_are_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
