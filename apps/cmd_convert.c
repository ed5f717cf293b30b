#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/guard.h"
#include "cli/model.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/sink.h"
#include "commands.h"
#include "mseg.h"

typedef struct convert_args {
    const char *in, *out;
    int os;
    int64_t size;
    bool half, overwrite, quiet;
    cli_entry_args entry;
} convert_args;

#define FIELD(name) offsetof(convert_args, name)
static const cli_option options[] = {
    {0, "size", CLI_OPTION_INT, FIELD(size), "N",
     .help = "side of the square canvas that the new file is for, k * output stride + 1, without aligned corners k * output "
             "stride (default: the model's own, mostly 513)",
     .min = 1, .max = 65537},
    {0, "os", CLI_OPTION_CHOICE, FIELD(os), "8|16|32", .help = "output stride (default: the model's own, mostly 16)",
     .choices = cli_output_strides},
    CLI_ENTRY_OPTIONS(FIELD(entry)),
    {0, "half", CLI_OPTION_FLAG, FIELD(half), NULL, .help = "weights in 16-bit floats: half the size, rounded"},
    {'y', "overwrite", CLI_OPTION_FLAG, FIELD(overwrite), NULL, .help = "replace OUT when it is there already"},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), NULL, .help = "no line about what was written; errors are still shown"},
    {0},
};
static const cli_option_group groups[] = {{"Options", 0, options}, {0}};
static const cli_usage usage = {
    .command = "convert",
    .operands = "IN OUT",
    .text = "Writes the model IN, a file or a name as for 'mseg run -m', as the file OUT, in the\n"
            "format that OUT's name ends in: .tflite (TensorFlow Lite), .onnx or .safetensors.\n"
            "The new file takes the whole picture and gives logits of its size, with weights\n"
            "in 32-bit floats; mseg computes the same with it, bit for bit.\n",
    .groups = groups,
    .min_operands = 2,
    .max_operands = 2,
};

/* Whether OUT may be written: its name tells a format, it is not the model at path and not there unless it may be replaced. False
 * after a line of error. */
static bool check_output(const convert_args *args, const char *path)
{
    struct stat info;
    bool ok = false;
    cli_guard guard = {0};
    cli_guard_streams(&guard);
    cli_guard_input(&guard, "the model", path);
    if (!mseg_model_format_of(args->out))
        cli_say("%s: ends in none of .tflite, .onnx and .safetensors, the formats that are written", args->out);
    else if (!cli_guard_output(&guard, "the output", args->out))
        ok = false;
    else if (!args->overwrite && !lstat(args->out, &info) && !S_ISDIR(info.st_mode) && !cli_is_special(args->out))
        cli_say("%s: is there already; -y replaces it", args->out);
    else
        ok = cli_sink_try(args->out);
    cli_guard_free(&guard);
    return ok;
}

/* What the options ask for; false after a line of error. */
static bool take_options(const convert_args *args, mseg_convert_options *how, mseg_model_options *model)
{
    cli_model_options(model);
    model->output_stride = cli_output_stride(args->os);
    model->precision = MSEG_PRECISION_FLOAT;
    if (!cli_entry_take("convert", &args->entry, model))
        return false;
    mseg_convert_options_init(how, sizeof *how);
    how->output_stride = model->output_stride;
    how->size = (int)args->size;
    how->half = args->half;
    memcpy(how->mean, model->mean, sizeof how->mean);
    memcpy(how->std, model->std, sizeof how->std);
    return true;
}

static void say_written(const convert_args *args, const mseg_converted *done, const mseg_model_info *model)
{
    fprintf(stderr, "wrote %s: %s, %s, %s %g, %d classes, output stride %d, %d x %d, %llu bytes", args->out, done->format,
            args->half ? "float16" : "float32", done->network, done->width_multiplier, done->classes, done->output_stride,
            done->width, done->height, (unsigned long long)done->bytes);
    cli_entry_say_assumed(model);
    fputc('\n', stderr);
}

/* False after a line of error. path: the model's, as cli_model_find has it. */
static bool convert(const convert_args *args, const char *path)
{
    mseg_convert_options how;
    mseg_model_options as;
    mseg_model *model = NULL;
    mseg_converted done;
    mseg_error err = {0};
    bool ok = false;
    if (!take_options(args, &how, &as) || !check_output(args, path) || !cli_model_load(&model, args->in, &as))
        return false;
    const mseg_model_info info = mseg_model_describe(model);
    if (args->size && !info.classifier && args->size != cli_own_side(&info) &&
        !cli_size_fits("convert", "size", args->size, &info))
        goto done;
    if (mseg_convert(info.builtin ? NULL : path, args->out, &how, &done, &err))
        cli_say("%s: %s", args->out, err.text);
    else if (!args->quiet)
        say_written(args, &done, &info);
    ok = !err.status;
done:
    mseg_model_close(&model);
    return ok;
}

int cmd_convert(int argc, char **argv)
{
    convert_args args = {.os = -1};
    int count, status;
    if (!cli_options_parse(&usage, argc, argv, &args, &count, &status))
        return status;
    args.in = argv[0];
    args.out = argv[1];
    char *path = cli_model_find(args.in);
    status = path && convert(&args, path) ? CLI_EXIT_OK : CLI_EXIT_UNUSABLE;
    free(path);
    return status;
}
