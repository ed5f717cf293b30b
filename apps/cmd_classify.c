#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "inputs.h"
#include "mseg.h"
#include "network.h"
#include "options.h"
#include "say.h"

typedef struct classify_args {
    const char *model, *labels, *json;
    int64_t top, size, jobs;
    double crop;
    bool recursive, quiet;
} classify_args;

#define FIELD(name) offsetof(classify_args, name)
static const mseg_option options[] = {
    {'m', "model", MSEG_OPTION_TEXT, FIELD(model), "FILE|NAME", .help = "an ImageNet classifier (default: $MSEG_MODEL)"},
    {'l', "labels", MSEG_OPTION_TEXT, FIELD(labels), "FILE", .help = "names of the classes, one a line, from class 0 on"},
    {'k', "top", MSEG_OPTION_INT, FIELD(top), "K", .help = "classes to show per image (default 5)", .min = 1, .max = 1000},
    {0, "size", MSEG_OPTION_INT, FIELD(size), "N", .help = "side of the network's input (default 224)", .min = 1, .max = 4096},
    {0, "crop", MSEG_OPTION_REAL, FIELD(crop), "X",
     .help = "central part of each side that is looked at (default 0.875, as slim)", .min = 0.01, .max = 1},
    {0, "json", MSEG_OPTION_TEXT, FIELD(json), "FILE",
     .help = "one line of JSON per image ('-': standard output, instead of the text)"},
    {'j', "jobs", MSEG_OPTION_INT, FIELD(jobs), "N", .help = "threads (default: all processors)", .min = 1, .max = 1024},
    {'r', "recursive", MSEG_OPTION_FLAG, FIELD(recursive), NULL, .help = "descend into subfolders"},
    {'q', "quiet", MSEG_OPTION_FLAG, FIELD(quiet), NULL, .help = "no text on standard output"},
    {0},
};
static const mseg_option_group groups[] = {{"Options", 0, options}, {0}};
static const mseg_usage usage = {
    .command = "classify",
    .operands = "PATH...",
    .text = "Names what is in images with an ImageNet classifier. PATH is as for 'mseg run'.\n",
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
    int n_labels, classes;
    int *order;         /* classes, most probable first */
    mseg_output output; /* of --json FILE */
    FILE *json;
    bool text;
} classifier;

static mseg_status read_labels(classifier *c, const char *path, mseg_error *err)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    if (!file)
        return mseg_fail(err, MSEG_IO, "%s: %s", path, strerror(errno));
    c->labels = calloc((size_t)c->classes, sizeof *c->labels);
    while (c->labels && getline(&line, &size, file) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (c->n_labels < c->classes)
            c->labels[c->n_labels] = strdup(line);
        c->n_labels++;
    }
    free(line);
    fclose(file);
    if (!c->labels)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (c->n_labels != c->classes)
        return mseg_fail(err, MSEG_MISMATCH, "%s: %d labels for a model of %d classes", path, c->n_labels, c->classes);
    return MSEG_OK;
}

static mseg_status prepare(classifier *c, mseg_error *err)
{
    const classify_args *args = c->args;
    mseg_model_options how = mseg_model_options_default();
    how.output_stride = 32;
    if (!mseg_model_load(&c->model, args->model, &how))
        return MSEG_NOENT; /* it has been said */
    if (!mseg_model_describe(c->model).classifier) {
        mseg_say("%s: not a classifier: give an ImageNet model with -m (data/get-model.sh mobilenet_v2_1.0_224_quant)",
                 args->model ? args->model : mseg_model_describe(c->model).name);
        return MSEG_INVAL;
    }
    mseg_status status = MSEG_OK;
    const int jobs = args->jobs ? (int)args->jobs : mseg_processors();
    c->classes = mseg_model_describe(c->model).classes;
    c->order = calloc((size_t)c->classes, sizeof *c->order);
    mseg_plan_info plan;
    if (!c->order || mseg_pool_open(&c->pool, jobs) || mseg_session_open(&c->session, c->model, c->pool, err))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        status = mseg_session_plan(c->session, (int)args->size, (int)args->size, &plan, err);
    if (!status && args->labels)
        status = read_labels(c, args->labels, err);
    if (!status && args->json && strcmp(args->json, "-")) {
        mseg_output_sweep_beside(args->json);
        status = mseg_output_open(&c->output, args->json, err);
    }
    if (!status && args->json)
        c->json = c->output.file ? c->output.file : stdout;
    c->text = !args->quiet && c->json != stdout;
    if (status)
        mseg_say("classify: %s", err->text);
    return status;
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

static void show(const classifier *c, const char *path, const float *scores, int k)
{
    mseg_json *root = c->json ? mseg_json_object() : NULL;
    mseg_json_add_string(root, "path", path);
    mseg_model_add_json(root, c->model);
    mseg_json *top = mseg_json_add_array(root, "top");
    if (c->text)
        printf("%s\n", path);
    for (int i = 0; i < k; i++) {
        const int id = c->order[i];
        const char *name = c->labels ? c->labels[id] : "";
        if (c->text)
            printf("  %6.2f%%  %4d  %s\n", 100 * (double)scores[id], id, name);
        mseg_json *item = mseg_json_add_object(top, NULL);
        mseg_json_add_int(item, "class", id);
        mseg_json_add_string(item, "name", name);
        mseg_json_add_number(item, "probability", (double)scores[id]);
    }
    char *line = root ? mseg_json_print(root, false) : NULL;
    if (line)
        fprintf(c->json, "%s\n", line);
    free(line);
    mseg_json_free(&root);
}

static mseg_status classify(classifier *c, const mseg_input *input, mseg_error *err)
{
    mseg_image image = {0};
    const float *scores;
    if (input->error)
        return mseg_fail(err, MSEG_INVAL, "%s", input->error);
    mseg_status status = mseg_image_read(&image, input->path, MSEG_EXIF_APPLY, NULL, err);
    if (!status)
        status = mseg_classify(c->session, &image, (int)c->args->size, c->args->crop, &scores, err);
    if (!status) {
        const int k = c->args->top < c->classes ? (int)c->args->top : c->classes;
        sort_top(c, scores, k);
        show(c, input->path, scores, k);
    }
    mseg_image_free(&image);
    return status;
}

static void close_all(classifier *c)
{
    mseg_output_discard(&c->output);
    for (int i = 0; c->labels && i < c->classes; i++)
        free(c->labels[i]);
    free(c->labels);
    free(c->order);
    mseg_session_close(&c->session);
    mseg_pool_close(&c->pool);
    mseg_model_close(&c->model);
}

int mseg_cmd_classify(int argc, char **argv)
{
    classify_args args = {.top = 5, .size = 224, .crop = 0.875};
    classifier c = {.args = &args};
    mseg_inputs inputs = {0};
    mseg_error err = {0};
    int count, exit_status;
    if (!mseg_options_parse(&usage, argc, argv, &args, &count, &exit_status))
        return exit_status;
    exit_status = MSEG_EXIT_UNUSABLE;
    const mseg_inputs_options how = {args.recursive, {1, 1}, {NULL}};
    if (prepare(&c, &err))
        goto done;
    if (mseg_inputs_collect(&inputs, argv, count, &how, &err)) {
        mseg_say("classify: %s", err.text);
        goto done;
    }
    exit_status = MSEG_EXIT_OK;
    for (size_t i = 0; i < inputs.count; i++)
        if (classify(&c, &inputs.items[i], &err)) {
            mseg_say("%s: %s", inputs.items[i].path, err.text);
            exit_status = MSEG_EXIT_SOME_FAILED;
        }
    if (c.output.file && mseg_output_commit(&c.output, &err)) {
        mseg_say("%s: %s", args.json, err.text);
        exit_status = MSEG_EXIT_SOME_FAILED;
    }
done:
    mseg_inputs_free(&inputs);
    close_all(&c);
    return exit_status;
}
