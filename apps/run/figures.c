#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/model.h"
#include "cli/say.h"
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

char *cli_run_json(const cli_run_batch *b, const cli_input *input, const cli_run_figures *f)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "path", input->path);
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

void cli_run_summarise(const cli_run_batch *b, double seconds)
{
    const mseg_model_info model = mseg_model_describe(b->model);
    size_t total = b->inputs.count, skipped = b->done_before + b->left_alone;
    size_t done = total - b->failed - skipped;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char failed[64] = "", before[64] = "", alone[64] = "";
    if (b->failed)
        snprintf(failed, sizeof failed, " (%zu failed)", b->failed);
    if (b->done_before)
        snprintf(before, sizeof before, " (%zu were there)", b->done_before);
    if (b->left_alone)
        snprintf(alone, sizeof alone, " (%zu left alone: not written by mseg)", b->left_alone);
    fprintf(stderr, "segmented %zu of %zu image%s%s%s%s in %.1f s, %.*f images/s -> %s", done, total, total == 1 ? "" : "s",
            failed, before, alone, seconds, rate < 10 ? 1 : 0, rate, b->outputs.masks);
    if (b->outputs.overlays)
        fprintf(stderr, ", overlays in %s", b->outputs.overlays);
    cli_entry_say_assumed(&model);
    fputc('\n', stderr);
    if (b->args->verbose && done > 1)
        say_means(b, done);
    cli_model_say_fallback(b->model, b->args->network.model, &b->run);
}
