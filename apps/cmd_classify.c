#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/lines.h"
#include "cli/model.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/sink.h"
#include "cli/stop.h"
#include "cli/threads.h"
#include "commands.h"
#include "mseg.h"

typedef struct classify_args {
    const char *model, *labels, *json;
    int64_t top, size, jobs;
    double crop;
    int orientation; /* mseg_orientation */
    bool recursive, null, quiet;
    cli_entry_args entry;
    int precision; /* mseg_precision */
} classify_args;

#define FIELD(name) offsetof(classify_args, name)
static const cli_option options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME",
     .help = "the classifier, e.g. mobilenet_v2_1.0_224_quant (default: $MSEG_MODEL)"},
    CLI_ENTRY_OPTIONS(FIELD(entry)),
    {0, "precision", CLI_OPTION_CHOICE, FIELD(precision), "HOW", .help = CLI_PRECISION_HELP, .choices = cli_precisions},
    {'l', "classes", CLI_OPTION_TEXT, FIELD(labels), "FILE",
     .help = "names of the classes, one a line, from class 0 on (default: those inside the model's file)", .alias = "labels"},
    {'k', "top", CLI_OPTION_INT, FIELD(top), "K", .help = "classes to show per image (default 5)", .min = 1, .max = 1000},
    {0, "size", CLI_OPTION_INT, FIELD(size), "N", .help = "side of the network's input (default: the model's own, mostly 224)",
     .min = 1, .max = 4096},
    {0, "crop", CLI_OPTION_REAL, FIELD(crop), "X", .help = "central part of each side that is looked at (default 0.875, as slim)",
     .min = 0.01, .max = 1},
    {0, "json", CLI_OPTION_TEXT, FIELD(json), "FILE",
     .help = "one line of JSON per image ('-': standard output, instead of the text)"},
    {'j', "jobs", CLI_OPTION_INT, FIELD(jobs), "N", .help = CLI_JOBS_HELP, .min = 1, .max = 1024},
    {'r', "recursive", CLI_OPTION_FLAG, FIELD(recursive), NULL, .help = "descend into subfolders"},
    {'0', "null", CLI_OPTION_FLAG, FIELD(null), NULL, .help = CLI_NULL_HELP},
    {0, "orientation", CLI_OPTION_CHOICE, FIELD(orientation), "HOW",
     .help = "EXIF orientation: apply (default) turns pictures, ignore leaves them as stored", .choices = cli_orientations},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), NULL, .help = "no text on standard output"},
    {0},
};
static const cli_option_group groups[] = {{"Options", 0, options}, {0}};
static const cli_usage usage = {
    .command = "classify",
    .operands = "PATH...",
    .text = "Names what is in images with a classifier, of ImageNet or of other classes. PATH is as for\n"
            "'mseg run'; one that is given twice is done twice.\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = -1,
};

typedef struct classifier {
    const classify_args *args;
    mseg_model *model;
    mseg_pool *pool;
    mseg_session *session;
    char **labels;
    int n_labels, classes, size; /* size: side of the network's input */
    int *order;                  /* classes, most probable first */
    char *model_path;
    cli_inputs_options how;
    cli_inputs inputs;
    cli_guard guard;
    cli_sink json;
    bool text;
} classifier;

static mseg_status add_label(classifier *c, char *line, mseg_error *err)
{
    line[strcspn(line, "\r")] = 0;
    if (c->n_labels < c->classes && !(c->labels[c->n_labels] = strdup(line)))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    c->n_labels++;
    return MSEG_OK;
}

/* False after a line of error. */
static bool read_labels(classifier *c, const char *path)
{
    enum { MOST = 1 << 20 };
    cli_lines lines = {0};
    mseg_error err = {0};
    char *line;
    size_t length;
    c->labels = calloc((size_t)c->classes, sizeof *c->labels);
    mseg_status status = c->labels ? cli_lines_open(&lines, path, false, &err) : mseg_fail(&err, MSEG_NOMEM, NULL);
    while (!status && c->n_labels < MOST && !(status = cli_lines_next(&lines, &line, &length, &err)) && line)
        status = add_label(c, line, &err);
    cli_lines_close(&lines);
    if (!status && c->n_labels != c->classes)
        status = mseg_fail(&err, MSEG_MISMATCH, "%d labels%s for a model of %d classes", c->n_labels,
                           c->n_labels < MOST ? "" : " or more", c->classes);
    if (status)
        cli_say("%s: %s", path, err.text);
    return !status;
}

/* False after a line of error. */
static bool open_model(classifier *c)
{
    const char *name = c->args->model;
    mseg_model_options how;
    cli_model_options(&how);
    how.precision = (mseg_precision)c->args->precision;
    if (!cli_entry_take("classify", &c->args->entry, &how) || !cli_model_load(&c->model, name, &how))
        return false;
    const mseg_model_info info = mseg_model_describe(c->model);
    if (!info.classifier) {
        cli_say("%s: not a classifier: give one with -m (data/get-model.sh mobilenet_v2_1.0_224_quant)", name ? name : info.name);
        return false;
    }
    c->classes = info.classes;
    c->size = c->args->size ? (int)c->args->size : cli_canvas_side(&info, MSEG_RESIZE_STRETCH);
    c->model_path = cli_model_find(name);
    return c->model_path != NULL;
}

static mseg_status open_session(classifier *c, mseg_error *err)
{
    const classify_args *args = c->args;
    c->order = calloc((size_t)c->classes, sizeof *c->order);
    if (!c->order)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_plan_info plan;
    mseg_status status = cli_threads_open(&c->pool, args->jobs, err);
    if (!status)
        status = mseg_session_open(&c->session, c->model, c->pool, err);
    return status ? status : mseg_session_plan(c->session, c->size, c->size, &plan, err);
}

/* Opens --json where it replaces nothing; false after a line of error. */
static bool open_json(classifier *c)
{
    const classify_args *args = c->args;
    c->guard.inputs = &c->inputs;
    cli_guard_streams(&c->guard);
    cli_guard_input(&c->guard, "the model", c->model_path);
    cli_guard_input(&c->guard, "the labels", args->labels);
    if (!cli_guard_output(&c->guard, "--json", args->json) || !cli_sink_open(&c->json, args->json))
        return false;
    c->text = !args->quiet && c->json.stream != stdout;
    return true;
}

/* All that can stop the run before its first image; false after a line of error. */
static bool prepare(classifier *c, char *const *paths, int count)
{
    const classify_args *args = c->args;
    c->how = (cli_inputs_options){.recursive = args->recursive, .shard = {1, 1}, .null = args->null};
    mseg_error err = {0};
    size_t known;
    bool all;
    if (!open_model(c))
        return false;
    if (open_session(c, &err) || cli_inputs_open(&c->inputs, paths, count, &c->how, &err) ||
        cli_inputs_look_ahead(&c->inputs, 1, &known, &all, &err)) {
        if (err.status != MSEG_CANCELLED)
            cli_say("classify: %s", err.text);
        return false;
    }
    return (!args->labels || read_labels(c, args->labels)) && open_json(c);
}

/* The k largest scores to the front of order; equal ones in class order. */
static void sort_top(classifier *c, const float *scores, int k)
{
    for (int i = 0; i < c->classes; i++)
        c->order[i] = i;
    for (int i = 0; i < k; i++)
        for (int j = i + 1; j < c->classes; j++) {
            const int a = c->order[i], b = c->order[j];
            if (scores[b] > scores[a] || (scores[b] == scores[a] && b < a)) {
                c->order[i] = b;
                c->order[j] = a;
            }
        }
}

/* The name of a class: that of --classes, else that inside the model's file, else "". */
static const char *name_of(const classifier *c, int id)
{
    const char *inside = mseg_model_label(c->model, id);
    return c->labels ? c->labels[id] : inside ? inside : "";
}

static void print_text(const classifier *c, const char *path, const float *scores, int k)
{
    char *line = cli_format("%s", path);
    puts(line ? line : path);
    free(line);
    for (int i = 0; i < k; i++) {
        const int id = c->order[i];
        printf("  %6.2f%%  %4d  %s\n", 100 * (double)scores[id], id, name_of(c, id));
    }
}

static mseg_status print_json(classifier *c, const char *path, const float *scores, int k, mseg_error *err)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "path", path);
    cli_model_add_json(root, c->model);
    mseg_json_add_int(root, "size", c->size);
    mseg_json *top = mseg_json_add_array(root, "top");
    for (int i = 0; i < k; i++) {
        const int id = c->order[i];
        mseg_json *item = mseg_json_add_object(top, NULL);
        mseg_json_add_int(item, "class", id);
        mseg_json_add_string(item, "name", name_of(c, id));
        mseg_json_add_number(item, "probability", (double)scores[id]);
    }
    char *line = mseg_json_print(root, false);
    mseg_json_free(&root);
    if (!line)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    cli_sink_line(&c->json, NULL, line);
    free(line);
    return MSEG_OK;
}

static mseg_status classify(classifier *c, const cli_input *input, mseg_error *err)
{
    mseg_image image = {0};
    const float *scores;
    if (input->error)
        return mseg_fail(err, MSEG_INVAL, "%s", input->error);
    const int k = c->args->top < c->classes ? (int)c->args->top : c->classes;
    const mseg_orientation how = (mseg_orientation)c->args->orientation;
    mseg_status status = input->bytes ? mseg_image_read_memory(&image, input->bytes, input->size, how, NULL, err)
                                      : mseg_image_read(&image, input->path, how, NULL, err);
    if (!status)
        status = mseg_classify(c->session, mseg_view_of(&image), c->size, c->args->crop, &scores, err);
    if (!status)
        sort_top(c, scores, k);
    if (!status && c->json.stream)
        status = print_json(c, input->path, scores, k, err);
    if (!status && c->text)
        print_text(c, input->path, scores, k);
    mseg_image_free(&image);
    return status;
}

/* One line on standard error when the model was run in a way that its file does not tell. */
static void say_model(const classifier *c)
{
    const mseg_model_info info = mseg_model_describe(c->model);
    const bool oblong = !c->args->size && info.trained_width != info.trained_height;
    if (!oblong && info.input_from != MSEG_INPUT_ASSUMED)
        return;
    fprintf(stderr, "model: %s at %d x %d", info.name, c->size, c->size);
    if (oblong)
        fprintf(stderr, " (its file's %d x %d is not square)", info.trained_width, info.trained_height);
    cli_entry_say_assumed(&info);
    fputc('\n', stderr);
}

static void close_all(classifier *c)
{
    cli_sink_discard(&c->json);
    cli_guard_free(&c->guard);
    cli_inputs_free(&c->inputs);
    for (int i = 0; c->labels && i < c->classes; i++)
        free(c->labels[i]);
    free(c->labels);
    free(c->order);
    free(c->model_path);
    mseg_session_close(&c->session);
    mseg_pool_close(&c->pool);
    mseg_model_close(&c->model);
}

/* One after the other, until all are done or a signal comes; the exit status. */
static int classify_all(classifier *c)
{
    int exit_status = CLI_EXIT_OK;
    mseg_error err = {0};
    cli_input input = {0};
    mseg_status status = MSEG_OK;
    while (!cli_stop_signal() && !(status = cli_inputs_next(&c->inputs, &input, &err)) && input.path) {
        mseg_error why = {0};
        if (classify(c, &input, &why)) {
            cli_say("%s: %s", input.path, why.text);
            exit_status = CLI_EXIT_SOME_FAILED;
        }
        cli_input_free(&input);
    }
    if (status && status != MSEG_CANCELLED) {
        cli_say("classify: %s", err.text);
        exit_status = CLI_EXIT_SOME_FAILED;
    }
    return exit_status;
}

int cmd_classify(int argc, char **argv)
{
    classify_args args = {.top = 5, .crop = 0.875};
    classifier c = {.args = &args};
    int count, exit_status;
    if (!cli_options_parse(&usage, argc, argv, &args, &count, &exit_status))
        return exit_status;
    exit_status = CLI_EXIT_UNUSABLE;
    cli_stop_catch();
    if (!prepare(&c, argv, count))
        goto done;
    exit_status = classify_all(&c);
    if (!args.quiet) {
        say_model(&c);
        cli_inputs_say_foreign(&c.inputs);
    }
    if (!cli_sink_close(&c.json))
        exit_status = CLI_EXIT_UNUSABLE;
done:
    close_all(&c);
    return cli_stop_signal() ? 128 + cli_stop_signal() : exit_status;
}
