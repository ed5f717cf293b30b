/* Palettes against the VOC devkit's rule, written here in another way, against the annotation files themselves when they are at
 * hand, and against bad files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "seg/mseg.h"
#include "shared.h"

/* VOClabelcolormap.m: for bit j of the label (three at a time) shift it to bit 7 - j / 3 of channel j % 3. */
static void assert_voc_color(const uint8_t rgb[3], int id)
{
    int expected[3] = {0, 0, 0};
    for (int j = 0; j < 24; j++)
        if (id & 1 << j)
            expected[j % 3] += 128 >> (j / 3);
    for (int c = 0; c < 3; c++)
        assert_int_equal(rgb[c], expected[c]);
}

static void voc(void **state)
{
    (void)state;
    static const char *const names[] = {"background", "aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",
                                        "car",        "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",
                                        "motorbike",  "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};
    mseg_palette p;
    mseg_error err;
    assert_int_equal(mseg_palette_load(&p, "voc", &err), MSEG_OK);
    assert_int_equal(p.entries, 21);
    for (int id = 0; id < 256; id++) {
        assert_voc_color(p.colors.rgb[id], id);
        assert_string_equal(p.names[id], id < 21 ? names[id] : "");
    }
    static const uint8_t ignore[3] = {224, 224, 192}; /* the cream border of the annotations */
    assert_memory_equal(p.colors.rgb[255], ignore, 3);
    mseg_palette_free(&p);
}

/* The palette stored in VOC's own annotation files. */
static void voc_annotations(void **state)
{
    (void)state;
    const char *path = shared_path("voc-mini/VOC2012/SegmentationClass/2011_000003.png");
    need_shared(path, "the palette of VOC's annotations is");
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_colorp colors = NULL;
    int n = 0;
    png_init_io(png, in);
    png_read_info(png, info);
    png_get_PLTE(png, info, &colors, &n);
    mseg_palette p;
    assert_int_equal(mseg_palette_load(&p, "voc", NULL), MSEG_OK);
    assert_true(n >= 21);
    for (int i = 0; i < n; i++) {
        assert_int_equal(p.colors.rgb[i][0], colors[i].red);
        assert_int_equal(p.colors.rgb[i][1], colors[i].green);
        assert_int_equal(p.colors.rgb[i][2], colors[i].blue);
    }
    png_destroy_read_struct(&png, &info, NULL);
    fclose(in);
    mseg_palette_free(&p);
}

static void assert_entry(const mseg_palette *p, int id, int r, int g, int b, const char *name)
{
    assert_int_equal(p->colors.rgb[id][0], r);
    assert_int_equal(p->colors.rgb[id][1], g);
    assert_int_equal(p->colors.rgb[id][2], b);
    assert_string_equal(p->names[id], name);
}

static void others_built_in(void **state)
{
    (void)state;
    mseg_palette p;
    assert_int_equal(mseg_palette_load(&p, "cityscapes", NULL), MSEG_OK);
    assert_int_equal(p.entries, 19);
    assert_entry(&p, 0, 128, 64, 128, "road");
    assert_entry(&p, 6, 250, 170, 30, "traffic light");
    assert_entry(&p, 18, 119, 11, 32, "bicycle");
    mseg_palette_free(&p);
    assert_int_equal(mseg_palette_load(&p, "ade20k", NULL), MSEG_OK);
    assert_int_equal(p.entries, 150);
    assert_entry(&p, 0, 120, 120, 120, "wall");
    assert_entry(&p, 44, 6, 51, 255, "chest of drawers");
    assert_entry(&p, 149, 92, 0, 255, "flag");
    assert_voc_color(p.colors.rgb[150], 150);
    for (int id = 0; id < 150; id++)
        assert_true(*p.names[id]);
    mseg_palette_free(&p);
}

static void names(void **state)
{
    (void)state;
    int n = 0;
    for (mseg_palette p; mseg_palette_name(n); n++) {
        assert_int_equal(mseg_palette_load(&p, mseg_palette_name(n), NULL), MSEG_OK);
        mseg_palette_free(&p);
    }
    assert_int_equal(n, 3);
    assert_null(mseg_palette_name(-1));
    assert_null(mseg_palette_name(1000));
}

/* Loads a file of that text. */
static mseg_status load_text(mseg_palette *p, const char *text, size_t size, mseg_error *err)
{
    char path[] = "/tmp/mseg-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    mseg_status status = mseg_palette_load(p, path, err);
    unlink(path);
    return status;
}

static void from_a_file(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf# two classes\r\n\r\n  0 1 2 3 floor lamp # 2 \r\n5\t255 0\t7 \xc3\xa9tag\xc3\xa8re";
    mseg_palette p;
    mseg_error err;
    assert_int_equal(load_text(&p, text, sizeof text - 1, &err), MSEG_OK);
    assert_int_equal(p.entries, 6);
    assert_int_equal(p.count, 2);
    for (int id = 0; id < 256; id++)
        assert_int_equal(p.listed[id], id == 0 || id == 5);
    assert_entry(&p, 0, 1, 2, 3, "floor lamp # 2");
    assert_entry(&p, 3, 128, 128, 0, "");
    assert_entry(&p, 5, 255, 0, 7, "\xc3\xa9tag\xc3\xa8re");
    assert_voc_color(p.colors.rgb[200], 200);
    mseg_palette_free(&p);
}

/* ADE20K's own names have more than 60 bytes. */
static void long_names(void **state)
{
    (void)state;
    char text[2000] = "3 1 2 3 ", name[1001] = "";
    mseg_palette p;
    memset(name, 'n', 1000);
    strcat(text, name);
    assert_int_equal(load_text(&p, text, strlen(text), NULL), MSEG_OK);
    assert_entry(&p, 3, 1, 2, 3, name);
    mseg_palette_free(&p);
    assert_true(!p.entries && !p.listed[3] && !p.text);
    mseg_palette_free(&p);
}

/* As CVAT writes it beside its masks: the ids are the order of the lines. */
static void labelmap(void **state)
{
    (void)state;
    static const char text[] = "# label:color_rgb:parts:actions\nbackground:0,0,0::\n\nroad sign:51,221,255:a,b:c\r\ncar:1,2,3";
    mseg_palette p;
    assert_int_equal(load_text(&p, text, sizeof text - 1, NULL), MSEG_OK);
    assert_int_equal(p.count, 3);
    assert_entry(&p, 0, 0, 0, 0, "background");
    assert_entry(&p, 1, 51, 221, 255, "road sign");
    assert_entry(&p, 2, 1, 2, 3, "car");
    mseg_palette_free(&p);
}

static void bad_files(void **state)
{
    (void)state;
#define EXPECTED "expected \"id r g b name\" with numbers from 0 to 255"
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"0 0 0 0 a\n1 2 3 b\n", "line 2: " EXPECTED},
        {"0 0 0 0 a\n\n#\n256 0 0 0 b\n", "line 4: " EXPECTED},
        {"1 0 0 256 b\n", "line 1: " EXPECTED},
        {"-1 0 0 0 b\n", "line 1: " EXPECTED},
        {"1 0 0 99999999999999999999 b\n", "line 1: " EXPECTED},
        {"1,2,3,4,b\n", "line 1: " EXPECTED},
        {"1 0x10 0 0 b\n", "line 1: " EXPECTED},
        {"1 2 3\n", "line 1: " EXPECTED},
        {"1 2 3 4\n", "line 1: the class has no name (expected \"id r g b name\")"},
        {"1 2 3 4 a\tb\n", "line 1: the class has no name (expected \"id r g b name\")"},
        {"1 2 3 4 a\n2 2 3 4 b\n1 2 3 4 c\n", "line 3: this id was given before"},
        {"a:1,2,3::\nb:1,2\n", "line 2: expected \"name:r,g,b:parts:actions\" (labelmap.txt) with numbers from 0 to 255"},
        {"a:1,2,3::\nb:1,2,256::\n", "line 2: expected \"name:r,g,b:parts:actions\" (labelmap.txt) with numbers from 0 to 255"},
        {"a:1,2,3::\n1 2 3 4 b\n", "line 2: expected \"name:r,g,b:parts:actions\" (labelmap.txt) with numbers from 0 to 255"},
        {"# nothing\n", "no class in the palette (expected lines \"id r g b name\")"},
        {"", "zero bytes"},
    };
    mseg_palette p;
    mseg_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(load_text(&p, cases[i].text, strlen(cases[i].text), &err), MSEG_FORMAT);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(p.entries, 0);
    }
    assert_int_equal(load_text(&p, "1 2 3 4 a\n\0", 11, &err), MSEG_FORMAT);
    assert_int_equal(load_text(&p, "1 2 3 4 abcdefghijklmnopqrstuvwxyz12345\n", 40, &err), MSEG_OK);
    mseg_palette_free(&p);
}

static void missing(void **state)
{
    (void)state;
    mseg_palette p;
    mseg_error err;
    assert_int_equal(mseg_palette_load(&p, "vok", &err), MSEG_NOENT);
    assert_string_equal(err.text, "no palette \"vok\": neither built in (ade20k, cityscapes, voc) nor a file");
    assert_int_equal(mseg_palette_load(&p, "/tmp", &err), MSEG_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(voc),     cmocka_unit_test(voc_annotations), cmocka_unit_test(others_built_in),
        cmocka_unit_test(names),   cmocka_unit_test(from_a_file),     cmocka_unit_test(bad_files),
        cmocka_unit_test(missing), cmocka_unit_test(long_names),      cmocka_unit_test(labelmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
