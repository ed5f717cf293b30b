#include <stdio.h>

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

char *cli_run_line(const cli_input *input, const cli_run_figures *f)
{
    return cli_format("%s: %dx%d, decode %.1f ms, resize %.1f, network %.1f, label %.1f, write %.1f", input->path, f->width,
                      f->height, f->decode_ms, f->resize_ms, f->network_ms, f->label_ms, f->write_ms);
}

void cli_run_summarise(const cli_run_batch *b, double seconds)
{
    const mseg_model_info model = mseg_model_describe(b->model);
    size_t total = b->inputs.count, done = total - b->failed;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char failed[64] = "";
    if (b->failed)
        snprintf(failed, sizeof failed, " (%zu failed)", b->failed);
    fprintf(stderr, "segmented %zu of %zu image%s%s in %.1f s, %.*f images/s -> %s", done, total, total == 1 ? "" : "s", failed,
            seconds, rate < 10 ? 1 : 0, rate, b->outputs.masks);
    if (b->outputs.overlays)
        fprintf(stderr, ", overlays in %s", b->outputs.overlays);
    cli_entry_say_assumed(&model);
    fputc('\n', stderr);
    cli_model_say_fallback(b->model, b->args->network.model, &b->run);
}
