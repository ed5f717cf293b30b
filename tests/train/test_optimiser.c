#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "kernels/random.h"
#include "train/nets.h"
#include "train/optimiser.h"

/* Steps of the optimisers against their formulas in double, on a made-up problem of several chunks; schedules. */

#ifdef MSEG_TRAIN_DOUBLE
static const double CLOSE = 1e-12;
#else
static const double CLOSE = 2e-5;
#endif

enum { SIZE = 2 * 4096 + 1037, STEPS = 20 };

static const mseg_optimiser_options all_options[] = {
    {.rule = MSEG_RULE_SGD, .momentum = 0.9, .weight_decay = 0.03},
    {.rule = MSEG_RULE_SGD, .clip = 2, .average = 0.999},
    {.rule = MSEG_RULE_RMSPROP, .momentum = 0.9, .decay = 0.9, .epsilon = 1, .weight_decay = 0.03, .average = 0.3},
    {.rule = MSEG_RULE_RMSPROP, .momentum = 0.5, .decay = 0.95, .epsilon = 1e-3, .clip = 5},
    {.rule = MSEG_RULE_ADAMW, .momentum = 0.9, .decay = 0.99, .epsilon = 1e-8, .weight_decay = 0.3, .average = 0.999},
    {.rule = MSEG_RULE_ADAMW, .momentum = 0.8, .decay = 0.9, .epsilon = 1e-2, .weight_decay = 0.3, .clip = 1},
};
enum { OPTIONS = sizeof all_options / sizeof *all_options };

/* The gradient of parameter i, which pulls to somewhere between -1 and 1, not quite straight. Every tenth has none. */
static double slope(size_t i, double p)
{
    const double strength = 0.6 + (double)random_value(1, i), to = 2 * (double)random_value(2, i);
    return i % 10 ? strength * (p - to) + 0.1 * sin(3 * p) : 0;
}

static double rate_of(int step)
{
    return 0.02 * (1 - step / 30.0);
}

static uint8_t decays(size_t i)
{
    return i % 3 == 1;
}

/* The same in double, by the formulas. */
typedef struct state {
    double p[SIZE], g[SIZE], first[SIZE], second[SIZE], average[SIZE];
} state;

static double reference_step(state *s, const mseg_optimiser_options *o, int step)
{
    const double lr = rate_of(step);
    double norm = 0;
    for (size_t i = 0; i < SIZE; i++) {
        s->g[i] = slope(i, s->p[i]);
        norm += s->g[i] * s->g[i];
    }
    norm = sqrt(norm);
    for (size_t i = 0; i < SIZE; i++) {
        const double decay = decays(i) ? o->weight_decay : 0;
        double g = s->g[i] *= o->clip > 0 && norm > o->clip ? o->clip / norm : 1;
        if (o->rule == MSEG_RULE_SGD) {
            g += decay * s->p[i];
            s->first[i] = o->momentum * s->first[i] + g;
            s->p[i] -= lr * s->first[i];
        } else if (o->rule == MSEG_RULE_RMSPROP) {
            g += decay * s->p[i];
            s->second[i] = o->decay * s->second[i] + (1 - o->decay) * g * g;
            s->first[i] = o->momentum * s->first[i] + lr * g / sqrt(s->second[i] + o->epsilon);
            s->p[i] -= s->first[i];
        } else {
            s->p[i] *= 1 - lr * decay;
            s->first[i] = o->momentum * s->first[i] + (1 - o->momentum) * g;
            s->second[i] = o->decay * s->second[i] + (1 - o->decay) * g * g;
            s->p[i] -= lr * (s->first[i] / (1 - pow(o->momentum, step + 1))) /
                       (sqrt(s->second[i] / (1 - pow(o->decay, step + 1))) + o->epsilon);
        }
        const double kept = fmin(o->average, (1.0 + step) / (10.0 + step));
        s->average[i] = kept * s->average[i] + (1 - kept) * s->p[i];
    }
    return norm;
}

/* Ours, in an array of parameters of its own. */
typedef struct trial {
    mseg_optimiser optimiser;
    mseg_real p[SIZE], g[SIZE];
    uint8_t decays[SIZE];
} trial;

static trial *open_trial(const mseg_optimiser_options *options)
{
    trial *t = mseg_alloc(sizeof *t);
    assert_non_null(t);
    for (size_t i = 0; i < SIZE; i++) {
        t->p[i] = 3 * (mseg_real)random_value(3, i);
        t->decays[i] = decays(i) * 7; /* whatever is not 0 */
    }
    assert_int_equal(mseg_optimiser_make(&t->optimiser, options, SIZE, t->p, t->decays), MSEG_OK);
    return t;
}

static void close_trial(trial *t)
{
    mseg_optimiser_close(&t->optimiser);
    mseg_free(&t);
}

static double trial_step(trial *t, int step, mseg_pool *pool)
{
    for (size_t i = 0; i < SIZE; i++)
        t->g[i] = (mseg_real)slope(i, (double)t->p[i]);
    return mseg_optimiser_step(&t->optimiser, t->p, t->g, rate_of(step), pool);
}

static void assert_same(const char *what, const mseg_real *ours, const double *wanted)
{
    for (size_t i = 0; i < SIZE; i++)
        if (!(fabs((double)ours[i] - wanted[i]) <= CLOSE))
            fail_msg("%s %zu is %.17g, not %.17g", what, i, (double)ours[i], wanted[i]);
}

static void test_rules(void **unused)
{
    (void)unused;
    state *s = mseg_alloc(sizeof *s);
    assert_non_null(s);
    for (int n = 0; n < OPTIONS; n++) {
        const mseg_optimiser_options *options = &all_options[n];
        trial *t = open_trial(options);
        for (size_t i = 0; i < SIZE; i++) {
            s->p[i] = s->average[i] = (double)t->p[i];
            s->first[i] = 0;
            s->second[i] = options->rule == MSEG_RULE_RMSPROP;
        }
        for (int step = 0; step < STEPS; step++) {
            const double norm = reference_step(s, options, step);
            assert_true(fabs(trial_step(t, step, NULL) - norm) <= CLOSE * norm);
            assert_same("gradient", t->g, s->g);
        }
        assert_same("parameter", t->p, s->p);
        assert_int_equal(t->optimiser.steps, STEPS);
        assert_int_equal(!t->optimiser.average, options->average == 0);
        assert_int_equal(!t->optimiser.second, options->rule == MSEG_RULE_SGD);
        if (t->optimiser.average)
            assert_same("average", t->optimiser.average, s->average);
        close_trial(t);
    }
    mseg_free(&s);
}

static void test_threads(void **unused)
{
    (void)unused;
    static const int threads[] = {1, 2, 5};
    for (int n = 0; n < OPTIONS; n++) {
        trial *alone = open_trial(&all_options[n]);
        double norm = 0;
        for (int step = 0; step < 5; step++)
            norm = trial_step(alone, step, NULL);
        for (int i = 0; i < 3; i++) {
            mseg_pool *pool = NULL;
            trial *t = open_trial(&all_options[n]);
            assert_int_equal(mseg_pool_open(&pool, threads[i]), MSEG_OK);
            for (int step = 0; step < 4; step++)
                trial_step(t, step, pool);
            assert_true(trial_step(t, 4, pool) == norm);
            assert_memory_equal(t->p, alone->p, sizeof t->p);
            assert_memory_equal(t->g, alone->g, sizeof t->g);
            assert_memory_equal(t->optimiser.first, alone->optimiser.first, sizeof t->p);
            mseg_pool_close(&pool);
            close_trial(t);
        }
        close_trial(alone);
    }
}

/* A gradient that is no finite number anywhere: nothing happens, and the next step is as if it had not been there. */
static void test_not_finite(void **unused)
{
    (void)unused;
    static const size_t places[] = {0, 4095, 4096, SIZE - 1};
    static const mseg_real values[] = {(mseg_real)NAN, (mseg_real)INFINITY, -(mseg_real)INFINITY};
    for (int n = 0; n < OPTIONS; n++)
        for (int k = 0; k < 12; k++) {
            trial *t = open_trial(&all_options[n]), *undisturbed = open_trial(&all_options[n]);
            trial_step(t, 0, NULL);
            trial_step(undisturbed, 0, NULL);
            t->g[places[k % 4]] = values[k / 4];
            memcpy(undisturbed->g, t->g, sizeof t->g);
            assert_false(isfinite(mseg_optimiser_step(&t->optimiser, t->p, t->g, 0.1, NULL)));
            assert_int_equal(t->optimiser.steps, 1);
            assert_memory_equal(t->g, undisturbed->g, sizeof t->g);
            assert_memory_equal(t->p, undisturbed->p, sizeof t->p);
            trial_step(t, 1, NULL);
            trial_step(undisturbed, 1, NULL);
            assert_memory_equal(t->p, undisturbed->p, sizeof t->p);
            if (t->optimiser.average)
                assert_memory_equal(t->optimiser.average, undisturbed->optimiser.average, sizeof t->p);
            close_trial(undisturbed);
            close_trial(t);
        }
}

/* What is 0 without a gradient stays 0: what is behind the last channel, for one. */
static void test_zeros(void **unused)
{
    (void)unused;
    for (int n = 0; n < OPTIONS; n++) {
        trial *t = open_trial(&all_options[n]);
        for (size_t i = 0; i < SIZE; i++)
            t->p[i] = i % 2 ? t->p[i] : 0;
        for (int step = 0; step < 3; step++) {
            for (size_t i = 0; i < SIZE; i++)
                t->g[i] = i % 2 ? 1 : 0;
            mseg_optimiser_step(&t->optimiser, t->p, t->g, 0.1, NULL);
        }
        for (size_t i = 0; i < SIZE; i += 2)
            assert_true(t->p[i] == 0);
        close_trial(t);
    }
}

static void test_defaults(void **unused)
{
    (void)unused;
    const mseg_optimiser_options sgd = mseg_optimiser_defaults(MSEG_RULE_SGD);
    const mseg_optimiser_options rmsprop = mseg_optimiser_defaults(MSEG_RULE_RMSPROP);
    const mseg_optimiser_options adamw = mseg_optimiser_defaults(MSEG_RULE_ADAMW);
    assert_true(sgd.rule == MSEG_RULE_SGD && sgd.momentum == 0.9);
    assert_true(rmsprop.rule == MSEG_RULE_RMSPROP && rmsprop.momentum == 0.9 && rmsprop.decay == 0.9 && rmsprop.epsilon == 1);
    assert_true(adamw.rule == MSEG_RULE_ADAMW && adamw.momentum == 0.9 && adamw.decay == 0.99 && adamw.epsilon == 1e-8);
    for (int rule = MSEG_RULE_SGD; rule <= MSEG_RULE_ADAMW; rule++) {
        const mseg_optimiser_options o = mseg_optimiser_defaults((mseg_rule)rule);
        assert_true(o.weight_decay == 0 && o.clip == 0 && o.average == 0);
    }
}

/* Of an engine, weights of convolutions of trained layers decay, those of frozen ones and depthwise ones and shifts do not. */
static void test_engine(void **unused)
{
    (void)unused;
    const mseg_cpu scalar = {.level = MSEG_CPU_SCALAR};
    mseg_error err = {0};
    mseg_engine *engine = NULL;
    mseg_optimiser o;
    small_net small = make_net("deeplab", MSEG_SAME);
    const mseg_engine_options options = {
        .kernels = mseg_train_kernels_for(&scalar, false), .batch = 1, .height = 17, .width = 17, .frozen = "backbone"};
    const mseg_optimiser_options how = {.rule = MSEG_RULE_ADAMW, .average = 0.9};
    size_t decaying = 0, all = 0;
    assert_int_equal(mseg_engine_open(&engine, &small.net, small.weights, &options, &err), MSEG_OK);
    assert_int_equal(mseg_optimiser_open(&o, &how, engine), MSEG_OK);
    assert_int_equal(o.size, mseg_engine_size(engine));
    assert_memory_equal(o.average, mseg_engine_parameters(engine), o.size * sizeof(mseg_real));
    for (int i = 0; i < mseg_engine_params(engine); i++) {
        const mseg_param *p = mseg_engine_param(engine, i);
        const mseg_net_layer *layer = &small.net.layers[p->layer];
        const bool wanted = p->kind == MSEG_PARAM_WEIGHT && layer->kind == MSEG_CONV && strncmp(layer->name, "backbone", 8);
        for (size_t k = p->at; k < p->at + p->count; k++)
            assert_int_equal(o.decays[k], wanted);
        decaying += wanted ? p->count : 0;
    }
    for (size_t k = 0; k < o.size; k++)
        all += o.decays[k];
    assert_true(decaying > 0);
    assert_int_equal(all, decaying);
    mseg_optimiser_close(&o);
    mseg_optimiser_close(&o);
    mseg_engine_close(&engine);
    free_net(&small);
}

static void assert_rate(const mseg_schedule *s, int64_t step, double progress, double epoch, double wanted)
{
    const double rate = mseg_schedule_rate(s, step, progress, epoch);
    if (!(fabs(rate - wanted) <= 1e-15))
        fail_msg("schedule %d, step %d: rate %.17g, not %.17g", (int)s->kind, (int)step, rate, wanted);
}

static void test_schedules(void **unused)
{
    (void)unused;
    const mseg_schedule constant = {MSEG_SCHEDULE_CONSTANT, 0.1, 0}, warm = {MSEG_SCHEDULE_CONSTANT, 0.1, 4};
    const mseg_schedule poly = {MSEG_SCHEDULE_POLY, 0.007, 0}, exponential = {MSEG_SCHEDULE_EXPONENTIAL, 0.045, 0};
    const mseg_schedule cosine = {MSEG_SCHEDULE_COSINE, 0.003, 0}, both = {MSEG_SCHEDULE_COSINE, 0.003, 10};
    assert_rate(&constant, 0, 0, 0, 0.1);
    assert_rate(&constant, 1000, 1, 30, 0.1);
    for (int step = 0; step < 4; step++)
        assert_rate(&warm, step, 0, 0, 0.1 * (step + 1) / 4);
    assert_rate(&warm, 4, 0, 0, 0.1);
    assert_rate(&poly, 0, 0, 0, 0.007);
    assert_rate(&poly, 5, 0.25, 0, 0.007 * pow(0.75, 0.9));
    assert_rate(&poly, 9, 1, 0, 0);
    assert_rate(&poly, 9, 1.5, 0, 0); /* over time */
    assert_rate(&exponential, 3, 0.5, 0, 0.045);
    assert_rate(&exponential, 3, 0.5, 1, 0.045 * 0.98);
    assert_rate(&exponential, 3, 0.5, 2.5, 0.045 * pow(0.98, 2.5));
    assert_rate(&cosine, 0, 0, 0, 0.003);
    assert_rate(&cosine, 7, 0.5, 0, 0.0015);
    assert_rate(&cosine, 7, 1.0 / 3, 0, 0.00225);
    assert_rate(&cosine, 9, 1, 0, 0);
    assert_rate(&both, 4, 0.5, 0, 0.00075);
    assert_rate(&both, 10, 0.5, 0, 0.0015);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules),      cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_not_finite), cmocka_unit_test(test_zeros),
                                       cmocka_unit_test(test_defaults),   cmocka_unit_test(test_engine),
                                       cmocka_unit_test(test_schedules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
