/* That nothing but seed and number changes a crop's bits, the order of samples, and weights of classes. */
#include "data_set.h"

#include "base/parallel.h"

enum { SIZE = 33 };

/* ---- the same bits ------------------------------------------------------------------------------------------------------ */

enum { SET = 12, TAKEN = 40 };

typedef struct taken {
    float picture[SIZE * SIZE * 3];
    uint8_t labels[SIZE * SIZE];
    mseg_train_crop crop;
} taken;

typedef struct taking {
    mseg_train_data *data;
    taken *all;
} taking;

static void take_one(void *context, int task, int worker)
{
    (void)worker;
    taking *t = context;
    taken *one = &t->all[task];
    mseg_train_data_take(t->data, task, SIZE, task % 5 == 4, one->picture, one->labels, &one->crop);
}

static taken *take_all(const mseg_train_data_options *options, int threads)
{
    mseg_pool *pool;
    taken *all = calloc(TAKEN, sizeof *all);
    assert_non_null(all);
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    mseg_train_data *data = open_set(options, pool);
    assert_true(atomic_load(&data->kept_bytes) <= options->cache_bytes);
    if (options->cache_bytes == 1 << 30)
        assert_int_equal(data->figures.used, SET);
    taking job = {data, all};
    mseg_pool_for(pool, TAKEN, take_one, &job);
    mseg_train_data_close(&data);
    mseg_pool_close(&pool);
    return all;
}

static void bits_depend_on_seed_and_number(void **state)
{
    (void)state;
    static char names[SET][2][16];
    mseg_train_sample samples[SET];
    const mseg_mask_rules rules = rules_of(3, 255);
    for (int i = 0; i < SET; i++) {
        const int w = 40 + 9 * i, h = 120 - 7 * i;
        snprintf(names[i][0], sizeof names[i][0], "p%d", i);
        snprintf(names[i][1], sizeof names[i][1], "m%d.png", i);
        if (i % 2)
            draw_jpeg(names[i][0], w, h, draw_noise, 0);
        else
            draw(names[i][0], w, h, MSEG_RGB, draw_noise);
        draw(names[i][1], w, h, MSEG_GRAY, draw_thirds);
        samples[i] = (mseg_train_sample){names[i][0], names[i][1], 0};
    }
    mseg_train_data_options options = options_of(samples, SET, &rules);
    options.color = true;
    taken *wanted = take_all(&options, 1);
    static const size_t caches[] = {0, 60000, 1 << 30};
    for (int i = 0; i < 9; i++) {
        options.cache_bytes = caches[i / 3];
        taken *got = take_all(&options, i % 3 + 1);
        assert_memory_equal(got, wanted, TAKEN * sizeof *got);
        free(got);
    }
    options.seed = 2;
    taken *other = take_all(&options, 1);
    int equal = 0;
    for (int i = 0; i < TAKEN; i++)
        equal += !memcmp(&other[i], &wanted[i], sizeof *other);
    assert_true(equal < 5); /* plain ones of the same photo */
    free(other);
    free(wanted);
}

/* ---- order -------------------------------------------------------------------------------------------------------------- */

static mseg_train_data *open_many(mseg_train_sample *samples, int n, uint64_t seed)
{
    static mseg_mask_rules rules;
    rules = rules_of(3, 255);
    for (int i = 0; i < n; i++)
        samples[i] = (mseg_train_sample){i == 1 ? "gone.png" : "small.png", NULL, 0};
    mseg_train_data_options options = options_of(samples, (size_t)n, &rules);
    options.masks = false;
    options.seed = seed;
    return open_set(&options, NULL);
}

static void order_is_a_permutation(void **state)
{
    (void)state;
    static const int counts[] = {1, 3, 4, 5, 8, 17, 18, 61, 65, 200};
    mseg_train_sample samples[200];
    draw("small.png", 8, 4, MSEG_RGB, draw_noise);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const int n = counts[i], used = n > 1 ? n - 1 : 1;
        size_t last[200] = {0};
        int as_before = 0, as_other = 0;
        mseg_train_data *data = open_many(samples, n, 5), *other = open_many(samples, n, 6);
        assert_int_equal(mseg_train_data_figures(data)->used, used);
        for (int epoch = 0; epoch < 6; epoch++) {
            bool seen[200] = {false};
            for (int k = 0; k < used; k++) {
                const size_t s = mseg_train_data_order(data, (int64_t)epoch * used + k);
                assert_true(s < (size_t)n && (s != 1 || n == 1) && !seen[s]);
                seen[s] = true;
                as_before += epoch && last[k] == s;
                as_other += mseg_train_data_order(other, (int64_t)epoch * used + k) == s;
                last[k] = s;
            }
        }
        if (used > 10) { /* by chance one of them at each epoch */
            assert_true(as_before < 20);
            assert_true(as_other < 24);
        }
        mseg_train_data_close(&data);
        mseg_train_data_close(&other);
    }
}

/* Each comes first about as often. */
static void order_prefers_none(void **state)
{
    (void)state;
    mseg_train_sample samples[6];
    mseg_train_data *data = open_many(samples, 6, 3);
    int first[6] = {0};
    for (int epoch = 0; epoch < 5000; epoch++)
        first[mseg_train_data_order(data, (int64_t)epoch * 5)]++;
    for (int i = 0; i < 6; i++) /* 1000 each; six standard deviations of 28 */
        assert_true(i == 1 ? !first[i] : abs(first[i] - 1000) < 6 * 28);
    mseg_train_data_close(&data);
}

/* ---- figures and weights ------------------------------------------------------------------------------------------------ */

/* Of 100 x 100: 2 pixels of class 3 in even columns, 498 of the ignore label, 500 of class 2, 3000 of class 1, the rest class 0.
 */
static void draw_areas(uint8_t *id, int x, int y)
{
    const int i = 100 * y + x;
    *id = (uint8_t)(i == 0 || i == 2 ? 3 : i < 500 ? 255 : i < 1000 ? 2 : i < 4000 ? 1 : 0);
}

static void weights_follow_areas(void **state)
{
    (void)state;
    const mseg_mask_rules rules = rules_of(5, 255);
    const mseg_train_sample samples[] = {{"area.png", "area-mask.png", 0}, {"area.png", "area-ones.png", 0}};
    const mseg_train_data_options options = options_of(samples, 2, &rules);
    draw("area.png", 100, 100, MSEG_RGB, draw_noise);
    draw("area-mask.png", 100, 100, MSEG_GRAY, draw_areas);
    draw("area-ones.png", 100, 100, MSEG_GRAY, draw_thirds);
    mseg_train_data *data = open_set(&options, NULL);
    const mseg_train_figures *figures = mseg_train_data_figures(data);
    /* The second: columns of 10 in turn, 40 of class 0, 30 of class 1, 30 of class 2. */
    const uint64_t pixels[] = {6000 + 4000, 3000 + 3000, 500 + 3000, 2, 0};
    float weights[256];
    double sum = 0, mean = 0;
    for (int id = 0; id < 5; id++) {
        assert_int_equal(figures->pixels[id], pixels[id]);
        assert_int_equal(figures->files[id], id < 3 ? 2 : id == 3);
        sum += (double)pixels[id];
    }
    assert_int_equal(figures->pixels[255], 498);
    assert_int_equal(figures->files[255], 1);
    assert_int_equal(figures->used, 2);
    assert_int_equal(figures->left_out, 0);
    mseg_train_data_weights(data, false, weights);
    for (int id = 0; id < 4; id++)
        mean += weights[id] * (double)pixels[id] / sum;
    assert_true(fabs(mean - 1) < 1e-6);
    assert_true(fabs(weights[1] / weights[0] - pow(10.0 / 6, 0.35)) < 1e-6);
    assert_true(fabs(weights[2] / weights[0] - pow(10.0 / 3.5, 0.35)) < 1e-6);
    assert_true(weights[3] == 8 && weights[4] == 1); /* (1 / 5000)^-0.35 is 19.7; never seen */
    for (int id = 5; id < 256; id++)
        assert_true(weights[id] == 0);
    mseg_train_data_weights(data, true, weights);
    for (int id = 0; id < 256; id++)
        assert_true(weights[id] == (id < 5));
    mseg_train_data_close(&data);
}

/* What lies beside photos has a number that is no class, whatever the ignore label is, and weighs nothing. */
static void something_is_always_ignored(void **state)
{
    (void)state;
    const mseg_train_sample sample = {"area.png", "area-ones.png", 0};
    draw("area.png", 100, 100, MSEG_RGB, draw_noise);
    draw("area-ones.png", 100, 100, MSEG_GRAY, draw_thirds);
    static const struct {
        int classes, ignore, used;
    } cases[] = {{3, 255, 255}, {3, -1, 255}, {3, 7, 7}, {3, 2, 2}, {254, -1, 255}, {256, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mseg_mask_rules rules = rules_of(cases[i].classes, cases[i].ignore);
        const mseg_train_data_options options = options_of(&sample, 1, &rules);
        float weights[256];
        mseg_train_data *data = open_set(&options, NULL);
        assert_int_equal(mseg_train_data_ignore(data), cases[i].used);
        mseg_train_data_weights(data, i % 2, weights);
        assert_true(weights[cases[i].used] == 0 && weights[1] > 0);
        mseg_train_data_close(&data);
    }
    mseg_mask_rules rules = rules_of(256, -1);
    const mseg_train_data_options options = options_of(&sample, 1, &rules);
    mseg_train_data *data;
    mseg_error err;
    assert_int_equal(mseg_train_data_open(&data, &options, NULL, NULL, NULL, &err), MSEG_INVAL);
    assert_null(data);
    rules.palette.listed[255] = false;
    rules.palette.listed[99] = false;
    data = open_set(&options, NULL);
    assert_int_equal(mseg_train_data_ignore(data), 255);
    mseg_train_data_close(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_depend_on_seed_and_number),
        cmocka_unit_test(order_is_a_permutation),
        cmocka_unit_test(order_prefers_none),
        cmocka_unit_test(weights_follow_areas),
        cmocka_unit_test(something_is_always_ignored),
    };
    return cmocka_run_group_tests_name("order of data", tests, enter_folder, leave_folder);
}
