#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "train/train.h"

#define DEFAULT_HOLDOUT 10.0

/* ---- the set ----------------------------------------------------------------------------------------------------------- */

/* Keeps a text (NULL: none); false without memory, the text is then freed. */
static bool keep(cli_train_set *set, char *text)
{
    if (set->n_texts == set->text_capacity) {
        const size_t capacity = 2 * set->text_capacity + 64;
        char **grown = reallocarray(set->texts, capacity, sizeof *grown);
        if (!grown) {
            free(text);
            return false;
        }
        set->texts = grown;
        set->text_capacity = capacity;
    }
    set->texts[set->n_texts++] = text;
    return true;
}

static bool reserve(cli_train_samples *samples)
{
    if (samples->count < samples->capacity)
        return true;
    const size_t capacity = 2 * samples->capacity + 64;
    mseg_train_sample *grown = reallocarray(samples->items, capacity, sizeof *grown);
    if (!grown)
        return false;
    samples->items = grown;
    samples->capacity = capacity;
    return true;
}

bool cli_train_add(cli_train_set *set, cli_train_samples *samples, char *photo, char *mask, int label)
{
    const bool kept = keep(set, photo);
    if (!keep(set, mask) || !kept || !reserve(samples))
        return false;
    samples->items[samples->count++] = (mseg_train_sample){photo, mask, label};
    return true;
}

void cli_train_set_free(cli_train_set *set)
{
    for (size_t i = 0; i < set->n_texts; i++)
        free(set->texts[i]);
    for (int i = 0; i < set->n_classes; i++)
        free(set->classes[i]);
    free(set->texts);
    free(set->train.items);
    free(set->validation.items);
    *set = (cli_train_set){0};
}

/* ---- photos with masks -------------------------------------------------------------------------------------------------- */

/* The pair of an id; false after a line of error, which ends all. */
static bool add_pair(cli_train_set *set, cli_train_samples *samples, const cli_eval_source *source, const char *id)
{
    mseg_error err = {0};
    bool there;
    char *photo;
    const mseg_status status = cli_eval_find(&source->photos, &source->truth, id, &photo, &there, &err);
    if (status && status != MSEG_NOMEM) {
        cli_say("%s", err.text);
        set->left_out++;
        return true;
    }
    char *mask = status ? NULL : cli_eval_folder_path(&source->truth, id, &there);
    if (mask && cli_train_add(set, samples, photo, mask, 0))
        return true;
    if (!mask)
        free(photo);
    cli_say("train: out of memory");
    return false;
}

/* The images of a list; false after a line of error. */
static bool add_items(cli_train_set *set, cli_train_samples *samples, const cli_eval_source *source, const cli_eval_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const cli_eval_item *item = &list->items[i];
        if (item->mistake) {
            cli_say("%s", item->mistake);
            set->left_out++;
        } else if (!add_pair(set, samples, source, item->id)) {
            return false;
        }
    }
    return true;
}

/* A line about photos that no mask is for, which are not used. */
static void say_unused(const cli_eval_source *source, size_t used, bool recursive)
{
    const cli_inputs_options how = {
        .recursive = recursive, .shard = {1, 1}, .suffix = source->photos.suffix, .suffix_length = source->photos.suffix_length};
    cli_inputs inputs = {0};
    char *path = strdup(source->photos.path);
    size_t photos = 0;
    if (path && !cli_inputs_collect(&inputs, &path, 1, &how, NULL)) {
        for (size_t i = 0; i < inputs.count; i++)
            photos += !inputs.items[i].error;
        cli_inputs_say_foreign(&inputs);
    }
    if (photos > used)
        cli_say("%s: %zu of its %zu photos have no mask in %s and are not used", source->photos.path, photos - used, photos,
                source->truth.path);
    cli_inputs_free(&inputs);
    free(path);
}

/* The samples of two folders, or of a list of the two; false after a line of error. */
static bool add_source(cli_train_set *set, cli_train_samples *samples, const cli_eval_args *args)
{
    cli_eval_source source = {0};
    cli_eval_list list = {0};
    mseg_error err = {0};
    const cli_shard all = {1, 1};
    cli_eval_source_name(&source, args);
    bool ok = cli_eval_check_folders(args, &source) && cli_eval_source_index(&source, args);
    if (ok && (args->list ? cli_eval_list_read(&list, &source, args->list, false, all, &err)
                          : cli_eval_list_folder(&list, &source.truth, args->recursive, all, &err))) {
        cli_say("%s: %s", args->list ? args->list : args->truth, err.text);
        ok = false;
    }
    ok = ok && cli_eval_list_check(&list, args) && add_items(set, samples, &source, &list);
    if (ok && !args->list && !args->quiet)
        say_unused(&source, list.count, args->recursive);
    cli_eval_list_free(&list);
    cli_eval_source_free(&source);
    return ok;
}

/* The images of a list; other: what to do when there is none of that name. */
static bool add_voc(cli_train_set *set, cli_train_samples *samples, const cli_train_args *args, const char *split,
                    const char *other)
{
    cli_eval_args own = args->data;
    char *truth = cli_path("%s/SegmentationClass", own.voc), *photos = cli_path("%s/JPEGImages", own.voc);
    char *list = cli_path("%s/ImageSets/Segmentation/%s.txt", own.voc, split);
    bool ok = truth && photos && list;
    own.truth = truth;
    own.photos = photos;
    own.list = list;
    if (!ok) {
        cli_say("train: out of memory");
    } else if (!access(truth, F_OK) && access(list, F_OK)) {
        cli_say("%s: no such list; %s", list, other);
        ok = false;
    } else {
        ok = add_source(set, samples, &own);
    }
    free(truth);
    free(photos);
    if (!keep(set, list)) { /* for no output to replace it */
        cli_say("train: out of memory");
        ok = false;
    }
    return ok;
}

/* ---- photos alone ------------------------------------------------------------------------------------------------------- */

bool cli_train_add_folder(cli_train_set *set, cli_train_samples *samples, const char *folder, const cli_inputs_options *how,
                          int label)
{
    cli_inputs inputs = {0};
    mseg_error err = {0};
    char *path = strdup(folder);
    bool ok = path && !cli_inputs_collect(&inputs, &path, 1, how, &err);
    if (!ok)
        cli_say("%s: %s", folder, path ? err.text : "out of memory");
    cli_inputs_say_foreign(&inputs);
    for (size_t i = 0; ok && i < inputs.count; i++) {
        const cli_input *input = &inputs.items[i];
        char *photo = input->error ? NULL : strdup(input->path);
        if (input->error) {
            cli_say("%s: %s", input->path, input->error);
            set->left_out++;
        } else if (!photo || !cli_train_add(set, samples, photo, NULL, label)) {
            cli_say("train: out of memory");
            ok = false;
        }
    }
    cli_inputs_free(&inputs);
    free(path);
    return ok;
}

static bool add_photos(cli_train_set *set, const cli_eval_args *data)
{
    cli_eval_folder folder;
    cli_eval_folder_init(&folder, data->photos, data->photo_suffix, true);
    const cli_inputs_options how = {
        .recursive = data->recursive, .shard = {1, 1}, .suffix = folder.suffix, .suffix_length = folder.suffix_length};
    return cli_train_add_folder(set, &set->train, data->photos, &how, 0);
}

/* ---- what is held out --------------------------------------------------------------------------------------------------- */

static bool hold_out(cli_train_set *set, double percent)
{
    cli_train_samples *train = &set->train;
    const size_t n = train->count;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const double share = percent / 100;
        const bool none_yet = i + 1 == n && n > 1 && !set->validation.count && percent > 0;
        if (none_yet || floor((double)(i + 1) * share) > floor((double)i * share)) {
            if (!reserve(&set->validation)) {
                cli_say("train: out of memory");
                return false;
            }
            set->validation.items[set->validation.count++] = train->items[i];
        } else {
            train->items[kept++] = train->items[i];
        }
    }
    train->count = kept;
    set->held_out = n - kept;
    return true;
}

static int by_photo(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A warning when photos to train on are also to be validated with. */
static void say_shared(const cli_train_set *set)
{
    const char **photos = malloc((set->train.count + 1) * sizeof *photos);
    size_t shared = 0;
    for (size_t i = 0; photos && i < set->train.count; i++)
        photos[i] = set->train.items[i].photo;
    if (photos)
        qsort(photos, set->train.count, sizeof *photos, by_photo);
    for (size_t i = 0; photos && i < set->validation.count; i++)
        shared += bsearch(&set->validation.items[i].photo, photos, set->train.count, sizeof *photos, by_photo) != NULL;
    if (shared)
        cli_say("warning: %zu of the %zu photos to validate with are trained on as well; figures on them say little", shared,
                set->validation.count);
    free(photos);
}

static bool collect_pairs(cli_train_set *set, const cli_train_args *args)
{
    cli_eval_args validation = args->data;
    validation.photos = args->val_photos;
    validation.truth = args->val_masks;
    if (args->data.truth ? !add_source(set, &set->train, &args->data) : !add_photos(set, &args->data))
        return false;
    return !args->val_photos || add_source(set, &set->validation, &validation);
}

bool cli_train_collect(cli_train_set *set, const cli_train_args *args)
{
    const cli_eval_args *data = &args->data;
    bool ok;
    if (args->folders)
        ok = cli_train_collect_folders(set, args);
    else if (data->voc)
        ok = add_voc(set, &set->train, args, data->split ? data->split : "train", "--split names another one") &&
             (args->holdout >= 0 || add_voc(set, &set->validation, args, args->val ? args->val : "val",
                                            "--val names another one, --holdout 10 takes photos of the training"));
    else
        ok = collect_pairs(set, args);
    if (!ok)
        return false;
    if (!set->train.count) {
        cli_say("train: no photo to train on");
        return false;
    }
    say_shared(set);
    const char *others = args->val_photos ? args->val_photos : args->val_folders;
    if (others && !set->validation.count) {
        cli_say("%s: no photo to validate with%s", others,
                args->val_folders ? "; it takes a folder for each class, as --folders" : "");
        return false;
    }
    if (others || (data->voc && args->holdout < 0))
        return true;
    if (!hold_out(set, args->holdout < 0 ? DEFAULT_HOLDOUT : args->holdout))
        return false;
    if (set->held_out && !args->quiet)
        fprintf(stderr, "held out %zu of %zu photos to validate with; --holdout, --val-images or --val-folders choose others\n",
                set->held_out, set->held_out + set->train.count);
    return true;
}
