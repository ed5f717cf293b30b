#include "cli/network.h"

#include <stdlib.h>

#include "cli/model.h"
#include "cli/say.h"
#include "cli/threads.h"

const char *const cli_output_strides[] = {"8", "16", "32", NULL};
const char *const cli_precisions[] = {"auto", "float", "int8", NULL};
const char *const cli_orientations[] = {"apply", "ignore", NULL};
const char *const cli_resizes[] = {"fit", "none", "stretch", NULL};
static const char *const pads[] = {"square", "tight", NULL};

#define FIELD(name) offsetof(cli_network_args, name)
const cli_option cli_network_options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME",
     .help = "model file, or its name in ~/.cache/mseg or PREFIX/share/mseg (default: $MSEG_MODEL, else " CLI_DEFAULT_MODEL
             ", else the built-in one); builtin: the built-in one"},
    CLI_ENTRY_OPTIONS(FIELD(entry)),
    {0, "precision", CLI_OPTION_CHOICE, FIELD(precision), "HOW", .help = CLI_PRECISION_HELP, .choices = cli_precisions},
    {0, "os", CLI_OPTION_CHOICE, FIELD(os), "8|16|32",
     .help = "output stride: 8 is finer and slower (default: the model's own, mostly 16)", .choices = cli_output_strides},
    {0, "size", CLI_OPTION_INT, FIELD(size), "N",
     .help = "canvas side, k * output stride + 1, without aligned corners k * output stride (default: the model's own, mostly "
             "513)",
     .min = 1, .max = 65537},
    {0, "resize", CLI_OPTION_CHOICE, FIELD(resize), "HOW",
     .help = "fit: the longer side becomes --size; none: no scaling (VOC protocol); stretch: both sides become --size",
     .choices = cli_resizes},
    {0, "pad", CLI_OPTION_CHOICE, FIELD(pad), "HOW",
     .help = "square: as the network was trained (default); tight: no more than needed, faster on long pictures",
     .choices = pads},
    {0, "scales", CLI_OPTION_TEXT, FIELD(scales), "S,S,...",
     .help = "multi-scale: run at these scales of the canvas and average the probabilities, e.g. 0.5,0.75,1,1.25,1.5,1.75"},
    {0, "flip", CLI_OPTION_FLAG, FIELD(flip), NULL, .help = "also run the mirrored image, at each scale"},
    {0, "mf", CLI_OPTION_FLAG, FIELD(mf), NULL, .help = "the paper's multi-scale and flip: the six scales above and --flip"},
    {0, "max-pixels", CLI_OPTION_INT, FIELD(max_pixels), "N", .help = "refuse larger images (default 178956970)", .min = 1,
     .max = 1e15},
    {'j', "jobs", CLI_OPTION_INT, FIELD(jobs), "N", .help = CLI_JOBS_HELP, .min = 1, .max = 1024},
    {0},
};

cli_network_args cli_network_defaults(void)
{
    return (cli_network_args){.os = -1, .resize = MSEG_RESIZE_FIT, .pad = MSEG_PAD_SQUARE};
}

int cli_output_stride(int os)
{
    return os < 0 ? 0 : 8 << os;
}

bool cli_network_repeats(const cli_network_args *args)
{
    return args->scales || args->flip || args->mf;
}

/* The scales that the options ask for; false after a line of error. */
static bool parse_scales(const char *command, const cli_network_args *args, mseg_run_options *run)
{
    enum { MOST = sizeof run->scales / sizeof *run->scales };
    const char *text = args->scales ? args->scales : args->mf ? "0.5,0.75,1,1.25,1.5,1.75" : "";
    run->flip = args->flip || args->mf;
    while (*text) {
        char *end;
        double scale = strtod(text, &end);
        if (end == text || (*end && *end != ',') || !(scale >= 0.1 && scale <= 8) || run->n_scales == MOST) {
            cli_say("%s: --scales takes up to %d numbers between 0.1 and 8 with commas between, not '%s'", command, MOST,
                    args->scales);
            return false;
        }
        run->scales[run->n_scales++] = scale;
        text = *end ? end + 1 : end;
    }
    return true;
}

mseg_limits cli_network_limits(const cli_network_args *args)
{
    mseg_limits limits;
    mseg_limits_init(&limits, sizeof limits);
    if (args->max_pixels)
        limits.max_pixels = (uint64_t)args->max_pixels;
    return limits;
}

bool cli_size_fits(const char *command, const char *option, int64_t size, const mseg_model_info *model)
{
    const int stride = model->output_stride, more = model->sampling == MSEG_ALIGN_CORNERS;
    const long long below = (size - more) / stride * stride + more, above = below + stride;
    if (below == size)
        return true;
    if (below)
        cli_say("%s: --%s %lld is not k * %d%s; the nearest are %lld and %lld", command, option, (long long)size, stride,
                more ? " + 1" : "", below, above);
    else
        cli_say("%s: --%s %lld is not k * %d; the smallest is %d", command, option, (long long)size, stride, stride);
    return false;
}

int cli_own_side(const mseg_model_info *model)
{
    return model->trained_width == model->trained_height ? model->trained_width : 0;
}

int cli_canvas_side(const mseg_model_info *model, int resize)
{
    const int own = cli_own_side(model);
    if (own && (model->classifier || resize != MSEG_RESIZE_NONE))
        return own;
    return model->classifier ? 224 : model->sampling == MSEG_ALIGN_CORNERS ? 513 : 512;
}

bool cli_network_open(const char *command, const cli_network_args *args, mseg_model **model, mseg_run_options *run)
{
    mseg_model_options options;
    cli_model_options(&options);
    options.output_stride = cli_output_stride(args->os);
    options.precision = (mseg_precision)args->precision;
    mseg_run_options how;
    mseg_run_options_init(&how, sizeof how);
    how.resize = (mseg_resize)args->resize;
    how.pad = (mseg_pad)args->pad;
    if (!parse_scales(command, args, &how) || !cli_entry_take(command, &args->entry, &options) ||
        !cli_model_load(model, args->model, &options))
        return false;
    const mseg_model_info info = mseg_model_describe(*model);
    if (info.classifier) {
        cli_say("%s: the model is a classifier: 'mseg classify' runs it", args->model ? args->model : info.name);
        return false;
    }
    const int64_t size = args->size ? args->size : cli_canvas_side(&info, args->resize);
    how.size = (int)size;
    if (run)
        *run = how;
    return size == cli_own_side(&info) || cli_size_fits(command, "size", size, &info);
}
