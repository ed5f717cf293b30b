#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "kernels/random.h"
#include "train/loss.h"

/* Losses and their gradients against what they are by definition, in double, pixel by pixel at the labels' size; with
 * MSEG_TRAIN_DOUBLE, besides, against finite differences. */

#ifdef MSEG_TRAIN_DOUBLE
static const double CLOSE = 1e-12;
#else
static const double CLOSE = 3e-6;
#endif

enum { MOST = 40 * 40 * 64, LABELS = 60 * 60 };

typedef struct scene {
    mseg_loss_map map;
    mseg_loss_labels labels;
    mseg_real logits[MOST], gradient[MOST];
    double wanted[MOST]; /* the gradient, as laid out there */
    uint8_t pixels[LABELS];
    float weights[256];
} scene;

typedef struct sizes {
    int height, width, label_height, label_width;
} sizes;

static const sizes all_sizes[] = {{3, 3, 17, 17}, {5, 7, 33, 50}, {4, 3, 31, 12}, {1, 1, 9, 4},
                                  {1, 5, 1, 31},  {4, 6, 4, 6},   {7, 9, 3, 4},   {6, 5, 7, 1}};
static const int all_classes[] = {1, 2, 16, 21, 40};

/* Labels of classes, some that are none of them and some of 255, which do not count. */
static scene *make_scene(sizes s, int classes, mseg_sampling sampling)
{
    scene *e = mseg_alloc(sizeof *e);
    assert_non_null(e);
    const int stride = (classes + 15) / 16 * 16 + (classes == 2) * 3, row_bytes = s.label_width + 3;
    assert_true(s.height * s.width * stride <= MOST && s.label_height * row_bytes <= LABELS);
    e->map = (mseg_loss_map){e->logits, e->gradient, s.height, s.width, classes, stride};
    e->labels = (mseg_loss_labels){e->pixels, s.label_height, s.label_width, (size_t)row_bytes, e->weights, sampling};
    for (int i = 0; i < s.height * s.width * stride; i++) {
        e->logits[i] = i % stride < classes ? 8 * (mseg_real)random_value(1, (uint64_t)i) : (mseg_real)NAN;
        e->gradient[i] = (mseg_real)NAN;
    }
    for (int i = 0; i < s.label_height * row_bytes; i++) {
        const uint64_t bits = random_bits(2, (uint64_t)i) >> 8;
        e->pixels[i] = bits % 5 == 4 ? 255 : (uint8_t)(bits % (uint64_t)(classes + 2));
    }
    for (int i = 0; i < 256; i++)
        e->weights[i] = i == 255 ? 0 : 1 + random_value(3, (uint64_t)i); /* of what is no class, too */
    return e;
}

/* Where pixel x of n lies on k elements. */
static double place(mseg_sampling sampling, int x, int n, int k)
{
    if (sampling == MSEG_ALIGN_CORNERS)
        return n > 1 ? (double)x * (k - 1) / (n - 1) : 0;
    if (sampling == MSEG_LEGACY)
        return fmin((double)x * k / n, k - 1);
    return fmin(fmax((x + 0.5) * k / n - 0.5, 0), k - 1);
}

/* The four elements that a pixel lies between, and their shares. */
static void corners(const scene *e, int y, int x, size_t at[4], double share[4])
{
    const double v = place(e->labels.sampling, y, e->labels.height, e->map.height);
    const double u = place(e->labels.sampling, x, e->labels.width, e->map.width);
    for (int i = 0; i < 4; i++) {
        const double row = floor(v) + i / 2, column = floor(u) + i % 2;
        share[i] = (i / 2 ? v - floor(v) : 1 - (v - floor(v))) * (i % 2 ? u - floor(u) : 1 - (u - floor(u)));
        at[i] = (size_t)(fmin(row, e->map.height - 1) * e->map.width + fmin(column, e->map.width - 1)) * (size_t)e->map.stride;
    }
}

/* What a pixel adds to sum and, times scale, to the wanted gradient. */
static void expect_pixel(scene *e, int y, int x, double scale, mseg_loss_sum *sum)
{
    const int label = e->pixels[(size_t)y * e->labels.row_bytes + (size_t)x];
    const double weight = label < e->map.classes ? (double)e->weights[label] : 0;
    double logits[64] = {0}, share[4], all = 0;
    size_t at[4];
    int first = 0;
    if (weight <= 0)
        return;
    corners(e, y, x, at, share);
    for (int c = 0; c < e->map.classes; c++) {
        for (int i = 0; i < 4; i++)
            logits[c] += share[i] * (double)e->logits[at[i] + (size_t)c];
        first = logits[c] > logits[first] ? c : first;
        all += exp(logits[c]);
    }
    for (int c = 0; c < e->map.classes; c++)
        for (int i = 0; i < 4; i++)
            e->wanted[at[i] + (size_t)c] += share[i] * scale * weight * (exp(logits[c]) / all - (c == label));
    sum->loss += weight * (log(all) - logits[label]);
    sum->weight += weight;
    sum->counted++;
    sum->hits += first == label;
}

static mseg_loss_sum expect(scene *e, double scale)
{
    mseg_loss_sum sum = {0};
    memset(e->wanted, 0, sizeof e->wanted);
    for (int y = 0; y < e->labels.height; y++)
        for (int x = 0; x < e->labels.width; x++)
            expect_pixel(e, y, x, scale, &sum);
    return sum;
}

static mseg_loss_sum hard(scene *e, double scale, mseg_cpu_level level)
{
    mseg_loss_sum sum;
    mseg_cpu cpu = mseg_cpu_detect();
    cpu.level = level;
    void *work = mseg_alloc(mseg_loss_work(&e->map, &e->labels));
    assert_non_null(work);
    mseg_loss_hard(&sum, &e->map, &e->labels, scale, work, &cpu);
    mseg_free(&work);
    return sum;
}

static void assert_close(double ours, double wanted, double tolerance)
{
    if (!(fabs(ours - wanted) <= tolerance))
        fail_msg("%.17g is not %.17g, %g off", ours, wanted, fabs(ours - wanted));
}

/* Within CLOSE of the largest; behind the classes it is 0. */
static void check_gradient(const scene *e)
{
    const int n = e->map.height * e->map.width * e->map.stride;
    double most = 1e-300;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(e->wanted[i]));
    for (int i = 0; i < n; i++)
        assert_close((double)e->gradient[i], e->wanted[i], i % e->map.stride < e->map.classes ? CLOSE * most : 0);
}

static void check_sum(mseg_loss_sum ours, mseg_loss_sum wanted)
{
    assert_close(ours.loss, wanted.loss, CLOSE * (wanted.loss + wanted.weight));
    assert_close(ours.weight, wanted.weight, 1e-12 * wanted.weight);
    assert_int_equal(ours.counted, wanted.counted);
    assert_int_equal(ours.hits, wanted.hits);
}

static void check_hard(mseg_cpu_level level)
{
    for (size_t s = 0; s < sizeof all_sizes / sizeof *all_sizes; s++)
        for (size_t c = 0; c < sizeof all_classes / sizeof *all_classes; c++)
            for (int sampling = MSEG_ALIGN_CORNERS; sampling <= MSEG_LEGACY; sampling++) {
                scene *e = make_scene(all_sizes[s], all_classes[c], (mseg_sampling)sampling);
                const mseg_loss_sum wanted = expect(e, 0.125);
                check_sum(hard(e, 0.125, level), wanted);
                check_gradient(e);
                mseg_free(&e);
            }
}

static void test_hard(void **state)
{
    (void)state;
    static const mseg_cpu_level levels[] = {MSEG_CPU_SCALAR, MSEG_CPU_AVX2, MSEG_CPU_AVX512};
    const mseg_cpu cpu = mseg_cpu_detect();
    for (int i = 0; i < 3; i++)
        if (mseg_cpu_can_run(&cpu, levels[i]))
            check_hard(levels[i]);
}

/* Labels that are none of the classes, or whose weight is 0: no loss and no gradient, whatever the logits are. */
static void test_nothing_counts(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        scene *e = make_scene(all_sizes[0], 21, MSEG_ALIGN_CORNERS);
        memset(e->pixels, way ? 3 : 21, sizeof e->pixels);
        e->weights[3] = 0;
        e->logits[0] = (mseg_real)NAN;
        e->logits[1] = (mseg_real)INFINITY;
        const mseg_loss_sum sum = hard(e, INFINITY, mseg_cpu_detect().level); /* 1 / sum.weight would be that */
        assert_true(sum.loss == 0 && sum.weight == 0 && sum.counted == 0 && sum.hits == 0);
        memset(e->wanted, 0, sizeof e->wanted);
        check_gradient(e);
        mseg_free(&e);
    }
}

static void test_weight(void **state)
{
    (void)state;
    int64_t counted = -1;
    scene *e = make_scene(all_sizes[1], 21, MSEG_ALIGN_CORNERS);
    for (int i = 21; i < 256; i++)
        e->weights[i] = 0;
    const mseg_loss_sum wanted = expect(e, 1);
    assert_close(mseg_loss_weight(&e->labels, &counted), wanted.weight, 1e-12 * wanted.weight);
    assert_int_equal(counted, wanted.counted);
    assert_true(hard(e, 1, MSEG_CPU_SCALAR).weight == mseg_loss_weight(&e->labels, &counted)); /* the same bits */
    memset(e->pixels, 255, sizeof e->pixels);
    assert_true(mseg_loss_weight(&e->labels, &counted) == 0 && counted == 0);
    mseg_free(&e);
}

/* A logit of a counted pixel that is no number is not hidden. */
static void test_not_a_number(void **state)
{
    (void)state;
    scene *e = make_scene(all_sizes[0], 21, MSEG_ALIGN_CORNERS);
    memset(e->pixels, 0, sizeof e->pixels);
    e->logits[e->map.stride + 4] = (mseg_real)NAN;
    assert_true(isnan(hard(e, 1, mseg_cpu_detect().level).loss));
    mseg_free(&e);
}

/* Soft labels of a scene's points, [points][classes]; every seventh weight is 0. */
typedef struct soft {
    float targets[MOST], weights[1600];
} soft;

static soft *make_soft(const scene *e)
{
    soft *t = mseg_alloc(sizeof *t);
    assert_non_null(t);
    for (int p = 0; p < e->map.height * e->map.width; p++) {
        float sum = 0, *target = t->targets + p * e->map.classes;
        for (int c = 0; c < e->map.classes; c++)
            sum += target[c] = c % 3 == 1 ? 0 : expf(4 * random_value(7, (uint64_t)(p * 100 + c)));
        for (int c = 0; c < e->map.classes; c++)
            target[c] /= sum;
        t->weights[p] = p % 7 == 3 ? 0 : 1 + random_value(8, (uint64_t)p);
    }
    return t;
}

static mseg_loss_sum expect_soft(scene *e, const soft *t, double scale)
{
    mseg_loss_sum sum = {0};
    memset(e->wanted, 0, sizeof e->wanted);
    for (int p = 0; p < e->map.height * e->map.width; p++) {
        const mseg_real *logits = e->logits + p * e->map.stride;
        const float *target = t->targets + p * e->map.classes;
        const double weight = (double)t->weights[p];
        double all = 0, targets = 0;
        int first = 0, first_target = 0;
        for (int c = 0; c < e->map.classes; c++) {
            all += exp((double)logits[c]);
            targets += (double)target[c];
            first = logits[c] > logits[first] ? c : first;
            first_target = target[c] > target[first_target] ? c : first_target;
        }
        for (int c = 0; c < e->map.classes; c++) {
            sum.loss -= weight * (double)target[c] * ((double)logits[c] - log(all));
            e->wanted[p * e->map.stride + c] = scale * weight * (targets * exp((double)logits[c]) / all - (double)target[c]);
        }
        sum.weight += weight;
        sum.counted += weight > 0;
        sum.hits += weight > 0 && first == first_target;
    }
    return sum;
}

static void test_soft(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof all_sizes / sizeof *all_sizes; s++)
        for (size_t c = 0; c < sizeof all_classes / sizeof *all_classes; c++) {
            scene *e = make_scene(all_sizes[s], all_classes[c], MSEG_ALIGN_CORNERS);
            soft *t = make_soft(e);
            mseg_loss_sum sum;
            const mseg_loss_sum wanted = expect_soft(e, t, 0.5);
            mseg_loss_soft(&sum, &e->map, t->targets, t->weights, 0.5);
            check_sum(sum, wanted);
            check_gradient(e);
            mseg_free(&t);
            mseg_free(&e);
        }
}

/* The points that count, whatever their weight, count alike. */
static void test_features(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof all_classes / sizeof *all_classes; c++) {
        scene *e = make_scene(all_sizes[1], all_classes[c], MSEG_ALIGN_CORNERS);
        soft *t = make_soft(e);
        mseg_loss_sum sum, wanted = {0};
        for (int p = 0; p < e->map.height * e->map.width; p++)
            for (int i = 0; i < e->map.classes; i++) {
                const double off = (double)e->logits[p * e->map.stride + i] - (double)t->targets[p * e->map.classes + i];
                const double counts = t->weights[p] > 0;
                e->wanted[p * e->map.stride + i] = counts * 0.5 * 2 * off / e->map.classes;
                wanted.loss += counts * off * off / e->map.classes;
                wanted.counted += i == 0 && t->weights[p] > 0;
            }
        wanted.weight = (double)wanted.counted;
        mseg_loss_features(&sum, &e->map, t->targets, t->weights, 0.5);
        check_sum(sum, wanted);
        check_gradient(e);
        mseg_free(&t);
        mseg_free(&e);
    }
}

/* Points that do not count may hold anything. */
static void test_no_point_counts(void **state)
{
    (void)state;
    scene *e = make_scene(all_sizes[1], 21, MSEG_ALIGN_CORNERS);
    soft *t = make_soft(e);
    memset(t->weights, 0, sizeof t->weights);
    for (int i = 0; i < MOST; i++)
        e->logits[i] = (mseg_real)NAN;
    memset(e->wanted, 0, sizeof e->wanted);
    for (int way = 0; way < 2; way++) {
        mseg_loss_sum sum;
        e->gradient[0] = 1;
        (way ? mseg_loss_soft : mseg_loss_features)(&sum, &e->map, t->targets, t->weights, INFINITY);
        assert_true(sum.loss == 0 && sum.weight == 0 && sum.counted == 0 && sum.hits == 0);
        check_gradient(e);
    }
    mseg_free(&t);
    mseg_free(&e);
}

#ifdef MSEG_TRAIN_DOUBLE
static double loss_of(scene *e, const soft *t, int kind)
{
    mseg_loss_sum sum;
    if (kind == 0)
        return hard(e, 1, MSEG_CPU_SCALAR).loss;
    (kind == 1 ? mseg_loss_soft : mseg_loss_features)(&sum, &e->map, t->targets, t->weights, 1);
    return sum.loss;
}

/* (f(x + h) - f(x - h)) / 2h is off by about h^2, and by the loss' rounding over h. */
static void test_finite_differences(void **state)
{
    (void)state;
    static const double h = 1e-4;
    for (int kind = 0; kind < 5; kind++) {
        const mseg_sampling sampling = kind < 3 ? MSEG_ALIGN_CORNERS : kind == 3 ? MSEG_HALF_PIXEL : MSEG_LEGACY;
        scene *e = make_scene((sizes){4, 3, 15, 11}, 5, sampling);
        soft *t = make_soft(e);
        const int loss = kind < 3 ? kind : 0, n = e->map.height * e->map.width * e->map.stride;
        loss_of(e, t, loss);
        memcpy(e->wanted, e->gradient, sizeof e->wanted);
        for (int i = 0; i < n; i++) {
            const double before = e->logits[i];
            if (i % e->map.stride >= e->map.classes)
                continue;
            e->logits[i] = before + h;
            const double above = loss_of(e, t, loss);
            e->logits[i] = before - h;
            assert_close((above - loss_of(e, t, loss)) / (2 * h), e->wanted[i], 1e-7);
            e->logits[i] = before;
        }
        mseg_free(&t);
        mseg_free(&e);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard),
        cmocka_unit_test(test_nothing_counts),
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_soft),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_no_point_counts),
#ifdef MSEG_TRAIN_DOUBLE
        cmocka_unit_test(test_finite_differences),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
