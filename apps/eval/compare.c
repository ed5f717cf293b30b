#include <math.h>
#include <stdlib.h>

#include "cli/say.h"
#include "eval/eval.h"

/* The option that makes no sense here, NULL when there is none: the counts are made already. */
static const char *foreign_option(const cli_eval_args *args)
{
    const cli_network_args *network = &args->network;
    const struct {
        const char *name;
        bool given;
    } options[] = {
        {"--merge", args->merge},
        {"--voc", args->voc},
        {"--gt", args->truth},
        {"--pred", args->predictions},
        {"--images", args->photos},
        {"--list", args->list},
        {"--shard", args->shard},
        {"--recursive", args->recursive},
        {"--null", args->null},
        {"--model", network->model},
        {"--os", network->os >= 0},
        {"--size", network->size},
        {"--resize", network->resize != MSEG_RESIZE_NONE},
        {"--pad", network->pad != MSEG_PAD_SQUARE},
        {"--scales", network->scales},
        {"--flip", network->flip},
        {"--mf", network->mf},
        {"--classes", args->classes},
        {"--ignore", args->ignore != CLI_IGNORE_DEFAULT},
        {"--read-masks", args->read_masks},
        {"--map", args->map},
        {"--reduce-zero-label", args->reduce_zero_label},
        {"--gt-suffix", args->truth_suffix},
        {"--pred-suffix", args->prediction_suffix},
        {"--image-suffix", args->photo_suffix},
        {"--pred-map", args->prediction_map},
        {"--missing", args->missing},
        {"--unknown-color", args->unknown_color},
        {"--csv", args->csv},
        {"--save-counts", args->save_counts},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given)
            return options[i].name;
    return NULL;
}

/* False after a line of error. */
static bool check_usage(const cli_eval_args *args, int n)
{
    const char *foreign = foreign_option(args);
    if (foreign)
        cli_say("eval: --compare does not go with %s", foreign);
    else if (n != 2)
        cli_say("eval: --compare needs two counts files, not %d; add up the parts of one with --merge and --save-counts", n);
    return !foreign && n == 2;
}

/* False after a line of error. */
static bool load_both(mseg_counts *counts[2], const cli_eval_args *args, char *const *paths)
{
    cli_guard guard = {0};
    cli_inputs images = {0};
    mseg_error err = {0};
    cli_guard_input(&guard, "the counts", paths[0]);
    cli_guard_input(&guard, "the counts", paths[1]);
    bool ok = cli_eval_guard(&guard, &images, args) && cli_eval_try_outputs(args);
    for (int i = 0; i < 2 && ok; i++)
        if (mseg_counts_load(&counts[i], (const char *const *)&paths[i], 1, &err)) {
            cli_say("%s", err.text);
            ok = false;
        }
    cli_guard_free(&guard);
    cli_inputs_free(&images);
    return ok;
}

/* ---- reporting --------------------------------------------------------------------------------------------------------- */

static mseg_status write_json(FILE *file, const void *report, mseg_error *err)
{
    return mseg_comparison_json(file, report, err);
}

static mseg_status write_html(FILE *file, const void *report, mseg_error *err)
{
    return mseg_comparison_html(file, report, err);
}

static void say_warnings(const mseg_score *score, const char *path)
{
    for (int i = 0; i < MSEG_WARNINGS && score->warnings[i]; i++)
        cli_say("warning: %s: %s", path, score->warnings[i]);
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        if (score->problems[i])
            cli_say("warning: %s: %llu %s", path, (unsigned long long)score->problems[i], mseg_problem_text((mseg_problem)i));
}

/* A figure of an image or the change of it; NULL without memory. */
static char *number(const char *format, double value)
{
    return isnan(value) ? cli_format("-") : cli_format(format, 100 * value);
}

/* False after a line of error. */
static bool print_images(const mseg_comparison *comparison)
{
    bool ok = true;
    for (size_t i = 0; i < comparison->images && ok; i++) {
        const mseg_image_difference *image = &comparison->per_image[i];
        char *a = number("%.2f %%", image->a), *b = number("%.2f %%", image->b), *change = number("%+.2f", image->change);
        char *line = a && b && change ? cli_format("%s: mIOU %s -> %s, %s", image->id, a, b, change) : NULL;
        ok = line != NULL;
        if (ok)
            fprintf(stderr, "%s\n", line);
        else
            cli_say("eval: out of memory");
        free(a);
        free(b);
        free(change);
        free(line);
    }
    return ok;
}

/* Returns the exit status. */
static int show(const cli_eval_args *args, const mseg_comparison_report *report)
{
    const mseg_comparison *comparison = report->comparison;
    say_warnings(&comparison->a, report->a);
    say_warnings(&comparison->b, report->b);
    if (args->verbose && !print_images(comparison))
        return CLI_EXIT_UNUSABLE;
    if (cli_eval_shows_table(args))
        mseg_comparison_text(stdout, report);
    bool json = cli_eval_write(args->json, write_json, report), html = cli_eval_write(args->html, write_html, report);
    if (!json || !html)
        return CLI_EXIT_UNUSABLE;
    return mseg_score_has_mistakes(&comparison->a) || mseg_score_has_mistakes(&comparison->b) ? CLI_EXIT_SOME_FAILED
                                                                                              : CLI_EXIT_OK;
}

int cli_eval_compare(const cli_eval_args *args, const char *command, char *const *paths, int n)
{
    mseg_counts *counts[2] = {0};
    mseg_comparison comparison = {0};
    mseg_error err = {0};
    bool average[256];
    int status = CLI_EXIT_UNUSABLE;
    const char *names[256];
    if (!check_usage(args, n) || !load_both(counts, args, paths))
        goto done;
    cli_eval_class_names(names, counts[0]);
    if (!cli_eval_average(args->average, names, average))
        goto done;
    if (mseg_comparison_open(&comparison, counts[0], counts[1], average, args->samples < 0 ? 1000 : (int)args->samples,
                             args->seed < 0 ? 1 : (uint64_t)args->seed, &err)) {
        cli_say("%s: %s", err.status == MSEG_MISMATCH ? paths[1] : "eval", err.text);
        goto done;
    }
    status = show(args, &(mseg_comparison_report){&comparison, paths[0], paths[1], command});
done:
    mseg_comparison_close(&comparison);
    mseg_counts_close(&counts[0]);
    mseg_counts_close(&counts[1]);
    return status;
}
