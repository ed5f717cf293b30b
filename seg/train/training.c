#include "seg/train/training.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "weights/label.h"

void mseg_training_tell(const mseg_training *t, mseg_train_severity severity, const char *file, const char *format, ...)
{
    char text[400];
    va_list args;
    if (!t->note)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->note(t->context, severity, file, text);
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static mseg_status open_teacher(mseg_training *t, const mseg_train_data_options *data, mseg_error *err)
{
    const mseg_train_options *o = &t->options;
    const mseg_train_teacher_options how = {o->teacher, o->cpu, t->classes, o->features > 0};
    return mseg_train_teacher_open(&t->teacher, &how, data, t->pool, err);
}

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
                                   .input = t->net.input,
                                   .cpu = &t->cpu};
    mseg_status status = mseg_train_data_open(&t->data, &how, t->pool, t->note, t->context, err);
    if (!status && o->teacher)
        status = open_teacher(t, &how, err);
    return status;
}

/* Rare classes weigh more: by the masks, or by what a teacher says of the first photos. */
static mseg_status weigh_classes(mseg_training *t, mseg_error *err)
{
    enum { PHOTOS = 512 };
    double shares[256] = {0};
    mseg_train_data_weights(t->data, t->options.equal_classes, t->weights);
    if (!t->teacher || t->options.equal_classes)
        return MSEG_OK;
    mseg_status status = mseg_train_teacher_shares(t->teacher, PHOTOS, t->pool, shares, err);
    for (int id = 0; id < 256; id++)
        shares[id] *= t->weights[id] > 0; /* what does not count stays so */
    if (!status)
        mseg_train_area_weights(shares, t->weights);
    return status;
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

static bool allocate_lessons(mseg_training *t, size_t points)
{
    const size_t parts = (size_t)mseg_train_teacher_features(t->teacher);
    t->points = mseg_alloc_array(points, sizeof *t->points);
    t->targets = mseg_alloc_array(points, (size_t)t->classes * sizeof *t->targets);
    if (parts) {
        t->features = mseg_alloc_array(points, parts * sizeof *t->features);
        t->feature_sums = mseg_alloc_array((size_t)t->options.batch, sizeof *t->feature_sums);
    }
    return t->points && t->targets && (!parts || (t->features && t->feature_sums));
}

static mseg_status allocate(mseg_training *t, mseg_error *err)
{
    const size_t batch = (size_t)t->options.batch, side = t->options.classifier ? 1 : (size_t)t->options.size;
    const mseg_engine_map out = mseg_engine_output(t->engine, 0, 0);
    const mseg_loss_map map = {out.values, out.gradient, out.height, out.width, out.channels, out.stride};
    const mseg_loss_labels labels = {.height = (int)side, .width = (int)side, .weights = t->weights};
    t->work_bytes = mseg_round_up(mseg_loss_work(&map, &labels), MSEG_ALIGN);
    t->gradient = mseg_alloc_array(mseg_engine_size(t->engine), sizeof *t->gradient);
    t->sums = mseg_alloc_array(batch, sizeof *t->sums);
    t->failed = mseg_alloc_array(batch, sizeof *t->failed);
    if (t->teacher && !allocate_lessons(t, batch * (size_t)(out.height * out.width)))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    t->work = mseg_alloc_array((size_t)mseg_pool_threads(t->pool), t->work_bytes);
    return t->gradient && t->sums && t->failed && t->work ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
}

/* What depends on how many samples there are. */
static void count_samples(mseg_training *t)
{
    enum { WARM = 300, PART = 20 };
    mseg_train_options *o = &t->options;
    const double used = (double)mseg_train_data_figures(t->data)->used;
    o->learning_rate = o->learning_rate > 0 ? o->learning_rate : mseg_train_default_rate(o);
    if (o->epochs > 0)
        o->steps = (int64_t)ceil(o->epochs * used / o->batch);
    t->state.left_out = (int64_t)mseg_train_data_figures(t->data)->left_out;
    t->state.steps = o->steps;
    t->state.batch = o->batch;
    t->state.size = o->size;
    if (o->warmup < 0)
        o->warmup = o->steps > 0 ? fmin(WARM, (double)(o->steps / PART)) : 100;
}

/* Whether a model file can hold the names of the classes. */
static mseg_status check_names(const mseg_training *t, mseg_error *err)
{
    const char *const *names = t->options.rules->palette.names;
    for (int c = 0; c < t->classes; c++)
        if (!mseg_is_line(names[c]) || strlen(names[c]) > MSEG_MAX_LABEL_BYTES)
            return mseg_fail(
                err, MSEG_INVAL,
                "class %d is called '%.80s', which no model file can hold: names are lines of UTF-8 of at most %d bytes", c,
                names[c], MSEG_MAX_LABEL_BYTES);
    return MSEG_OK;
}

static mseg_status open_training(mseg_training *t, const mseg_train_options *options, mseg_error *err)
{
    mseg_opened opened;
    mseg_status status = mseg_train_options_take(&t->options, options, err);
    if (status)
        return status;
    t->classes = t->options.rules->palette.count;
    status = check_names(t, err);
    if (!status)
        status = mseg_cpu_choose(&t->cpu, t->options.cpu, err);
    if (status)
        return status;
    t->kernels = mseg_train_kernels_for(&t->cpu, t->options.half);
    if (!t->kernels)
        return mseg_fail(err, MSEG_UNSUPPORTED,
                         "this processor, or the kernels that are asked for, have no arithmetic of bfloat16");
    status = mseg_train_network(t, &opened, err);
    if (status)
        return status;
    status = open_data(t, err);
    if (!status) {
        if (mseg_train_data_figures(t->data)->used < (size_t)t->options.batch)
            t->options.batch = (int)mseg_train_data_figures(t->data)->used;
        count_samples(t);
        t->labels = mseg_alloc_array((size_t)t->options.batch, (size_t)t->options.size * (size_t)t->options.size);
        status = t->labels ? mseg_train_start(t, &opened, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    }
    mseg_opened_close(&opened);
    if (!status)
        status = weigh_classes(t, err);
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
    t->began = mseg_now_ms() / 1000;
    return MSEG_OK;
}

void mseg_training_close(mseg_training **training)
{
    mseg_training *t = *training;
    if (!t)
        return;
    mseg_optimiser_close(&t->optimiser);
    mseg_model_close(&t->model);
    mseg_engine_close(&t->engine);
    mseg_net_free(&t->net);
    mseg_train_data_close(&t->data);
    mseg_train_teacher_close(&t->teacher);
    mseg_free(&t->gradient);
    mseg_free(&t->labels);
    mseg_free(&t->targets);
    mseg_free(&t->points);
    mseg_free(&t->features);
    mseg_free(&t->feature_sums);
    mseg_free(&t->sums);
    mseg_free(&t->failed);
    mseg_free(&t->work);
    mseg_free(training);
}
