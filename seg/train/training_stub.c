/* Stands in for seg/train/training.c until that is there: no network, a loss that falls, masks that get better. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/options.h"
#include "base/output.h"
#include "seg/mseg.h"

struct mseg_training {
    mseg_train_options options;
    mseg_train_state state;
    size_t used;
};

void mseg_train_options_init(mseg_train_options *options, size_t struct_size)
{
    memset(options, 0, struct_size);
    options->struct_size = struct_size;
    options->momentum = options->weight_decay = options->warmup = options->average = -1;
}

static mseg_status look(mseg_training *t, const mseg_train_sample *s, mseg_train_note_fn note, void *context, mseg_error *err)
{
    mseg_image photo = {0}, mask = {0};
    mseg_error why = {0};
    mseg_status status = mseg_image_read(&photo, s->photo, t->options.orientation, t->options.limits, &why);
    if (status && note)
        note(context, s->photo, why.text);
    if (!status && !t->options.teacher && !t->options.classifier &&
        (status = mseg_mask_read(&mask, s->mask, t->options.rules, t->options.limits, NULL, &why)) == MSEG_MISMATCH)
        return mseg_fail(err, status, "%s: %s", s->mask, why.text);
    else if (status && !photo.data)
        ;
    else if (status && note)
        note(context, s->mask, why.text);
    t->used += !status;
    t->state.damaged += status != MSEG_OK;
    mseg_image_free(&photo);
    mseg_image_free(&mask);
    return MSEG_OK;
}

mseg_status mseg_training_open(mseg_training **training, const mseg_train_options *o, mseg_pool *pool, mseg_train_note_fn note,
                               void *context, mseg_error *err)
{
    (void)pool;
    mseg_status status = MSEG_OK;
    mseg_training *t = calloc(1, sizeof *t);
    *training = NULL;
    if (!t)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    t->options = *o;
    for (size_t i = 0; i < o->n_train && !status; i++)
        status = look(t, &o->train[i], note, context, err);
    if (!status && !t->used)
        status = mseg_fail(err, MSEG_MISMATCH, "nothing left to train on");
    if (status) {
        free(t);
        return status;
    }
    mseg_train_state *s = &t->state;
    s->batch = o->batch ? o->batch : t->used < 16 ? (int)t->used : 16;
    s->size = o->size ? o->size : o->classifier ? 224 : 257;
    s->steps = o->steps         ? o->steps
               : o->minutes > 0 ? (int64_t)(o->minutes * 60 * 200)
                                : (int64_t)ceil((o->epochs > 0 ? o->epochs : 60) * (double)t->used / s->batch);
    s->bytes_per_sample = (uint64_t)s->size * (uint64_t)s->size * 100;
    s->bytes = s->bytes_per_sample * (uint64_t)s->batch;
    s->madds_per_sample = 1e3 * s->size * s->size;
    s->loss = NAN;
    *training = t;
    return MSEG_OK;
}

void mseg_training_close(mseg_training **training)
{
    free(*training);
    *training = NULL;
}

mseg_status mseg_training_step(mseg_training *t, mseg_error *err)
{
    mseg_train_state *s = &t->state;
    if (t->options.learning_rate > 1e6 && s->step >= 3)
        return mseg_fail(err, MSEG_FORMAT, "the loss is no finite number");
    nanosleep(&(struct timespec){0, 5000000}, NULL);
    s->step++;
    s->seconds += 0.005;
    s->progress = (double)s->step / (double)s->steps;
    s->epoch = (double)s->step * s->batch / (double)t->used;
    s->finished = s->step >= s->steps;
    s->loss = 2 * exp(-3 * s->progress) + 0.1;
    s->accuracy = 1 - s->loss / 3;
    s->learning_rate = 1e-3;
    s->gradient_norm = 1;
    s->samples_per_second = s->batch / 0.005;
    s->seconds_left = 0.005 * (double)(s->steps - s->step);
    return MSEG_OK;
}

mseg_train_state mseg_training_state(const mseg_training *t)
{
    return t->state;
}

static mseg_status guess(mseg_training *t, size_t index, mseg_image *truth, mseg_image *prediction, mseg_error *err)
{
    const mseg_train_sample *s = &t->options.validation[index];
    mseg_status status;
    if (t->options.classifier || !s->mask) {
        mseg_image_create(truth, 1, 1, MSEG_GRAY);
        truth->data[0] = (uint8_t)s->label;
        status = MSEG_OK;
    } else {
        status = mseg_mask_read(truth, s->mask, t->options.rules, t->options.limits, NULL, err);
    }
    if (!status)
        status = mseg_image_create(prediction, truth->width, truth->height, MSEG_GRAY);
    for (size_t i = 0; !status && i < truth->stride * (size_t)truth->height; i++)
        if ((double)((i + index) * 2654435761u % 1000) < 1000 * t->state.progress &&
            t->options.rules->palette.listed[truth->data[i]])
            prediction->data[i] = truth->data[i];
    return status;
}

mseg_status mseg_training_validate(mseg_training *t, mseg_counts **counts, mseg_progress_fn progress, void *context,
                                   mseg_error *err)
{
    *counts = NULL;
    if (!t->options.n_validation)
        return mseg_fail(err, MSEG_INVAL, "no validation");
    mseg_status status = mseg_counts_open(counts, t->options.rules, NULL, err);
    for (size_t i = 0; i < t->options.n_validation && !status; i++) {
        mseg_image truth = {0}, prediction = {0};
        status = guess(t, i, &truth, &prediction, err);
        if (!status)
            status =
                mseg_counts_add(*counts, t->options.validation[i].photo, mseg_view_of(&truth), mseg_view_of(&prediction), err);
        mseg_image_free(&truth);
        mseg_image_free(&prediction);
        if (!status && progress && progress(context, (int64_t)i + 1, (int64_t)t->options.n_validation))
            status = mseg_fail(err, MSEG_CANCELLED, NULL);
    }
    if (status)
        mseg_counts_close(counts);
    return status;
}

mseg_status mseg_training_example(mseg_training *t, size_t index, mseg_example *example, mseg_error *err)
{
    mseg_status status =
        mseg_image_read(&example->photo, t->options.validation[index].photo, t->options.orientation, t->options.limits, err);
    return status ? status : guess(t, index, &example->truth, &example->prediction, err);
}

mseg_status mseg_training_write(mseg_training *t, const char *path, uint64_t *bytes, mseg_error *err)
{
    (void)t;
    mseg_converted done;
    mseg_status status = mseg_convert(NULL, path, NULL, &done, err);
    if (!status && bytes)
        *bytes = done.bytes;
    return status;
}

mseg_status mseg_training_save(mseg_training *t, const char *path, const char *text, mseg_error *err)
{
    char *all = NULL;
    const int size = asprintf(&all, "%lld %zu\n%s", (long long)t->state.step, t->used, text ? text : "");
    mseg_status status = size < 0 ? mseg_fail(err, MSEG_NOMEM, NULL) : mseg_output_write(path, all, (size_t)size, err);
    free(all);
    return status;
}

mseg_status mseg_training_resume(mseg_training *t, const char *path, char **text, mseg_error *err)
{
    enum { MOST = 1 << 24 };
    FILE *file = fopen(path, "r");
    if (!file)
        return mseg_fail(err, MSEG_NOENT, NULL);
    long long step = 0;
    size_t used = 0, size = 0;
    char *rest = NULL;
    mseg_status status = MSEG_OK;
    if (fscanf(file, "%lld %zu\n", &step, &used) != 2)
        status = mseg_fail(err, MSEG_FORMAT, "not a checkpoint");
    else if (used != t->used)
        status = mseg_fail(err, MSEG_MISMATCH, "is of other data");
    else if ((rest = malloc(MOST)) && (size = fread(rest, 1, MOST - 1, file)))
        rest[size] = 0;
    fclose(file);
    if (!status) {
        t->state.step = step;
        t->state.seconds = 0.005 * (double)step;
        t->state.progress = (double)step / (double)t->state.steps;
        t->state.finished = step >= t->state.steps;
    }
    if (text && !status)
        *text = rest;
    else
        free(rest);
    return status;
}
