#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/say.h"
#include "train/train.h"

/* An event's object; NULL when no events are wanted, which all that adds to it takes. */
static mseg_json *begin(const cli_train *t, const char *event)
{
    if (!t->args->json)
        return NULL;
    mseg_json *root = mseg_json_object();
    mseg_json_add_string(root, "event", event);
    return root;
}

static void print(const cli_train *t, mseg_json *root)
{
    if (!t->args->json)
        return;
    char *line = mseg_json_print(root, false);
    if (line)
        puts(line);
    else
        cli_say("train: out of memory for a line of JSON");
    fflush(stdout);
    free(line);
    mseg_json_free(&root);
}

static void add_state(mseg_json *root, const mseg_train_state *now)
{
    mseg_json_add_int(root, "step", now->step);
    mseg_json_add_int(root, "steps", now->steps);
    mseg_json_add_number(root, "epoch", now->epoch);
    mseg_json_add_number(root, "seconds", now->seconds);
}

/* A number that is asked for; null where the library chooses. */
static void add_wish(mseg_json *root, const char *key, double value, bool asked)
{
    mseg_json_add_number(root, key, asked ? value : NAN);
}

static void add_options(mseg_json *root, const mseg_train_options *options)
{
    mseg_json_add_string(root, "optimizer", cli_optimizers[options->optimizer]);
    mseg_json_add_string(root, "schedule", cli_schedules[options->schedule]);
    add_wish(root, "learning_rate", options->learning_rate, options->learning_rate > 0);
    add_wish(root, "momentum", options->momentum, options->momentum >= 0);
    add_wish(root, "weight_decay", options->weight_decay, options->weight_decay >= 0);
    add_wish(root, "warmup", options->warmup, options->warmup >= 0);
    add_wish(root, "average", options->average, options->average >= 0);
    mseg_json_add_number(root, "features", options->features);
    mseg_json_add_bool(root, "freeze_backbone", options->freeze_backbone);
    mseg_json_add_bool(root, "progressive", options->progressive);
}

void cli_train_event_start(const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    mseg_json *root = begin(t, "start");
    mseg_json_add_string(root, "mseg", mseg_version());
    mseg_json_add_string(root, "command", t->command);
    mseg_json_add_string(root, "model", t->network.name);
    mseg_json_add_string(root, "network", t->network.network);
    mseg_json_add_number(root, "width_multiplier", t->network.width_multiplier);
    mseg_json *classes = mseg_json_add_array(root, "classes");
    for (int id = 0; id < t->palette.entries; id++)
        if (t->palette.listed[id])
            mseg_json_add_string(classes, NULL, t->palette.names[id]);
    mseg_json_add_int(root, "train", (int64_t)t->set.train.count);
    mseg_json_add_int(root, "validation", (int64_t)t->set.validation.count);
    mseg_json_add_int(root, "size", now.size);
    mseg_json_add_int(root, "batch", now.batch);
    add_options(root, &t->options);
    mseg_json_add_number(root, "bytes", (double)now.bytes);
    mseg_json_add_number(root, "bytes_per_sample", (double)now.bytes_per_sample);
    mseg_json_add_number(root, "photo_bytes", (double)now.photo_bytes);
    mseg_json_add_number(root, "madds_per_sample", now.madds_per_sample);
    add_state(root, &now);
    mseg_json_add_string(root, "output", t->args->out);
    print(t, root);
}

void cli_train_event_step(const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    mseg_json *root = begin(t, "step");
    add_state(root, &now);
    mseg_json_add_number(root, "loss", now.loss);
    if (t->options.features > 0)
        mseg_json_add_number(root, "feature_loss", now.feature_loss);
    mseg_json_add_number(root, "accuracy", now.accuracy);
    mseg_json_add_number(root, "learning_rate", now.learning_rate);
    mseg_json_add_number(root, "gradient_norm", now.gradient_norm);
    mseg_json_add_number(root, "samples_per_second", now.samples_per_second);
    mseg_json_add_number(root, "seconds_left", now.seconds_left);
    print(t, root);
}

/* The figures of the last validation. */
static void add_check(mseg_json *root, const cli_train *t)
{
    const cli_train_check *check = cli_train_history_last(&t->history);
    const char *figure = t->args->folders ? "accuracy" : "iou";
    mseg_json_add_number(root, t->args->folders ? "accuracy" : "miou", check ? check->figure : NAN);
    mseg_json *classes = mseg_json_add_array(root, "classes");
    for (int c = 0; t->counts && c < t->score.classes; c++) {
        const mseg_class_score *s = &t->score.per_class[c];
        mseg_json *item = mseg_json_add_object(classes, NULL);
        mseg_json_add_int(item, "id", s->id);
        mseg_json_add_string(item, "name", s->name);
        mseg_json_add_number(item, figure, check->classes[c]);
    }
    if (t->only_class)
        mseg_json_add_string(root, "only_class", t->only_class);
}

void cli_train_event_check(const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const cli_train_check *check = cli_train_history_last(&t->history);
    mseg_json *root = begin(t, "validation");
    add_state(root, &now);
    mseg_json_add_number(root, "loss", check->loss);
    mseg_json_add_int(root, "photos", (int64_t)t->score.images);
    mseg_json_add_number(root, "pixel_accuracy", t->score.pixel_accuracy);
    add_check(root, t);
    print(t, root);
}

void cli_train_event_end(const cli_train *t, const char *event, const char *text, uint64_t bytes)
{
    const mseg_train_state now = mseg_training_state(t->training);
    mseg_json *root = begin(t, event);
    add_state(root, &now);
    if (text) {
        mseg_json_add_string(root, "text", text);
    } else if (root) {
        add_check(root, t);
        mseg_json_add_number(root, "samples_per_second", cli_train_rate(t));
        mseg_json_add_number(root, "share_of_peak", t->peak_share);
        mseg_json_add_int(root, "left_out", cli_train_left_out(t));
        mseg_json_add_string(root, "output", t->args->out);
        mseg_json_add_number(root, "bytes", (double)bytes);
    }
    print(t, root);
}
