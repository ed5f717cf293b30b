#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/lines.h"
#include "cli/model.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/threads.h"
#include "commands.h"
#include "info/activations.h"
#include "mseg.h"
#include "paper/paper.h"

typedef struct info_args {
    const char *model, *cpu;
    int os;
    int64_t size;
    bool json, paper;
    cli_entry_args entry;
    int precision;                    /* mseg_precision */
    cli_activations_args activations; /* its json: as above */
} info_args;

#define FIELD(name)   offsetof(info_args, name)
#define COUNTED(name) offsetof(info_args, activations.name)
static const cli_option options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME", .help = "the same as MODEL, but no architecture"},
    CLI_ENTRY_OPTIONS(FIELD(entry)),
    {0, "precision", CLI_OPTION_CHOICE, FIELD(precision), "HOW", .help = CLI_PRECISION_HELP, .choices = cli_precisions},
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
static const cli_option activations_options[] = {
    {0, "activations", CLI_OPTION_TEXT, COUNTED(photos), "PATH",
     .help = "instead: how many channels are positive behind each ReLU (figure 7 of arXiv 1801.04381), in float, on photos: a "
             "file, a "
             "folder, or - for a list on standard input"},
    {0, "html", CLI_OPTION_TEXT, COUNTED(html), "FILE", .help = "also a page with the figure"},
    {'r', "recursive", CLI_OPTION_FLAG, COUNTED(recursive), NULL, .help = "descend into subfolders"},
    {'0', "null", CLI_OPTION_FLAG, COUNTED(null), NULL, .help = CLI_NULL_HELP},
    {'j', "jobs", CLI_OPTION_INT, COUNTED(jobs), "N", .help = CLI_JOBS_HELP, .min = 1, .max = 1024},
    {'q', "quiet", CLI_OPTION_FLAG, COUNTED(quiet), NULL, .help = "no table and no progress bar; errors are still shown"},
    {0},
};
static const cli_option_group groups[] = {{"Options", 0, options}, {"Positive channels", 0, activations_options}, {0}};
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

static const char *stored_type(const mseg_model_info *m)
{
    return m->signed_bytes ? "int8" : "uint8";
}

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

/* Why it runs in float, or the instructions that it runs in integers with; how the file holds its maps. */
static void print_precision(const mseg_model_info *m, const char *arithmetic)
{
    const char *why = m->precision == MSEG_PRECISION_INT8 ? arithmetic : m->no_integers ? m->no_integers : "as asked for";
    printf("kernels            %s\n", m->kernels);
    printf("precision          %s: %s\n", cli_precisions[m->precision], why);
    if (m->quantised)
        printf("quantised          %s", stored_type(m));
    if (m->quantised && m->quant_scale > 0)
        printf(", input (byte %c %d) * %.9g", m->quant_zero_point < 0 ? '+' : '-', abs(m->quant_zero_point),
               (double)m->quant_scale);
    fputs(m->quantised ? "\n\n" : "\n", stdout);
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
}

static void print_layer(const mseg_layer *l, bool quantised)
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
    printf("%-26s %-20s %-34s %-15s %13s %9s %10.1f", l->name, l->kind, shape, window, grouped(madds, l->madds),
           grouped(params, l->params), (double)l->peak_bytes / 1024);
    if (quantised && l->quant_scale > 0)
        printf(" %12.6g %5d", (double)l->quant_scale, l->quant_zero_point);
    putchar('\n');
}

static void print_text(const shown *s, const char *input)
{
    char text[32];
    print_model(&s->model, input);
    print_precision(&s->model, mseg_arithmetic(s->opened));
    printf("%-26s %-20s %-34s %-15s %13s %9s %10s%s\n", "layer", "kind", "in -> out", "k   stride rate", "MAdds", "params",
           "memory KB", s->model.quantised ? "        scale  zero" : "");
    for (int i = 0; i < s->plan.layers; i++) {
        mseg_layer layer = mseg_session_layer(s->session, i);
        print_layer(&layer, s->model.quantised);
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

/* Keys with a scale and its zero point, null where there is none. */
static void add_scale(mseg_json *object, const char *scale_key, const char *zero_key, float scale, int zero_point)
{
    if (scale > 0) {
        mseg_json_add_number(object, scale_key, (double)scale);
        mseg_json_add_int(object, zero_key, zero_point);
    } else {
        mseg_json_add_null(object, scale_key);
        mseg_json_add_null(object, zero_key);
    }
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
    add_scale(entry, "scale", "zero_point", l->quant_scale, l->quant_zero_point);
}

static void add_precision(mseg_json *root, const shown *s)
{
    const mseg_model_info *m = &s->model;
    mseg_json_add_string(root, "arithmetic", mseg_arithmetic(s->opened));
    if (m->no_integers)
        mseg_json_add_string(root, "no_integers", m->no_integers);
    else
        mseg_json_add_null(root, "no_integers");
    if (m->quantised)
        mseg_json_add_string(root, "quantised", stored_type(m));
    else
        mseg_json_add_null(root, "quantised");
    add_scale(root, "input_quant_scale", "input_zero_point", m->quant_scale, m->quant_zero_point);
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
    mseg_json_add_int(root, "logits_stride", s->model.logits_stride);
    mseg_json_add_string(root, "format", s->model.format);
    mseg_json_add_string(root, "kernels", s->model.kernels);
    add_precision(root, s);
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

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

/* Whether the options and operand, the MODEL or NULL, go together; false after a line of error. */
static bool check(const info_args *args, const char *operand)
{
    if (args->paper && (operand || args->model))
        cli_say("info: --paper takes no MODEL; 'mseg info --help' tells more");
    else if (operand && args->model)
        cli_say("info: two models, %s and -m %s; give one", operand, args->model);
    else if (args->activations.photos && args->paper)
        cli_say("info: --paper and --activations exclude one another");
    else if (args->activations.photos && args->precision == MSEG_PRECISION_INT8)
        cli_say("info: --activations counts in floats, not with --precision int8");
    else
        return cli_activations_check(&args->activations);
    return false;
}

/* Opens the model called name, or the architecture; false after a line of error. */
static bool open_model(const info_args *args, const char *name, bool architecture, mseg_model **model)
{
    mseg_model_options how;
    cli_model_options(&how);
    mseg_error err = {0};
    how.output_stride = cli_output_stride(args->os);
    how.precision = args->activations.photos ? MSEG_PRECISION_FLOAT : (mseg_precision)args->precision;
    if (args->cpu)
        how.cpu = args->cpu;
    if (!cli_entry_take("info", &args->entry, &how))
        return false;
    if (!architecture)
        return cli_model_load(model, name, &how);
    if (mseg_model_open_random(model, name, &how, &err))
        cli_say("%s: %s", name, err.text);
    return !err.status;
}

/* ---- commands ----------------------------------------------------------------------------------------------------------- */

/* The side of the canvas. */
static int side_of(const info_args *args, const mseg_model_info *model)
{
    return args->size ? (int)args->size : cli_canvas_side(model, MSEG_RESIZE_FIT);
}

/* Returns the exit status. */
static int show_model(const info_args *args, const mseg_model *model)
{
    mseg_session *session = NULL;
    mseg_error err = {0};
    char *input = NULL;
    shown s = {.model = mseg_model_describe(model), .opened = model};
    int status = CLI_EXIT_UNUSABLE;
    const int size = side_of(args, &s.model);
    if (mseg_session_open(&session, model, NULL, &err) || mseg_session_plan(session, size, size, &s.plan, &err)) {
        cli_say("%s: %s", s.model.name, err.text);
        goto done;
    }
    s.session = session;
    if (args->json ? !print_json(&s) : !(input = cli_entry_text(&s.model)))
        cli_say("out of memory");
    else
        status = CLI_EXIT_OK;
    if (input)
        print_text(&s, input);
done:
    free(input);
    mseg_session_close(&session);
    return status;
}

/* Returns the exit status. path: the model's file; NULL: it has none. */
static int show_activations(const info_args *args, const mseg_model *model, const char *path, const char *command)
{
    const mseg_model_info info = mseg_model_describe(model);
    const int size = side_of(args, &info);
    if (!info.classifier && size != cli_own_side(&info) && !cli_size_fits("info", "size", size, &info))
        return CLI_EXIT_UNUSABLE;
    return cli_activations(&args->activations, model, path, size, command);
}

int cmd_info(int argc, char **argv)
{
    info_args args = {.os = -1};
    int count, status;
    mseg_model *model = NULL;
    char *path = NULL, *command = cli_quote_command(argc, argv);
    if (!cli_options_parse(&usage, argc, argv, &args, &count, &status))
        goto done;
    const char *operand = count ? argv[0] : NULL, *name = operand ? operand : args.model;
    const bool architecture = operand && mseg_architecture_known(operand);
    args.activations.json = args.json;
    status = CLI_EXIT_UNUSABLE;
    if (!check(&args, operand))
        goto done;
    if (args.paper) {
        status = cli_paper_print(args.cpu, args.json) ? CLI_EXIT_OK : CLI_EXIT_UNUSABLE;
        goto done;
    }
    if (!open_model(&args, name, architecture, &model))
        goto done;
    if (!args.activations.photos)
        status = show_model(&args, model);
    else if (!command)
        cli_say("out of memory");
    else if (architecture || (path = cli_model_find(name)))
        status = show_activations(&args, model, path, command);
done:
    free(command);
    free(path);
    mseg_model_close(&model);
    return status;
}
