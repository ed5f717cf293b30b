#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/output.h"
#include "base/parallel.h"
#include "seg/convert.h"
#include "seg/train/training.h"

/* ---- the model that has been trained so far ----------------------------------------------------------------------------- */

static mseg_status fold(mseg_training *t, mseg_weights **weights, mseg_error *err)
{
    const size_t bytes = mseg_engine_size(t->engine) * sizeof(mseg_real);
    mseg_real *parameters = mseg_engine_parameters(t->engine), *kept = NULL;
    if (t->optimiser.average) {
        kept = mseg_alloc(bytes);
        if (!kept)
            return mseg_fail(err, MSEG_NOMEM, NULL);
        memcpy(kept, parameters, bytes);
        memcpy(parameters, t->optimiser.average, bytes);
    }
    if (t->norming == MSEG_NORM_BATCH)
        mseg_train_measure(t, MSEG_NORM_BATCH, false); /* norms were the batch's own */
    mseg_status status = mseg_engine_weights(weights, t->engine, parameters, err);
    if (kept)
        memcpy(parameters, kept, bytes);
    mseg_free(&kept);
    return status;
}

mseg_status mseg_train_model(mseg_training *t, bool safetensors, mseg_bytes *bytes, mseg_error *err)
{
    mseg_weights *weights;
    mseg_write_options how = {.height = t->options.size,
                              .width = t->options.size,
                              .output_stride = t->info.output_stride,
                              .name = "mseg train",
                              .labels = (const char *const *)t->options.rules->palette.names,
                              .n_labels = t->classes};
    mseg_status status = fold(t, &weights, err);
    if (status)
        return status;
    status = (safetensors ? mseg_write_safetensors : mseg_write_tflite)(bytes, &t->net, weights, &how, err);
    mseg_weights_close(&weights);
    return status;
}

mseg_status mseg_training_write(mseg_training *t, const char *path, uint64_t *size, mseg_error *err)
{
    mseg_bytes bytes = {0};
    const mseg_model_format format = mseg_model_format_of(path);
    if (format != MSEG_MODEL_TFLITE && format != MSEG_MODEL_SAFETENSORS)
        return mseg_fail(err, MSEG_INVAL, "the name ends in neither .tflite nor .safetensors, which tell the format");
    mseg_status status = mseg_train_model(t, format == MSEG_MODEL_SAFETENSORS, &bytes, err);
    if (!status)
        status = mseg_output_write(path, bytes.data, bytes.size, err);
    if (!status && size)
        *size = bytes.size;
    mseg_free(&bytes.data);
    return status;
}

/* ---- validation --------------------------------------------------------------------------------------------------------- */

typedef struct validation {
    mseg_training *training;
    mseg_session **sessions; /* a thread's */
    mseg_counts **counts;
    mseg_run_options run;
    mseg_error *errors; /* [n_validation] */
    size_t first;
} validation;

mseg_status mseg_train_copy_labels(mseg_image *copy, mseg_view labels, mseg_error *err)
{
    if (mseg_image_create(copy, labels.width, labels.height, MSEG_GRAY))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int y = 0; y < labels.height; y++)
        memcpy(copy->data + (size_t)y * copy->stride, labels.data + (size_t)y * labels.stride, (size_t)labels.width);
    return MSEG_OK;
}

/* Ground truth is the mask or, where there is none, what the teacher says. */
static mseg_status segment(const mseg_training *t, mseg_session *session, const mseg_run_options *run,
                           const mseg_train_sample *sample, int worker, mseg_example *example, mseg_error *err)
{
    mseg_result result;
    mseg_status status = mseg_image_read(&example->photo, sample->photo, t->options.orientation, t->options.limits, err);
    if (!status && !sample->mask && t->teacher)
        status = mseg_train_teacher_label(t->teacher, mseg_view_of(&example->photo), worker, &example->truth, err);
    else if (!status)
        status = mseg_mask_read(&example->truth, sample->mask, t->options.rules, t->options.limits, NULL, err);
    if (!status)
        status = mseg_segment(session, mseg_view_of(&example->photo), run, &result, err);
    return status ? status : mseg_train_copy_labels(&example->prediction, result.labels, err);
}

static void free_example(mseg_example *example)
{
    mseg_image_free(&example->photo);
    mseg_image_free(&example->truth);
    mseg_image_free(&example->prediction);
}

/* A classifier's photo is a picture of one pixel: its label, and the class with the highest probability. */
static mseg_status classify(const mseg_training *t, mseg_session *session, const mseg_train_sample *sample, mseg_example *example,
                            mseg_error *err)
{
    const float *scores;
    mseg_status status = mseg_image_read(&example->photo, sample->photo, t->options.orientation, t->options.limits, err);
    if (!status)
        status = mseg_classify(session, mseg_view_of(&example->photo), t->options.size, 0.875, &scores, err);
    if (!status &&
        (mseg_image_create(&example->truth, 1, 1, MSEG_GRAY) || mseg_image_create(&example->prediction, 1, 1, MSEG_GRAY)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (status)
        return status;
    int best = 0;
    for (int c = 1; c < t->classes; c++)
        best = scores[c] > scores[best] ? c : best;
    example->truth.data[0] = (uint8_t)sample->label;
    example->prediction.data[0] = (uint8_t)best;
    return MSEG_OK;
}

static mseg_status predict(const mseg_training *t, mseg_session *session, const mseg_run_options *run, size_t index, int worker,
                           mseg_example *example, mseg_error *err)
{
    const mseg_train_sample *sample = &t->options.validation[index];
    return t->options.classifier ? classify(t, session, sample, example, err)
                                 : segment(t, session, run, sample, worker, example, err);
}

static void validate_sample(void *context, int i, int worker)
{
    validation *v = context;
    const size_t index = v->first + (size_t)i;
    mseg_example example = {{0}};
    mseg_status status = predict(v->training, v->sessions[worker], &v->run, index, worker, &example, &v->errors[index]);
    if (!status)
        status = mseg_counts_add(v->counts[worker], v->training->options.validation[index].photo, mseg_view_of(&example.truth),
                                 mseg_view_of(&example.prediction), &v->errors[index]);
    free_example(&example);
    v->errors[index].status = status;
}

/* The model of this step, made once. */
static mseg_status open_model(mseg_training *t, mseg_error *err)
{
    mseg_bytes bytes = {0};
    mseg_model_options how;
    mseg_model_options_init(&how, sizeof how);
    how.cpu = t->options.cpu;
    if (t->model && t->model_step == t->state.step)
        return MSEG_OK;
    mseg_model_close(&t->model);
    mseg_status status = mseg_train_model(t, false, &bytes, err);
    if (!status)
        status = mseg_model_open_memory(&t->model, bytes.data, bytes.size, "trained", &how, err);
    t->model_step = t->state.step;
    mseg_free(&bytes.data);
    return status;
}

static mseg_run_options run_of(const mseg_training *t)
{
    mseg_run_options run;
    mseg_run_options_init(&run, sizeof run);
    run.size = t->options.size;
    return run;
}

static mseg_status open_validation(validation *v, mseg_error *err)
{
    mseg_training *t = v->training;
    const int threads = mseg_pool_threads(t->pool);
    v->run = run_of(t);
    v->sessions = mseg_alloc_array((size_t)threads, sizeof(mseg_session *));
    v->counts = mseg_alloc_array((size_t)threads, sizeof(mseg_counts *));
    v->errors = mseg_alloc_array(t->options.n_validation, sizeof *v->errors);
    if (!v->sessions || !v->counts || !v->errors)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = open_model(t, err);
    for (int k = 0; k < threads && !status; k++) {
        status = mseg_session_open(&v->sessions[k], t->model, NULL, err);
        if (!status)
            status = mseg_counts_open(&v->counts[k], t->options.rules, NULL, err);
    }
    return status;
}

static void close_validation(validation *v)
{
    const int threads = mseg_pool_threads(v->training->pool);
    for (int k = 0; k < threads; k++) {
        if (v->sessions)
            mseg_session_close(&v->sessions[k]);
        if (v->counts)
            mseg_counts_close(&v->counts[k]);
    }
    mseg_free(&v->sessions);
    mseg_free(&v->counts);
    mseg_free(&v->errors);
}

/* All samples, some at a time so that the caller can stop. */
static mseg_status run_validation(validation *v, mseg_progress_fn progress, void *context)
{
    enum { AT_ONCE = 16 };
    mseg_training *t = v->training;
    const size_t all = t->options.n_validation;
    for (; v->first < all; v->first += AT_ONCE) {
        if (progress && progress(context, (int64_t)v->first, (int64_t)all))
            return MSEG_CANCELLED;
        mseg_pool_for(t->pool, all - v->first < AT_ONCE ? (int)(all - v->first) : AT_ONCE, validate_sample, v);
    }
    return MSEG_OK;
}

/* The threads' counts in one, with what could not be counted noted. */
static mseg_status merge_counts(validation *v, mseg_counts **counts, mseg_error *err)
{
    mseg_training *t = v->training;
    mseg_status status = MSEG_OK;
    uint64_t failed = 0;
    for (size_t i = 0; i < t->options.n_validation; i++)
        if (v->errors[i].status) {
            failed++;
            if (!t->told)
                mseg_training_tell(t, MSEG_TRAIN_WARNING, t->options.validation[i].photo, "not scored: %s", v->errors[i].text);
        }
    t->told = true; /* once, not at every validation */
    if (failed == t->options.n_validation)
        return mseg_fail(err, v->errors[0].status, "no validation photo could be scored; the first: %.150s", v->errors[0].text);
    for (int k = 1; k < mseg_pool_threads(t->pool) && !status; k++)
        status = mseg_counts_merge(v->counts[0], v->counts[k], err);
    if (status)
        return status;
    mseg_counts_note(v->counts[0], MSEG_PROBLEM_failed, failed);
    *counts = v->counts[0];
    v->counts[0] = NULL;
    return MSEG_OK;
}

mseg_status mseg_training_validate(mseg_training *t, mseg_counts **counts, mseg_progress_fn progress, void *context,
                                   mseg_error *err)
{
    validation v = {.training = t};
    *counts = NULL;
    if (!t->options.n_validation)
        return mseg_fail(err, MSEG_INVAL, "there is no validation");
    mseg_status status = open_validation(&v, err);
    if (!status && run_validation(&v, progress, context))
        status = mseg_fail(err, MSEG_CANCELLED, NULL);
    if (!status)
        status = merge_counts(&v, counts, err);
    close_validation(&v);
    return status;
}

mseg_status mseg_training_example(mseg_training *t, size_t index, mseg_example *example, mseg_error *err)
{
    mseg_session *session = NULL;
    const mseg_run_options run = run_of(t);
    *example = (mseg_example){{0}};
    if (index >= t->options.n_validation || t->options.classifier)
        return mseg_fail(err, MSEG_INVAL, "there is no example %zu", index);
    mseg_status status = open_model(t, err);
    if (!status)
        status = mseg_session_open(&session, t->model, t->pool, err);
    if (!status)
        status = predict(t, session, &run, index, 0, example, err);
    if (status)
        free_example(example);
    mseg_session_close(&session);
    return status;
}
