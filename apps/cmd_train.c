#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/classes.h"
#include "cli/guard.h"
#include "cli/model.h"
#include "cli/say.h"
#include "cli/sink.h"
#include "cli/threads.h"
#include "commands.h"
#include "train/train.h"

typedef struct trainer {
    cli_train_args args;
    cli_train run;
    char *command, *model, *teacher; /* files; model: NULL with --arch alone */
    cli_guard guard;
    mseg_limits limits;
} trainer;

/* ---- models and classes ------------------------------------------------------------------------------------------------- */

/* What the model to start from is called; NULL: --arch alone. */
static const char *model_name(const cli_train_args *args)
{
    const char *variable = getenv("MSEG_MODEL");
    return args->model ? args->model : args->arch ? NULL : variable && *variable ? variable : "builtin";
}

/* Opens the model that is trained, to describe it; false after a line of error. */
static bool open_model(trainer *tr)
{
    const cli_train_args *args = &tr->args;
    const char *name = model_name(args);
    mseg_model *wider = NULL;
    mseg_model_options options;
    mseg_error err = {0};
    cli_model_options(&options);
    options.output_stride = cli_output_stride(args->os);
    options.precision = MSEG_PRECISION_FLOAT;
    if (name && (!(tr->model = cli_model_find(name)) || !cli_model_load(&tr->run.model, name, &options)))
        return false;
    if (args->arch && mseg_model_open_random(name ? &wider : &tr->run.model, args->arch, &options, &err)) {
        cli_say("%s: %s", args->arch, err.text);
        return false;
    }
    tr->run.network = mseg_model_describe(tr->run.model);
    if (wider)
        tr->run.network.width_multiplier = mseg_model_describe(wider).width_multiplier;
    mseg_model_close(&wider);
    const mseg_model_info *info = &tr->run.network;
    return !args->size || args->folders || args->size == cli_own_side(info) || cli_size_fits("train", "size", args->size, info);
}

/* The classes of --folders, in the colours of VOC's bit rule. */
static bool name_classes(mseg_palette *palette, const cli_train_set *set)
{
    mseg_error err = {0};
    if (mseg_palette_load(palette, "voc", &err)) {
        cli_say("train: %s", err.text);
        return false;
    }
    for (int id = 0; id < 256; id++) {
        palette->listed[id] = id < set->n_classes;
        palette->names[id] = id < set->n_classes ? set->classes[id] : "";
    }
    palette->entries = palette->count = set->n_classes;
    return true;
}

/* The classes and the rules of masks; false after a line of error. */
static bool load_classes(trainer *tr)
{
    cli_train *t = &tr->run;
    cli_eval_args *data = &tr->args.data;
    mseg_model *teacher = NULL;
    mseg_model_options options;
    if (tr->args.folders) {
        const bool ok = name_classes(&t->palette, &t->set);
        mseg_mask_rules_init(&t->rules, &t->palette, -1);
        return ok;
    }
    cli_model_options(&options);
    if (tr->args.teacher &&
        (!(tr->teacher = cli_model_find(tr->args.teacher)) || !cli_model_load(&teacher, tr->args.teacher, &options)))
        return false;
    const bool ok = cli_classes_load(&t->palette, data->classes, teacher ? teacher : t->model);
    mseg_model_close(&teacher);
    return ok && cli_eval_choose_ignore("train", data, &t->palette) &&
           cli_eval_load_rules(&t->rules, data->map, data->reduce_zero_label, &t->palette, data);
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct stat info;
    return !lstat(path, &info);
}

/* Whether the outputs can be written, and may replace what is there already; false after a line of error. */
static bool try_outputs(const trainer *tr)
{
    const cli_train_args *args = &tr->args;
    const char *checkpoint = tr->run.checkpoint;
    struct stat info;
    if (args->resume && !is_there(checkpoint))
        cli_say("%s: not there; no training of %s was stopped that --resume could go on with", checkpoint, args->out);
    else if (!args->resume && !args->overwrite && is_there(checkpoint))
        cli_say("%s: is there already, of a training that was stopped: --resume goes on with it, -y begins anew", checkpoint);
    else if (!args->resume && !args->overwrite && !lstat(args->out, &info) && !S_ISDIR(info.st_mode))
        cli_say("%s: is there already; -y replaces it", args->out);
    else if (args->html && (cli_sink_descriptor(args->html) >= 0 || cli_is_special(args->html)))
        cli_say("train: --html takes a file, not '%s'", args->html);
    else
        return cli_sink_try(args->out) && cli_sink_try(checkpoint) && cli_sink_try(args->html);
    return false;
}

/* Whether no output replaces what is read; false after a line of error. */
static bool guard_files(trainer *tr)
{
    const cli_train_args *args = &tr->args;
    const cli_eval_args *data = &args->data;
    const cli_train_set *set = &tr->run.set;
    cli_guard *guard = &tr->guard;
    cli_guard_streams(guard);
    cli_guard_input(guard, "the model", tr->model);
    cli_guard_input(guard, "the teacher", tr->teacher);
    cli_guard_input(guard, "the classes", data->classes);
    cli_guard_input(guard, "the map", data->map);
    const bool look = is_there(args->out) || is_there(tr->run.checkpoint) || (args->html && is_there(args->html));
    for (size_t i = 0; look && i < set->n_texts; i++)
        cli_guard_input(guard, "the input", set->texts[i]);
    return cli_guard_output(guard, "the output", args->out) && cli_guard_output(guard, "the checkpoint", tr->run.checkpoint) &&
           cli_guard_output(guard, "--html", args->html);
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */

/* Takes up the training where the checkpoint is; false after a line of error. */
static bool resume(cli_train *t)
{
    mseg_error err = {0};
    char *text = NULL;
    mseg_status status = mseg_training_resume(t->training, t->checkpoint, &text, &err);
    if (!status && text)
        status = cli_train_history_read(&t->history, text, &err);
    free(text);
    if (status)
        cli_say("%s: %s", t->checkpoint, err.text);
    t->saved_step = mseg_training_state(t->training).step;
    return !status;
}

/* False after a line of error. */
static bool open_training(trainer *tr)
{
    const cli_train_args *args = &tr->args;
    cli_train *t = &tr->run;
    const cli_train_set *set = &t->set;
    mseg_train_options *options = &t->options;
    mseg_model_options model;
    mseg_error err = {0};
    cli_model_options(&model);
    mseg_train_options_init(options, sizeof *options);
    if (!cli_train_take(args, set->train.count, options))
        return false;
    tr->limits = cli_network_limits(&args->data.network);
    options->model = t->network.builtin ? "builtin" : tr->model;
    options->architecture = args->arch;
    options->cpu = model.cpu;
    options->teacher = tr->teacher;
    options->train = set->train.items;
    options->n_train = set->train.count;
    options->validation = set->validation.items;
    options->n_validation = set->validation.count;
    options->rules = &t->rules;
    options->limits = &tr->limits;
    options->orientation = (mseg_orientation)args->data.orientation;
    mseg_status status = cli_threads_open(&t->pool, args->jobs, &err);
    if (!status)
        status = mseg_training_open(&t->training, options, t->pool, cli_train_note, t, &err);
    if (status) {
        cli_say("train: %s", err.text);
        return false;
    }
    cli_train_history_start(&t->history, t->palette.count);
    return !args->resume || resume(t);
}

static bool prepare(trainer *tr)
{
    cli_train_args *args = &tr->args;
    if (args->data.orientation < 0)
        args->data.orientation = args->data.voc ? MSEG_EXIF_IGNORE : MSEG_EXIF_APPLY;
    args->data.quiet = args->quiet;
    tr->run.checkpoint = cli_path("%s.checkpoint", args->out);
    if (!tr->run.checkpoint || !tr->command) {
        cli_say("train: out of memory");
        return false;
    }
    return try_outputs(tr) && open_model(tr) && cli_train_collect(&tr->run.set, args) && load_classes(tr) && guard_files(tr) &&
           open_training(tr);
}

static void release(trainer *tr)
{
    cli_train *t = &tr->run;
    mseg_score_close(&t->score);
    mseg_counts_close(&t->counts);
    mseg_training_close(&t->training);
    mseg_pool_close(&t->pool);
    mseg_model_close(&t->model);
    cli_train_history_free(&t->history);
    cli_train_set_free(&t->set);
    mseg_palette_free(&t->palette);
    cli_guard_free(&tr->guard);
    free(t->checkpoint);
    free(tr->command);
    free(tr->model);
    free(tr->teacher);
}

/* As the signal would have ended the program, so that shells see it. */
static void end_by(int number)
{
    fflush(stdout);
    signal(number, SIG_DFL);
    raise(number);
}

int cmd_train(int argc, char **argv)
{
    trainer tr = {.args = cli_train_defaults(), .command = cli_quote_command(argc, argv), .run.saved_step = -1};
    int operands, status, ended = 0;
    tr.run.args = &tr.args;
    tr.run.command = tr.command;
    if (cli_options_parse(&cli_train_usage, argc, argv, &tr.args, &operands, &status)) {
        status = CLI_EXIT_UNUSABLE;
        if (cli_train_check_args(&tr.args) && prepare(&tr))
            status = cli_train_run(&tr.run, &ended);
    }
    release(&tr);
    if (ended)
        end_by(ended);
    return status;
}
