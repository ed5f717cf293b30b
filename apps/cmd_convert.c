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
#include "cli/threads.h"
#include "commands.h"
#include "convert/quantise.h"
#include "mseg.h"

typedef struct convert_args {
    const char *in, *out;
    int os;
    int64_t size;
    const char *calibrate, *voc, *split;
    int64_t jobs;
    bool half, quantise, overwrite, quiet;
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
    {0, "quantize", CLI_OPTION_FLAG, FIELD(quantise), NULL,
     .help = "into 8 bits, weights and maps, signed and by channel: needs --calibrate and a .tflite; shows the layers that lose "
             "most"},
    {0, "calibrate", CLI_OPTION_TEXT, FIELD(calibrate), "DIR",
     .help = "with --quantize: photos like those that the network will see, some hundred; they tell the ranges of its maps"},
    {0, "voc", CLI_OPTION_TEXT, FIELD(voc), "DIR",
     .help = "with --quantize: also shows how mIOU changes on this folder, as 'mseg eval --voc' scores it"},
    {0, "split", CLI_OPTION_TEXT, FIELD(split), "NAME", .help = "with --voc: the list of images (default val)"},
    {'j', "jobs", CLI_OPTION_INT, FIELD(jobs), "N", .help = "with --quantize: " CLI_JOBS_HELP, .min = 1, .max = 1024},
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
            "in 32-bit floats; mseg computes the same with it, bit for bit.\n"
            "With --quantize it is one in 8 bits, which any TensorFlow Lite runs.\n",
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

/* Whether options go together; false after a line of error. */
static bool check_options(const convert_args *args)
{
    const char *without = args->calibrate ? "calibrate" : args->voc ? "voc" : args->split ? "split" : args->jobs ? "jobs" : NULL;
    if (!args->quantise && without)
        cli_say("convert: --%s is for --quantize", without);
    else if (args->quantise && !args->calibrate)
        cli_say("convert: --quantize needs --calibrate DIR, a folder of some hundred photos");
    else if (args->quantise && args->half)
        cli_say("convert: --half and --quantize exclude one another");
    else if (args->split && !args->voc)
        cli_say("convert: --split is for --voc");
    else if (args->quantise && mseg_model_format_of(args->out) != MSEG_MODEL_TFLITE)
        cli_say("%s: only .tflite files are written in 8 bits", args->out);
    else
        return true;
    return false;
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
    how->cpu = model->cpu;
    memcpy(how->mean, model->mean, sizeof how->mean);
    memcpy(how->std, model->std, sizeof how->std);
    return true;
}

static void say_written(const convert_args *args, const mseg_converted *done, const mseg_model_info *model)
{
    fprintf(stderr, "wrote %s: %s, %s, %s %g, %d classes, output stride %d, %d x %d, %llu bytes", args->out, done->format,
            args->quantise ? "int8"
            : args->half   ? "float16"
                           : "float32",
            done->network, done->width_multiplier, done->classes, done->output_stride, done->width, done->height,
            (unsigned long long)done->bytes);
    cli_entry_say_assumed(model);
    fputc('\n', stderr);
}

/* Returns the exit status; what fails has a line of error. path: NULL: the built-in model's. */
static int write_model(const convert_args *args, const char *path, const mseg_convert_options *how, mseg_model *model,
                       mseg_converted *done)
{
    const cli_quantise_args quantise = {
        .photos = args->calibrate, .voc = args->voc, .split = args->split, .jobs = args->jobs, .quiet = args->quiet};
    mseg_error err = {0};
    if (args->quantise)
        return cli_quantise(&quantise, path, args->out, how, model, done);
    if (!mseg_convert(path, args->out, how, done, &err))
        return CLI_EXIT_OK;
    cli_say("%s: %s", args->out, err.text);
    return CLI_EXIT_UNUSABLE;
}

/* Returns the exit status; what fails has a line of error. path: the model's, as cli_model_find has it. */
static int convert(const convert_args *args, const char *path)
{
    mseg_convert_options how;
    mseg_model_options as;
    mseg_model *model = NULL;
    mseg_converted done;
    int status = CLI_EXIT_UNUSABLE;
    if (!take_options(args, &how, &as) || !check_output(args, path) || !cli_model_load(&model, args->in, &as))
        return status;
    const mseg_model_info info = mseg_model_describe(model);
    if (args->size && !info.classifier && args->size != cli_own_side(&info) &&
        !cli_size_fits("convert", "size", args->size, &info))
        goto done;
    if (args->voc && info.classifier) {
        cli_say("%s: a classifier: --voc scores masks", args->in);
        goto done;
    }
    status = write_model(args, info.builtin ? NULL : path, &how, model, &done);
    if (status != CLI_EXIT_UNUSABLE && !args->quiet)
        say_written(args, &done, &info);
done:
    mseg_model_close(&model);
    return status;
}

int cmd_convert(int argc, char **argv)
{
    convert_args args = {.os = -1};
    int count, status;
    if (!cli_options_parse(&usage, argc, argv, &args, &count, &status))
        return status;
    args.in = argv[0];
    args.out = argv[1];
    char *path = check_options(&args) ? cli_model_find(args.in) : NULL;
    status = path ? convert(&args, path) : CLI_EXIT_UNUSABLE;
    free(path);
    return status;
}
