#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "seg/train/training.h"

/* ---- a step ------------------------------------------------------------------------------------------------------------- */

double mseg_train_seconds(const mseg_training *t)
{
    return t->before + mseg_now_ms() / 1000 - t->began;
}

static uint8_t *labels_of(const mseg_training *t, int sample)
{
    return t->labels + (size_t)sample * (size_t)t->options.size * (size_t)t->options.size;
}

int mseg_train_side(const mseg_training *t)
{
    /* Of all training, at which part of the full size: coarse pictures teach most of it for a fraction of the work. */
    static const struct {
        double until, part;
    } stages[] = {{0.45, 0.5}, {0.8, 0.75}};
    const int whole = t->options.size, stride = t->info.output_stride;
    for (int i = 0; i < 2 && t->options.progressive; i++)
        if (t->state.progress < stages[i].until)
            return (int)(whole * stages[i].part) / stride * stride + 1;
    return whole;
}

static bool is_beside(double at, int length)
{
    return at < 0 || at >= length;
}

/* The pixels of an axis that show the photo: *first to *end. False: none. */
static bool seen(int size, double offset, double scale, int length, bool turned, int *first, int *end)
{
    int low = 0, high = size;
    while (low < size && is_beside((low + 0.5 + offset) / scale, length))
        low++;
    while (high > low && is_beside((high - 0.5 + offset) / scale, length))
        high--;
    *first = turned ? size - high : low;
    *end = turned ? size - low : high;
    return low < high;
}

/* Labels beside the photo, but near it, become the nearest one inside: the logits there reach into the photo, and would be free
 * otherwise. */
static void continue_labels(uint8_t *labels, int size, const mseg_train_crop *crop)
{
    enum { BORDER = 16 };
    int left, right, top, bottom;
    if (!seen(size, crop->left, crop->scale_x, crop->width, crop->flipped, &left, &right) ||
        !seen(size, crop->top, crop->scale_y, crop->height, false, &top, &bottom))
        return;
    const int first = left > BORDER ? left - BORDER : 0, end = right + BORDER < size ? right + BORDER : size;
    for (int y = top; y < bottom; y++) {
        uint8_t *row = labels + (size_t)y * (size_t)size;
        memset(row + first, row[left], (size_t)(left - first));
        memset(row + right, row[right - 1], (size_t)(end - right));
    }
    for (int y = top > BORDER ? top - BORDER : 0; y < size && y < bottom + BORDER; y++)
        if (y < top || y >= bottom)
            memcpy(labels + (size_t)y * (size_t)size, labels + (size_t)(y < top ? top : bottom - 1) * (size_t)size, (size_t)size);
}

/* What the teacher says of a crop: a point weighs as its classes do. */
static bool ask_teacher(mseg_training *t, int i, int64_t n, const mseg_train_crop *crop, int worker)
{
    const mseg_engine_map out = mseg_engine_output(t->engine, 0, i);
    const size_t points = (size_t)(out.height * out.width), first = (size_t)i * points;
    const mseg_train_question question = {
        .size = t->side,
        .height = out.height,
        .width = out.width,
        .targets = t->targets + first * (size_t)t->classes,
        .features = t->features ? t->features + first * (size_t)mseg_train_teacher_features(t->teacher) : NULL,
        .weights = t->points + first};
    if (!mseg_train_teacher_take(t->teacher, mseg_train_data_order(t->data, n), crop, &question, worker))
        return false;
    for (size_t p = 0; p < points; p++) {
        float weight = 0;
        for (int c = 0; c < t->classes; c++)
            weight += question.targets[p * (size_t)t->classes + (size_t)c] * t->weights[c];
        question.weights[p] *= weight;
    }
    return true;
}

static void take_sample(void *context, int i, int worker)
{
    mseg_training *t = context;
    mseg_train_crop crop;
    const int64_t n = t->state.step * t->options.batch + i;
    bool ok = mseg_train_data_take(t->data, n, t->side, false, mseg_engine_picture(t->engine, i), labels_of(t, i), &crop);
    if (t->teacher)
        ok = ask_teacher(t, i, n, &crop, worker) && ok;
    else if (ok && !t->options.classifier)
        continue_labels(labels_of(t, i), t->side, &crop);
    t->failed[i] = !ok;
}

static mseg_status set_side(mseg_training *t, int side, mseg_error *err)
{
    t->side = t->state.size = side;
    return mseg_engine_resize(t->engine, t->options.batch, side, side, err);
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
    set_side(t, t->options.size, NULL); /* which the engine was opened for */
    mseg_pool_for(t->pool, n, take_plain, &job);
}

/* Of sample i the logits, output 0, or what is to be the teacher's features, output 1. */
static mseg_loss_map map_of(const mseg_training *t, int output, int i)
{
    const mseg_engine_map out = mseg_engine_output(t->engine, output, i);
    return (mseg_loss_map){out.values, out.gradient, out.height, out.width, out.channels, out.stride};
}

static mseg_loss_labels truth_of(const mseg_training *t, int i)
{
    const int side = t->options.classifier ? 1 : t->side;
    return (mseg_loss_labels){labels_of(t, i), side, side, (size_t)t->side, t->weights, t->net.input.sampling};
}

/* A teacher's weights of sample i. */
static const float *points_of(const mseg_training *t, int i, const mseg_loss_map *map)
{
    return t->points + (size_t)i * (size_t)(map->height * map->width);
}

static void weigh_sample(void *context, int i, int worker)
{
    (void)worker;
    mseg_training *t = context;
    if (t->teacher) {
        const mseg_loss_map map = map_of(t, 0, i);
        t->sums[i] = (mseg_loss_sum){0};
        for (int p = 0; p < map.height * map.width; p++) {
            const double weight = (double)points_of(t, i, &map)[p];
            t->sums[i].weight += weight;
            t->sums[i].counted += weight > 0;
        }
        return;
    }
    const mseg_loss_labels truth = truth_of(t, i);
    t->sums[i].weight = mseg_loss_weight(&truth, &t->sums[i].counted);
}

static void lose_sample(void *context, int i, int worker)
{
    mseg_training *t = context;
    const mseg_loss_map map = map_of(t, 0, i);
    if (t->teacher) {
        const float *points = points_of(t, i, &map);
        const size_t first = (size_t)i * (size_t)(map.height * map.width);
        mseg_loss_soft(&t->sums[i], &map, t->targets + first * (size_t)t->classes, points, t->scale);
        if (t->features) {
            const mseg_loss_map features = map_of(t, 1, i);
            mseg_loss_features(&t->feature_sums[i], &features, t->features + first * (size_t)features.classes, points,
                               t->feature_scale);
        }
        return;
    }
    const mseg_loss_labels truth = truth_of(t, i);
    mseg_loss_hard(&t->sums[i], &map, &truth, t->scale, t->work + (size_t)worker * t->work_bytes, &t->cpu);
}

static mseg_loss_sum sum_up(const mseg_training *t, const mseg_loss_sum *sums)
{
    mseg_loss_sum all = {0};
    for (int i = 0; i < t->options.batch; i++) {
        all.loss += sums[i].loss;
        all.weight += sums[i].weight;
        all.counted += sums[i].counted;
        all.hits += sums[i].hits;
    }
    return all;
}

/* What features weigh beside labels: all that was asked for at first, when labels say little yet, 0.15 of it at the end. */
static double feature_weight(const mseg_training *t)
{
    return t->options.features * (1 - 0.85 * t->state.progress);
}

/* Losses and their gradients in the outputs; returns that of labels, NaN when nothing counts. */
static double lose(mseg_training *t)
{
    mseg_pool_for(t->pool, t->options.batch, weigh_sample, t);
    const mseg_loss_sum counting = sum_up(t, t->sums);
    const double weight = counting.weight;
    t->scale = weight > 0 ? 1 / weight : 0;
    t->feature_scale = weight > 0 ? feature_weight(t) / (double)counting.counted : 0;
    mseg_pool_for(t->pool, t->options.batch, lose_sample, t);
    const mseg_loss_sum all = sum_up(t, t->sums);
    t->state.accuracy = all.counted ? (double)all.hits / (double)all.counted : NAN;
    t->state.feature_loss = t->features && weight > 0 ? sum_up(t, t->feature_sums).loss / (double)counting.counted : NAN;
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

/* By what steps alone take: validations and checkpoints in between do not count. */
static void measure_speed(mseg_training *t, double seconds)
{
    enum { WINDOW = 10 };
    t->recent_seconds += seconds;
    t->recent_samples += t->options.batch;
    t->state.samples_per_second = (double)t->recent_samples / t->recent_seconds;
    if (t->recent_seconds > WINDOW) { /* the half of it is forgotten */
        t->recent_seconds /= 2;
        t->recent_samples /= 2;
    }
}

mseg_status mseg_training_step(mseg_training *t, mseg_error *err)
{
    mseg_train_state *s = &t->state;
    const double began = mseg_now_ms();
    mseg_train_measure_progress(t);
    mseg_status status = set_side(t, mseg_train_side(t), err);
    if (status)
        return status;
    mseg_pool_for(t->pool, t->options.batch, take_sample, t);
    for (int i = 0; i < t->options.batch; i++)
        s->damaged += t->failed[i];
    mseg_engine_forward(t->engine, t->options.batch, t->norming, 0);
    const double loss = lose(t);
    const double rate = mseg_schedule_rate(&t->schedule, s->step, s->progress, s->epoch);
    if (t->scale > 0 && (!isfinite(loss) || (t->features && !isfinite(s->feature_loss))))
        return mseg_fail(err, MSEG_FORMAT, "the loss of step %lld is no finite number", (long long)s->step + 1);
    if (t->scale > 0) {
        mseg_engine_backward(t->engine, t->gradient);
        s->gradient_norm = mseg_optimiser_step(&t->optimiser, mseg_engine_parameters(t->engine), t->gradient, rate, t->pool);
        if (!isfinite(s->gradient_norm))
            return mseg_fail(err, MSEG_FORMAT, "the gradient of step %lld is no finite number", (long long)s->step + 1);
    }
    s->loss = loss;
    s->learning_rate = rate;
    s->step++;
    mseg_train_measure_progress(t);
    measure_speed(t, (mseg_now_ms() - began) / 1000);
    return MSEG_OK;
}

mseg_train_state mseg_training_state(const mseg_training *t)
{
    return t->state;
}
