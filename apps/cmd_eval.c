#include <stdlib.h>
#include <string.h>

#include "cli/classes.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/threads.h"
#include "commands.h"
#include "eval/eval.h"

typedef struct eval {
    cli_eval_args *args;
    cli_eval_source source;
    char *voc_paths[3];
    char *settings, *command, *model_path;
    cli_guard guard;
    cli_inputs images; /* that no output may replace; looked for when there is an old output */
    cli_eval_list list;
    mseg_model *model;
    mseg_pool *pool;
    mseg_session **sessions;
    int n_sessions;
    mseg_counts *counts;
    mseg_palette palette; /* of the report */
} eval;

/* ---- what was asked for ------------------------------------------------------------------------------------------------ */

/* False without memory. */
static bool fill_paths(eval *e)
{
    cli_eval_args *args = e->args;
    args->photos_given = args->photos;
    args->truth_given = args->truth;
    if (args->voc) {
        e->voc_paths[0] = cli_path("%s/SegmentationClass", args->voc);
        e->voc_paths[1] = cli_path("%s/JPEGImages", args->voc);
        e->voc_paths[2] = cli_path("%s/ImageSets/Segmentation/%s.txt", args->voc, args->split ? args->split : "val");
        args->truth = args->truth ? args->truth : e->voc_paths[0];
        args->photos = args->photos ? args->photos : e->voc_paths[1];
        args->list = args->list ? args->list : e->voc_paths[2];
    }
    cli_eval_source_name(&e->source, args);
    e->source.missing = args->missing;
    if (args->orientation < 0)
        args->orientation = args->voc ? MSEG_EXIF_IGNORE : MSEG_EXIF_APPLY;
    e->source.orientation = (mseg_orientation)args->orientation;
    e->source.limits = cli_network_limits(&args->network);
    return !args->voc || (e->voc_paths[0] && e->voc_paths[1] && e->voc_paths[2]);
}

static bool load_classes(eval *e)
{
    cli_eval_args *args = e->args;
    if (!cli_classes_load(&e->palette, args->classes, e->model))
        return false;
    bool average[256];
    const char *names[256];
    for (int id = 0; id < 256; id++)
        names[id] = e->palette.listed[id] ? e->palette.names[id] : NULL;
    if (args->missing == CLI_MISSING_BACKGROUND && !e->palette.listed[0]) {
        cli_say("eval: --missing background makes class 0 of what is missing, which --classes %s does not list",
                cli_classes_source(args->classes, e->model));
        return false;
    }
    return cli_eval_average(args->average, names, average) && cli_eval_choose_ignore("eval", args, &e->palette) &&
           cli_eval_load_rules(&e->source.truth_rules, args->map, args->reduce_zero_label, &e->palette, args) &&
           cli_eval_load_rules(&e->source.prediction_rules, args->prediction_map, false, &e->palette, args);
}

/* ---- scoring ----------------------------------------------------------------------------------------------------------- */

/* Whether the model has the classes; false after a line of error. */
static bool check_classes(const eval *e)
{
    int classes = mseg_model_describe(e->model).classes;
    if (classes == e->palette.entries && classes == e->palette.count)
        return true;
    if (classes == e->palette.count)
        cli_say("eval: a model's classes are 0 to %d, those of --classes %s have gaps", classes - 1,
                e->args->classes ? e->args->classes : "voc");
    else
        cli_say("eval: the model has %d classes, --classes %s has %d", classes, e->args->classes ? e->args->classes : "voc",
                e->palette.count);
    return false;
}

/* False after a line of error. */
static bool guard_files(eval *e, char *const *counts, int n)
{
    if (e->model && !(e->model_path = cli_model_find(e->args->network.model)))
        return false;
    cli_guard_input(&e->guard, "the model", e->model_path);
    for (int i = 0; i < n; i++)
        cli_guard_input(&e->guard, "the counts", counts[i]);
    return cli_eval_guard(&e->guard, &e->images, e->args);
}

/* As many images as threads: a session per worker. Fewer: one session, threads inside the image. */
static bool open_sessions(eval *e)
{
    mseg_error err = {0};
    mseg_status status = cli_threads_open(&e->pool, e->args->network.jobs, &err);
    const int jobs = mseg_pool_threads(e->pool);
    if (!status && e->model) {
        e->n_sessions = e->list.count >= (size_t)jobs && !cli_network_repeats(&e->args->network) ? jobs : 1;
        e->sessions = calloc((size_t)e->n_sessions, sizeof *e->sessions);
        status = e->sessions ? MSEG_OK : mseg_fail(&err, MSEG_NOMEM, NULL);
    }
    for (int i = 0; i < e->n_sessions && !status; i++)
        status = mseg_session_open(&e->sessions[i], e->model, e->n_sessions == 1 ? e->pool : NULL, &err);
    for (int i = 0; i < e->n_sessions && !status; i++)
        status = mseg_session_prepare(e->sessions[i], &e->source.run, &err);
    if (status)
        cli_say("eval: %s", err.text);
    return !status;
}

static bool read_list(eval *e)
{
    const cli_eval_args *args = e->args;
    cli_shard shard = {1, 1};
    mseg_error err = {0};
    if (args->shard && !cli_shard_parse(&shard, args->shard)) {
        cli_say("eval: --shard takes I/N with 1 <= I <= N, not '%s'", args->shard);
        return false;
    }
    if (args->list ? cli_eval_list_read(&e->list, &e->source, args->list, args->null, shard, &err)
                   : cli_eval_list_folder(&e->list, &e->source.truth, args->recursive, shard, &err)) {
        cli_say("%s: %s", args->list ? args->list : args->truth, err.text);
        return false;
    }
    return cli_eval_list_check(&e->list, args);
}

static bool score_set(eval *e)
{
    if (!e->args->predictions && !cli_network_open("eval", &e->args->network, &e->model, &e->source.run))
        return false;
    if (!load_classes(e) || (e->model && !check_classes(e)))
        return false;
    if (!guard_files(e, NULL, 0) || !cli_eval_try_outputs(e->args) || !cli_eval_source_index(&e->source, e->args) ||
        !read_list(e) || !open_sessions(e))
        return false;
    e->settings = cli_eval_settings(e->args, &e->source, e->model);
    if (!e->settings) {
        cli_say("eval: out of memory");
        return false;
    }
    return cli_eval_score(e->args, &e->source, &e->list, e->pool, e->sessions, e->n_sessions, e->model, e->settings, &e->counts);
}

/* ---- merging ----------------------------------------------------------------------------------------------------------- */

static bool palette_fits(const mseg_palette *palette, const mseg_score *score)
{
    bool same = palette->count == score->classes;
    for (int c = 0; same && c < score->classes; c++)
        same = !strcmp(palette->names[score->per_class[c].id], score->per_class[c].name);
    return same;
}

/* Colours for merged counts, which hold names only: those of --classes, else of the built-in palette with these classes, else of
 * VOC's bit rule. */
static bool find_palette(eval *e, const mseg_score *score)
{
    mseg_error err = {0};
    const char *wanted = e->args->classes;
    if (wanted) {
        if (mseg_palette_load(&e->palette, wanted, &err)) {
            cli_say("%s: %s", wanted, err.text);
            return false;
        }
        if (palette_fits(&e->palette, score))
            return true;
        cli_say("eval: --classes %s are not the classes of the counts", wanted);
        return false;
    }
    for (int i = 0; mseg_palette_name(i); i++) {
        mseg_palette_free(&e->palette);
        if (!mseg_palette_load(&e->palette, mseg_palette_name(i), NULL) && palette_fits(&e->palette, score))
            return true;
    }
    mseg_palette_free(&e->palette);
    if (!mseg_palette_load(&e->palette, "voc", &err))
        return true;
    cli_say("voc: %s", err.text);
    return false;
}

static bool merge_files(eval *e, char **paths, int n)
{
    mseg_error err = {0};
    if (!guard_files(e, paths, n) || !cli_eval_try_outputs(e->args) || !cli_eval_source_index(&e->source, e->args))
        return false;
    if (!mseg_counts_load(&e->counts, (const char *const *)paths, n, &err))
        return true;
    cli_say("%s", err.text);
    return false;
}

/* ---- reporting --------------------------------------------------------------------------------------------------------- */

static mseg_status load_example(void *context, const char *id, mseg_example *example)
{
    eval *e = context;
    cli_eval_tally tally;
    mseg_session *session = e->sessions ? e->sessions[0] : NULL;
    if (cli_eval_load_photo(&e->source, id, &example->photo, NULL) == MSEG_NOMEM)
        return MSEG_NOMEM;
    return cli_eval_load(&e->source, session, id, &example->truth, &example->prediction, &tally, NULL);
}

static bool save_counts(const eval *e)
{
    const char *path = e->args->save_counts;
    mseg_error err = {0};
    if (path && mseg_counts_save(e->counts, path, &err))
        cli_say("%s: %s", path, err.text);
    return !err.status;
}

/* Returns the exit status. */
static int report(eval *e)
{
    const cli_eval_args *args = e->args;
    mseg_score score;
    mseg_error err = {0};
    bool saved = save_counts(e); /* first: all else follows from them */
    bool average[256];
    const char *names[256];
    cli_eval_class_names(names, e->counts);
    if (!cli_eval_average(args->average, names, average))
        return CLI_EXIT_UNUSABLE;
    if (mseg_score_open(&score, e->counts, average, &err)) {
        cli_say("eval: %s", err.text);
        return CLI_EXIT_UNUSABLE;
    }
    int status = CLI_EXIT_UNUSABLE;
    for (int i = 0; i < MSEG_WARNINGS && score.warnings[i]; i++)
        cli_say("warning: %s", score.warnings[i]);
    bool pictures = args->truth && (args->predictions || e->sessions);
    mseg_report page = {&score, &e->palette, e->command, pictures ? load_example : NULL, e};
    if (args->merge)
        e->args->ignore = score.ignore;
    if (args->merge && (!find_palette(e, &score) ||
                        !cli_eval_load_rules(&e->source.truth_rules, args->map, args->reduce_zero_label, &e->palette, args) ||
                        !cli_eval_load_rules(&e->source.prediction_rules, args->prediction_map, false, &e->palette, args)))
        goto done;
    if (!cli_eval_report(args, &page) || !saved)
        goto done;
    status = mseg_score_has_mistakes(&score) ? CLI_EXIT_SOME_FAILED : CLI_EXIT_OK;
done:
    mseg_score_close(&score);
    return status;
}

static void release(eval *e)
{
    mseg_counts_close(&e->counts);
    for (int i = 0; e->sessions && i < e->n_sessions; i++)
        mseg_session_close(&e->sessions[i]);
    free(e->sessions);
    mseg_pool_close(&e->pool);
    mseg_model_close(&e->model);
    cli_eval_list_free(&e->list);
    cli_eval_source_free(&e->source);
    mseg_palette_free(&e->palette);
    for (int i = 0; i < 3; i++)
        free(e->voc_paths[i]);
    cli_guard_free(&e->guard);
    cli_inputs_free(&e->images);
    free(e->settings);
    free(e->command);
    free(e->model_path);
}

int cmd_eval(int argc, char **argv)
{
    cli_eval_args args = {
        .network = cli_network_defaults(), .ignore = CLI_IGNORE_DEFAULT, .samples = -1, .seed = -1, .orientation = -1};
    args.network.resize = MSEG_RESIZE_NONE;
    eval e = {.args = &args, .command = cli_quote_command(argc, argv)};
    int operands, status;
    if (!cli_options_parse(&cli_eval_usage, argc, argv, &args, &operands, &status))
        goto done;
    status = CLI_EXIT_UNUSABLE;
    if (!fill_paths(&e) || !e.command)
        cli_say("eval: out of memory");
    else if (args.compare)
        status = cli_eval_compare(&args, e.command, argv, operands);
    else if (cli_eval_check(&args, operands, argv) && cli_eval_check_folders(&args, &e.source) &&
             (args.merge ? merge_files(&e, argv, operands) : score_set(&e)))
        status = report(&e);
done:
    release(&e);
    return status;
}
