#include "seg/train/teacher_inside.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "net/sampling.h"
#include "seg/model.h"
#include "seg/run/features.h"
#include "seg/run/options.h"
#include "seg/train/basis.h"
#include "seg/train/training.h"

static mseg_status open_model(mseg_train_teacher *t, mseg_error *err)
{
    const char *path = strcmp(t->options.path, "builtin") ? t->options.path : NULL;
    mseg_model_options how;
    mseg_model_options_init(&how, sizeof how);
    how.cpu = t->options.cpu;
    if (t->options.features) {
        how.precision = MSEG_PRECISION_FLOAT;
        return mseg_model_open_features(&t->model, path, &how, err);
    }
    return path ? mseg_model_open(&t->model, path, &how, err) : mseg_model_open_builtin(&t->model, &how, err);
}

/* The classes are the teacher's, whatever they are called, but not its own names at other numbers. */
static mseg_status check_names(const mseg_train_teacher *t, mseg_error *err)
{
    const char *const *names = t->data.rules->palette.names;
    for (int c = 0; c < t->info.classes; c++) {
        const char *own = mseg_model_label(t->model, c);
        for (int id = 0; own && *own && id < t->info.classes; id++)
            if (id != c && !strcasecmp(names[id], own) && strcasecmp(names[c], own))
                return mseg_fail(err, MSEG_MISMATCH,
                                 "its class %d is %s, which is class %d of the list: give the list in its order", c, own, id);
    }
    return MSEG_OK;
}

static mseg_status open_sessions(mseg_train_teacher *t, mseg_error *err)
{
    mseg_status status = open_model(t, err);
    if (status)
        return status;
    t->info = mseg_model_describe(t->model);
    if (t->info.classifier || t->info.classes != t->options.classes)
        return mseg_fail(err, MSEG_MISMATCH, "it knows %d classes, the network learns %d", t->info.classes, t->options.classes);
    status = check_names(t, err);
    for (int k = 0; k < t->workers && !status; k++)
        status = mseg_session_open(&t->sessions[k], t->model, NULL, err);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------- */

mseg_status mseg_train_teacher_open(mseg_train_teacher **teacher, const mseg_train_teacher_options *options,
                                    const mseg_train_data_options *data, mseg_pool *pool, mseg_error *err)
{
    mseg_train_teacher *t = *teacher = mseg_alloc(sizeof *t);
    mseg_error why = {0};
    if (!t)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    t->options = *options;
    t->data = *data;
    t->workers = mseg_pool_threads(pool);
    mseg_run_options_init(&t->run, sizeof t->run);
    t->run.size = 0;
    t->sessions = mseg_alloc_array((size_t)t->workers, sizeof(mseg_session *));
    t->lessons = mseg_alloc_array(data->count, sizeof *t->lessons);
    mseg_status status = t->sessions && t->lessons ? MSEG_OK : mseg_fail(&why, MSEG_NOMEM, NULL);
    if (!status)
        status = open_sessions(t, &why);
    if (!status && options->features)
        status = mseg_teacher_find_basis(t, pool, &why);
    if (status) {
        mseg_train_teacher_close(teacher);
        mseg_fail(err, status, "the teacher %.100s: %.120s", options->path, why.text);
    }
    return status;
}

void mseg_train_teacher_close(mseg_train_teacher **teacher)
{
    mseg_train_teacher *t = *teacher;
    if (!t)
        return;
    for (int k = 0; t->sessions && k < t->workers; k++)
        mseg_session_close(&t->sessions[k]);
    for (size_t i = 0; t->lessons && i < t->data.count; i++)
        free(atomic_load(&t->lessons[i]));
    mseg_model_close(&t->model);
    mseg_basis_close(&t->basis);
    mseg_free(&t->sessions);
    mseg_free(&t->lessons);
    mseg_free(teacher);
}

int mseg_train_teacher_features(const mseg_train_teacher *t)
{
    return t->basis.parts;
}

size_t mseg_train_teacher_bytes(const mseg_train_teacher *t)
{
    const int side = mseg_default_side(&t->info);
    const size_t logits = (size_t)mseg_out_size(side, t->info.logits_stride);
    const size_t features = (size_t)mseg_out_size(side, t->info.output_stride);
    const size_t each =
        sizeof(lesson) + logits * logits * (size_t)t->options.classes + features * features * (size_t)t->basis.parts;
    size_t bytes;
    return mseg_mul(each, t->data.count, &bytes) ? bytes : SIZE_MAX;
}

/* ---- lessons ------------------------------------------------------------------------------------------------------------ */

static void softmax_bytes(uint8_t *out, const float *logits, int classes)
{
    float most = logits[0], sum = 0, parts[256];
    for (int c = 1; c < classes; c++)
        most = logits[c] > most ? logits[c] : most;
    for (int c = 0; c < classes; c++)
        sum += parts[c] = expf(logits[c] - most);
    for (int c = 0; c < classes; c++)
        out[c] = (uint8_t)(255 * parts[c] / sum + 0.5f);
}

/* The lesson of what the teacher made of a photo last; NULL without memory. */
static lesson *write_down(const mseg_train_teacher *t, const mseg_result *result, const mseg_features *map)
{
    const int classes = t->options.classes, parts = t->basis.parts;
    const size_t points = (size_t)result->logits_height * (size_t)result->logits_width;
    const size_t features = (size_t)map->height * (size_t)map->width;
    lesson *l = malloc(sizeof *l + points * (size_t)classes + features * (size_t)parts);
    if (!l)
        return NULL;
    *l = (lesson){.height = result->logits_height,
                  .width = result->logits_width,
                  .feature_height = map->height,
                  .feature_width = map->width,
                  .canvas_width = result->canvas_width,
                  .canvas_height = result->canvas_height,
                  .scaled_width = result->scaled_width,
                  .scaled_height = result->scaled_height};
    for (size_t p = 0; p < points; p++)
        softmax_bytes(l->said + p * (size_t)classes, result->logits + p * (size_t)classes, classes);
    for (size_t p = 0; p < features; p++)
        mseg_basis_take(&t->basis, mseg_features_at(map, p), l->said + points * (size_t)classes + p * (size_t)parts);
    return l;
}

bool mseg_teacher_run(const mseg_train_teacher *t, size_t sample, int worker, mseg_result *result)
{
    mseg_image photo = {0};
    const bool ok = !mseg_image_read(&photo, t->data.samples[sample].photo, t->data.orientation, t->data.limits, NULL) &&
                    !mseg_segment(t->sessions[worker], mseg_view_of(&photo), &t->run, result, NULL);
    mseg_image_free(&photo);
    return ok;
}

/* Runs the teacher on a photo; NULL without memory. */
static lesson *learn(const mseg_train_teacher *t, size_t sample, int worker)
{
    mseg_result result = {0};
    mseg_features map = {0};
    const bool ok = mseg_teacher_run(t, sample, worker, &result);
    if (!ok)
        result = (mseg_result){0};
    else if (t->options.features)
        map = mseg_session_features(t->sessions[worker]);
    lesson *l = write_down(t, &result, &map);
    if (l)
        l->failed = !ok;
    return l;
}

/* The lesson of a sample, made now when nobody has: two threads may both make it, to the same bytes. NULL: none. */
static const lesson *lesson_of(mseg_train_teacher *t, size_t sample, int worker)
{
    lesson *known = atomic_load(&t->lessons[sample]);
    if (!known) {
        lesson *made = learn(t, sample, worker);
        if (!made)
            return NULL;
        if (atomic_compare_exchange_strong(&t->lessons[sample], &known, made))
            known = made;
        else
            free(made);
    }
    return known->failed ? NULL : known;
}

/* ---- at a crop's points -------------------------------------------------------------------------------------------------- */

/* Where the points of one axis lie among the lesson's. */
typedef struct place {
    int low, high;
    float fraction;
    bool counts;
} place;

typedef struct axis {
    mseg_sampling sampling, said;
    int points, size; /* of the network that learns */
    double offset, scale;
    bool turned;
    int photo, scaled, canvas, k; /* of the lesson */
} axis;

static place place_of(const axis *a, int i)
{
    enum { BORDER = 16 }; /* pixels beside the photo where the nearest answer counts: logits there are seen from inside it */
    const double x = mseg_sampling_at(a->sampling, i, a->points, a->size);
    const double at = ((a->turned ? a->size - 1 - x : x) + 0.5 + a->offset) / a->scale;
    place p = {.counts = at * a->scale >= -BORDER && (at - a->photo) * a->scale <= BORDER};
    const double pixel = fmin(fmax(at * a->scaled / a->photo - 0.5, 0), a->scaled - 1);
    mseg_sampling_between(mseg_sampling_at(a->said, pixel, a->canvas, a->k), a->k, &p.low, &p.high, &p.fraction);
    return p;
}

/* Numbers of bytes [][width][n] between four positions. */
static void mix(float *out, const uint8_t *bytes, int width, int n, const place *y, const place *x)
{
    const uint8_t *top = bytes + (size_t)y->low * (size_t)(width * n);
    const uint8_t *bottom = bytes + (size_t)y->high * (size_t)(width * n);
    for (int c = 0; c < n; c++) {
        const float a = (float)top[x->low * n + c], b = (float)top[x->high * n + c];
        const float d = (float)bottom[x->low * n + c], e = (float)bottom[x->high * n + c];
        const float above = a + (b - a) * x->fraction, below = d + (e - d) * x->fraction;
        out[c] = above + (below - above) * y->fraction;
    }
}

static void mix_classes(float *out, const mseg_train_teacher *t, const lesson *l, const place *y, const place *x)
{
    const int classes = t->options.classes;
    float sum = 0;
    mix(out, l->said, l->width, classes, y, x);
    for (int c = 0; c < classes; c++)
        sum += out[c];
    for (int c = 0; c < classes; c++)
        out[c] /= sum;
}

static void mix_features(float *out, const mseg_train_teacher *t, const lesson *l, const place *y, const place *x)
{
    const uint8_t *bytes = l->said + (size_t)(l->height * l->width * t->options.classes);
    mix(out, bytes, l->feature_width, t->basis.parts, y, x);
    for (int k = 0; k < t->basis.parts; k++)
        out[k] = (out[k] - MSEG_BASIS_ZERO) * t->basis.steps[k];
}

/* The axes of a crop, k positions of the lesson to be filled in. */
static axis axis_across(const mseg_train_teacher *t, const mseg_train_crop *crop, const mseg_train_question *q, const lesson *l)
{
    return (axis){t->data.input.sampling, t->info.sampling, q->width,        q->size,         crop->left, crop->scale_x,
                  crop->flipped,          crop->width,      l->scaled_width, l->canvas_width, 0};
}

static axis axis_down(const mseg_train_teacher *t, const mseg_train_crop *crop, const mseg_train_question *q, const lesson *l)
{
    return (axis){t->data.input.sampling, t->info.sampling, q->height,        q->size, crop->top, crop->scale_y, false,
                  crop->height,           l->scaled_height, l->canvas_height, 0};
}

static place place_among(axis *a, int i, int k)
{
    a->k = k;
    return place_of(a, i);
}

bool mseg_train_teacher_take(mseg_train_teacher *t, size_t sample, const mseg_train_crop *crop, const mseg_train_question *q,
                             int worker)
{
    const lesson *l = lesson_of(t, sample, worker);
    const int classes = t->options.classes, parts = t->basis.parts;
    for (int i = 0; i < q->height * q->width; i++) {
        q->weights[i] = 0;
        for (int c = 0; c < classes; c++)
            q->targets[i * classes + c] = c == 0;
    }
    if (!l)
        return false;
    axis across = axis_across(t, crop, q, l), down = axis_down(t, crop, q, l);
    for (int y = 0; y < q->height; y++) {
        const place row = place_among(&down, y, l->height), feature_row = place_among(&down, y, l->feature_height);
        for (int x = 0; x < q->width && row.counts; x++) {
            const size_t at = (size_t)(y * q->width + x);
            const place column = place_among(&across, x, l->width);
            if (!column.counts)
                continue;
            q->weights[at] = 1;
            mix_classes(q->targets + at * (size_t)classes, t, l, &row, &column);
            if (parts) {
                const place feature_column = place_among(&across, x, l->feature_width);
                mix_features(q->features + at * (size_t)parts, t, l, &feature_row, &feature_column);
            }
        }
    }
    return true;
}

mseg_status mseg_train_teacher_label(mseg_train_teacher *t, mseg_view photo, int worker, mseg_image *labels, mseg_error *err)
{
    mseg_result result;
    mseg_status status = mseg_segment(t->sessions[worker], photo, &t->run, &result, err);
    return status ? status : mseg_train_copy_labels(labels, result.labels, err);
}

/* ---- shares ------------------------------------------------------------------------------------------------------------- */

static void ask(void *context, int i, int worker)
{
    lesson_of(context, (size_t)i, worker);
}

mseg_status mseg_train_teacher_shares(mseg_train_teacher *t, size_t photos, mseg_pool *pool, double *shares, mseg_error *err)
{
    const size_t n = photos < t->data.count ? photos : t->data.count;
    double all = 0;
    mseg_pool_for(pool, (int)n, ask, t);
    for (int c = 0; c < t->options.classes; c++)
        shares[c] = 0;
    for (size_t i = 0; i < n; i++) {
        const lesson *l = atomic_load(&t->lessons[i]);
        for (int p = 0; l && !l->failed && p < l->height * l->width; p++)
            for (int c = 0; c < t->options.classes; c++)
                shares[c] += l->said[p * t->options.classes + c];
    }
    for (int c = 0; c < t->options.classes; c++)
        all += shares[c];
    for (int c = 0; c < t->options.classes && all > 0; c++)
        shares[c] /= all;
    return all > 0 ? MSEG_OK : mseg_fail(err, MSEG_MISMATCH, "the teacher could read none of the first %zu photos", n);
}
