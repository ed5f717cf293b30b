#include "convert/quantise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inputs.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/photos.h"
#include "cli/say.h"
#include "cli/threads.h"
#include "eval/eval.h"

enum { FEW = 100, SHOWN = 8 };

/* ---- photos ------------------------------------------------------------------------------------------------------------- */

static mseg_status add_photo(void *context, mseg_view photo, mseg_error *err)
{
    return mseg_calibration_add(context, photo, err);
}

/* How many of the photos could be used, and *failed: how many not; 0 after a line of error. */
static size_t calibrate(mseg_calibration *calibration, const cli_quantise_args *args, size_t *failed)
{
    const cli_inputs_options options = {.shard = {1, 1}};
    cli_inputs inputs = {0};
    mseg_error err = {0};
    size_t used = 0;
    char *folder = strdup(args->photos);
    if (!folder) {
        cli_say("convert: out of memory");
    } else if (cli_inputs_collect(&inputs, &folder, 1, &options, &err)) {
        cli_say("%s: %s", args->photos, err.text);
    } else {
        cli_inputs_say_foreign(&inputs);
        used = inputs.count - cli_photos_each(&inputs, args->quiet, add_photo, calibration);
        if (!used)
            cli_say("%s: no picture that can be read; quantising needs some hundred photos", args->photos);
    }
    *failed = inputs.count - used;
    cli_inputs_free(&inputs);
    free(folder);
    return used;
}

/* ---- what is lost ------------------------------------------------------------------------------------------------------- */

static int by_loss(const void *a, const void *b)
{
    const double x = ((const mseg_layer_loss *)a)->decibels, y = ((const mseg_layer_loss *)b)->decibels;
    return (x > y) - (x < y);
}

/* False after a line of error. */
static bool show_layers(const mseg_calibration *calibration)
{
    const int count = mseg_calibration_layers(calibration);
    mseg_layer_loss *losses = calloc((size_t)count, sizeof *losses);
    if (!losses) {
        cli_say("convert: out of memory");
        return false;
    }
    for (int i = 0; i < count; i++)
        losses[i] = mseg_calibration_layer(calibration, i);
    qsort(losses, (size_t)count, sizeof *losses, by_loss);
    printf("layers that lost most  signal to noise\n");
    for (int i = 0; i < count && i < SHOWN; i++)
        printf("%-32s %6.1f dB\n", losses[i].name, losses[i].decibels);
    free(losses);
    return true;
}

/* False after a line of error. */
static bool show_scores(const cli_quantise_args *args, const char *out, mseg_model *floats, mseg_pool *pool)
{
    mseg_model *bytes = NULL;
    mseg_model_options options;
    mseg_error err = {0};
    cli_eval_voc_score before, after;
    cli_model_options(&options);
    options.precision = MSEG_PRECISION_INT8;
    options.output_stride = mseg_model_describe(floats).output_stride;
    if (mseg_model_open(&bytes, out, &options, &err))
        cli_say("%s: %s", out, err.text);
    const bool ok = bytes && cli_eval_voc(&before, args->voc, args->split, floats, pool) &&
                    cli_eval_voc(&after, args->voc, args->split, bytes, pool);
    if (ok)
        printf("mIOU in float %.2f %%, in 8 bits %.2f %%: %+.2f points (%llu images)\n", 100 * before.miou, 100 * after.miou,
               100 * (after.miou - before.miou), (unsigned long long)after.images);
    mseg_model_close(&bytes);
    return ok;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */

/* Returns the exit status. */
static int quantise(mseg_calibration *calibration, const cli_quantise_args *args, const char *out, mseg_model *model,
                    mseg_pool *pool, mseg_converted *done)
{
    mseg_error err = {0};
    size_t failed;
    const size_t used = calibrate(calibration, args, &failed);
    if (!used)
        return CLI_EXIT_UNUSABLE;
    if (used < FEW)
        cli_say("warning: %zu picture%s calibrate%s the network; with %d or more its ranges can be trusted", used,
                used == 1 ? "" : "s", used == 1 ? "s" : "", FEW);
    if (mseg_calibration_write(calibration, done, &err)) {
        cli_say("%s: %s", out, err.text);
        return CLI_EXIT_UNUSABLE;
    }
    bool shown = args->quiet || show_layers(calibration);
    if (args->voc)
        shown = show_scores(args, out, model, pool) && shown;
    return failed || !shown ? CLI_EXIT_SOME_FAILED : CLI_EXIT_OK;
}

int cli_quantise(const cli_quantise_args *args, const char *path, const char *out, const mseg_convert_options *how,
                 mseg_model *model, mseg_converted *done)
{
    mseg_pool *pool = NULL;
    mseg_calibration *calibration = NULL;
    mseg_error err = {0};
    int status = CLI_EXIT_UNUSABLE;
    mseg_status opened = cli_threads_open(&pool, args->jobs, &err);
    if (!opened)
        opened = mseg_calibration_open(&calibration, path, out, how, pool, &err);
    if (opened)
        cli_say("%s: %s", out, err.text);
    else
        status = quantise(calibration, args, out, model, pool, done);
    mseg_calibration_close(&calibration);
    mseg_pool_close(&pool);
    return status;
}
