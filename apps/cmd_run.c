#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/class_keys.h"
#include "cli/classes.h"
#include "cli/lines.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/say.h"
#include "commands.h"
#include "run/run.h"

#define FIELD(name) offsetof(cli_run_args, name)
static const cli_option input_options[] = {
    {'r', "recursive", CLI_OPTION_FLAG, FIELD(recursive), NULL,
     .help = "descend into subfolders; they are mirrored below the outputs"},
    {'0', "null", CLI_OPTION_FLAG, FIELD(null), NULL, .help = CLI_NULL_HELP},
    {0, "shard", CLI_OPTION_TEXT, FIELD(shard), "I/N",
     .help = "only every N-th input, from the I-th on: N such runs together do them all"},
    {0, "orientation", CLI_OPTION_CHOICE, FIELD(orientation), "HOW", .help = CLI_ORIENTATION_HELP, .choices = cli_orientations},
    {0},
};
static const cli_option output_options[] = {
    {'o', "output", CLI_OPTION_TEXT, FIELD(masks), "DIR", .help = "folder for the masks (default mseg-out/masks)"},
    {0, "overlay", CLI_OPTION_TEXT, FIELD(overlays), "DIR",
     .help = "also write the photo with the classes' colours and boundaries (default mseg-out/overlays)",
     .implied = "mseg-out/overlays"},
    {0, "alpha", CLI_OPTION_REAL, FIELD(alpha), "X", .help = "strength of the overlay's colours, 0 to 1 (default 0.5)", .max = 1},
    {0, "classes", CLI_OPTION_TEXT, FIELD(palette), "NAME|FILE",
     .help = "class names and colours: voc, cityscapes, ade20k, a file of lines 'id r g b name' or CVAT's labelmap.txt "
             "(default: those that the model's file names, else voc)",
     .alias = "palette"},
    {0, "scores", CLI_OPTION_TEXT, FIELD(scores), "DIR",
     .help = "also write the logits before upsampling as NumPy files, float32 [height, width, classes]"},
    {0, "probabilities", CLI_OPTION_TEXT, FIELD(probabilities), "DIR",
     .help =
         "also write the classes' probabilities at every pixel as NumPy files, float32 [height, width, classes] of the photo"},
    {0, "json", CLI_OPTION_TEXT, FIELD(json), "FILE",
     .help = "one line of JSON per segmented image: path, size, where the scores lie, milliseconds per stage, pixels per class "
             "('-': standard output)"},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), NULL, .help = "no progress bar and no summary; errors are still shown"},
    {'v', "verbose", CLI_OPTION_FLAG, FIELD(verbose), NULL, .help = "a line per image, and the means of their times"},
    {0},
};
static const cli_option tile_options[] = {
    {0, "tile", CLI_OPTION_INT, FIELD(tile), "N",
     .help = "at full resolution in overlapping tiles of N x N pixels, N as for --size, e.g. 513, instead of --size, --resize "
             "and --pad; memory does not depend on the picture's height",
     .min = 1, .max = 16385},
    {0, "overlap", CLI_OPTION_INT, FIELD(overlap), "N",
     .help = "least overlap of neighbouring tiles in pixels (default a quarter of the tile)", .max = 16384},
    {0},
};
static const cli_option_group groups[] = {
    {"Inputs", 0, input_options},
    {"Outputs", 0, output_options},
    {"Large pictures", 0, tile_options},
    {"Network", FIELD(network), cli_network_options},
    {0},
};
static const cli_usage usage = {
    .command = "run",
    .operands = "PATH...",
    .text = "Segments images. PATH is a PNG, JPEG, WebP or TIFF file, a folder of them, or -\n"
            "for a list on standard input, one path a line. Each mask is an indexed PNG under\n"
            "the image's own name and in its own size. The exit status is 0 when all are done,\n"
            "1 when some failed, 2 when nothing could be done (usage, model, output folder).\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = -1,
};

/* Whether --tile and --overlap can be followed; false after a line of error. */
static bool check_tiles(const cli_run_args *args, const mseg_model_info *model)
{
    const int stride = model->output_stride, more = model->sampling == MSEG_ALIGN_CORNERS;
    const cli_network_args *n = &args->network;
    const cli_network_args usual = cli_network_defaults();
    if (!args->tile && args->overlap >= 0) {
        cli_say("run: --overlap is that of tiles; give --tile N, too");
        return false;
    }
    if (!args->tile)
        return true;
    if (args->scores || args->probabilities || cli_network_repeats(n)) {
        cli_say("run: --scores, --probabilities, --scales, --flip and --mf do not go with --tile");
        return false;
    }
    if (n->size != usual.size || n->pad != usual.pad || n->resize == MSEG_RESIZE_STRETCH) {
        cli_say("run: --tile works at full resolution; --size, --resize and --pad do not go with it");
        return false;
    }
    if (!cli_size_fits("run", "tile", args->tile, model))
        return false;
    if (args->tile < stride + more) {
        cli_say("run: --tile %d is too small; the smallest is %d", (int)args->tile, stride + more);
        return false;
    }
    if (args->overlap <= args->tile - more - stride)
        return true;
    cli_say("run: --overlap %d is too much; tiles of %d can share %d", (int)args->overlap, (int)args->tile,
            (int)args->tile - more - stride);
    return false;
}

/* A palette that was asked for must have the model's classes. Without one, the names are those inside the model's file, else a
 * model of VOC's number of classes has VOC's names, any other none, and the colours of VOC's bit rule. */
static bool choose_palette(cli_run_batch *b)
{
    mseg_palette *palette = &b->outputs.palette;
    if (!cli_classes_load(palette, b->args->palette, b->model))
        return false;
    const int classes = mseg_model_describe(b->model).classes;
    const bool fits = classes == palette->count && classes == palette->entries;
    if (!fits && b->args->palette) {
        cli_say("run: the model has %d classes, --classes %s has %d%s", classes, b->args->palette, palette->count,
                classes == palette->count ? " with gaps" : "");
        return false;
    }
    for (int id = 0; id < 256 && !fits; id++)
        palette->names[id] = "";
    if (cli_class_keys(b->keys, palette))
        return true;
    cli_say("out of memory");
    return false;
}

/* Makes known what no output may replace; false after a line of error when --json would. */
static bool guard_files(cli_run_batch *b)
{
    if (!(b->model_path = cli_model_find(b->args->network.model)))
        return false;
    b->guard.inputs = &b->inputs;
    cli_guard_streams(&b->guard);
    cli_guard_input(&b->guard, "the model", b->model_path);
    cli_guard_input(&b->guard, "the classes", b->args->palette);
    return cli_guard_output(&b->guard, "--json", b->args->json) && cli_outputs_fit(&b->outputs, &b->inputs, &b->guard);
}

/* All that can stop the run before its first image; false after a line of error. */
static bool prepare(cli_run_batch *b, char *const *paths, int count)
{
    const cli_run_args *args = b->args;
    mseg_error err = {0};
    cli_inputs_options how = {.recursive = args->recursive,
                              .shard = {1, 1},
                              .null = args->null,
                              .clash = "would write the same output as",
                              .skip = {args->masks, args->overlays, args->scores, args->probabilities}};
    if (args->shard && !cli_shard_parse(&how.shard, args->shard)) {
        cli_say("run: --shard takes I/N with 1 <= I <= N, not '%s'", args->shard);
        return false;
    }
    if (args->scores && cli_network_repeats(&args->network)) {
        cli_say("run: --scores are the logits of one run of the network, which --scales, --flip and --mf do not have");
        return false;
    }
    b->limits = cli_network_limits(&args->network);
    b->outputs = (cli_outputs){.masks = args->masks,
                               .overlays = args->overlays,
                               .scores = args->scores,
                               .probabilities = args->probabilities,
                               .alpha = args->alpha};
    const char *folder = "";
    if (!cli_network_open("run", &args->network, &b->model, &b->run))
        return false;
    const mseg_model_info model = mseg_model_describe(b->model);
    if (!check_tiles(args, &model) || !choose_palette(b))
        return false;
    if (cli_inputs_collect(&b->inputs, paths, count, &how, &err) || cli_run_open_sessions(b, &err)) {
        cli_say("run: %s", err.text);
        return false;
    }
    if (cli_outputs_open(&b->outputs, &folder, &err)) {
        cli_say("%s: %s", folder, err.text);
        return false;
    }
    if (!guard_files(b) || !cli_sink_open(&b->json, args->json))
        return false;
    cli_outputs_mirror(&b->outputs, &b->inputs);
    if (!args->quiet)
        cli_inputs_say_foreign(&b->inputs);
    return true;
}

static void release(cli_run_batch *b)
{
    for (int i = 0; b->sessions && i < b->n_sessions; i++)
        mseg_session_close(&b->sessions[i]);
    free(b->sessions);
    cli_sequence_close(&b->sequence);
    mseg_pool_close(&b->pool);
    mseg_model_close(&b->model);
    cli_sink_discard(&b->json);
    cli_guard_free(&b->guard);
    cli_inputs_free(&b->inputs);
    free(b->model_path);
    mseg_palette_free(&b->outputs.palette);
    cli_class_keys_free(b->keys);
}

/* What stands behind an --overlay without a value, where a folder for the overlays may have been meant; NULL: nothing. */
static const char *behind_overlay(int argc, char *const *argv)
{
    for (int i = 1; i + 1 < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--overlay") && argv[i + 1][0] != '-')
            return argv[i + 1];
    return NULL;
}

/* A line when path, one of so many inputs, may not have been meant as one. */
static void say_overlay(const char *path, int inputs)
{
    struct stat info;
    if (path && (stat(path, &info) ? errno == ENOENT : inputs > 1 && S_ISDIR(info.st_mode)))
        cli_say("run: %s is taken for an input; --overlay=%s makes it the folder for the overlays", path, path);
}

int cmd_run(int argc, char **argv)
{
    cli_run_args args = {.network = cli_network_defaults(), .masks = "mseg-out/masks", .alpha = 0.5, .overlap = -1};
    int count, status;
    const char *folder = behind_overlay(argc, argv);
    if (!cli_options_parse(&usage, argc, argv, &args, &count, &status))
        return status;
    if (!args.quiet)
        say_overlay(folder, count);
    cli_run_batch b = {.args = &args};
    status = CLI_EXIT_UNUSABLE;
    if (!prepare(&b, argv, count))
        goto done;
    double seconds = cli_run_all(&b);
    if (!args.quiet)
        cli_run_summarise(&b, seconds);
    if (!cli_sink_close(&b.json))
        goto done;
    status = b.failed ? CLI_EXIT_SOME_FAILED : CLI_EXIT_OK;
done:
    release(&b);
    return status;
}
