/* Crops for training: where they lie, that nothing but seed and number changes their bits, their order, and weights of classes.
 */
#include "data_set.h"

#include "seg/train/data_inside.h"

enum { SIZE = 33 };

static float picture[SIZE * SIZE * 3], other_picture[SIZE * SIZE * 3];
static uint8_t labels[SIZE * SIZE];

/* ---- where crops lie ---------------------------------------------------------------------------------------------------- */

/* A mask's id is its place in fields of 10 x 10, up to 120 x 120 pixels. */
static void draw_fields(uint8_t *id, int x, int y)
{
    *id = (uint8_t)(y / 10 * 12 + x / 10);
}

static double photo_x(const mseg_train_crop *crop, int x)
{
    return ((crop->flipped ? SIZE - 1 - x : x) + 0.5 + crop->left) / crop->scale_x;
}

static double photo_y(const mseg_train_crop *crop, int y)
{
    return (y + 0.5 + crop->top) / crop->scale_y;
}

/* How far a point is from the nearest one of a field that is begin .. begin + 10. */
static double beside(double at, int begin)
{
    return fmax(0, fmax(begin - at, at - (begin + 10)));
}

/* Whether at, and all that a filter may take in there, lies inside a photo of that length. */
static bool is_inner(double at, double scale, int length)
{
    const double reach = 2 * fmax(1, 1 / scale) + 1;
    return at > reach && at < length - reach;
}

/* How often each thing was seen. within: pixels that colours may be off, as triangles of few pixels and rounding to bytes make
 * them: less than half a pixel of what is kept, which another convention would be. */
typedef struct sightings {
    double within;
    int inner, beside, flipped, borders;
} sightings;

static void check_pixel(const mseg_train_crop *crop, int x, int y, sightings *seen)
{
    const double u = photo_x(crop, x), v = photo_y(crop, y);
    const float *pixel = picture + 3 * (y * SIZE + x);
    const int label = labels[y * SIZE + x];
    if (u < -1e-9 || v < -1e-9 || u > crop->width + 1e-9 || v > crop->height + 1e-9) {
        seen->beside++;
        assert_true(pixel[0] == -7 && pixel[1] == -7 && pixel[2] == -7);
        assert_int_equal(label, 255);
        return;
    }
    if (fabs(u - rint(u / crop->width) * crop->width) < 1e-9 || fabs(v - rint(v / crop->height) * crop->height) < 1e-9)
        return;
    if (is_inner(u, crop->scale_x, crop->width) && is_inner(v, crop->scale_y, crop->height)) {
        seen->inner++;
        assert_true(fabs(pixel[0] / 2 + 0.5 - u) < seen->within);
        assert_true(fabs(pixel[1] / 2 + 0.5 - v) < seen->within);
    }
    assert_true(beside(u, label % 12 * 10) < 1 / crop->scale_x + 1e-9);
    assert_true(beside(v, label / 12 * 10) < 1 / crop->scale_y + 1e-9);
    seen->borders += beside(u, label % 12 * 10) > 0.5;
}

/* Photos of 118 x 76 and 76 x 118 pixels. size 60: photos are kept as they are; 25: shrunk to 50 first. */
static void check_geometry(int size, sightings *seen)
{
    const mseg_train_sample samples[] = {{"wide.png", "wide-mask.png", 0}, {"high.png", "high-mask.png", 0}};
    const mseg_mask_rules rules = rules_of(255, 255);
    mseg_train_data_options options = options_of(samples, 2, &rules);
    options.size = size;
    mseg_train_data *data = open_set(&options, NULL);
    for (int n = 0; n < 400; n++) {
        mseg_train_crop crop;
        assert_true(mseg_train_data_take(data, n, SIZE, false, picture, labels, &crop));
        assert_int_equal(crop.width, mseg_train_data_order(data, n) ? 76 : 118);
        assert_int_equal(crop.height, mseg_train_data_order(data, n) ? 118 : 76);
        seen->flipped += crop.flipped;
        for (int i = 0; i < SIZE * SIZE; i++)
            check_pixel(&crop, i % SIZE, i / SIZE, seen);
    }
    mseg_train_data_close(&data);
    assert_null(data);
}

static void crops_lie_where_they_say(void **state)
{
    (void)state;
    sightings whole = {.within = 0.2}, shrunk = {.within = 0.5};
    draw("wide.png", 118, 76, MSEG_RGB, draw_place);
    draw("wide-mask.png", 118, 76, MSEG_GRAY, draw_fields);
    draw("high.png", 76, 118, MSEG_RGB, draw_place);
    draw("high-mask.png", 76, 118, MSEG_GRAY, draw_fields);
    check_geometry(60, &whole);
    check_geometry(25, &shrunk);
    assert_true(whole.inner > 20000 && shrunk.inner > 20000);
    assert_true(whole.beside > 20000 && shrunk.beside > 20000);
    assert_true(whole.flipped > 140 && whole.flipped < 260);
    assert_int_equal(whole.borders, 0); /* labels are those under the pixels' middles, */
    assert_true(shrunk.borders > 0);    /* but for shrunk photos, whose masks are, too */
}

/* Crops of a photo that is black and white by one pixel are gray where it is smaller: nothing is left out. */
static void draw_checks(uint8_t *rgb, int x, int y)
{
    memset(rgb, (x + y) % 2 ? 255 : 0, 3);
}

static void small_scales_average(void **state)
{
    (void)state;
    const mseg_train_sample sample = {"checks.png", NULL, 0};
    const mseg_mask_rules rules = rules_of(2, 255);
    mseg_train_data_options options = options_of(&sample, 1, &rules);
    options.masks = false;
    options.scale_max = 0.5;
    options.size = 100; /* whole photos are kept */
    draw("checks.png", 100, 100, MSEG_RGB, draw_checks);
    mseg_train_data *data = open_set(&options, NULL);
    int seen = 0;
    for (int n = 0; n < 20; n++) {
        mseg_train_crop crop;
        assert_true(mseg_train_data_take(data, n, SIZE, false, picture, labels, &crop));
        for (int i = 0; i < SIZE * SIZE; i++) {
            assert_int_equal(labels[i], 255);
            if (!is_inner(photo_x(&crop, i % SIZE), crop.scale_x, 100) || !is_inner(photo_y(&crop, i / SIZE), crop.scale_y, 100))
                continue;
            seen++;
            assert_true(fabs(picture[3 * i] - 127.5) < 3);
        }
    }
    assert_true(seen > 1000);
    mseg_train_data_close(&data);
}

/* Scales lie between the two, spread evenly in their logarithm; crops are filled or photos seen whole; without a span of scales
 * nothing is distorted. */
static void crops_are_drawn_as_told(void **state)
{
    (void)state;
    mseg_train_data_options o = {.scale_min = 0.5, .scale_max = 2, .flip = true, .seed = 9};
    int small = 0, flipped = 0;
    double least = 9, most = 0;
    for (int n = 0; n < 2000; n++) {
        mseg_train_crop crop = {.width = 100, .height = 50};
        mseg_train_colors colors;
        mseg_train_draw(&o, n, 200, &crop, &colors);
        const double scale = sqrt(crop.scale_x * crop.scale_y) / 2, aspect = log(crop.scale_x / crop.scale_y);
        assert_true(scale > 0.5 - 1e-9 && scale < 2 + 1e-9 && fabs(aspect) < 0.12 + 1e-9);
        const double spare_x = 100 * crop.scale_x - 200, spare_y = 50 * crop.scale_y - 200;
        assert_true(crop.left >= fmin(0, spare_x) && crop.left <= fmax(0, spare_x));
        assert_true(crop.top >= fmin(0, spare_y) && crop.top <= fmax(0, spare_y));
        small += scale < 1;
        flipped += crop.flipped;
        least = fmin(least, scale);
        most = fmax(most, scale);
        assert_false(colors.change);
    }
    assert_true(small > 900 && small < 1100 && flipped > 900 && flipped < 1100 && least < 0.51 && most > 1.96);
    o.scale_min = o.scale_max = 1.5;
    o.flip = false;
    for (int n = 0; n < 100; n++) {
        mseg_train_crop crop = {.width = 100, .height = 50};
        mseg_train_colors colors;
        mseg_train_draw(&o, n, 200, &crop, &colors);
        assert_true(fabs(crop.scale_x - 3) < 1e-12 && fabs(crop.scale_y - 3) < 1e-12 && !crop.flipped);
    }
}

/* ---- colours ------------------------------------------------------------------------------------------------------------ */

static void colors_change_as_told(void **state)
{
    (void)state;
    const mseg_train_sample sample = {"noise.png", NULL, 0};
    const mseg_mask_rules rules = rules_of(2, 255);
    mseg_train_data_options plain = options_of(&sample, 1, &rules), colored = plain;
    plain.masks = colored.masks = false;
    colored.color = true;
    draw("noise.png", 64, 64, MSEG_RGB, draw_noise);
    mseg_train_data *a = open_set(&plain, NULL), *b = open_set(&colored, NULL);
    int clamped = 0, grays = 0;
    for (int n = 0; n < 300; n++) {
        mseg_train_crop here, there;
        mseg_train_colors colors;
        assert_true(mseg_train_data_take(a, n, SIZE, false, picture, labels, &here));
        assert_true(mseg_train_data_take(b, n, SIZE, false, other_picture, labels, &there));
        assert_memory_equal(&here, &there, sizeof here);
        mseg_train_draw(&colored, n, SIZE, &there, &colors);
        for (int c = 0; c < 3; c++) {
            const float *m = colors.matrix[c], gain = m[0] + m[1] + m[2];
            assert_true(gain > 0.7 * 0.92 - 1e-5 && gain < 1.3 * 1.08 + 1e-5 && fabsf(m[3]) < 0.3 * 127.5 + 32 + 1e-3);
        }
        grays += fabsf(colors.matrix[0][0] / colors.matrix[0][1] - 0.299f / 0.587f) < 1e-5f;
        for (int i = 0; i < SIZE * SIZE; i++)
            for (int c = 0; c < 3 && picture[3 * i] != -7; c++) {
                const float *m = colors.matrix[c], *p = picture + 3 * i;
                const double v = (double)m[0] * p[0] + (double)m[1] * p[1] + (double)m[2] * p[2] + m[3];
                clamped += v < 0 || v > 255;
                assert_true(fabs(fmin(255, fmax(0, v)) - other_picture[3 * i + c]) < 1e-3);
            }
    }
    assert_true(clamped > 1000 && grays > 2 && grays < 30); /* 4 in 100 */
    mseg_train_data_close(&a);
    mseg_train_data_close(&b);
}

/* ---- as inference sees photos ------------------------------------------------------------------------------------------- */

/* Pixels in a canvas of SIZE: scaled's, at the top left, and pad. */
static void assert_on_canvas(const mseg_image *scaled)
{
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < 3 * SIZE; x++) {
            const bool seen = x < 3 * scaled->width && y < scaled->height;
            assert_true(picture[3 * y * SIZE + x] == (seen ? scaled->data[(size_t)y * scaled->stride + (size_t)x] : -7));
        }
}

static void plain_is_what_inference_sees(void **state)
{
    (void)state;
    static const int sizes[][4] = {{97, 60, 33, 20}, {60, 97, 20, 33}, {20, 11, 33, 18}, {33, 33, 33, 33}, {200, 2, 33, 1}};
    const mseg_mask_rules rules = rules_of(255, 255);
    const mseg_train_sample sample = {"plain.png", "plain-mask.png", 0};
    mseg_train_data_options options = options_of(&sample, 1, &rules);
    options.color = true;
    for (int i = 0; i < 10; i++) {
        const int w = sizes[i / 2][0], h = sizes[i / 2][1];
        mseg_image photo, scaled;
        mseg_train_crop crop;
        draw("plain.png", w, h, MSEG_RGB, draw_noise);
        draw("plain-mask.png", w, h, MSEG_GRAY, draw_fields);
        options.cache_bytes = i % 2 ? 0 : 1 << 20;
        mseg_train_data *data = open_set(&options, NULL);
        assert_true(mseg_train_data_take(data, 3, SIZE, true, picture, labels, &crop));
        assert_int_equal(mseg_image_read(&photo, "plain.png", MSEG_EXIF_APPLY, NULL, NULL), MSEG_OK);
        assert_int_equal(mseg_image_resize(&scaled, mseg_view_of(&photo), sizes[i / 2][2], sizes[i / 2][3], NULL), MSEG_OK);
        assert_on_canvas(&scaled);
        for (int p = 0; p < SIZE * SIZE; p++) {
            uint8_t id = 255;
            if (p % SIZE < scaled.width && p / SIZE < scaled.height)
                draw_fields(&id, (int)((p % SIZE + 0.5) * w / scaled.width), (int)((p / SIZE + 0.5) * h / scaled.height));
            assert_int_equal(labels[p], id);
        }
        assert_true(crop.scale_x == (double)scaled.width / w && crop.scale_y == (double)scaled.height / h);
        assert_true(!crop.left && !crop.top && !crop.flipped && crop.width == w && crop.height == h);
        mseg_image_free(&photo);
        mseg_image_free(&scaled);
        mseg_train_data_close(&data);
    }
}

/* A classifier sees the middle of photos, stretched, and its crops are never smaller than the photo; all labels are the
 * sample's. */
static void classifiers_see_the_middle(void **state)
{
    (void)state;
    const mseg_mask_rules rules = rules_of(3, 255);
    const mseg_train_sample sample = {"wide.png", NULL, 2};
    mseg_train_data_options options = options_of(&sample, 1, &rules);
    options.classifier = true;
    options.masks = false;
    draw("wide.png", 120, 80, MSEG_RGB, draw_noise);
    mseg_image photo, scaled;
    mseg_train_crop crop;
    mseg_train_data *data = open_set(&options, NULL);
    assert_true(mseg_train_data_take(data, 0, SIZE, true, picture, labels, &crop));
    assert_int_equal(mseg_image_read(&photo, "wide.png", MSEG_EXIF_APPLY, NULL, NULL), MSEG_OK);
    /* int(120 * 0.125 / 2) = 7 columns and int(80 * 0.125 / 2) = 5 rows less on each side */
    const mseg_view middle = {106, 70, MSEG_RGB, photo.stride, photo.data + 5 * photo.stride + 3 * (size_t)7};
    assert_int_equal(mseg_image_resize(&scaled, middle, SIZE, SIZE, NULL), MSEG_OK);
    assert_on_canvas(&scaled);
    assert_true(fabs(photo_x(&crop, 0) - (7 + 0.5 * 106 / SIZE)) < 1e-9 &&
                fabs(photo_y(&crop, 0) - (5 + 0.5 * 70 / SIZE)) < 1e-9);
    for (int n = 0; n < 50; n++) {
        assert_true(mseg_train_data_take(data, n, SIZE, false, picture, labels, &crop));
        for (int i = 0; i < SIZE * SIZE; i++) {
            assert_int_equal(labels[i], 2);
            assert_true(picture[3 * i] >= 0);
        }
        assert_true(crop.scale_x * 120 > SIZE - 1e-9 && crop.scale_x * 120 < SIZE * 2 * exp(0.06) + 1e-9);
        assert_true(crop.scale_y * 80 > SIZE - 1e-9 && crop.scale_y * 80 < SIZE * 2 * exp(0.06) + 1e-9);
    }
    mseg_image_free(&photo);
    mseg_image_free(&scaled);
    mseg_train_data_close(&data);
}

/* Photos are scaled by the kernels that are asked for. */
static void kernels_as_asked(void **state)
{
    (void)state;
    const mseg_train_sample samples[] = {{"wide.png", NULL, 0}};
    const mseg_mask_rules rules = rules_of(255, 255);
    const mseg_cpu detected = mseg_cpu_detect(), none = {.l2_bytes = detected.l2_bytes};
    mseg_train_data_options options = options_of(samples, 1, &rules);
    options.masks = false;
    draw("wide.png", 118, 76, MSEG_RGB, draw_place);
    for (int i = 0; i < 3; i++) {
        options.cpu = i == 0 ? NULL : i == 1 ? &detected : &none;
        mseg_train_data *data = open_set(&options, NULL);
        const mseg_kernels wanted = mseg_kernels_for(i < 2 ? &detected : &none);
        assert_ptr_equal(data->kernels.normalise, wanted.normalise);
        assert_int_equal(data->kernels.level, wanted.level);
        mseg_train_data_close(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_as_asked),           cmocka_unit_test(crops_lie_where_they_say),
        cmocka_unit_test(small_scales_average),       cmocka_unit_test(crops_are_drawn_as_told),
        cmocka_unit_test(colors_change_as_told),      cmocka_unit_test(plain_is_what_inference_sees),
        cmocka_unit_test(classifiers_see_the_middle),
    };
    return cmocka_run_group_tests_name("data", tests, enter_folder, leave_folder);
}
