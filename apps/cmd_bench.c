#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/json.h"
#include "cli/clock.h"
#include "cli/model.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/threads.h"
#include "commands.h"
#include "mseg.h"

typedef struct bench_args {
    const char *model, *random;
    int os;
    int64_t size, jobs, runs;
    bool per_layer, json;
    cli_entry_args entry;
    int precision; /* mseg_precision */
} bench_args;

#define FIELD(name) offsetof(bench_args, name)
static const cli_option options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME", "model to run (default: as in 'mseg run')"},
    {0, "random", CLI_OPTION_TEXT, FIELD(random), "ARCH",
     "no model file but a network with pseudo-random weights: mnv2[:WIDTH][:aspp]"},
    CLI_ENTRY_OPTIONS(FIELD(entry)),
    {0, "precision", CLI_OPTION_CHOICE, FIELD(precision), "HOW", CLI_PRECISION_HELP, .choices = cli_precisions},
    {0, "os", CLI_OPTION_CHOICE, FIELD(os), "8|16|32", "output stride (default: the model's own, mostly 16)",
     .choices = cli_output_strides},
    {0, "size", CLI_OPTION_INT, FIELD(size), "N", "canvas side (default: the model's own, mostly 513)", .min = 1, .max = 65537},
    {'j', "jobs", CLI_OPTION_INT, FIELD(jobs), "N", "threads inside the image (default 1)", .min = 1, .max = 1024},
    {'n', "runs", CLI_OPTION_INT, FIELD(runs), "N", "timed runs, after two for warming up (default 40)", .min = 1, .max = 1e6},
    {0, "per-layer", CLI_OPTION_FLAG, FIELD(per_layer), NULL,
     "also each layer's time (layers that stream into one another share it)"},
    {0, "json", CLI_OPTION_FLAG, FIELD(json), NULL, "print JSON"},
    {0},
};
static const cli_option_group groups[] = {{"Options", 0, options}, {0}};
static const cli_usage usage = {
    .command = "bench",
    .operands = "",
    .text = "Times the network alone, from 8-bit RGB in memory to logits, and compares it with what the\n"
            "processor can do: the multiply-adds a second, of floats or of bytes, of the same instruction\n"
            "set in registers, measured in the same run.\n",
    .groups = groups,
};

typedef struct bench {
    mseg_model *model;
    mseg_pool *pool;
    mseg_session *session;
    mseg_image canvas;
    mseg_plan_info plan;
    double *ms;       /* of each run, sorted in the end */
    double *layer_ms; /* the least of each layer */
    double peak;      /* multiply-adds a second */
} bench;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static mseg_status open_model(bench *b, const bench_args *args, mseg_error *err)
{
    mseg_model_options model_options;
    cli_model_options(&model_options);
    model_options.output_stride = cli_output_stride(args->os);
    model_options.precision = (mseg_precision)args->precision;
    err->text[0] = 0;
    if (!cli_entry_take("bench", &args->entry, &model_options))
        return MSEG_INVAL; /* it has been said */
    if (args->random)
        return mseg_model_open_random(&b->model, args->random, &model_options, err);
    return cli_model_load(&b->model, args->model, &model_options) ? MSEG_OK : MSEG_NOENT; /* it has been said */
}

static mseg_status prepare(bench *b, const bench_args *args, mseg_error *err)
{
    mseg_status status = open_model(b, args, err);
    const mseg_model_info info = status ? (mseg_model_info){0} : mseg_model_describe(b->model);
    const int size = status || args->size ? (int)args->size : cli_canvas_side(&info, MSEG_RESIZE_FIT);
    if (!status)
        status = cli_threads_open(&b->pool, args->jobs, err);
    if (!status)
        status = mseg_session_open(&b->session, b->model, b->pool, err);
    if (!status)
        status = mseg_session_plan(b->session, size, size, &b->plan, err);
    if (!status && (status = mseg_image_create(&b->canvas, size, size, MSEG_RGB)))
        mseg_fail(err, status, NULL);
    if (status)
        return status;
    for (size_t i = 0; i < b->canvas.stride * (size_t)size; i++)
        b->canvas.data[i] = (uint8_t)(i * 2654435761u >> 13); /* no picture, but no constant either */
    b->ms = calloc((size_t)args->runs, sizeof *b->ms);
    b->layer_ms = calloc((size_t)b->plan.layers, sizeof *b->layer_ms);
    return b->ms && b->layer_ms ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
}

static mseg_status measure(bench *b, const bench_args *args, mseg_error *err)
{
    enum { WARM_UP = 2 };
    mseg_result result;
    b->peak = mseg_peak(b->model, b->pool);
    for (int i = -WARM_UP; i < args->runs; i++) {
        double start = cli_now_ms();
        mseg_status status = mseg_session_forward(b->session, mseg_view_of(&b->canvas), &result, err);
        if (status)
            return status;
        if (i < 0)
            continue;
        b->ms[i] = cli_now_ms() - start;
        for (int k = 0; k < b->plan.layers; k++) {
            double ms = mseg_session_layer(b->session, k).ms;
            if (i == 0 || ms < b->layer_ms[k])
                b->layer_ms[k] = ms;
        }
    }
    double again = mseg_peak(b->model, b->pool);
    b->peak = again > b->peak ? again : b->peak;
    qsort(b->ms, (size_t)args->runs, sizeof *b->ms, ascending);
    return MSEG_OK;
}

static double percentile(const bench *b, const bench_args *args, double p)
{
    return b->ms[(size_t)(p * (double)(args->runs - 1) + 0.5)];
}

/* The first of the layers that run together with layer i, and the multiply-adds of them all. */
static int group_of(const bench *b, int i, int64_t *madds)
{
    int group = mseg_session_layer(b->session, i).group, first = -1;
    *madds = 0;
    for (int k = 0; k < b->plan.layers; k++)
        if (mseg_session_layer(b->session, k).group == group) {
            first = first < 0 ? k : first;
            *madds += mseg_session_layer(b->session, k).madds;
        }
    return first;
}

static long max_rss_bytes(void)
{
    struct rusage usage_now;
    getrusage(RUSAGE_SELF, &usage_now);
    return usage_now.ru_maxrss * 1024L;
}

static void print_text(const bench *b, const bench_args *args)
{
    const mseg_model_info info = mseg_model_describe(b->model);
    const double madds = (double)b->plan.madds;
    printf("%s: %s %.3g, output stride %d%s%s, %d x %d, %s, %s, %d thread(s)\n", info.name, info.network, info.width_multiplier,
           info.output_stride, info.aspp ? ", ASPP" : "", info.decoder ? ", decoder" : "", b->plan.canvas_width,
           b->plan.canvas_height, info.kernels, cli_precisions[info.precision], mseg_pool_threads(b->pool));
    printf("time      min %.3f ms, median %.3f ms, 10%%..90%% %.3f..%.3f ms of %d runs\n", b->ms[0], percentile(b, args, 0.5),
           percentile(b, args, 0.1), percentile(b, args, 0.9), (int)args->runs);
    printf("speed     %.1f GMAdd/s of %.1f (%s peak): %.1f%%\n", madds / b->ms[0] * 1e-6, b->peak * 1e-9,
           mseg_arithmetic(b->model), 100 * madds / b->ms[0] * 1e3 / b->peak);
    printf("memory    arena %.2f MB, weights %.2f MB, peak RSS %.1f MB\n", (double)b->plan.arena_bytes * 1e-6,
           (double)b->plan.weight_bytes * 1e-6, (double)max_rss_bytes() * 1e-6);
    if (!args->per_layer)
        return;
    printf("\n%-24s %12s %9s %9s %7s\n", "layer", "output", "MMAdds", "ms", "% peak");
    for (int i = 0; i < b->plan.layers; i++) {
        const mseg_layer layer = mseg_session_layer(b->session, i);
        int64_t madds_together;
        const int first = group_of(b, i, &madds_together);
        const double together = (double)madds_together;
        char shape[32];
        snprintf(shape, sizeof shape, "%dx%dx%d", layer.out_width, layer.out_height, layer.out_channels);
        printf("%-24s %12s %9.1f ", layer.name, shape, (double)layer.madds * 1e-6);
        if (first == i)
            printf("%9.3f %7.1f\n", b->layer_ms[i], b->layer_ms[i] > 0 ? 100 * together / b->layer_ms[i] * 1e3 / b->peak : 0.0);
        else
            printf("  with %s\n", mseg_session_layer(b->session, first).name);
    }
}

static void add_layers(const bench *b, mseg_json *root)
{
    mseg_json *layers = mseg_json_add_array(root, "layers");
    for (int i = 0; i < b->plan.layers; i++) {
        const mseg_layer layer = mseg_session_layer(b->session, i);
        mseg_json *item = mseg_json_add_object(layers, NULL);
        mseg_json_add_string(item, "name", layer.name);
        mseg_json_add_int(item, "madds", layer.madds);
        mseg_json_add_int(item, "group", layer.group);
        mseg_json_add_number(item, "group_min_ms", b->layer_ms[i]);
    }
}

static mseg_status print_json(const bench *b, const bench_args *args)
{
    const mseg_model_info info = mseg_model_describe(b->model);
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "version", mseg_version());
    cli_model_add_json(root, b->model);
    mseg_json_add_string(root, "network", info.network);
    mseg_json_add_number(root, "width_multiplier", info.width_multiplier);
    mseg_json_add_int(root, "output_stride", info.output_stride);
    mseg_json_add_bool(root, "aspp", info.aspp);
    mseg_json_add_bool(root, "decoder", info.decoder);
    mseg_json_add_int(root, "size", b->plan.canvas_width);
    mseg_json_add_int(root, "threads", mseg_pool_threads(b->pool));
    mseg_json_add_string(root, "kernels", info.kernels);
    mseg_json_add_int(root, "runs", args->runs);
    mseg_json_add_number(root, "min_ms", b->ms[0]);
    mseg_json_add_number(root, "median_ms", percentile(b, args, 0.5));
    mseg_json_add_number(root, "p10_ms", percentile(b, args, 0.1));
    mseg_json_add_number(root, "p90_ms", percentile(b, args, 0.9));
    mseg_json_add_int(root, "madds", b->plan.madds);
    mseg_json_add_int(root, "params", b->plan.params);
    mseg_json_add_string(root, "arithmetic", mseg_arithmetic(b->model));
    mseg_json_add_number(root, "peak_gmadds", b->peak * 1e-9);
    mseg_json_add_number(root, "percent_of_peak", 100 * (double)b->plan.madds / b->ms[0] * 1e3 / b->peak);
    mseg_json_add_int(root, "arena_bytes", (int64_t)b->plan.arena_bytes);
    mseg_json_add_int(root, "weight_bytes", (int64_t)b->plan.weight_bytes);
    mseg_json_add_int(root, "max_rss_bytes", max_rss_bytes());
    if (args->per_layer)
        add_layers(b, root);
    char *text = mseg_json_print(root, true);
    mseg_json_free(&root);
    if (!text)
        return MSEG_NOMEM;
    puts(text);
    free(text);
    return MSEG_OK;
}

int cmd_bench(int argc, char **argv)
{
    bench_args args = {.os = -1, .jobs = 1, .runs = 40};
    bench b = {0};
    mseg_error err = {0};
    int operands, exit_status;
    if (!cli_options_parse(&usage, argc, argv, &args, &operands, &exit_status))
        return exit_status;
    mseg_status status = prepare(&b, &args, &err);
    if (!status)
        status = measure(&b, &args, &err);
    if (!status && args.json)
        status = mseg_fail(&err, print_json(&b, &args), NULL);
    else if (!status)
        print_text(&b, &args);
    if (!status && !args.json)
        cli_model_say_fallback(b.model, args.model, NULL);
    if (status && *err.text)
        cli_say("bench: %s: %s", args.random ? args.random : args.model ? args.model : "default model", err.text);
    free(b.ms);
    free(b.layer_ms);
    mseg_image_free(&b.canvas);
    mseg_session_close(&b.session);
    mseg_pool_close(&b.pool);
    mseg_model_close(&b.model);
    return status ? CLI_EXIT_UNUSABLE : CLI_EXIT_OK;
}
