#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/model.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "run/run.h"

static double to_microseconds(double ms)
{
    return (double)(int64_t)(ms * 1e3 + 0.5) / 1e3;
}

static void add_pair(mseg_json *object, const char *key, int a, int b)
{
    mseg_json *pair = mseg_json_add_array(object, key);
    mseg_json_add_int(pair, NULL, a);
    mseg_json_add_int(pair, NULL, b);
}

/* Where the points of the logits lie on the photo (docs/mseg.1, Scores). */
static void add_geometry(mseg_json *root, const cli_run_batch *b, const cli_run_figures *f)
{
    if (b->args->tile) {
        mseg_json_add_int(root, "tile", b->args->tile);
    } else {
        add_pair(root, "canvas", f->canvas_width, f->canvas_height);
        add_pair(root, "scaled", f->scaled_width, f->scaled_height);
        mseg_json_add_string(root, "resize", cli_resizes[b->run.resize]);
    }
    const mseg_model_info model = mseg_model_describe(b->model);
    mseg_json_add_int(root, "output_stride", model.logits_stride);
    mseg_json_add_int(root, "logits_stride", model.logits_stride);
    cli_sampling_add_json(root, &model);
}

/* By what a later run knows whether the line is still right. */
static void add_origin(mseg_json *root, const cli_run_batch *b, const cli_input *input)
{
    char mark[CLI_JOURNAL_MARK];
    struct stat info;
    const bool there = !input->bytes && !stat(input->path, &info);
    mseg_json_add_int(root, "bytes", input->bytes ? (int64_t)input->size : there ? (int64_t)info.st_size : 0);
    cli_journal_mark(mark, &b->journal, input);
    mseg_json_add_string(root, "mark", mark);
}

char *cli_run_json(const cli_run_batch *b, const cli_input *input, const cli_run_figures *f)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "path", input->path);
    add_origin(root, b, input);
    cli_model_add_json(root, b->model);
    mseg_json_add_int(root, "width", f->width);
    mseg_json_add_int(root, "height", f->height);
    add_geometry(root, b, f);
    mseg_json *ms = mseg_json_add_object(root, "ms");
    mseg_json_add_number(ms, "decode", to_microseconds(f->ms.decode));
    mseg_json_add_number(ms, "resize", to_microseconds(f->ms.resize));
    mseg_json_add_number(ms, "network", to_microseconds(f->ms.network));
    mseg_json_add_number(ms, "label", to_microseconds(f->ms.label));
    mseg_json_add_number(ms, "write", to_microseconds(f->ms.write));
    mseg_json *pixels = mseg_json_add_object(root, "pixels");
    for (int id = 0; id < 256; id++) {
        if (f->pixels[id])
            mseg_json_add_int(pixels, b->keys[id], f->pixels[id]);
    }
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    return text;
}

/* Text for people: of times divided by so many images. */
static char *times_text(const cli_run_times *t, double images)
{
    return cli_format("decode %.1f ms, resize %.1f, network %.1f, label %.1f, write %.1f", t->decode / images, t->resize / images,
                      t->network / images, t->label / images, t->write / images);
}

char *cli_run_line(const cli_input *input, const cli_run_figures *f)
{
    char *times = times_text(&f->ms, 1);
    char *line = times ? cli_format("%s: %dx%d, %s", input->path, f->width, f->height, times) : NULL;
    free(times);
    return line;
}

static void say_means(const cli_run_batch *b, size_t images)
{
    char *times = times_text(&b->times, (double)images);
    if (times)
        fprintf(stderr, "on average: %s\n", times);
    free(times);
}

/* " (3 done before, 1 failed)", "" when there is nothing of that kind. */
static void print_counts(const cli_run_batch *b, char *text, size_t room)
{
    static const char *const names[CLI_RUN_FATES] = {NULL, "done before", "left alone as not written by mseg", "failed",
                                                     "not done"};
    const size_t not_begun = b->all_known ? b->total - b->begun : 0;
    size_t used = 0;
    *text = 0;
    for (int fate = CLI_RUN_SKIPPED; fate < CLI_RUN_FATES; fate++) {
        const size_t count = b->counts[fate] + (fate == CLI_RUN_NOT_DONE ? not_begun : 0);
        if (count)
            used += (size_t)snprintf(text + used, room - used, "%s%zu %s", used ? ", " : " (", count, names[fate]);
    }
    if (used)
        snprintf(text + used, room - used, ")");
}

static void say_failures(const cli_run_batch *b)
{
    char *text = cli_tally_text(&b->failures);
    if (text && b->counts[CLI_RUN_FAILED] > 1)
        fprintf(stderr, "failed: %s\n", text);
    free(text);
}

void cli_run_say_end(const cli_run_batch *b)
{
    const char *more = b->all_known && b->begun == b->total && !b->counts[CLI_RUN_NOT_DONE]
                           ? ""
                           : "; the same again with --skip-existing does the rest";
    if (b->end == CLI_RUN_SIGNAL)
        cli_say("run: stopped by %s%s", cli_stop_name(cli_stop_signal()), more);
    else if (b->end == CLI_RUN_FAILURE)
        cli_say("run: stopped at the first failure, as --fail-fast asks");
    else if (b->end == CLI_RUN_FULL)
        cli_say("run: stopped as there is no space left%s", more);
    else if (b->end == CLI_RUN_NO_JSON && b->journal.file)
        cli_say("run: stopped as --json cannot be written%s", more);
}

/* Goes on with a line. */
static void say_path(const char *before, const char *path)
{
    char *text = cli_format("%s%s", before, path);
    if (text)
        fputs(text, stderr);
    free(text);
}

void cli_run_summarise(const cli_run_batch *b, double seconds)
{
    const mseg_model_info model = mseg_model_describe(b->model);
    const size_t total = b->all_known ? b->total : b->begun, done = b->counts[CLI_RUN_DONE];
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char counts[192];
    print_counts(b, counts, sizeof counts);
    fprintf(stderr, "segmented %zu of %zu image%s%s in %.1f s, %.*f images/s", done, total, total == 1 ? "" : "s", counts,
            seconds, rate < 10 ? 1 : 0, rate);
    say_path(" -> ", b->outputs.file ? b->outputs.file : b->outputs.masks);
    if (b->outputs.overlays)
        say_path(", overlays in ", b->outputs.overlays);
    cli_entry_say_assumed(&model);
    fputc('\n', stderr);
    say_failures(b);
    cli_inputs_say_foreign(&b->inputs);
    if (b->args->verbose && done > 1)
        say_means(b, done);
    cli_model_say_fallback(b->model, b->args->network.model, &b->run);
}
