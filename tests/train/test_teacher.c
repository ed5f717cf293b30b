/* What a teacher tells of its backbone's last map, held to that map itself. */
#include "data_set.h"

#include "base/alloc.h"
#include "seg/model.h"
#include "seg/run/features.h"
#include "seg/train/teacher.h"

/* Maps of 5 x 5 points, each of which the components are found from. */
enum { SIDE = 65, MAP = 5, PHOTOS = 8, POINTS = PHOTOS * MAP * MAP, CLASSES = 3 };

static mseg_train_sample samples[PHOTOS];
static int shift;

static void draw_shapes(uint8_t *rgb, int x, int y)
{
    for (int c = 0; c < 3; c++) {
        const uint64_t cell = mseg_train_scramble((uint64_t)(x / 11 + 50 * (y / 9) + 3000 * c + 10000 * shift));
        rgb[c] = (uint8_t)(cell >> 24);
    }
}

/* Photos, and a teacher of random numbers that a step of training has given norms. */
static int make_files(void **state)
{
    static char names[PHOTOS][24];
    const mseg_mask_rules rules = rules_of(CLASSES, 255);
    mseg_train_options options;
    mseg_training *training;
    if (enter_folder(state))
        return 1;
    draw("mask.png", SIDE, SIDE, MSEG_GRAY, draw_thirds);
    for (shift = 0; shift < PHOTOS; shift++) {
        snprintf(names[shift], sizeof names[shift], "p%d.png", shift);
        draw(names[shift], SIDE, SIDE, MSEG_RGB, draw_shapes);
        samples[shift] = (mseg_train_sample){names[shift], "mask.png", 0};
    }
    mseg_train_options_init(&options, sizeof options);
    options.architecture = "mnv2:0.1";
    options.train = samples;
    options.n_train = PHOTOS;
    options.rules = &rules;
    options.size = SIDE;
    options.steps = 1;
    int bad = mseg_training_open(&training, &options, NULL, NULL, NULL, NULL);
    bad = bad || mseg_training_step(training, NULL) || mseg_training_write(training, "teacher.tflite", NULL, NULL);
    mseg_training_close(&training);
    return bad;
}

static mseg_train_teacher *open_teacher(bool features, mseg_pool *pool)
{
    const mseg_mask_rules rules = rules_of(CLASSES, 255);
    mseg_train_data_options data = options_of(samples, PHOTOS, &rules);
    const mseg_train_teacher_options how = {.path = "teacher.tflite", .classes = CLASSES, .features = features};
    mseg_train_teacher *teacher;
    mseg_error err = {0};
    data.input = mseg_input_deeplab;
    if (mseg_train_teacher_open(&teacher, &how, &data, pool, &err))
        fail_msg("%s", err.text);
    return teacher;
}

typedef struct answer {
    float targets[MAP * MAP * CLASSES], weights[MAP * MAP], features[MAP * MAP * 64];
} answer;

static answer ask(mseg_train_teacher *teacher, size_t sample, bool flipped)
{
    answer a = {0};
    const mseg_train_crop whole = {1, 1, 0, 0, flipped, SIDE, SIDE};
    const mseg_train_question question = {SIDE, MAP, MAP, a.targets, a.features, a.weights};
    assert_true(mseg_train_teacher_take(teacher, sample, &whole, &question, 0));
    return a;
}

/* The maps of all photos, [POINTS][*channels], less their mean. */
static float *run_model(int *channels)
{
    mseg_model *model;
    mseg_session *session;
    float *all = NULL;
    mseg_model_options how;
    mseg_run_options own;
    mseg_run_options_init(&own, sizeof own);
    own.size = 0;
    mseg_model_options_init(&how, sizeof how);
    how.precision = MSEG_PRECISION_FLOAT;
    assert_int_equal(mseg_model_open_features(&model, "teacher.tflite", &how, NULL), MSEG_OK);
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    for (int i = 0; i < PHOTOS; i++) {
        mseg_image photo;
        mseg_result result;
        assert_int_equal(mseg_image_read(&photo, samples[i].photo, MSEG_EXIF_APPLY, NULL, NULL), MSEG_OK);
        assert_int_equal(mseg_segment(session, mseg_view_of(&photo), &own, &result, NULL), MSEG_OK);
        const mseg_features map = mseg_session_features(session);
        assert_true(map.width == MAP && map.height == MAP);
        *channels = map.channels;
        all = all ? all : calloc(POINTS, (size_t)map.channels * sizeof *all);
        for (int p = 0; p < MAP * MAP; p++)
            memcpy(all + (i * MAP * MAP + p) * map.channels, map.values + p / MAP * map.row + p % MAP * map.pixel,
                   (size_t)map.channels * sizeof *all);
        mseg_image_free(&photo);
    }
    mseg_session_close(&session);
    mseg_model_close(&model);
    for (int c = 0; c < *channels; c++) {
        double mean = 0;
        for (int p = 0; p < POINTS; p++)
            mean += (double)all[p * *channels + c] / POINTS;
        for (int p = 0; p < POINTS; p++)
            all[p * *channels + c] -= (float)mean;
    }
    return all;
}

/* Components of the points of all photos, [POINTS][64]. */
static void take_components(mseg_train_teacher *teacher, float t[POINTS][64])
{
    const int parts = mseg_train_teacher_features(teacher);
    for (int i = 0; i < PHOTOS; i++) {
        const answer a = ask(teacher, (size_t)i, false);
        for (int p = 0; p < MAP * MAP; p++)
            memcpy(t[i * MAP * MAP + p], a.features + p * parts, (size_t)parts * sizeof(float));
    }
}

/* Products of the maps at two points are products of the components, each weighed by its variance: with x = sum_k t_k sqrt(d_k)
 * v_k / s, t_k being x along v_k times s / sqrt(d_k), whose variance w_k is s^2 d_k, <x, y> = sum_k w_k t_k u_k / s^4. A
 * component is off by half a byte of 127 for eight deviations, half_k, at most: which makes w_k (|t_k| + |u_k| + half_k) half_k.
 */
static void check_products(const float *map, int channels, float t[POINTS][64], const double *w, double s4)
{
    for (int p = 0; p < POINTS; p++)
        for (int q = 0; q <= p; q++) {
            double want = 0, got = 0, off = 0;
            for (int c = 0; c < channels; c++)
                want += (double)map[p * channels + c] * (double)map[q * channels + c];
            for (int k = 0; k < channels; k++) {
                const double half = sqrt(w[k]) * 8 / 127 / 2;
                got += w[k] * (double)t[p][k] * (double)t[q][k] / s4;
                off += w[k] * (fabs((double)t[p][k]) + fabs((double)t[q][k]) + half) * half / s4;
            }
            if (!(fabs(got - want) <= off + 0.001 * fabs(want)))
                fail_msg("points %d and %d: product %g, not %g; bytes explain %g", p, q, got, want, off);
        }
}

static void components_are_those_of_the_map(void **state)
{
    (void)state;
    static float t[POINTS][64];
    double variance[64] = {0}, sum = 0, products = 0, squares = 0;
    int channels = 0;
    mseg_train_teacher *teacher = open_teacher(true, NULL);
    float *map = run_model(&channels);
    assert_true(channels < 64); /* all that there is is told, then */
    assert_int_equal(mseg_train_teacher_features(teacher), channels);
    take_components(teacher, t);
    for (int k = 0; k < channels; k++) {
        for (int p = 0; p < POINTS; p++)
            variance[k] += (double)t[p][k] * (double)t[p][k] / POINTS;
        sum += variance[k];
        products += variance[k] * variance[k];
    }
    assert_true(fabs(sum / channels - 1) < 0.001); /* rounding makes 0.063^2 / 12 */
    for (int i = 0; i < POINTS * channels; i++)
        squares += (double)map[i] * (double)map[i] / POINTS;
    check_products(map, channels, t, variance, products / squares);
    free(map);
    mseg_train_teacher_close(&teacher);
}

static void flipped_crops_have_flipped_features(void **state)
{
    (void)state;
    mseg_train_teacher *teacher = open_teacher(true, NULL);
    const int parts = mseg_train_teacher_features(teacher);
    const answer straight = ask(teacher, 3, false), flipped = ask(teacher, 3, true);
    for (int y = 0; y < MAP; y++)
        for (int x = 0; x < MAP; x++)
            for (int k = 0; k < parts; k++)
                assert_true(fabsf(straight.features[(y * MAP + x) * parts + k] -
                                  flipped.features[(y * MAP + MAP - 1 - x) * parts + k]) < 1e-4f);
    mseg_train_teacher_close(&teacher);
}

/* What it says of classes is what it says without; and threads change nothing. */
static void features_change_no_labels(void **state)
{
    (void)state;
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, 3), MSEG_OK);
    mseg_train_teacher *with = open_teacher(true, NULL), *without = open_teacher(false, NULL), *many = open_teacher(true, pool);
    assert_int_equal(mseg_train_teacher_features(without), 0);
    for (size_t i = 0; i < PHOTOS; i++) {
        const answer a = ask(with, i, false), b = ask(without, i, false), c = ask(many, i, false);
        for (int k = 0; k < MAP * MAP * CLASSES; k++)
            assert_true(fabsf(a.targets[k] - b.targets[k]) <= 1.01f / 255);
        assert_memory_equal(&a, &c, sizeof a);
    }
    mseg_train_teacher_close(&with);
    mseg_train_teacher_close(&without);
    mseg_train_teacher_close(&many);
    mseg_pool_close(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_those_of_the_map),
        cmocka_unit_test(flipped_crops_have_flipped_features),
        cmocka_unit_test(features_change_no_labels),
    };
    return cmocka_run_group_tests(tests, make_files, leave_folder);
}
