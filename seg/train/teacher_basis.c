#include "seg/train/teacher_inside.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "seg/run/features.h"

enum { PHOTOS = 256, POINTS = 32 }; /* that they are found from, of each photo */

typedef struct sampling {
    mseg_train_teacher *teacher;
    float **samples;     /* [photos]: [n][channels] */
    int *n;              /* [photos] */
    atomic_int channels; /* of all photos that can be read */
} sampling;

/* Positions of an axis that lie on the photo. */
static int covered(int scaled, int canvas, int positions)
{
    return canvas > 1 ? (scaled - 1) * (positions - 1) / (canvas - 1) + 1 : 1;
}

/* Points of a photo's map, all over it. */
static void sample_photo(void *context, int task, int worker)
{
    sampling *s = context;
    mseg_result result = {0};
    if (!mseg_teacher_run(s->teacher, (size_t)task, worker, &result))
        return;
    const mseg_features map = mseg_session_features(s->teacher->sessions[worker]);
    const int width = covered(result.scaled_width, result.canvas_width, map.width);
    const int points = width * covered(result.scaled_height, result.canvas_height, map.height);
    const size_t channels = (size_t)map.channels, n = points < POINTS ? (size_t)points : POINTS;
    s->samples[task] = mseg_alloc_array(n, channels * sizeof(float));
    for (size_t i = 0; s->samples[task] && i < n; i++) {
        const size_t at = i * (size_t)points / n, point = at / (size_t)width * (size_t)map.width + at % (size_t)width;
        memcpy(s->samples[task] + i * channels, mseg_features_at(&map, point), channels * sizeof(float));
    }
    s->n[task] = s->samples[task] ? (int)n : 0;
    s->channels = map.channels;
}

/* One array of all samples, photo by photo; NULL without memory, or samples. */
static float *join_samples(const sampling *s, int photos, size_t *n)
{
    const size_t channels = (size_t)s->channels;
    *n = 0;
    for (int i = 0; i < photos; i++)
        *n += (size_t)s->n[i];
    float *all = *n ? mseg_alloc_array(*n, channels * sizeof *all) : NULL;
    for (size_t i = 0, at = 0; all && i < (size_t)photos; at += (size_t)s->n[i++])
        if (s->n[i])
            memcpy(all + at * channels, s->samples[i], (size_t)s->n[i] * channels * sizeof *all);
    return all;
}

mseg_status mseg_teacher_find_basis(mseg_train_teacher *t, mseg_pool *pool, mseg_error *err)
{
    const int photos = t->data.count < PHOTOS ? (int)t->data.count : PHOTOS;
    sampling s = {t, mseg_alloc_array((size_t)photos, sizeof *s.samples), mseg_alloc_array((size_t)photos, sizeof *s.n), 0};
    size_t n = 1;
    float *all = NULL;
    mseg_status status = MSEG_NOMEM;
    if (s.samples && s.n) {
        mseg_pool_for(pool, photos, sample_photo, &s);
        all = join_samples(&s, photos, &n);
    }
    const int channels = s.channels;
    if (all)
        status = mseg_basis_open(&t->basis, all, n, channels, channels < MSEG_BASIS_MOST ? channels : MSEG_BASIS_MOST, pool);
    for (int i = 0; s.samples && i < photos; i++)
        mseg_free(&s.samples[i]);
    mseg_free(&s.samples);
    mseg_free(&s.n);
    mseg_free(&all);
    if (!n)
        return mseg_fail(err, MSEG_MISMATCH, "it could read none of the first %d photos", photos);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}
