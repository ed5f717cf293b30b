#include <stdlib.h>
#include <string.h>

#include "class_keys.h"
#include "commands.h"
#include "guard.h"
#include "inputs.h"
#include "lines.h"
#include "mseg.h"
#include "network.h"
#include "options.h"
#include "outputs.h"
#include "progress.h"
#include "say.h"
#include "sequence.h"
#include "sink.h"

typedef struct run_args {
    mseg_network_args network;
    const char *masks, *overlays, *scores, *palette, *json, *shard;
    double alpha;
    int orientation;       /* mseg_orientation */
    int64_t tile, overlap; /* 0: not in tiles; -1: the library's overlap */
    bool recursive, null, quiet, verbose;
} run_args;

#define FIELD(name) offsetof(run_args, name)
static const mseg_option input_options[] = {
    {'r', "recursive", MSEG_OPTION_FLAG, FIELD(recursive), NULL,
     .help = "descend into subfolders; they are mirrored below the outputs"},
    {'0', "null", MSEG_OPTION_FLAG, FIELD(null), NULL, .help = MSEG_NULL_HELP},
    {0, "shard", MSEG_OPTION_TEXT, FIELD(shard), "I/N",
     .help = "only every N-th input, from the I-th on: N such runs together do them all"},
    {0, "orientation", MSEG_OPTION_CHOICE, FIELD(orientation), "HOW", .help = MSEG_ORIENTATION_HELP,
     .choices = mseg_orientations},
    {0},
};
static const mseg_option output_options[] = {
    {'o', "output", MSEG_OPTION_TEXT, FIELD(masks), "DIR", .help = "folder for the masks (default mseg-out/masks)"},
    {0, "overlay", MSEG_OPTION_TEXT, FIELD(overlays), "DIR",
     .help = "also write the photo with the classes' colours and boundaries (default mseg-out/overlays)",
     .implied = "mseg-out/overlays"},
    {0, "alpha", MSEG_OPTION_REAL, FIELD(alpha), "X", .help = "strength of the overlay's colours, 0 to 1 (default 0.5)",
     .max = 1},
    {0, "palette", MSEG_OPTION_TEXT, FIELD(palette), "NAME|FILE",
     .help = "colours and class names: voc (default), cityscapes, ade20k or a file of lines 'id r g b name'"},
    {0, "scores", MSEG_OPTION_TEXT, FIELD(scores), "DIR",
     .help = "also write the logits before upsampling as NumPy files, float32 [height, width, classes]"},
    {0, "json", MSEG_OPTION_TEXT, FIELD(json), "FILE",
     .help = "one line of JSON per segmented image: path, size, milliseconds per stage, pixels per class ('-': standard output)"},
    {'q', "quiet", MSEG_OPTION_FLAG, FIELD(quiet), NULL, .help = "no progress bar and no summary; errors are still shown"},
    {'v', "verbose", MSEG_OPTION_FLAG, FIELD(verbose), NULL, .help = "a line per image"},
    {0},
};
static const mseg_option tile_options[] = {
    {0, "tile", MSEG_OPTION_INT, FIELD(tile), "N",
     .help = "at full resolution in overlapping tiles of N x N pixels, N = k * output stride + 1, e.g. 513, instead of --size, "
             "--resize and --pad; memory does not depend on the picture's height",
     .min = 1, .max = 16385},
    {0, "overlap", MSEG_OPTION_INT, FIELD(overlap), "N",
     .help = "least overlap of neighbouring tiles in pixels (default a quarter of the tile)", .max = 16384},
    {0},
};
static const mseg_option_group groups[] = {
    {"Inputs", 0, input_options},
    {"Outputs", 0, output_options},
    {"Large pictures", 0, tile_options},
    {"Network", FIELD(network), mseg_network_options},
    {0},
};
static const mseg_usage usage = {
    .command = "run",
    .operands = "PATH...",
    .text = "Segments images. PATH is a PNG or JPEG file, a folder of them, or - for a list\n"
            "on standard input, one path a line. Each mask is an indexed PNG under the\n"
            "image's own name and in its own size. The exit status is 0 when all are done,\n"
            "1 when some failed, 2 when nothing could be done (usage, model, output folder).\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = -1,
};

typedef struct batch {
    const run_args *args;
    mseg_run_options run;
    mseg_limits limits;
    mseg_outputs outputs;
    char *keys[256]; /* of the classes, in JSON */
    mseg_inputs inputs;
    mseg_guard guard;
    mseg_sink json;
    mseg_model *model;
    char *model_path;
    mseg_pool *pool;         /* over images, or inside the one session */
    mseg_session **sessions; /* one per worker */
    int n_sessions;
    mseg_sequence *sequence;
    mseg_progress progress;
    size_t emitted, failed;
} batch;

/* What became of one image. */
typedef struct report {
    char *json; /* its line; NULL when failed or not wanted */
    char *line; /* for stderr; NULL: nothing to say */
    bool failed;
} report;

/* ---- one image --------------------------------------------------------------------------------------------------------- */

/* What is told about an image. */
typedef struct figures {
    int width, height;
    double decode_ms, resize_ms, network_ms, label_ms, write_ms;
    int64_t pixels[256]; /* per class */
} figures;

static void count_pixels(const mseg_image *labels, int64_t counts[256])
{
    for (int y = 0; y < labels->height; y++) {
        const uint8_t *row = labels->data + (size_t)y * labels->stride;
        for (int x = 0; x < labels->width; x++)
            counts[row[x]]++;
    }
}

static double to_microseconds(double ms)
{
    return (double)(int64_t)(ms * 1e3 + 0.5) / 1e3;
}

static char *describe(const batch *b, const mseg_input *input, const figures *f)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "path", input->path);
    mseg_model_add_json(root, b->model);
    mseg_json_add_int(root, "width", f->width);
    mseg_json_add_int(root, "height", f->height);
    mseg_json *ms = mseg_json_add_object(root, "ms");
    mseg_json_add_number(ms, "decode", to_microseconds(f->decode_ms));
    mseg_json_add_number(ms, "resize", to_microseconds(f->resize_ms));
    mseg_json_add_number(ms, "network", to_microseconds(f->network_ms));
    mseg_json_add_number(ms, "label", to_microseconds(f->label_ms));
    mseg_json_add_number(ms, "write", to_microseconds(f->write_ms));
    mseg_json *pixels = mseg_json_add_object(root, "pixels");
    for (int id = 0; id < 256; id++) {
        if (f->pixels[id])
            mseg_json_add_int(pixels, b->keys[id], f->pixels[id]);
    }
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    return text;
}

static mseg_status segment_whole(batch *b, mseg_session *session, const mseg_input *input, figures *f, mseg_error *err)
{
    mseg_image photo = {0};
    mseg_result result = {0};
    double start = mseg_now();
    mseg_status status = mseg_image_read(&photo, input->path, (mseg_orientation)b->args->orientation, &b->limits, err);
    f->decode_ms = 1e3 * (mseg_now() - start);
    if (!status)
        status = mseg_segment(session, &photo, &b->run, &result, err);
    start = mseg_now();
    if (!status)
        status = mseg_outputs_write(&b->outputs, &b->guard, input, &photo, &result, err);
    f->write_ms = 1e3 * (mseg_now() - start);
    f->width = photo.width;
    f->height = photo.height;
    f->resize_ms = result.resize_ms;
    f->network_ms = result.network_ms;
    f->label_ms = result.label_ms;
    if (!status && b->json.stream)
        count_pixels(&result.labels, f->pixels);
    mseg_image_free(&photo);
    return status;
}

typedef struct tile_sink {
    mseg_row_outputs files;
    figures *figures;
} tile_sink;

static mseg_status take_rows(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    tile_sink *sink = context;
    const double start = mseg_now();
    mseg_status status = mseg_row_outputs_put(&sink->files, rows, err);
    sink->figures->write_ms += 1e3 * (mseg_now() - start);
    count_pixels(rows->labels, sink->figures->pixels);
    return status;
}

static mseg_status segment_tiles(batch *b, mseg_session *session, const mseg_input *input, figures *f, mseg_error *err)
{
    const mseg_tile_options options = {(int)b->args->tile, (int)b->args->overlap};
    tile_sink sink = {.figures = f};
    mseg_tiled result = {0};
    mseg_image_reader *reader;
    const double start = mseg_now();
    mseg_status status = mseg_image_reader_open(&reader, input->path, (mseg_orientation)b->args->orientation, &b->limits, err);
    const double open_ms = 1e3 * (mseg_now() - start);
    if (status)
        return status;
    f->width = mseg_image_reader_width(reader);
    f->height = mseg_image_reader_height(reader);
    status = mseg_row_outputs_open(&sink.files, &b->outputs, &b->guard, input, f->width, f->height, err);
    if (!status)
        status = mseg_segment_tiled(session, reader, &options, take_rows, &sink, &result, err);
    if (!status)
        status = mseg_row_outputs_commit(&sink.files, err);
    f->decode_ms = open_ms + result.decode_ms;
    f->network_ms = result.network_ms;
    f->label_ms = result.label_ms;
    mseg_row_outputs_close(&sink.files);
    mseg_image_reader_close(&reader);
    return status;
}

static mseg_status segment(batch *b, mseg_session *session, const mseg_input *input, report *out, mseg_error *err)
{
    if (input->error)
        return mseg_fail(err, MSEG_INVAL, "%s", input->error);
    figures f = {0};
    mseg_status status = (b->args->tile ? segment_tiles : segment_whole)(b, session, input, &f, err);
    if (!status && b->json.stream && !(out->json = describe(b, input, &f)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status && b->args->verbose)
        out->line = mseg_format("%s: %dx%d, decode %.1f ms, resize %.1f, network %.1f, label %.1f, write %.1f", input->path,
                                f.width, f.height, f.decode_ms, f.resize_ms, f.network_ms, f.label_ms, f.write_ms);
    if (!status && b->args->verbose && !out->line)
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    return status;
}

static void segment_task(void *context, int task, int worker)
{
    batch *b = context;
    const mseg_input *input = &b->inputs.items[task];
    mseg_sequence_wait(b->sequence, task);
    mseg_error err = {0};
    report *out = calloc(1, sizeof *out);
    if (out && segment(b, b->sessions[worker], input, out, &err)) {
        out->failed = true;
        out->line = mseg_format("mseg: %s: %s", input->path, err.text);
    }
    mseg_sequence_put(b->sequence, task, out);
}

/* Called in the order of the inputs, one at a time. */
static void emit(void *context, void *item)
{
    batch *b = context;
    report *done = item;
    const char *path = b->inputs.items[b->emitted++].path;
    const bool failed = !done || done->failed;
    if (done && done->line) {
        mseg_progress_print(&b->progress, done->line);
    } else if (failed) { /* not even memory for a line */
        mseg_progress_hide(&b->progress);
        mseg_say("%s: out of memory", path);
        mseg_progress_show(&b->progress);
    }
    if (!failed && done->json)
        mseg_sink_line(&b->json, &b->progress, done->json);
    b->failed += failed;
    mseg_progress_step(&b->progress);
    if (done) {
        free(done->json);
        free(done->line);
    }
    free(done);
}

/* ---- the batch --------------------------------------------------------------------------------------------------------- */

/* What would fail for every image fails here. */
static mseg_status prepare_session(const batch *b, mseg_session *session, mseg_error *err)
{
    const int tile = (int)b->args->tile;
    mseg_plan_info info;
    return tile ? mseg_session_plan(session, tile, tile, &info, err) : mseg_session_prepare(session, &b->run, err);
}

/* At least as many images as threads: a session per worker, threads over images. Fewer, or each of them much work: one session,
 * threads inside. */
static mseg_status open_sessions(batch *b, mseg_error *err)
{
    int jobs = mseg_network_jobs(&b->args->network);
    const bool heavy = b->args->tile || mseg_network_repeats(&b->args->network);
    b->n_sessions = b->inputs.count >= (size_t)jobs && !heavy ? jobs : 1;
    b->sessions = calloc((size_t)b->n_sessions, sizeof *b->sessions);
    if (!b->sessions || mseg_pool_open(&b->pool, jobs))
        return mseg_fail(err, MSEG_NOMEM, "cannot start %d threads: out of memory", jobs);
    mseg_status status = mseg_sequence_open(&b->sequence, 16 * jobs, emit, b);
    if (status)
        return mseg_fail(err, status, NULL);
    for (int i = 0; i < b->n_sessions && !status; i++)
        status = mseg_session_open(&b->sessions[i], b->model, b->n_sessions == 1 ? b->pool : NULL, err);
    for (int i = 0; i < b->n_sessions && !status; i++)
        status = prepare_session(b, b->sessions[i], err);
    return status;
}

/* Whether --tile and --overlap can be followed; false after a line of error. */
static bool check_tiles(const run_args *args, int stride)
{
    const mseg_network_args *n = &args->network;
    const mseg_network_args usual = mseg_network_defaults();
    if (!args->tile && args->overlap >= 0) {
        mseg_say("run: --overlap is that of tiles; give --tile N, too");
        return false;
    }
    if (!args->tile)
        return true;
    if (args->scores || mseg_network_repeats(n)) {
        mseg_say("run: --scores, --scales, --flip and --mf do not go with --tile");
        return false;
    }
    if (n->size != usual.size || n->pad != usual.pad || n->resize == MSEG_RESIZE_STRETCH) {
        mseg_say("run: --tile works at full resolution; --size, --resize and --pad do not go with it");
        return false;
    }
    if (!mseg_size_fits("run", "tile", args->tile, stride))
        return false;
    if (args->tile <= stride) {
        mseg_say("run: --tile %d is too small; the smallest is %d", (int)args->tile, stride + 1);
        return false;
    }
    if (args->overlap <= args->tile - 1 - stride)
        return true;
    mseg_say("run: --overlap %d is too much; tiles of %d can share %d", (int)args->overlap, (int)args->tile,
             (int)args->tile - 1 - stride);
    return false;
}

static bool load_palette(batch *b)
{
    const char *name = b->args->palette ? b->args->palette : "voc";
    mseg_error err = {0};
    if (!mseg_palette_load(&b->outputs.palette, name, &err))
        return true;
    mseg_say("%s: %s", name, err.text);
    return false;
}

/* A palette that was asked for must have the model's classes. Without one, a model of VOC's number of classes has VOC's names,
 * any other none, and the colours of VOC's bit rule. */
static bool fit_palette(batch *b)
{
    mseg_palette *palette = &b->outputs.palette;
    const int classes = mseg_model_describe(b->model).classes;
    const bool fits = classes == palette->count && classes == palette->entries;
    if (!fits && b->args->palette) {
        mseg_say("run: the model has %d classes, --palette %s has %d%s", classes, b->args->palette, palette->count,
                 classes == palette->count ? " with gaps" : "");
        return false;
    }
    for (int id = 0; id < 256 && !fits; id++)
        palette->names[id] = "";
    if (mseg_class_keys(b->keys, palette))
        return true;
    mseg_say("out of memory");
    return false;
}

/* Makes known what no output may replace; false after a line of error when --json would. */
static bool guard_files(batch *b)
{
    b->model_path = mseg_model_find(b->args->network.model);
    b->guard.inputs = &b->inputs;
    mseg_guard_streams(&b->guard);
    mseg_guard_input(&b->guard, "the model", b->model_path);
    mseg_guard_input(&b->guard, "the palette", b->args->palette);
    return mseg_guard_output(&b->guard, "--json", b->args->json) && mseg_outputs_fit(&b->outputs, &b->inputs, &b->guard);
}

/* All that can stop the run before its first image; false after a line of error. */
static bool prepare(batch *b, char *const *paths, int count)
{
    const run_args *args = b->args;
    mseg_error err = {0};
    mseg_inputs_options how = {.recursive = args->recursive,
                               .shard = {1, 1},
                               .null = args->null,
                               .clash = "would write the same output as",
                               .skip = {args->masks, args->overlays, args->scores}};
    if (args->shard && !mseg_shard_parse(&how.shard, args->shard)) {
        mseg_say("run: --shard takes I/N with 1 <= I <= N, not '%s'", args->shard);
        return false;
    }
    if (args->scores && mseg_network_repeats(&args->network)) {
        mseg_say("run: --scores are the logits of one run of the network, which --scales, --flip and --mf do not have");
        return false;
    }
    b->limits = mseg_network_limits(&args->network);
    b->outputs = (mseg_outputs){.masks = args->masks, .overlays = args->overlays, .scores = args->scores, .alpha = args->alpha};
    const char *folder = "";
    if (!load_palette(b) || !mseg_network_open("run", &args->network, &b->model, &b->run) ||
        !check_tiles(args, mseg_model_describe(b->model).output_stride) || !fit_palette(b))
        return false;
    if (mseg_inputs_collect(&b->inputs, paths, count, &how, &err) || open_sessions(b, &err)) {
        mseg_say("run: %s", err.text);
        return false;
    }
    if (mseg_outputs_open(&b->outputs, &folder, &err)) {
        mseg_say("%s: %s", folder, err.text);
        return false;
    }
    if (!guard_files(b) || !mseg_sink_open(&b->json, args->json))
        return false;
    mseg_outputs_mirror(&b->outputs, &b->inputs);
    return true;
}

static void summarise(const batch *b, double seconds)
{
    size_t total = b->inputs.count, done = total - b->failed;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char failed[64] = "";
    if (b->failed)
        snprintf(failed, sizeof failed, " (%zu failed)", b->failed);
    fprintf(stderr, "segmented %zu of %zu image%s%s in %.1f s, %.*f images/s -> %s", done, total, total == 1 ? "" : "s", failed,
            seconds, rate < 10 ? 1 : 0, rate, b->outputs.masks);
    if (b->outputs.overlays)
        fprintf(stderr, ", overlays in %s", b->outputs.overlays);
    fputc('\n', stderr);
    mseg_model_say_fallback(b->model, b->args->network.model);
}

static void release(batch *b)
{
    for (int i = 0; b->sessions && i < b->n_sessions; i++)
        mseg_session_close(&b->sessions[i]);
    free(b->sessions);
    mseg_sequence_close(&b->sequence);
    mseg_pool_close(&b->pool);
    mseg_model_close(&b->model);
    mseg_sink_discard(&b->json);
    mseg_guard_free(&b->guard);
    mseg_inputs_free(&b->inputs);
    free(b->model_path);
    mseg_palette_free(&b->outputs.palette);
    mseg_class_keys_free(b->keys);
}

int mseg_cmd_run(int argc, char **argv)
{
    run_args args = {.network = mseg_network_defaults(), .masks = "mseg-out/masks", .alpha = 0.5, .overlap = -1};
    int count, status;
    if (!mseg_options_parse(&usage, argc, argv, &args, &count, &status))
        return status;
    batch b = {.args = &args};
    status = MSEG_EXIT_UNUSABLE;
    if (!prepare(&b, argv, count))
        goto done;
    mseg_progress_start(&b.progress, b.inputs.count, args.quiet);
    mseg_pool_for(b.n_sessions > 1 ? b.pool : NULL, (int)b.inputs.count, segment_task, &b);
    double seconds = mseg_progress_stop(&b.progress);
    if (!args.quiet)
        summarise(&b, seconds);
    if (!mseg_sink_close(&b.json))
        goto done;
    status = b.failed ? MSEG_EXIT_SOME_FAILED : MSEG_EXIT_OK;
done:
    release(&b);
    return status;
}
