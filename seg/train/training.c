#include "seg/train/training.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parallel.h"

void mseg_training_tell(const mseg_training *t, const char *file, const char *format, ...)
{
    char text[400];
    va_list args;
    if (!t->note)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->note(t->context, file, text);
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static mseg_status open_data(mseg_training *t, mseg_error *err)
{
    enum { SHARE = 4 }; /* of the memory that is there, for photos that are kept */
    const mseg_train_options *o = &t->options;
    mseg_train_data_options how = {.samples = o->train,
                                   .count = o->n_train,
                                   .rules = o->rules,
                                   .limits = o->limits,
                                   .orientation = o->orientation,
                                   .classifier = o->classifier,
                                   .masks = !o->classifier && !o->teacher,
                                   .size = o->size,
                                   .scale_min = o->scale_min,
                                   .scale_max = o->scale_max,
                                   .flip = !o->no_flip,
                                   .color = !o->no_color,
                                   .seed = o->seed,
                                   .cache_bytes = mseg_train_available() / SHARE,
                                   .input = t->net.input};
    mseg_status status = mseg_train_data_open(&t->data, &how, t->pool, t->note, t->context, err);
    if (status || !o->n_validation || o->classifier)
        return status;
    how.samples = o->validation;
    how.count = o->n_validation;
    how.masks = true;
    how.cache_bytes = 0;
    return mseg_train_data_open(&t->validation, &how, t->pool, t->note, t->context, err);
}

static mseg_status open_optimiser(mseg_training *t, mseg_error *err)
{
    static const mseg_rule rules[] = {MSEG_RULE_ADAMW, MSEG_RULE_SGD, MSEG_RULE_RMSPROP};
    static const mseg_schedule_kind kinds[] = {MSEG_SCHEDULE_COSINE, MSEG_SCHEDULE_POLY, MSEG_SCHEDULE_EXPONENTIAL,
                                               MSEG_SCHEDULE_CONSTANT};
    enum { CLIP = 5 };
    const mseg_train_options *o = &t->options;
    mseg_optimiser_options how = mseg_optimiser_defaults(rules[o->optimizer]);
    how.momentum = o->momentum;
    how.weight_decay = o->weight_decay;
    how.average = o->average;
    how.clip = CLIP;
    t->schedule = (mseg_schedule){kinds[o->schedule], o->learning_rate, o->warmup};
    mseg_status status = mseg_optimiser_open(&t->optimiser, &how, t->engine);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

static mseg_status allocate(mseg_training *t, mseg_error *err)
{
    const size_t batch = (size_t)t->options.batch, side = t->options.classifier ? 1 : (size_t)t->options.size;
    const mseg_engine_map out = mseg_engine_output(t->engine, 0, 0);
    const mseg_loss_map map = {out.values, out.gradient, out.height, out.width, out.channels, out.stride};
    const mseg_loss_labels labels = {.height = (int)side, .width = (int)side, .weights = t->weights};
    t->work_bytes = mseg_round_up(mseg_loss_work(&map, &labels), MSEG_ALIGN);
    t->gradient = mseg_alloc_array(mseg_engine_size(t->engine), sizeof *t->gradient);
    t->labels = mseg_alloc_array(batch, (size_t)t->options.size * (size_t)t->options.size);
    t->sums = mseg_alloc_array(batch, sizeof *t->sums);
    t->failed = mseg_alloc_array(batch, sizeof *t->failed);
    t->work = mseg_alloc_array((size_t)mseg_pool_threads(t->pool), t->work_bytes);
    return t->gradient && t->labels && t->sums && t->failed && t->work ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
}

/* What depends on how many samples there are. */
static void count_steps(mseg_training *t)
{
    enum { WARM = 300, PART = 20 };
    mseg_train_options *o = &t->options;
    const double used = (double)mseg_train_data_figures(t->data)->used;
    if (o->epochs > 0)
        o->steps = (int64_t)ceil(o->epochs * used / o->batch);
    t->state.steps = o->steps;
    t->state.batch = o->batch;
    t->state.size = o->size;
    if (o->warmup < 0)
        o->warmup = o->steps > 0 ? fmin(WARM, (double)(o->steps / PART)) : 100;
}

static mseg_status open_training(mseg_training *t, const mseg_train_options *options, mseg_error *err)
{
    mseg_opened opened;
    mseg_status status = mseg_train_options_take(&t->options, options, err);
    if (status)
        return status;
    t->classes = t->options.rules->palette.count;
    t->cpu = mseg_cpu_detect();
    t->kernels = mseg_train_kernels_for(&t->cpu, t->options.half);
    if (!t->kernels)
        return mseg_fail(err, MSEG_UNSUPPORTED, "this processor has no arithmetic of bfloat16");
    status = mseg_train_network(t, &opened, err);
    if (status)
        return status;
    status = open_data(t, err);
    if (!status) {
        if (mseg_train_data_figures(t->data)->used < (size_t)t->options.batch)
            t->options.batch = (int)mseg_train_data_figures(t->data)->used;
        count_steps(t);
        mseg_train_data_weights(t->data, t->options.equal_classes, t->weights);
        status = mseg_train_start(t, &opened, err);
    }
    mseg_opened_close(&opened);
    if (!status)
        status = open_optimiser(t, err);
    return status ? status : allocate(t, err);
}

mseg_status mseg_training_open(mseg_training **training, const mseg_train_options *options, mseg_pool *pool,
                               mseg_train_note_fn note, void *context, mseg_error *err)
{
    mseg_training *t = *training = mseg_alloc(sizeof *t);
    if (!t)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    t->pool = pool;
    t->note = note;
    t->context = context;
    mseg_status status = open_training(t, options, err);
    if (status) {
        mseg_training_close(training);
        return status;
    }
    t->began = t->recent_began = mseg_now_ms() / 1000;
    return MSEG_OK;
}

void mseg_training_close(mseg_training **training)
{
    mseg_training *t = *training;
    if (!t)
        return;
    mseg_optimiser_close(&t->optimiser);
    mseg_engine_close(&t->engine);
    mseg_net_free(&t->net);
    mseg_train_data_close(&t->data);
    mseg_train_data_close(&t->validation);
    mseg_free(&t->gradient);
    mseg_free(&t->labels);
    mseg_free(&t->sums);
    mseg_free(&t->failed);
    mseg_free(&t->work);
    mseg_free(training);
}

/* ---- a step ------------------------------------------------------------------------------------------------------------- */

double mseg_train_seconds(const mseg_training *t)
{
    return t->before + mseg_now_ms() / 1000 - t->began;
}

static uint8_t *labels_of(const mseg_training *t, int sample)
{
    return t->labels + (size_t)sample * (size_t)t->options.size * (size_t)t->options.size;
}

static void take_sample(void *context, int i, int worker)
{
    (void)worker;
    mseg_training *t = context;
    const int64_t n = t->state.step * t->options.batch + i;
    t->failed[i] =
        !mseg_train_data_take(t->data, n, t->options.size, false, mseg_engine_picture(t->engine, i), labels_of(t, i), NULL);
}

typedef struct filling {
    mseg_training *training;
    mseg_train_data *data;
    int64_t first;
} filling;

static void take_plain(void *context, int i, int worker)
{
    (void)worker;
    const filling *job = context;
    mseg_training *t = job->training;
    mseg_train_data_take(job->data, job->first + i, t->options.size, true, mseg_engine_picture(t->engine, i), labels_of(t, i),
                         NULL);
}

void mseg_train_fill_plain(mseg_training *t, mseg_train_data *data, int64_t first, int n)
{
    filling job = {t, data, first};
    mseg_pool_for(t->pool, n, take_plain, &job);
}

static mseg_loss_map map_of(const mseg_training *t, int i)
{
    const mseg_engine_map out = mseg_engine_output(t->engine, 0, i);
    return (mseg_loss_map){out.values, out.gradient, out.height, out.width, out.channels, out.stride};
}

static mseg_loss_labels truth_of(const mseg_training *t, int i)
{
    const int side = t->options.classifier ? 1 : t->options.size;
    return (mseg_loss_labels){labels_of(t, i), side, side, (size_t)t->options.size, t->weights, t->net.input.sampling};
}

static void weigh_sample(void *context, int i, int worker)
{
    (void)worker;
    mseg_training *t = context;
    const mseg_loss_labels truth = truth_of(t, i);
    t->sums[i].weight = mseg_loss_weight(&truth, &t->sums[i].counted);
}

static void lose_sample(void *context, int i, int worker)
{
    mseg_training *t = context;
    const mseg_loss_map map = map_of(t, i);
    const mseg_loss_labels truth = truth_of(t, i);
    mseg_loss_hard(&t->sums[i], &map, &truth, t->scale, t->work + (size_t)worker * t->work_bytes, &t->cpu);
}

static mseg_loss_sum sum_up(const mseg_training *t)
{
    mseg_loss_sum all = {0};
    for (int i = 0; i < t->options.batch; i++) {
        all.loss += t->sums[i].loss;
        all.weight += t->sums[i].weight;
        all.counted += t->sums[i].counted;
        all.hits += t->sums[i].hits;
    }
    return all;
}

/* Loss and its gradient in the logits; NaN when nothing counts. */
static double lose(mseg_training *t)
{
    mseg_pool_for(t->pool, t->options.batch, weigh_sample, t);
    const double weight = sum_up(t).weight;
    t->scale = weight > 0 ? 1 / weight : 0;
    mseg_pool_for(t->pool, t->options.batch, lose_sample, t);
    const mseg_loss_sum all = sum_up(t);
    t->state.accuracy = all.counted ? (double)all.hits / (double)all.counted : NAN;
    return weight > 0 ? all.loss / weight : NAN;
}

/* Of all that is to be done, how much is. */
void mseg_train_measure_progress(mseg_training *t)
{
    mseg_train_state *s = &t->state;
    const double seconds = mseg_train_seconds(t), used = (double)mseg_train_data_figures(t->data)->used;
    s->seconds = seconds;
    s->progress = t->options.minutes > 0 ? seconds / (60 * t->options.minutes) : (double)s->step / (double)s->steps;
    s->progress = s->progress > 1 ? 1 : s->progress;
    s->epoch = (double)(s->step * t->options.batch) / used;
    s->finished = s->progress >= 1;
    if (t->options.minutes > 0 && s->progress > 0)
        s->steps = (int64_t)((double)s->step / s->progress);
    s->seconds_left = s->progress > 0 ? seconds / s->progress - seconds : NAN;
}

static void measure_speed(mseg_training *t)
{
    enum { WINDOW = 10 };
    const double now = mseg_now_ms() / 1000, past = now - t->recent_began;
    t->recent_samples += t->options.batch;
    t->state.samples_per_second = (double)t->recent_samples / past;
    if (past > WINDOW) { /* the half of it is forgotten */
        t->recent_began += past / 2;
        t->recent_samples /= 2;
    }
}

mseg_status mseg_training_step(mseg_training *t, mseg_error *err)
{
    mseg_train_state *s = &t->state;
    mseg_train_measure_progress(t);
    mseg_pool_for(t->pool, t->options.batch, take_sample, t);
    for (int i = 0; i < t->options.batch; i++)
        s->damaged += t->failed[i];
    mseg_engine_forward(t->engine, t->options.batch, t->norming, 0);
    const double loss = lose(t);
    const double rate = mseg_schedule_rate(&t->schedule, s->step, s->progress, s->epoch);
    if (!isnan(loss)) {
        mseg_engine_backward(t->engine, t->gradient);
        const double norm = mseg_optimiser_step(&t->optimiser, mseg_engine_parameters(t->engine), t->gradient, rate, t->pool);
        if (!isfinite(loss) || !isfinite(norm))
            return mseg_fail(err, MSEG_FORMAT, "the %s of step %lld is no finite number", isfinite(loss) ? "gradient" : "loss",
                             (long long)s->step + 1);
        s->gradient_norm = norm;
    } else if (t->scale > 0) {
        return mseg_fail(err, MSEG_FORMAT, "the loss of step %lld is no finite number", (long long)s->step + 1);
    }
    s->loss = loss;
    s->learning_rate = rate;
    s->step++;
    mseg_train_measure_progress(t);
    measure_speed(t);
    return MSEG_OK;
}

mseg_train_state mseg_training_state(const mseg_training *t)
{
    return t->state;
}
