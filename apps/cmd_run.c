#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/output.h"
#include "cli/class_keys.h"
#include "cli/classes.h"
#include "cli/lines.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "commands.h"
#include "run/run.h"

#define FIELD(name) offsetof(cli_run_args, name)
static const cli_option input_options[] = {
    {'r', "recursive", CLI_OPTION_FLAG, FIELD(recursive), NULL,
     .help = "descend into subfolders; they are mirrored below the outputs"},
    {'0', "null", CLI_OPTION_FLAG, FIELD(null), NULL, .help = CLI_NULL_HELP},
    {0, "shard", CLI_OPTION_TEXT, FIELD(shard), "I/N",
     .help = "only every N-th input, from the I-th on: N such runs together do them all"},
    {0, "root", CLI_OPTION_TEXT, FIELD(root), "DIR",
     .help = "outputs are mirrored from this folder on, also those of a list: ROOT/a/b.jpg becomes a/b.png"},
    {0, "orientation", CLI_OPTION_CHOICE, FIELD(orientation), "HOW", .help = CLI_ORIENTATION_HELP, .choices = cli_orientations},
    {0},
};
static const cli_option output_options[] = {
    {'o', "output", CLI_OPTION_TEXT, FIELD(masks), "DIR|FILE",
     .help = "folder for the masks (default mseg-out/masks); with one image in X.png is the mask itself, - standard output"},
    {0, "keep-extension", CLI_OPTION_FLAG, FIELD(keep_extension), NULL,
     .help = "a.jpg becomes a.jpg.png, so that a.jpg and a.png may lie side by side"},
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
    {0, "skip-existing", CLI_OPTION_FLAG, FIELD(skip_existing), NULL,
     .help =
         "leave images alone whose files are all there as this run would write them, and those with one that mseg did not write"},
    {'y', "overwrite", CLI_OPTION_FLAG, FIELD(overwrite), NULL,
     .help = "also replace files that mseg did not write (default: they are an error, mseg's own are replaced)"},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), NULL, .help = "no progress bar and no summary; errors are still shown"},
    {'v', "verbose", CLI_OPTION_FLAG, FIELD(verbose), NULL, .help = "a line per image, and the means of their times"},
    {0},
};
static const cli_option batch_options[] = {
    {0, "dry-run", CLI_OPTION_FLAG, FIELD(dry_run), NULL, .help = "only print what would be done"},
    {0, "fail-fast", CLI_OPTION_FLAG, FIELD(fail_fast), NULL, .help = "stop at the first image that fails"},
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
    {"Batches", 0, batch_options},
    {"Large pictures", 0, tile_options},
    {"Network", FIELD(network), cli_network_options},
    {0},
};
static const cli_usage usage = {
    .command = "run",
    .operands = "PATH...",
    .text = "Segments images. PATH is a PNG, JPEG, WebP or TIFF file, a folder of them, or -\n"
            "for standard input: a list, one path a line, worked on as it grows, or an image\n"
            "itself. Each mask is an indexed PNG under the image's own name and in its own\n"
            "size. The exit status is 0 when all are done, 1 when some failed, 2 when nothing\n"
            "could be done (usage, model, output folder), 130 or 143 after SIGINT or SIGTERM,\n"
            "which finish the images in hand.\n",
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

static void make_marks(cli_run_batch *b)
{
    const cli_run_args *args = b->args;
    const cli_mark_facts facts = {mseg_model_describe(b->model),
                                  &b->run,
                                  &b->outputs.palette,
                                  args->alpha,
                                  args->orientation,
                                  (int)args->tile,
                                  args->overlap < 0 ? -1 : (int)args->overlap};
    for (int kind = 0; kind < CLI_MARK_KINDS; kind++)
        cli_mark_make(b->outputs.marks[kind], (cli_mark_kind)kind, &facts);
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

/* What the inputs are; false after a line of error. */
static bool choose_inputs(cli_run_batch *b)
{
    const cli_run_args *args = b->args;
    b->how = (cli_inputs_options){.recursive = args->recursive,
                                  .shard = {1, 1},
                                  .null = args->null,
                                  .clash = "would write the same output as",
                                  .keep_extension = args->keep_extension,
                                  .root = args->root,
                                  .skip = {args->masks, args->overlays, args->scores, args->probabilities}};
    if (!args->shard || cli_shard_parse(&b->how.shard, args->shard))
        return true;
    cli_say("run: --shard takes I/N with 1 <= I <= N, not '%s'", args->shard);
    return false;
}

static bool is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

/* -o X.png is a file where one image goes in and it is no folder, -o - standard output; false after a line of error. */
static bool choose_file(cli_run_batch *b, const char *path, int count)
{
    const char *name = b->args->masks, *refused = NULL;
    const bool one = count == 1 && !is_folder(path) && (strcmp(path, "-") != 0 || b->inputs.picture);
    if (!strcmp(name, "-")) {
        if (!b->all_known || b->total != 1)
            refused = "-o - writes the mask of one image; name one";
        else if (b->args->json && cli_sink_descriptor(b->args->json) == STDOUT_FILENO)
            refused = "-o - and --json - would both write to standard output";
        else if (isatty(STDOUT_FILENO))
            refused = "-o - would write a PNG to the terminal; redirect standard output";
        b->outputs.file = MSEG_STDOUT;
    } else if (one && cli_is_mask_name(name) && !is_folder(name)) {
        b->outputs.file = name;
    }
    if (b->outputs.file)
        b->outputs.masks = NULL;
    if (refused)
        cli_say("run: %s", refused);
    return !refused;
}

/* By what lines of --json are known as of the same kind of run: all that they tell depends on. */
static uint64_t journal_mark(const cli_run_batch *b)
{
    const cli_outputs *o = &b->outputs;
    cli_text text = {0};
    const char *const folders[CLI_MARK_KINDS] = {"", o->overlays, o->scores, o->probabilities};
    for (int kind = 0; kind < CLI_MARK_KINDS; kind++)
        cli_text_add(&text, "%s\n", folders[kind] ? o->marks[kind] : "");
    for (int id = 0; id < 256; id++)
        cli_text_add(&text, "%s\n", b->keys[id] ? b->keys[id] : "");
    const uint64_t mark = text.bytes ? cli_seen_hash(text.bytes, text.size) : 0;
    free(cli_text_take(&text));
    return mark;
}

/* Makes the folders and --json; false after a line of error. */
static bool open_outputs(cli_run_batch *b)
{
    const cli_run_args *args = b->args;
    mseg_error err = {0};
    const char *folder = "";
    if (cli_outputs_open(&b->outputs, &folder, &err)) {
        cli_say("%s: %s", folder, err.text);
        return false;
    }
    return guard_files(b) && cli_journal_open(&b->journal, args->json, journal_mark(b), args->skip_existing, args->overwrite);
}

/* All that can stop the run before its first image; false after a line of error. */
static bool prepare(cli_run_batch *b, char *const *paths, int count)
{
    const cli_run_args *args = b->args;
    mseg_error err = {0};
    if (args->skip_existing && args->overwrite) {
        cli_say("run: --skip-existing and --overwrite exclude one another");
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
                               .alpha = args->alpha,
                               .keep_extension = args->keep_extension,
                               .skip_existing = args->skip_existing,
                               .overwrite = args->overwrite};
    if (!choose_inputs(b) || !cli_network_open("run", &args->network, &b->model, &b->run))
        return false;
    const mseg_model_info model = mseg_model_describe(b->model);
    if (!check_tiles(args, &model) || !choose_palette(b))
        return false;
    make_marks(b);
    enum { AHEAD = 1024 }; /* as many as there may be threads */
    if (cli_inputs_open(&b->inputs, paths, count, &b->how, &err) ||
        cli_inputs_look_ahead(&b->inputs, AHEAD, &b->total, &b->all_known, &err)) {
        if (err.status != MSEG_CANCELLED)
            cli_say("run: %s", err.text);
        return false;
    }
    if (!choose_file(b, paths[0], count))
        return false;
    if (args->dry_run)
        return cli_journal_look(&b->journal, args->json, journal_mark(b), args->skip_existing, args->overwrite);
    if (cli_run_open_sessions(b, &err)) {
        cli_say("run: %s", err.text);
        return false;
    }
    return open_outputs(b);
}

static void release(cli_run_batch *b)
{
    for (int i = 0; b->sessions && i < b->n_sessions; i++)
        mseg_session_close(&b->sessions[i]);
    free(b->sessions);
    cli_sequence_close(&b->sequence);
    mseg_pool_close(&b->pool);
    mseg_model_close(&b->model);
    cli_journal_close(&b->journal);
    cli_guard_free(&b->guard);
    cli_inputs_free(&b->inputs);
    free(b->model_path);
    cli_outputs_free(&b->outputs);
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

/* The exit status. */
static int do_all(cli_run_batch *b)
{
    if (b->args->dry_run) {
        cli_run_dry(b);
    } else {
        const double seconds = cli_run_all(b);
        cli_run_say_end(b);
        if (!b->args->quiet)
            cli_run_summarise(b, seconds);
    }
    if (!cli_journal_close(&b->journal))
        return CLI_EXIT_UNUSABLE;
    const bool all = !b->counts[CLI_RUN_FAILED] && !b->counts[CLI_RUN_NOT_DONE] && b->end == CLI_RUN_WHOLE;
    return all ? CLI_EXIT_OK : CLI_EXIT_SOME_FAILED;
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
    cli_stop_catch();
    if (prepare(&b, argv, count))
        status = do_all(&b);
    if (cli_stop_signal())
        status = 128 + cli_stop_signal();
    release(&b);
    return status;
}
