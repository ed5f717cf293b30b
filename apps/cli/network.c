#include "cli/network.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/say.h"

#define DEFAULT_MODEL "deeplabv3_mnv2_pascal_quant.tflite"

/* On all 1,449 VOC val images: docs/own-model.md, README.md. */
#define DEFAULT_MIOU "74.2%%"
#define BUILTIN_MIOU "48.6%%"

enum { MODEL_FOLDERS = 2 };

const char *const cli_output_strides[] = {"8", "16", "32", NULL};
const char *const cli_orientations[] = {"apply", "ignore", NULL};
const char *const cli_resizes[] = {"fit", "none", "stretch", NULL};
static const char *const pads[] = {"square", "tight", NULL};

#define FIELD(name) offsetof(cli_network_args, name)
const cli_option cli_network_options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME",
     .help = "model file, or its name in ~/.cache/mseg or PREFIX/share/mseg (default: $MSEG_MODEL, else " DEFAULT_MODEL
             ", else the built-in one); builtin: the built-in one"},
    {0, "os", CLI_OPTION_CHOICE, FIELD(os), "8|16|32",
     .help = "output stride: 8 is finer and slower (default: the model's own, mostly 16)", .choices = cli_output_strides},
    {0, "size", CLI_OPTION_INT, FIELD(size), "N",
     .help = "canvas side, k * output stride + 1 (default: the model's own, mostly 513)", .min = 1, .max = 65537},
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
    {'j', "jobs", CLI_OPTION_INT, FIELD(jobs), "N", .help = "threads (default: all processors)", .min = 1, .max = 1024},
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

int cli_processors(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set))
        return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int cli_network_jobs(const cli_network_args *args)
{
    return args->jobs ? (int)args->jobs : cli_processors();
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
    mseg_limits limits = mseg_limits_default();
    if (args->max_pixels)
        limits.max_pixels = (uint64_t)args->max_pixels;
    return limits;
}

bool cli_size_fits(const char *command, const char *option, int64_t size, int output_stride)
{
    int64_t below = (size - 1) / output_stride * output_stride + 1;
    if (below == size)
        return true;
    cli_say("%s: --%s %lld is not k * %d + 1; the nearest are %lld and %lld", command, option, (long long)size, output_stride,
            (long long)below, (long long)below + output_stride);
    return false;
}

/* ---- finding a model --------------------------------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
    struct stat info;
    return path && !stat(path, &info) && !S_ISDIR(info.st_mode);
}

/* The user's cache and the installed share folder; NULL where there is none. False without memory. */
static bool model_folders(char *folders[MODEL_FOLDERS])
{
    bool cached = true;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    folders[0] = folders[1] = NULL;
    if (cache && *cache)
        cached = (folders[0] = cli_format("%s/mseg", cache));
    else if (home && *home)
        cached = (folders[0] = cli_format("%s/.cache/mseg", home));
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    for (int ups = 0; length > 0 && ups < 2; ups++) { /* PREFIX/bin/mseg -> PREFIX */
        program[length] = 0;
        char *slash = strrchr(program, '/');
        length = slash ? slash - program : 0;
    }
    if (length >= 0)
        folders[1] = cli_format("%.*s/share/mseg", (int)length, program);
    return cached && (length < 0 || folders[1]);
}

/* NULL when it is in none of them; *ok is false without memory. */
static char *find_in(char *const folders[MODEL_FOLDERS], const char *name, bool *ok)
{
    for (int i = 0; i < MODEL_FOLDERS; i++)
        for (int bare = 0; folders[i] && bare < 2; bare++) {
            char *path = cli_format("%s/%s%s", folders[i], name, bare ? ".tflite" : "");
            if (is_file(path))
                return path;
            *ok = *ok && path;
            free(path);
        }
    return NULL;
}

char *cli_model_find(const char *name)
{
    const char *variable = getenv("MSEG_MODEL");
    bool given = name || (variable && *variable);
    if (!name)
        name = given ? variable : DEFAULT_MODEL;
    const bool builtin = given && !strcmp(name, CLI_BUILTIN_MODEL);
    if (builtin || strchr(name, '/') || (given && is_file(name))) {
        char *copy = strdup(name);
        if (!copy)
            cli_say("out of memory");
        return copy;
    }
    char *folders[MODEL_FOLDERS];
    bool ok = model_folders(folders);
    char *path = find_in(folders, name, &ok);
    if (!path && ok && !given)
        ok = (path = strdup(CLI_BUILTIN_MODEL)) != NULL;
    if (!path && !ok)
        cli_say("out of memory");
    else if (!path)
        cli_say("no model: %s is not in %s or %s; data/get-model.sh fetches one, or name a file with -m", name,
                folders[0] ? folders[0] : "~/.cache/mseg", folders[1] ? folders[1] : "PREFIX/share/mseg");
    for (int i = 0; i < MODEL_FOLDERS; i++)
        free(folders[i]);
    return path;
}

bool cli_model_load(mseg_model **model, const char *name, const mseg_model_options *options)
{
    mseg_error err = {0};
    char *path = cli_model_find(name);
    if (!path)
        return false;
    if (!strcmp(path, CLI_BUILTIN_MODEL) ? mseg_model_open_builtin(model, options, &err)
                                         : mseg_model_open(model, path, options, &err))
        cli_say("%s: %s", path, err.text);
    free(path);
    return !err.status;
}

void cli_model_say_fallback(const mseg_model *model, const char *name, const mseg_run_options *run)
{
    const mseg_model_info info = mseg_model_describe(model);
    const char *variable = getenv("MSEG_MODEL");
    if (!info.builtin || name || (variable && *variable))
        return;
    char *folders[MODEL_FOLDERS];
    model_folders(folders);
    char *installed = folders[1] ? cli_format("%s/get-model.sh", folders[1]) : NULL;
    fprintf(stderr,
            "model: %s, built in, " BUILTIN_MIOU " mIOU on VOC val (--resize fit --size %d); %s gets "
            "deeplabv3_mnv2_pascal_quant, " DEFAULT_MIOU " (--resize none --size 513)%s\n",
            info.name, info.trained_width, is_file(installed) ? installed : "data/get-model.sh",
            run && run->resize == MSEG_RESIZE_NONE
                ? "; this was --resize none, which suits the built-in one less: give --resize fit"
                : "");
    free(installed);
    for (int i = 0; i < MODEL_FOLDERS; i++)
        free(folders[i]);
}

void cli_model_add_json(mseg_json *object, const mseg_model *model)
{
    const mseg_model_info info = mseg_model_describe(model);
    mseg_json_add_string(object, "model", info.name);
    if (*info.sha256)
        mseg_json_add_string(object, "model_sha256", info.sha256);
    else
        mseg_json_add_null(object, "model_sha256");
}

int cli_canvas_side(const mseg_model_info *model, int resize)
{
    const int side = model->trained_width;
    const bool fits = side > 0 && side == model->trained_height && (side - 1) % model->output_stride == 0;
    return fits && resize != MSEG_RESIZE_NONE ? side : 513;
}

bool cli_network_open(const char *command, const cli_network_args *args, mseg_model **model, mseg_run_options *run)
{
    mseg_model_options options = mseg_model_options_default();
    options.output_stride = cli_output_stride(args->os);
    mseg_run_options how = mseg_run_options_default();
    how.resize = (mseg_resize)args->resize;
    how.pad = (mseg_pad)args->pad;
    if (!parse_scales(command, args, &how) || !cli_model_load(model, args->model, &options))
        return false;
    const mseg_model_info info = mseg_model_describe(*model);
    if (info.classifier) {
        cli_say("%s: the model is an ImageNet classifier: 'mseg classify' runs it", args->model ? args->model : info.name);
        return false;
    }
    const int64_t size = args->size ? args->size : cli_canvas_side(&info, args->resize);
    how.size = (int)size;
    if (run)
        *run = how;
    return cli_size_fits(command, "size", size, info.output_stride);
}
