/* What is wrong with data for training: told by file, refused where it makes no sense to go on, and photos that vanish later. */
#include "data_set.h"

enum { SIZE = 17 };

static void draw_zero(uint8_t *id, int x, int y)
{
    (void)x, (void)y;
    *id = 0;
}

/* One pixel of 37, two of 41 */
static void draw_strays(uint8_t *id, int x, int y)
{
    *id = x == 5 && y == 3 ? 37 : y == 7 && x < 2 ? 41 : 1;
}

static void draw_one_stray(uint8_t *id, int x, int y)
{
    *id = x == 6 && y == 4 ? 41 : 2;
}

static void draw_from_ten(uint8_t *id, int x, int y)
{
    (void)y;
    *id = (uint8_t)(10 + x);
}

static void draw_ignored(uint8_t *id, int x, int y)
{
    (void)x, (void)y;
    *id = 255;
}

static void draw_0_255(uint8_t *id, int x, int y)
{
    (void)y;
    *id = x < 9 ? 0 : 255;
}

/* Colours of rules_of. */
static void draw_class_colors(uint8_t *rgb, int x, int y)
{
    (void)y;
    memcpy(rgb, (uint8_t[]){(uint8_t)(x % 3 * 10), 20, 30}, 3);
}

static void draw_other_colors(uint8_t *rgb, int x, int y)
{
    memcpy(rgb, (uint8_t[]){x == 2 && y == 1 ? 99 : 10, 20, 30}, 3);
}

static const struct {
    const char *path;
    int width, height;
    mseg_format format;
    draw_fn fn;
} pictures[] = {
    {"a.png", 20, 12, MSEG_RGB, draw_noise},
    {"b.png", 20, 12, MSEG_RGB, draw_noise},
    {"black.png", 20, 12, MSEG_RGB, draw_black},
    {"thirds.png", 20, 12, MSEG_GRAY, draw_thirds},
    {"wide.png", 30, 12, MSEG_GRAY, draw_thirds},
    {"turned.png", 12, 20, MSEG_GRAY, draw_thirds},
    {"zero.png", 20, 12, MSEG_GRAY, draw_zero},
    {"strays.png", 20, 12, MSEG_GRAY, draw_strays},
    {"stray.png", 20, 12, MSEG_GRAY, draw_one_stray},
    {"many.png", 20, 12, MSEG_GRAY, draw_from_ten},
    {"ignored.png", 20, 12, MSEG_GRAY, draw_ignored},
    {"0-255.png", 20, 12, MSEG_GRAY, draw_0_255},
    {"colors.png", 20, 12, MSEG_RGB, draw_class_colors},
    {"others.png", 20, 12, MSEG_RGB, draw_other_colors},
};

/* An indexed mask whose palette has the classes' colours, at other indices. */
static void write_indexed(const char *path)
{
    mseg_image ids;
    mseg_colors colors = {.count = 3, .rgb = {{20, 20, 30}, {10, 20, 30}, {0, 20, 30}}};
    assert_int_equal(mseg_image_create(&ids, 20, 12, MSEG_GRAY), MSEG_OK);
    for (int i = 0; i < 20 * 12; i++)
        draw_thirds(&ids.data[i], i % 20, 0);
    assert_int_equal(mseg_image_write_indexed(path, mseg_view_of(&ids), &colors, NULL), MSEG_OK);
    mseg_image_free(&ids);
}

static int draw_pictures(void **state)
{
    if (enter_folder(state))
        return -1;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        draw(pictures[i].path, pictures[i].width, pictures[i].height, pictures[i].format, pictures[i].fn);
    write_indexed("indexed.png");
    draw_jpeg("photo.jpg", 20, 12, draw_noise, 0);
    draw_jpeg("cut.jpg", 20, 12, draw_noise, 100);
    write_bytes("text.jpg", "photos", 6);
    return 0;
}

/* ---- what is told ------------------------------------------------------------------------------------------------------- */

typedef struct opening {
    mseg_status status;
    mseg_error err;
    notes notes;
    mseg_train_figures figures;
} opening;

static opening try_to_open(const mseg_train_data_options *options, int threads)
{
    mseg_pool *pool;
    mseg_train_data *data;
    opening o = {0};
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    o.status = mseg_train_data_open(&data, options, pool, take_note, &o.notes, &o.err);
    assert_int_equal(o.status != MSEG_OK, !data);
    if (data)
        o.figures = *mseg_train_data_figures(data);
    mseg_train_data_close(&data);
    mseg_pool_close(&pool);
    return o;
}

static void bad_files_are_left_out(void **state)
{
    (void)state;
    const mseg_train_sample samples[] = {
        {"no/photo.jpg", "thirds.png", 0}, {"a.png", "thirds.png", 0},     {"cut.jpg", "thirds.png", 0},
        {"text.jpg", "thirds.png", 0},     {"a.png", "no-mask.png", 0},    {"a.png", NULL, 0},
        {"a.png", "photo.jpg", 0},         {"a.png", "wide.png", 0},       {"a.png", "turned.png", 0},
        {"black.png", "thirds.png", 0},    {"photo.jpg", "thirds.png", 0},
    };
    static const char wanted[] = "no/photo.jpg: cannot open: No such file or directory; left out\n"
                                 "cut.jpg: truncated JPEG; left out\n"
                                 "text.jpg: not a PNG, JPEG, WebP or TIFF (starts like text); left out\n"
                                 "no-mask.png: cannot open: No such file or directory; left out\n"
                                 "a.png: has no mask; left out\n"
                                 "photo.jpg: a JPEG; label maps must be PNG, because JPEG changes the labels; left out\n"
                                 "wide.png: the mask is 30x12, its photo 20x12; left out\n"
                                 "turned.png: the mask is 12x20, its photo 20x12; if EXIF turned the photo, --orientation ignore "
                                 "takes it as it is stored; "
                                 "left out\n"
                                 "black.png: is 0,0,0 all over: is it the right file?\n"
                                 "1 of 3 classes never occurs and cannot be learnt: 2 (class 2)\n";
    const mseg_mask_rules rules = rules_of(3, 255);
    const mseg_train_data_options options = options_of(samples, 11, &rules);
    for (int threads = 1; threads < 4; threads++) {
        opening o = try_to_open(&options, threads);
        assert_int_equal(o.status, MSEG_OK);
        assert_string_equal(o.notes.text, wanted);
        assert_int_equal(o.figures.used, 3);
        assert_int_equal(o.figures.left_out, 8);
        /* Columns 0 to 9 are class 0, the others class 1. */
        assert_true(o.figures.pixels[0] == 3 * 120 && o.figures.pixels[1] == 3 * 120 && o.figures.files[0] == 3);
    }
}

static void many_of_a_kind_are_counted(void **state)
{
    (void)state;
    mseg_train_sample samples[50];
    char wanted[4096] = "";
    for (int i = 0; i < 50; i++) {
        const char *photo = i < 13 ? "gone.png" : i < 25 ? "black.png" : "a.png";
        const char *mask = i < 25 || i >= 46 ? "thirds.png" : i < 36 ? "wide.png" : "none.png";
        samples[i] = (mseg_train_sample){photo, mask, 0};
    }
    for (int i = 0; i < 10; i++)
        strcat(wanted, "gone.png: cannot open: No such file or directory; left out\n");
    for (int i = 0; i < 10; i++)
        strcat(wanted, "black.png: is 0,0,0 all over: is it the right file?\n");
    for (int i = 0; i < 10; i++)
        strcat(wanted, "wide.png: the mask is 30x12, its photo 20x12; left out\n");
    for (int i = 0; i < 10; i++)
        strcat(wanted, "none.png: cannot open: No such file or directory; left out\n");
    strcat(wanted, "photos that cannot be read, left out: 3 more\n"
                   "masks that are not of their photo's size, left out: 1 more\n"
                   "photos of one colour: 2 more\n"
                   "1 of 3 classes never occurs and cannot be learnt: 2 (class 2)\n");
    const mseg_mask_rules rules = rules_of(3, 255);
    const mseg_train_data_options options = options_of(samples, 50, &rules);
    opening o = try_to_open(&options, 2);
    assert_int_equal(o.status, MSEG_OK);
    assert_string_equal(o.notes.text, wanted);
    assert_int_equal(o.figures.used, 12 + 4);
}

/* A photo that EXIF turns, from a camera, has a mask that is turned, too, or one that is not. */
static void turned_photos_have_turned_masks(void **state)
{
    (void)state;
    static const char photo[] = MSEG_TESTS_DIR "/image/golden/exif_6_le.jpg";
    const mseg_mask_rules rules = rules_of(3, 255);
    mseg_image stored;
    assert_int_equal(mseg_image_read(&stored, photo, MSEG_EXIF_IGNORE, NULL, NULL), MSEG_OK);
    assert_int_not_equal(stored.width, stored.height);
    draw("as-stored.png", stored.width, stored.height, MSEG_GRAY, draw_thirds);
    draw("as-turned.png", stored.height, stored.width, MSEG_GRAY, draw_thirds);
    for (int i = 0; i < 4; i++) {
        const bool turned_mask = i % 2, apply = i / 2;
        const mseg_train_sample samples[] = {{photo, turned_mask ? "as-turned.png" : "as-stored.png", 0},
                                             {"a.png", "thirds.png", 0}};
        mseg_train_data_options options = options_of(samples, 2, &rules);
        options.orientation = apply ? MSEG_EXIF_APPLY : MSEG_EXIF_IGNORE;
        opening o = try_to_open(&options, 1);
        assert_int_equal(o.status, MSEG_OK);
        assert_int_equal(o.figures.used, turned_mask == apply ? 2 : 1);
        if (turned_mask != apply)
            assert_non_null(strstr(o.notes.text, apply ? "--orientation ignore takes it as it is stored; left out\n"
                                                       : "--orientation apply turns it; left out\n"));
    }
    mseg_image_free(&stored);
}

static void classes_that_never_occur_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *mask;
        int classes;
        const char *text;
    } cases[] = {
        {"thirds.png", 2, ""},
        {"thirds.png", 3, "1 of 3 classes never occurs and cannot be learnt: 2 (class 2)\n"},
        {"thirds.png", 14,
         "12 of 14 classes never occur and cannot be learnt: 2 (class 2), 3 (class 3), 4 (class 4), 5 (class 5), 6 (class 6), 7 "
         "(class 7), 8 (class 8), 9 (class 9), 10 (class 10), 11 (class 11) and 2 more\n"},
        {"zero.png", 3,
         "2 of 3 classes never occur and cannot be learnt: 1 (class 1), 2 (class 2); all that counts is 0 (class 0)\n"},
        {"0-255.png", 2,
         "1 of 2 classes never occurs and cannot be learnt: 1 (class 1); all that counts is 0 (class 0), 255 does not: a line "
         "'255 1' "
         "in a file for --map makes class 1 of it\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mseg_train_sample sample = {"a.png", cases[i].mask, 0};
        const mseg_mask_rules rules = rules_of(cases[i].classes, 255);
        const mseg_train_data_options options = options_of(&sample, 1, &rules);
        opening o = try_to_open(&options, 1);
        assert_int_equal(o.status, MSEG_OK);
        assert_string_equal(o.notes.text, cases[i].text);
    }
    /* One that the map leaves out is not missed; 255 that it makes a class is there. */
    const mseg_train_sample sample = {"a.png", "0-255.png", 0};
    mseg_mask_rules rules = rules_of(3, 255);
    rules.map[255] = 1;
    rules.map[2] = 255;
    rules.left_out[2] = true;
    const mseg_train_data_options options = options_of(&sample, 1, &rules);
    opening o = try_to_open(&options, 1);
    assert_int_equal(o.status, MSEG_OK);
    assert_string_equal(o.notes.text, "");
    assert_true(o.figures.pixels[0] == 9 * 12 && o.figures.pixels[1] == 11 * 12 && !o.figures.pixels[255]);
}

static void unknown_colors_are_counted(void **state)
{
    (void)state;
    const mseg_train_sample samples[] = {{"a.png", "others.png", 0}, {"a.png", "others.png", 0}, {"a.png", "colors.png", 0}};
    mseg_mask_rules rules = rules_of(3, 255);
    rules.unknown_is_ignore = true;
    const mseg_train_data_options options = options_of(samples, 3, &rules);
    opening o = try_to_open(&options, 2);
    assert_int_equal(o.status, MSEG_OK);
    assert_string_equal(o.notes.text, "2 pixels of unknown colours do not count, as asked\n");
    assert_int_equal(o.figures.pixels[255], 2);
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

static void assert_refused(const mseg_train_data_options *options, const char *told, const char *error)
{
    for (int threads = 1; threads < 3; threads++) {
        opening o = try_to_open(options, threads);
        assert_int_equal(o.status, MSEG_MISMATCH);
        assert_string_equal(o.err.text, error);
        assert_string_equal(o.notes.text, told);
    }
}

static void strays_are_refused(void **state)
{
    (void)state;
    const mseg_train_sample samples[] = {{"a.png", "strays.png", 0},
                                         {"a.png", "thirds.png", 0},
                                         {"b.png", "stray.png", 0},
                                         {"gone.png", "thirds.png", 0},
                                         {"a.png", "wide.png", 0}};
    mseg_mask_rules rules = rules_of(3, 255);
    mseg_train_data_options options = options_of(samples, 5, &rules);
    assert_refused(&options,
                   "strays.png: label 37 is not a class: 1 pixel, the first at x 5, y 3\n"
                   "stray.png: label 41 is not a class: 1 pixel, the first at x 6, y 4\n"
                   "gone.png: cannot open: No such file or directory; left out\n"
                   "wide.png: the mask is 30x12, its photo 20x12; left out\n",
                   "2 of 4 masks hold ids that are none of the 3 classes (37, 41): --classes FILE lists the classes, --map FILE "
                   "makes classes of ids, --ignore N leaves an id out");
    rules.map[37] = 0;
    assert_refused(&options,
                   "strays.png: label 41 is not a class: 2 pixels, the first at x 0, y 7\n"
                   "stray.png: label 41 is not a class: 1 pixel, the first at x 6, y 4\n"
                   "gone.png: cannot open: No such file or directory; left out\n"
                   "wide.png: the mask is 30x12, its photo 20x12; left out\n",
                   "2 of 4 masks hold ids that are none of the 3 classes (41): --classes FILE lists the classes, --map FILE "
                   "makes classes of ids, --ignore N leaves an id out");
    rules.map[41] = 255;
    assert_int_equal(try_to_open(&options, 1).status, MSEG_OK);
    const mseg_train_sample one = {"a.png", "many.png", 0};
    options = options_of(&one, 1, &rules);
    assert_refused(&options, "many.png: label 10 is not a class: 12 pixels, the first at x 0, y 0\n",
                   "1 of 1 masks holds ids that are none of the 3 classes (10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 10 more): "
                   "--classes FILE lists the classes, --map FILE makes classes of ids, --ignore N leaves an id out");
}

static void colors_are_refused(void **state)
{
    (void)state;
    static const char advice[] = "2 of 3 masks hold colours that are no class's: --classes FILE gives classes their colours, "
                                 "--read-masks ids or colors tells what counts";
    const mseg_train_sample samples[] = {{"a.png", "others.png", 0}, {"a.png", "thirds.png", 0}, {"b.png", "others.png", 0}};
    const mseg_train_sample known[] = {{"a.png", "colors.png", 0}, {"a.png", "thirds.png", 0}, {"b.png", "colors.png", 0}};
    mseg_mask_rules rules = rules_of(3, 255);
    mseg_train_data_options options = options_of(samples, 3, &rules);
    assert_refused(&options,
                   "others.png: colour 99,20,30 is not in the palette: x 2, y 1; 1 pixel of unknown colours\n"
                   "others.png: colour 99,20,30 is not in the palette: x 2, y 1; 1 pixel of unknown colours\n",
                   advice);
    options = options_of(known, 3, &rules);
    assert_int_equal(try_to_open(&options, 1).status, MSEG_OK);
    rules.read = MSEG_READ_IDS;
    assert_refused(&options,
                   "colors.png: an RGB file whose channels differ holds colours, not ids\n"
                   "colors.png: an RGB file whose channels differ holds colours, not ids\n",
                   advice);
    rules.read = MSEG_READ_COLORS;
    const mseg_train_sample ids[] = {{"a.png", "thirds.png", 0}, {"a.png", "colors.png", 0}, {"b.png", "zero.png", 0}};
    options = options_of(ids, 3, &rules);
    assert_refused(&options,
                   "thirds.png: colour 0,0,0 is not in the palette: x 0, y 0; 240 pixels of unknown colours\n"
                   "zero.png: colour 0,0,0 is not in the palette: x 0, y 0; 240 pixels of unknown colours\n",
                   advice);
}

static void unclear_masks_are_refused(void **state)
{
    (void)state;
    static const char text[] = "its palette has the classes' colours at other indices (0 has that of 2, class 2); --read-masks "
                               "colors or ids tells which counts";
    char told[512], error[512];
    const mseg_train_sample samples[] = {{"a.png", "thirds.png", 0}, {"a.png", "indexed.png", 0}};
    mseg_mask_rules rules = rules_of(3, 255);
    mseg_train_data_options options = options_of(samples, 2, &rules);
    snprintf(told, sizeof told, "indexed.png: %s\n", text);
    snprintf(error, sizeof error, "1 of 2 samples does not fit the classes; indexed.png: %s", text);
    assert_refused(&options, told, error);
    const mseg_train_sample labelled[] = {{"a.png", NULL, 2}, {"b.png", NULL, 3}};
    options = options_of(labelled, 2, &rules);
    options.masks = false;
    options.classifier = true;
    assert_refused(&options, "b.png: label 3 is not a class\n",
                   "1 of 2 samples does not fit the classes; b.png: label 3 is not a class");
}

static void nothing_left_is_refused(void **state)
{
    (void)state;
    const mseg_train_sample samples[] = {{"some/gone.png", "thirds.png", 0}, {"a.png", "some/mask.png", 0}};
    const mseg_train_sample ignored = {"a.png", "ignored.png", 0};
    const mseg_mask_rules rules = rules_of(3, 255);
    mseg_train_data_options options = options_of(samples, 2, &rules);
    assert_refused(&options,
                   "some/gone.png: cannot open: No such file or directory; left out\nsome/mask.png: cannot open: No such file or "
                   "directory; left out\n",
                   "nothing is left to train on; gone.png: cannot open: No such file or directory");
    options = options_of(samples, 0, &rules);
    assert_refused(&options, "", "there are no photos to train on");
    options = options_of(&ignored, 1, &rules);
    assert_refused(&options, "", "no pixel of any mask is of a class that counts");
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    static const struct {
        int size;
        double scale_min, scale_max;
        const char *text;
    } cases[] = {
        {0, 0.5, 2, "size 0 is below 1"},
        {17, 0, 2, "scales 0 to 2 are not above 0 and in order, up to 1000"},
        {17, 2, 1, "scales 2 to 1 are not above 0 and in order, up to 1000"},
        {17, 1, NAN, "scales 1 to nan are not above 0 and in order, up to 1000"},
    };
    const mseg_train_sample sample = {"a.png", "thirds.png", 0};
    const mseg_mask_rules rules = rules_of(3, 255);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_train_data_options options = options_of(&sample, 1, &rules);
        options.size = cases[i].size;
        options.scale_min = cases[i].scale_min;
        options.scale_max = cases[i].scale_max;
        opening o = try_to_open(&options, 1);
        assert_int_equal(o.status, MSEG_INVAL);
        assert_string_equal(o.err.text, cases[i].text);
    }
}

/* ---- later -------------------------------------------------------------------------------------------------------------- */

/* Takes two epochs of two samples; whether each was there. */
static void take_four(mseg_train_data *data, bool there[4])
{
    static float picture[SIZE * SIZE * 3];
    static uint8_t labels[SIZE * SIZE];
    for (int n = 0; n < 4; n++) {
        mseg_train_crop crop;
        there[n] = mseg_train_data_take(data, n, SIZE, n == 3, picture, labels, &crop);
        for (int i = 0; i < SIZE * SIZE && !there[n]; i++)
            assert_true(labels[i] == 255 && picture[3 * i] == -7 && picture[3 * i + 1] == -7 && picture[3 * i + 2] == -7);
        assert_int_equal(crop.scale_x > 0, there[n]);
    }
}

static void what_vanishes_is_told_once(void **state)
{
    (void)state;
    static const struct {
        const char *gone, *text;
        int width; /* of what comes in its place; 0: nothing */
    } cases[] = {
        {"late.png", "late.png: no longer usable: cannot open: No such file or directory\n", 0},
        {"late-mask.png", "late-mask.png: no longer usable: cannot open: No such file or directory\n", 0},
        {"late.png", "late.png: no longer usable: now 19x12, it was 20x12\n", 19},
        {"late-mask.png", "late-mask.png: no longer usable: the mask is 19x12, its photo 20x12\n", 19},
    };
    const mseg_train_sample samples[] = {{"a.png", "thirds.png", 0}, {"late.png", "late-mask.png", 0}};
    const mseg_mask_rules rules = rules_of(2, 255);
    for (int i = 0; i < 8; i++) {
        const bool kept = i % 2;
        notes told = {0};
        bool there[4];
        mseg_train_data *data;
        draw("late.png", 20, 12, MSEG_RGB, draw_noise);
        draw("late-mask.png", 20, 12, MSEG_GRAY, draw_thirds);
        mseg_train_data_options options = options_of(samples, 2, &rules);
        options.cache_bytes = kept ? 1 << 20 : 0;
        assert_int_equal(mseg_train_data_open(&data, &options, NULL, take_note, &told, NULL), MSEG_OK);
        unlink(cases[i / 2].gone);
        if (cases[i / 2].width)
            draw(cases[i / 2].gone, cases[i / 2].width, 12, strchr(cases[i / 2].gone, '-') ? MSEG_GRAY : MSEG_RGB,
                 strchr(cases[i / 2].gone, '-') ? draw_thirds : draw_noise);
        take_four(data, there);
        for (int n = 0; n < 4; n++)
            assert_int_equal(there[n], kept || mseg_train_data_order(data, n) == 0);
        assert_string_equal(told.text, kept ? "" : cases[i / 2].text);
        mseg_train_data_close(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_left_out),
        cmocka_unit_test(many_of_a_kind_are_counted),
        cmocka_unit_test(turned_photos_have_turned_masks),
        cmocka_unit_test(classes_that_never_occur_are_told),
        cmocka_unit_test(unknown_colors_are_counted),
        cmocka_unit_test(strays_are_refused),
        cmocka_unit_test(colors_are_refused),
        cmocka_unit_test(unclear_masks_are_refused),
        cmocka_unit_test(nothing_left_is_refused),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(what_vanishes_is_told_once),
    };
    return cmocka_run_group_tests_name("data, looked at", tests, draw_pictures, leave_folder);
}
