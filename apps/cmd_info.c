#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/model.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/say.h"
#include "commands.h"
#include "mseg.h"
#include "paper/paper.h"

typedef struct info_args {
    const char *model, *cpu;
    int os;
    int64_t size;
    bool json, paper;
    cli_entry_args entry;
} info_args;

#define FIELD(name) offsetof(info_args, name)
static const cli_option options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME", .help = "the same as MODEL, but no architecture"},
    CLI_ENTRY_OPTIONS(FIELD(entry)),
    {0, "os", CLI_OPTION_CHOICE, FIELD(os), "8|16|32", .help = "output stride (default: the model's own, mostly 16)",
     .choices = cli_output_strides},
    {0, "size", CLI_OPTION_INT, FIELD(size), "N", .help = "side of the square canvas (default: the model's own, mostly 513)",
     .min = 1, .max = 65537},
    {0, "cpu", CLI_OPTION_TEXT, FIELD(cpu), "SET",
     .help = "kernels: scalar, avx2, avxvnni, avx512 or zen4 (default: the best, or $MSEG_CPU)"},
    {0, "json", CLI_OPTION_FLAG, FIELD(json), NULL, .help = "the same as JSON"},
    {0, "paper", CLI_OPTION_FLAG, FIELD(paper), NULL,
     .help =
         "no MODEL: tables 7, 3 and 4 of arXiv 1801.04381 with what mseg counts beside them (they have their own --os, --size)"},
    {0},
};
static const cli_option_group groups[] = {{"Options", 0, options}, {0}};
static const cli_usage usage = {
    .command = "info",
    .operands = "[MODEL]",
    .text = "Shows what a model is and what running it takes: layers with shapes and atrous\n"
            "rates, multiply-adds, parameters and memory. MODEL is a file or a name, as for\n"
            "'mseg run -m', or an architecture without trained weights: mnv2, mnv1, resnet50 or\n"
            "resnet101 with options behind colons, e.g. mnv2:1.4, mnv1:0.5:aspp,\n"
            "resnet101:aspp:beta, mnv2:imagenet (the manual lists them).\n",
    .groups = groups,
    .max_operands = 1,
};

typedef struct shown {
    mseg_model_info model;
    mseg_plan_info plan;
    const mseg_session *session;
    const mseg_model *opened;
} shown;

/* 2740709056 -> "2,740,709,056". */
static const char *grouped(char text[32], int64_t value)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%lld", (long long)value), used = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

static void print_model(const mseg_model_info *m, const char *input)
{
    printf("model              %s%s\n", m->name, m->builtin ? " (built in)" : "");
    if (*m->sha256)
        printf("sha256             %s\n", m->sha256);
    printf("network            %s\n", m->network);
    printf("width multiplier   %g\n", m->width_multiplier);
    printf("classes            %d\n", m->classes);
    if (m->labels == m->classes)
        printf("labels             %d, inside the file\n", m->labels);
    else if (m->labels)
        printf("labels             %d, inside the file, not used: the model has %d classes\n", m->labels, m->classes);
    printf("ASPP               %s\n", m->aspp ? "yes" : "no");
    printf("image pooling      %s\n", m->image_pooling ? "yes" : "no");
    printf("decoder            %s\n", m->decoder ? "yes" : "no");
    printf("output stride      %d\n", m->output_stride);
    printf("format             %s\n", m->format);
    if (m->trained_width)
        printf("trained for        %dx%d", m->trained_width, m->trained_height);
    if (m->trained_width && m->trained_output_stride)
        printf(", output stride %d", m->trained_output_stride);
    if (m->trained_width != m->trained_height)
        printf("; not square: the default is %d", cli_canvas_side(m, MSEG_RESIZE_FIT));
    printf("%sinput              %s\n", m->trained_width ? "\n" : "", input);
    if (!m->classifier)
        printf("resize rule        %s\n", cli_sampling_text(m->sampling));
    printf("kernels            %s\n\n", m->kernels);
}

static void print_layer(const mseg_layer *l)
{
    char shape[96], window[32] = "", inner[24] = "", madds[32], params[32];
    if (l->expanded_channels)
        snprintf(inner, sizeof inner, " -> %d", l->expanded_channels);
    if (l->in_channels)
        snprintf(shape, sizeof shape, "%dx%dx%d%s -> %dx%dx%d", l->in_width, l->in_height, l->in_channels, inner, l->out_width,
                 l->out_height, l->out_channels);
    else
        snprintf(shape, sizeof shape, "%dx%dx%d", l->out_width, l->out_height, l->out_channels);
    if (l->madds)
        snprintf(window, sizeof window, "%dx%d %6d %4d", l->kernel, l->kernel, l->stride, l->rate);
    printf("%-26s %-20s %-34s %-15s %13s %9s %10.1f\n", l->name, l->kind, shape, window, grouped(madds, l->madds),
           grouped(params, l->params), (double)l->peak_bytes / 1024);
}

static void print_text(const shown *s, const char *input)
{
    char text[32];
    print_model(&s->model, input);
    printf("%-26s %-20s %-34s %-15s %13s %9s %10s\n", "layer", "kind", "in -> out", "k   stride rate", "MAdds", "params",
           "memory KB");
    for (int i = 0; i < s->plan.layers; i++) {
        mseg_layer layer = mseg_session_layer(s->session, i);
        print_layer(&layer);
    }
    printf("\ncanvas             %dx%d\n", s->plan.canvas_width, s->plan.canvas_height);
    printf("MAdds              %.3f B (%s)\n", (double)s->plan.madds * 1e-9, grouped(text, s->plan.madds));
    printf("parameters         %s\n", grouped(text, s->plan.params));
    printf("packed weights     %s bytes\n", grouped(text, (int64_t)s->plan.weight_bytes));
    printf("arena              %s bytes, peak in %s\n", grouped(text, (int64_t)s->plan.arena_bytes),
           mseg_session_layer(s->session, s->plan.peak_layer).name);
}

static void add_shape(mseg_json *parent, const char *key, int width, int height, int channels)
{
    mseg_json *shape = mseg_json_add_array(parent, key);
    mseg_json_add_int(shape, NULL, height);
    mseg_json_add_int(shape, NULL, width);
    mseg_json_add_int(shape, NULL, channels);
}

static void add_layer(mseg_json *layers, const mseg_layer *l)
{
    mseg_json *entry = mseg_json_add_object(layers, NULL);
    mseg_json_add_string(entry, "name", l->name);
    mseg_json_add_string(entry, "kind", l->kind);
    add_shape(entry, "in", l->in_width, l->in_height, l->in_channels);
    add_shape(entry, "out", l->out_width, l->out_height, l->out_channels);
    mseg_json_add_int(entry, "expanded_channels", l->expanded_channels);
    mseg_json_add_int(entry, "kernel", l->kernel);
    mseg_json_add_int(entry, "stride", l->stride);
    mseg_json_add_int(entry, "rate", l->rate);
    mseg_json_add_int(entry, "madds", l->madds);
    mseg_json_add_int(entry, "params", l->params);
    mseg_json_add_int(entry, "activation_bytes", (int64_t)l->peak_bytes);
    mseg_json_add_int(entry, "group", l->group);
}

/* The names inside the file by class, null for one without; none where they are not used. */
static void add_labels(mseg_json *root, const shown *s)
{
    mseg_json_add_int(root, "labels_inside", s->model.labels);
    mseg_json *labels = mseg_json_add_array(root, "labels");
    const int used = s->model.labels == s->model.classes ? s->model.labels : 0;
    for (int id = 0; id < used; id++) {
        const char *label = mseg_model_label(s->opened, id);
        if (label)
            mseg_json_add_string(labels, NULL, label);
        else
            mseg_json_add_null(labels, NULL);
    }
}

static bool print_json(const shown *s)
{
    mseg_json *root = mseg_json_object();
    cli_model_add_json(root, s->opened);
    mseg_json_add_string(root, "network", s->model.network);
    mseg_json_add_number(root, "width_multiplier", s->model.width_multiplier);
    mseg_json_add_int(root, "classes", s->model.classes);
    add_labels(root, s);
    mseg_json_add_bool(root, "aspp", s->model.aspp);
    mseg_json_add_bool(root, "image_pooling", s->model.image_pooling);
    mseg_json_add_bool(root, "decoder", s->model.decoder);
    mseg_json_add_int(root, "output_stride", s->model.output_stride);
    mseg_json_add_string(root, "format", s->model.format);
    mseg_json_add_string(root, "kernels", s->model.kernels);
    cli_entry_add_json(root, &s->model);
    cli_sampling_add_json(root, &s->model);
    mseg_json_add_int(root, "trained_output_stride", s->model.trained_output_stride);
    mseg_json_add_int(root, "trained_width", s->model.trained_width);
    mseg_json_add_int(root, "trained_height", s->model.trained_height);
    mseg_json_add_int(root, "canvas_width", s->plan.canvas_width);
    mseg_json_add_int(root, "canvas_height", s->plan.canvas_height);
    mseg_json_add_int(root, "madds", s->plan.madds);
    mseg_json_add_int(root, "params", s->plan.params);
    mseg_json_add_int(root, "arena_bytes", (int64_t)s->plan.arena_bytes);
    mseg_json_add_int(root, "weight_bytes", (int64_t)s->plan.weight_bytes);
    mseg_json_add_string(root, "peak_layer", mseg_session_layer(s->session, s->plan.peak_layer).name);
    mseg_json *layers = mseg_json_add_array(root, "layers");
    for (int i = 0; i < s->plan.layers; i++) {
        mseg_layer layer = mseg_session_layer(s->session, i);
        add_layer(layers, &layer);
    }
    char *text = mseg_json_print(root, true);
    mseg_json_free(&root);
    if (text)
        printf("%s\n", text);
    free(text);
    return text != NULL;
}

/* Whether the options and operand, the MODEL or NULL, go together; false after a line of error. */
static bool check(const info_args *args, const char *operand)
{
    if (args->paper && (operand || args->model))
        cli_say("info: --paper takes no MODEL; 'mseg info --help' tells more");
    else if (operand && args->model)
        cli_say("info: two models, %s and -m %s; give one", operand, args->model);
    else
        return true;
    return false;
}

/* Opens the model, or the architecture that operand may be, and plans; false after a line of error. */
static bool open_model(const info_args *args, const char *operand, mseg_model **model, mseg_session **session, shown *s)
{
    mseg_model_options how;
    cli_model_options(&how);
    mseg_error err = {0};
    how.output_stride = cli_output_stride(args->os);
    if (args->cpu)
        how.cpu = args->cpu;
    const bool architecture = operand && mseg_architecture_known(operand);
    const char *name = operand ? operand : args->model;
    if (!cli_entry_take("info", &args->entry, &how))
        return false;
    if (!architecture && !cli_model_load(model, name, &how))
        return false;
    if (architecture && mseg_model_open_random(model, name, &how, &err)) {
        cli_say("%s: %s", name, err.text);
        return false;
    }
    s->model = mseg_model_describe(*model);
    s->opened = *model;
    const int size = args->size ? (int)args->size : cli_canvas_side(&s->model, MSEG_RESIZE_FIT);
    if (mseg_session_open(session, *model, NULL, &err) || mseg_session_plan(*session, size, size, &s->plan, &err)) {
        cli_say("%s: %s", s->model.name, err.text);
        return false;
    }
    s->session = *session;
    return true;
}

int cmd_info(int argc, char **argv)
{
    info_args args = {.os = -1};
    int count, status;
    if (!cli_options_parse(&usage, argc, argv, &args, &count, &status))
        return status;
    const char *operand = count ? argv[0] : NULL;
    if (!check(&args, operand))
        return CLI_EXIT_UNUSABLE;
    if (args.paper)
        return cli_paper_print(args.cpu, args.json) ? CLI_EXIT_OK : CLI_EXIT_UNUSABLE;
    mseg_model *model = NULL;
    mseg_session *session = NULL;
    char *input = NULL;
    shown s;
    status = CLI_EXIT_UNUSABLE;
    if (!open_model(&args, operand, &model, &session, &s))
        goto done;
    if (args.json ? !print_json(&s) : !(input = cli_entry_text(&s.model)))
        cli_say("out of memory");
    else
        status = CLI_EXIT_OK;
    if (input)
        print_text(&s, input);
done:
    free(input);
    mseg_session_close(&session);
    mseg_model_close(&model);
    return status;
}
