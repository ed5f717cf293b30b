#include <math.h>
#include <stddef.h>

#include "base/options.h"
#include "seg/train/training.h"

static const mseg_train_options default_options = {
    .struct_size = sizeof(mseg_train_options), .momentum = -1, .weight_decay = -1, .warmup = -1, .average = -1};

void mseg_train_options_init(mseg_train_options *options, size_t struct_size)
{
    mseg_options_init(options, struct_size, &default_options, sizeof default_options);
}

/* Numbers that may be left at what stands for the default. */
static mseg_status check_numbers(const mseg_train_options *o, mseg_error *err)
{
    const struct {
        const char *name;
        double value, least, most;
    } numbers[] = {
        {"size", o->size, 0, 4097},
        {"batch", o->batch, 0, 4096},
        {"steps", (double)o->steps, 0, 1e12},
        {"epochs", o->epochs, 0, 1e9},
        {"minutes", o->minutes, 0, 1e7},
        {"learning_rate", o->learning_rate, 0, 1e3},
        {"momentum", o->momentum, -HUGE_VAL, 0.9999},
        {"weight_decay", o->weight_decay, -HUGE_VAL, 10},
        {"warmup", o->warmup, -HUGE_VAL, 1e12},
        {"average", o->average, -HUGE_VAL, 0.999999},
        {"features", o->features, 0, 1e3},
        {"scale_min", o->scale_min, 0, 16},
        {"scale_max", o->scale_max, 0, 16},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(numbers[i].value >= numbers[i].least && numbers[i].value <= numbers[i].most))
            return mseg_fail(err, MSEG_INVAL, "%s %g is not between %g and %g", numbers[i].name, numbers[i].value,
                             numbers[i].least, numbers[i].most);
    if ((o->steps > 0) + (o->epochs > 0) + (o->minutes > 0) > 1)
        return mseg_fail(err, MSEG_INVAL, "steps, epochs and minutes exclude one another");
    if (o->scale_min > o->scale_max)
        return mseg_fail(err, MSEG_INVAL, "scale_min %g is more than scale_max %g", o->scale_min, o->scale_max);
    if ((o->scale_min > 0) != (o->scale_max > 0))
        return mseg_fail(err, MSEG_INVAL, "scale_min and scale_max are given together");
    return MSEG_OK;
}

static mseg_status check(const mseg_train_options *o, mseg_error *err)
{
    if (!o->train || !o->n_train)
        return mseg_fail(err, MSEG_INVAL, "there is nothing to train on");
    if (o->n_validation && !o->validation)
        return mseg_fail(err, MSEG_INVAL, "validation is NULL");
    if (!o->rules || o->rules->palette.count < 2 || o->rules->palette.count != o->rules->palette.entries)
        return mseg_fail(err, MSEG_INVAL, "the classes have to be two or more, 0, 1, 2 ... without gaps");
    if (o->architecture && o->freeze_backbone)
        return mseg_fail(err, MSEG_INVAL, "random numbers and copies are not frozen");
    if (o->classifier && o->teacher)
        return mseg_fail(err, MSEG_INVAL, "a classifier has no teacher");
    if (o->features > 0 && !o->teacher)
        return mseg_fail(err, MSEG_INVAL, "features are those of a teacher");
    if (o->features > 0 && o->freeze_backbone)
        return mseg_fail(err, MSEG_INVAL, "features teach the backbone, which is frozen");
    if ((unsigned)o->optimizer > MSEG_OPTIMIZER_RMSPROP || (unsigned)o->schedule > MSEG_RATE_CONSTANT ||
        (unsigned)o->norms > MSEG_NORMS_FREEZE)
        return mseg_fail(err, MSEG_INVAL, "optimizer, schedule or norms is none of its kind");
    if (mseg_train_is_random(o) && o->norms == MSEG_NORMS_FREEZE)
        return mseg_fail(err, MSEG_INVAL, "norms of random numbers cannot be frozen: nothing is known of them yet");
    return check_numbers(o, err);
}

double mseg_train_default_rate(const mseg_train_options *o)
{
    if (o->optimizer == MSEG_OPTIMIZER_SGD)
        return 0.007;
    if (o->optimizer == MSEG_OPTIMIZER_RMSPROP)
        return 0.045 * o->batch / 96;
    return mseg_train_is_random(o) ? 3e-3 : 1e-3;
}

mseg_status mseg_train_options_take(mseg_train_options *o, const mseg_train_options *given, mseg_error *err)
{
    *o = default_options;
    mseg_status status = mseg_options_take(o, sizeof *o, given, "mseg_train_options_init", err);
    if (!status)
        status = check(o, err);
    if (status)
        return status;
    o->batch = o->batch ? o->batch : 16;
    if (!o->steps && o->epochs <= 0 && o->minutes <= 0)
        o->epochs = 60;
    o->momentum = o->momentum >= 0 ? o->momentum : 0.9;
    o->weight_decay = o->weight_decay >= 0 ? o->weight_decay : o->optimizer == MSEG_OPTIMIZER_ADAMW ? 0.05 : 4e-5;
    o->average = o->average >= 0 ? o->average : 0.999;
    if (o->scale_max <= 0) {
        o->scale_min = 0.5;
        o->scale_max = 2;
    }
    return MSEG_OK;
}
