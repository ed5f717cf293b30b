#include "seg/train/teacher.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "net/sampling.h"
#include "seg/train/training.h"

/* What the teacher said of a photo: probabilities in 255ths at its logits, [height][width][classes], and how the photo lay. */
typedef struct lesson {
    int height, width;
    int canvas_width, canvas_height, scaled_width, scaled_height;
    bool failed;
    uint8_t said[];
} lesson;

struct mseg_train_teacher {
    mseg_model *model;
    mseg_session **sessions;
    int workers, classes;
    mseg_sampling sampling;
    mseg_run_options run;
    mseg_train_data_options data;
    _Atomic(lesson *) *lessons; /* [data.count] */
};

static mseg_status open_sessions(mseg_train_teacher *t, const char *path, const char *cpu, mseg_error *err)
{
    mseg_model_options how;
    mseg_model_options_init(&how, sizeof how);
    how.cpu = cpu;
    mseg_status status =
        strcmp(path, "builtin") ? mseg_model_open(&t->model, path, &how, err) : mseg_model_open_builtin(&t->model, &how, err);
    if (status)
        return status;
    const mseg_model_info info = mseg_model_describe(t->model);
    if (info.classifier || info.classes != t->classes)
        return mseg_fail(err, MSEG_MISMATCH, "it knows %d classes, the network learns %d", info.classes, t->classes);
    t->sampling = info.sampling;
    for (int k = 0; k < t->workers && !status; k++)
        status = mseg_session_open(&t->sessions[k], t->model, NULL, err);
    return status;
}

mseg_status mseg_train_teacher_open(mseg_train_teacher **teacher, const char *path, const char *cpu, int classes,
                                    const mseg_train_data_options *data, int workers, mseg_error *err)
{
    mseg_train_teacher *t = *teacher = mseg_alloc(sizeof *t);
    mseg_error why = {0};
    if (!t)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    t->classes = classes;
    t->data = *data;
    t->workers = workers;
    mseg_run_options_init(&t->run, sizeof t->run);
    t->run.size = 0;
    t->sessions = mseg_alloc_array((size_t)workers, sizeof(mseg_session *));
    t->lessons = mseg_alloc_array(data->count, sizeof *t->lessons);
    mseg_status status = t->sessions && t->lessons ? MSEG_OK : mseg_fail(&why, MSEG_NOMEM, NULL);
    if (!status)
        status = open_sessions(t, path, cpu, &why);
    if (status) {
        mseg_train_teacher_close(teacher);
        mseg_fail(err, status, "the teacher %.100s: %.120s", path, why.text);
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
    mseg_free(&t->sessions);
    mseg_free(&t->lessons);
    mseg_free(teacher);
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

/* Runs the teacher on a photo; NULL without memory. */
static lesson *learn(const mseg_train_teacher *t, size_t sample, int worker)
{
    mseg_image photo = {0};
    mseg_result result = {0};
    const mseg_train_sample *from = &t->data.samples[sample];
    const bool ok = !mseg_image_read(&photo, from->photo, t->data.orientation, t->data.limits, NULL) &&
                    !mseg_segment(t->sessions[worker], mseg_view_of(&photo), &t->run, &result, NULL);
    const size_t points = ok ? (size_t)result.logits_height * (size_t)result.logits_width : 0;
    lesson *l = malloc(sizeof *l + points * (size_t)t->classes);
    if (l) {
        *l = (lesson){result.logits_height,
                      result.logits_width,
                      result.canvas_width,
                      result.canvas_height,
                      result.scaled_width,
                      result.scaled_height,
                      !ok};
        for (size_t p = 0; p < points; p++)
            softmax_bytes(l->said + p * (size_t)t->classes, result.logits + p * (size_t)t->classes, t->classes);
    }
    mseg_image_free(&photo);
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

static void mix(float *out, const lesson *l, int classes, const place *y, const place *x)
{
    const uint8_t *top = l->said + (size_t)y->low * (size_t)(l->width * classes);
    const uint8_t *bottom = l->said + (size_t)y->high * (size_t)(l->width * classes);
    float sum = 0;
    for (int c = 0; c < classes; c++) {
        const float a = (float)top[x->low * classes + c], b = (float)top[x->high * classes + c];
        const float d = (float)bottom[x->low * classes + c], e = (float)bottom[x->high * classes + c];
        const float above = a + (b - a) * x->fraction, below = d + (e - d) * x->fraction;
        sum += out[c] = above + (below - above) * y->fraction;
    }
    for (int c = 0; c < classes; c++)
        out[c] /= sum;
}

bool mseg_train_teacher_take(mseg_train_teacher *t, size_t sample, const mseg_train_crop *crop, int size, int height, int width,
                             float *targets, float *weights, int worker)
{
    const lesson *l = lesson_of(t, sample, worker);
    for (int i = 0; i < height * width; i++) {
        weights[i] = 0;
        for (int c = 0; c < t->classes; c++)
            targets[i * t->classes + c] = c == 0;
    }
    if (!l)
        return false;
    const axis across = {
        t->data.input.sampling, t->sampling,     width,   size, crop->left, crop->scale_x, crop->flipped, crop->width,
        l->scaled_width,        l->canvas_width, l->width};
    const axis down = {t->data.input.sampling, t->sampling,      height,           size,     crop->top, crop->scale_y, false,
                       crop->height,           l->scaled_height, l->canvas_height, l->height};
    for (int y = 0; y < height; y++) {
        const place row = place_of(&down, y);
        for (int x = 0; x < width && row.counts; x++) {
            const place column = place_of(&across, x);
            if (!column.counts)
                continue;
            weights[y * width + x] = 1;
            mix(targets + (size_t)(y * width + x) * (size_t)t->classes, l, t->classes, &row, &column);
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
    for (int c = 0; c < t->classes; c++)
        shares[c] = 0;
    for (size_t i = 0; i < n; i++) {
        const lesson *l = atomic_load(&t->lessons[i]);
        for (int p = 0; l && !l->failed && p < l->height * l->width; p++)
            for (int c = 0; c < t->classes; c++)
                shares[c] += l->said[p * t->classes + c];
    }
    for (int c = 0; c < t->classes; c++)
        all += shares[c];
    for (int c = 0; c < t->classes && all > 0; c++)
        shares[c] /= all;
    return all > 0 ? MSEG_OK : mseg_fail(err, MSEG_MISMATCH, "the teacher could read none of the first %zu photos", n);
}
