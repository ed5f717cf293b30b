#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/say.h"
#include "train/train.h"

enum { MOST = 256 };

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return path && !stat(path, &info) && S_ISDIR(info.st_mode);
}

/* The class of a folder's name; -1: none. */
static int find_class(const cli_train_set *set, const char *name)
{
    for (int i = 0; i < set->n_classes; i++)
        if (!strcmp(set->classes[i], name))
            return i;
    return -1;
}

/* The class that a folder is of, a new one where the set may still get some; -1 after a line of error. */
static int take_class(cli_train_set *set, const cli_train_args *args, const char *path, const char *name, bool growing)
{
    const int found = find_class(set, name);
    if (found >= 0)
        return found;
    if (!growing)
        cli_say("%s: %s has no class of that name", path, args->folders);
    else if (set->n_classes == MOST)
        cli_say("%s: more than %d folders; a class each, that is the most", args->folders, MOST);
    else if (!(set->classes[set->n_classes] = strdup(name)))
        cli_say("train: out of memory");
    else
        return set->n_classes++;
    return -1;
}

/* One folder with a folder a class; false after a line of error. */
static bool add_classes(cli_train_set *set, cli_train_samples *samples, const cli_train_args *args, const char *folder,
                        bool growing)
{
    const cli_inputs_options how = {.recursive = args->data.recursive, .shard = {1, 1}};
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, visible, by_bytes);
    bool ok = count >= 0;
    if (!ok)
        cli_say("%s: %s", folder, errno == ENOENT ? mseg_status_text(MSEG_NOENT) : strerror(errno));
    for (int i = 0; i < count; i++) {
        char *path = ok ? cli_path("%s/%s", folder, entries[i]->d_name) : NULL;
        if (ok && !path) {
            cli_say("train: out of memory");
            ok = false;
        }
        if (is_folder(path)) {
            const int label = take_class(set, args, path, entries[i]->d_name, growing);
            ok = label >= 0 && cli_train_add_folder(set, samples, path, &how, label);
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

bool cli_train_collect_folders(cli_train_set *set, const cli_train_args *args)
{
    if (!add_classes(set, &set->train, args, args->folders, true))
        return false;
    if (set->n_classes < 2) {
        cli_say("%s: %s; --folders takes one that holds a folder of photos for each class", args->folders,
                set->n_classes ? "only one folder in it" : "no folder in it");
        return false;
    }
    if (!set->train.count && find_class(set, "train") >= 0) {
        cli_say("%s: no photos in its folders; --folders %s/train names those to train on, --val-folders others", args->folders,
                args->folders);
        return false;
    }
    return !args->val_folders || add_classes(set, &set->validation, args, args->val_folders, false);
}
