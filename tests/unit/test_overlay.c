/* The overlay against the blend written in double precision, and the boundary on a picture small enough to see through. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "seg/mseg.h"

enum { W = 40, H = 30 };

/* A photo of all kinds of colours; rows of both pictures are longer than needed. */
static void make(mseg_image *photo, mseg_image *labels)
{
    *photo = (mseg_image){W, H, MSEG_RGB, W * 3 + 7, malloc((W * 3 + 7) * H)};
    *labels = (mseg_image){W, H, MSEG_GRAY, W + 5, malloc((W + 5) * H)};
    assert_non_null(photo->data);
    assert_non_null(labels->data);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            for (int c = 0; c < 3; c++)
                photo->data[(size_t)y * photo->stride + (size_t)(3 * x + c)] = (uint8_t)(x * (c + 3) + y * 5);
            labels->data[(size_t)y * labels->stride + (size_t)x] = (uint8_t)(x < 10 ? 0 : y < 12 ? 15 : x < 25 ? 7 : 255);
        }
}

static void free_both(mseg_image *photo, mseg_image *labels)
{
    free(photo->data);
    free(labels->data);
}

static const uint8_t *pixel(const mseg_image *image, int x, int y)
{
    return image->data + (size_t)y * image->stride + (size_t)(x * mseg_format_channels(image->format));
}

/* Whether a neighbour to the right or below has another label. */
static bool on_boundary(const mseg_image *labels, int x, int y)
{
    int id = *pixel(labels, x, y);
    return (x + 1 < W && *pixel(labels, x + 1, y) != id) || (y + 1 < H && *pixel(labels, x, y + 1) != id);
}

static void blend_and_boundary(void **state)
{
    (void)state;
    static const double alphas[] = {0, 0.25, 0.5, 0.6, 1};
    mseg_image photo, labels, out;
    mseg_palette palette;
    assert_int_equal(mseg_palette_load(&palette, "voc", NULL), MSEG_OK);
    make(&photo, &labels);
    for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++) {
        int boundary = 0;
        assert_int_equal(mseg_overlay(&out, mseg_view_of(&photo), mseg_view_of(&labels), &palette, alphas[i], NULL), MSEG_OK);
        assert_int_equal(out.width, W);
        assert_int_equal(out.height, H);
        assert_int_equal(out.format, MSEG_RGB);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int id = *pixel(&labels, x, y);
                double alpha = id ? alphas[i] : 0, contrast = 0;
                const uint8_t *got = pixel(&out, x, y), *from = pixel(&photo, x, y);
                for (int c = 0; c < 3; c++) {
                    double wanted = from[c] * (1 - alpha) + palette.colors.rgb[id][c] * alpha;
                    contrast += fabs(got[c] - wanted) / 3;
                    if (!on_boundary(&labels, x, y))
                        assert_true(fabs(got[c] - wanted) <= (alpha == 0 || alpha == 1 ? 0 : 1.01));
                }
                if (on_boundary(&labels, x, y)) {
                    boundary++;
                    assert_true(contrast > 50);
                }
            }
        assert_int_equal(boundary, 30 + 30 + 18); /* column 9, row 11 from column 10 on, column 24 from row 12 on */
        mseg_image_free(&out);
    }
    free_both(&photo, &labels);
    mseg_palette_free(&palette);
}

/* Class 0 has a colour like any other unless it is called background, and so has every class that is not. */
static void background_stays_photo(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool stays;
    } names[] = {{"background", true},   {"Background", true},    {"BACKGROUND", true}, {"__background__", true},
                 {"_background_", true}, {"road", false},         {"", false},          {"back", false},
                 {"backgrounds", false}, {"background 2", false}, {"_", false},         {"_background", true},
                 {"wall", false}};
    static const uint8_t ids[] = {0, 7, 15};
    mseg_image photo, labels, out;
    mseg_palette palette;
    assert_int_equal(mseg_palette_load(&palette, "voc", NULL), MSEG_OK);
    make(&photo, &labels);
    memcpy(palette.colors.rgb[0], (uint8_t[]){9, 99, 199}, 3);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t k = 0; k < 3; k++) {
            for (int id = 0; id < 256; id++)
                palette.names[id] = "other";
            palette.names[ids[k]] = names[i].name;
            assert_int_equal(mseg_overlay(&out, mseg_view_of(&photo), mseg_view_of(&labels), &palette, 1, NULL), MSEG_OK);
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    const int id = *pixel(&labels, x, y);
                    const uint8_t *wanted = id == ids[k] && names[i].stays ? pixel(&photo, x, y) : palette.colors.rgb[id];
                    if (!on_boundary(&labels, x, y))
                        assert_memory_equal(pixel(&out, x, y), wanted, 3);
                }
            mseg_image_free(&out);
        }
    assert_false(mseg_is_background(NULL));
    free_both(&photo, &labels);
    mseg_palette_free(&palette);
}

static void refuses(void **state)
{
    (void)state;
    mseg_image photo, labels, out;
    mseg_palette palette;
    mseg_error err;
    assert_int_equal(mseg_palette_load(&palette, "voc", NULL), MSEG_OK);
    make(&photo, &labels);
    assert_int_equal(mseg_overlay(&out, mseg_view_of(&photo), mseg_view_of(&labels), &palette, -0.1, &err), MSEG_INVAL);
    assert_int_equal(mseg_overlay(&out, mseg_view_of(&photo), mseg_view_of(&labels), &palette, NAN, &err), MSEG_INVAL);
    assert_int_equal(mseg_overlay(&out, mseg_view_of(&labels), mseg_view_of(&labels), &palette, 0.5, &err), MSEG_INVAL);
    labels.height--;
    assert_int_equal(mseg_overlay(&out, mseg_view_of(&photo), mseg_view_of(&labels), &palette, 0.5, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "the photo is 40x30, its labels are 40x29");
    assert_null(out.data);
    free_both(&photo, &labels);
    mseg_palette_free(&palette);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blend_and_boundary), cmocka_unit_test(background_stays_photo),
                                       cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
