#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/output.h"
#include "seg/train/training.h"

/* A checkpoint: a line, the settings that have to agree, where the training is, the caller's text; then, behind their number of
 * bytes, arrays of floats as memory has them. It is for the machine that made it, not for others. */

static const char first_line[] = "mseg training 2\n";

/* FNV-1a (Fowler, Noll, Vo) goes on over bytes. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return hash;
}

/* Of a text and the 0 behind it; NULL: of an empty one. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* How masks become labels. */
static uint64_t hash_rules(uint64_t hash, const mseg_train_options *o, int classes)
{
    const mseg_mask_rules *rules = o->rules;
    const int numbers[] = {rules->ignore, (int)rules->read, rules->unknown_is_ignore, (int)o->orientation};
    for (int c = 0; c < classes; c++)
        hash = hash_text(hash, rules->palette.names[c]);
    hash = hash_bytes(hash, numbers, sizeof numbers);
    return hash_bytes(hash, rules->map, sizeof rules->map);
}

/* What decides the result, one "name: value" a line. */
static void print_settings(const mseg_training *t, FILE *to)
{
    const mseg_train_options *o = &t->options;
    uint64_t files = 14695981039346656037u, labels = hash_rules(files, o, t->classes);
    for (size_t i = 0; i < o->n_train; i++) {
        const int label = o->train[i].label;
        files = hash_text(files, o->train[i].photo);
        labels = hash_bytes(hash_text(labels, o->train[i].mask), &label, sizeof label);
    }
    fprintf(to, "kernels: %s\n", t->kernels->name);
    fprintf(to, "model: %s\n", o->model ? o->model : o->architecture ? o->architecture : "builtin");
    fprintf(to, "widened to: %s\n", mseg_train_is_widened(o) ? o->architecture : "none");
    fprintf(to, "teacher: %s\n", o->teacher ? o->teacher : "none");
    fprintf(to, "features: %.17g\n", o->features);
    fprintf(to, "samples: %zu, %016" PRIx64 "\n", mseg_train_data_figures(t->data)->used, files);
    fprintf(to, "classes, labels: %d, %016" PRIx64 "\n", t->classes, labels);
    fprintf(to, "size, output stride, batch, progressive: %d, %d, %d, %d\n", o->size, o->output_stride, o->batch, o->progressive);
    fprintf(to, "steps, minutes: %" PRId64 ", %.17g\n", o->steps, o->minutes);
    fprintf(to, "optimizer, schedule: %d, %d\n", (int)o->optimizer, (int)o->schedule);
    fprintf(to, "learning rate, momentum, weight decay, warmup, average: %.17g, %.17g, %.17g, %.17g, %.17g\n", o->learning_rate,
            o->momentum, o->weight_decay, o->warmup, o->average);
    fprintf(to, "scales: %.17g, %.17g\n", o->scale_min, o->scale_max);
    fprintf(to, "flip, color, equal classes, frozen backbone, norms: %d, %d, %d, %d, %d\n", !o->no_flip, !o->no_color,
            o->equal_classes, o->freeze_backbone, (int)t->norming);
    fprintf(to, "seed: %" PRIu64 "\n", o->seed);
}

/* Freed with free; NULL without memory. */
static char *settings_of(const mseg_training *t)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    print_settings(t, file);
    return fclose(file) ? NULL : text;
}

/* The arrays of a training, in their order. */
typedef struct array {
    void *data;
    size_t bytes;
} array;

enum { ARRAYS = 5 };

static void arrays_of(mseg_training *t, array arrays[ARRAYS])
{
    const size_t bytes = mseg_engine_size(t->engine) * sizeof(mseg_real);
    const mseg_optimiser *o = &t->optimiser;
    arrays[0] = (array){mseg_engine_parameters(t->engine), bytes};
    arrays[1] = (array){mseg_engine_statistics(t->engine), mseg_engine_statistics_size(t->engine) * sizeof(mseg_real)};
    arrays[2] = (array){o->first, o->first ? bytes : 0};
    arrays[3] = (array){o->second, o->second ? bytes : 0};
    arrays[4] = (array){o->average, o->average ? bytes : 0};
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

mseg_status mseg_training_save(mseg_training *t, const char *path, const char *text, mseg_error *err)
{
    mseg_output out;
    array arrays[ARRAYS];
    char *settings = settings_of(t);
    if (!settings)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = mseg_output_open(&out, path, err);
    if (!status) {
        fputs(first_line, out.file);
        fprintf(out.file, "settings %zu\n%s", strlen(settings), settings);
        fprintf(out.file, "at %" PRId64 " %" PRId64 " %.17g %" PRId64 "\n", t->state.step, t->optimiser.steps,
                mseg_train_seconds(t), t->state.damaged);
        fprintf(out.file, "text %zu\n%s\n", text ? strlen(text) : 0, text ? text : "");
        arrays_of(t, arrays);
        for (int i = 0; i < ARRAYS; i++) {
            fprintf(out.file, "bytes %zu\n", arrays[i].bytes);
            if (arrays[i].bytes)
                fwrite(arrays[i].data, 1, arrays[i].bytes, out.file);
        }
        mseg_output_sync(&out);
        status = mseg_output_commit(&out, err);
    }
    free(settings);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

/* The first line in which two texts differ, of both. */
static mseg_status tell_difference(const char *was, const char *is, mseg_error *err)
{
    while (*was && *was == *is) {
        const char *end = strchr(was, '\n');
        const size_t length = end ? (size_t)(end - was) + 1 : strlen(was);
        if (strncmp(was, is, length))
            break;
        was += length;
        is += length;
    }
    return mseg_fail(err, MSEG_MISMATCH, "it is of another training (%.*s; here %.*s)", (int)strcspn(was, "\n"), was,
                     (int)strcspn(is, "\n"), is);
}

static mseg_status damaged(mseg_error *err)
{
    return mseg_fail(err, MSEG_FORMAT, "not a checkpoint of a training, or a damaged one");
}

/* A counted text: "NAME SIZE\n" and so many bytes. To be freed; NULL when there is none. */
static char *read_text(FILE *file, const char *name)
{
    enum { MOST = 64 << 20 };
    char line[64], word[32];
    size_t size;
    if (!fgets(line, sizeof line, file) || sscanf(line, "%31s %zu", word, &size) != 2 || strcmp(word, name) || size > MOST)
        return NULL;
    char *text = calloc(1, size + 1);
    if (text && fread(text, 1, size, file) != size) {
        free(text);
        text = NULL;
    }
    return text;
}

static mseg_status check_settings(const mseg_training *t, FILE *file, mseg_error *err)
{
    char *was = read_text(file, "settings"), *is = settings_of(t);
    mseg_status status = MSEG_OK;
    if (!is)
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    else if (!was)
        status = damaged(err);
    else if (strcmp(was, is))
        status = tell_difference(was, is, err);
    free(was);
    free(is);
    return status;
}

/* Reads the arrays into memory of their own, so that a damaged file changes nothing. */
static mseg_status read_arrays(mseg_training *t, FILE *file, mseg_error *err)
{
    array arrays[ARRAYS];
    char *read[ARRAYS] = {NULL}, line[64];
    mseg_status status = MSEG_OK;
    arrays_of(t, arrays);
    for (int i = 0; i < ARRAYS && !status; i++) {
        size_t bytes;
        read[i] = malloc(arrays[i].bytes + 1);
        if (!read[i])
            status = mseg_fail(err, MSEG_NOMEM, NULL);
        else if (!fgets(line, sizeof line, file) || sscanf(line, "bytes %zu", &bytes) != 1 || bytes != arrays[i].bytes ||
                 fread(read[i], 1, bytes, file) != bytes)
            status = damaged(err);
    }
    if (!status && fgetc(file) != EOF)
        status = damaged(err);
    for (int i = 0; i < ARRAYS; i++) {
        if (!status && arrays[i].bytes)
            memcpy(arrays[i].data, read[i], arrays[i].bytes);
        free(read[i]);
    }
    return status;
}

static mseg_status read_all(mseg_training *t, FILE *file, char **text, mseg_error *err)
{
    char line[200];
    int64_t step, steps, failed;
    double seconds;
    if (!fgets(line, sizeof line, file) || strcmp(line, first_line))
        return damaged(err);
    mseg_status status = check_settings(t, file, err);
    if (status)
        return status;
    if (!fgets(line, sizeof line, file) ||
        sscanf(line, "at %" SCNd64 " %" SCNd64 " %lf %" SCNd64, &step, &steps, &seconds, &failed) != 4 || step < 0 || steps < 0 ||
        !(seconds >= 0))
        return damaged(err);
    *text = read_text(file, "text");
    if (!*text || fgetc(file) != '\n')
        return damaged(err);
    status = read_arrays(t, file, err);
    if (status)
        return status;
    t->state.step = step;
    t->state.damaged = failed;
    t->optimiser.steps = steps;
    t->before = seconds;
    t->began = mseg_now_ms() / 1000;
    mseg_train_measure_progress(t);
    return MSEG_OK;
}

mseg_status mseg_training_resume(mseg_training *t, const char *path, char **text, mseg_error *err)
{
    char *own = NULL;
    FILE *file = fopen(path, "rb");
    if (text)
        *text = NULL;
    if (!file)
        return mseg_fail_errno(err, NULL, errno);
    mseg_status status = read_all(t, file, &own, err);
    fclose(file);
    if (!status && text) {
        *text = own;
        own = NULL;
    }
    free(own);
    return status;
}
