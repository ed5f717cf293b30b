#include "cli/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/output.h"
#include "cli/say.h"

enum {
    MASKS = CLI_MARK_MASK,
    OVERLAYS = CLI_MARK_OVERLAY,
    SCORES = CLI_MARK_SCORES,
    PROBABILITIES = CLI_MARK_PROBABILITIES,
    FOLDERS = CLI_MARK_KINDS
};
static const char *const kinds[FOLDERS] = {"masks", "overlays", "scores", "probabilities"};
static const char *const extensions[FOLDERS] = {"png", "png", "npy", "npy"};
/* Kinds whose files have one name, where folders are one. */
static const int alike[][2] = {{MASKS, OVERLAYS}, {SCORES, PROBABILITIES}};
enum { N_ALIKE = sizeof alike / sizeof *alike };

static void folders_of(const cli_outputs *outputs, const char *folders[FOLDERS])
{
    folders[MASKS] = outputs->masks;
    folders[OVERLAYS] = outputs->overlays;
    folders[SCORES] = outputs->scores;
    folders[PROBABILITIES] = outputs->probabilities;
}

/* Whether a file can be made there: tried, as permissions, full disks and odd file systems are many. */
static mseg_status try_folder(const char *folder, mseg_error *err)
{
    mseg_status status = mseg_make_folder(folder, err);
    if (status)
        return status;
    char *path = cli_format("%s/mseg-try", folder);
    if (!path)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_output probe = {0};
    status = mseg_output_open(&probe, path, err);
    mseg_output_discard(&probe);
    free(path);
    mseg_output_sweep(folder);
    return status;
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

mseg_status cli_outputs_open(const cli_outputs *outputs, const char **folder, mseg_error *err)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (int i = 0; i < FOLDERS; i++) {
        *folder = folders[i];
        mseg_status status = folders[i] ? try_folder(folders[i], err) : MSEG_OK;
        if (status)
            return status;
    }
    for (int i = 0; i < N_ALIKE; i++) {
        *folder = folders[alike[i][1]];
        if (same_folder(folders[alike[i][0]], *folder))
            return mseg_fail(err, MSEG_INVAL, "%s and %s would replace each other; give them two folders", kinds[alike[i][0]],
                             kinds[alike[i][1]]);
    }
    return MSEG_OK;
}

void cli_outputs_mirror(const cli_outputs *outputs, const cli_inputs *inputs)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    const char *last = "";
    size_t last_length = 0;
    for (size_t i = 0; i < inputs->count; i++) {
        const char *name = inputs->items[i].path + inputs->items[i].name, *slash = strrchr(name, '/');
        if (inputs->items[i].error || !slash)
            continue;
        size_t length = (size_t)(slash - name);
        if (length == last_length && !memcmp(name, last, length))
            continue;
        last = name;
        last_length = length;
        for (int k = 0; k < FOLDERS; k++) {
            char *path = folders[k] ? cli_format("%s/%.*s", folders[k], (int)length, name) : NULL;
            if (path && !mseg_make_folder(path, NULL))
                mseg_output_sweep(path);
            free(path);
        }
    }
}

/* FOLDER/STEM.EXTENSION for an input, to be freed; NULL when memory runs out. */
static char *output_path(const char *folder, const cli_input *input, const char *extension)
{
    const char *name = input->path + input->name;
    size_t room = strlen(folder) + strlen(name) + strlen(extension) + 3;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%.*s.%s", folder, cli_stem_length(name), name, extension);
    return path;
}

mseg_status cli_outputs_path(char **path, const cli_outputs *outputs, cli_mark_kind kind, const cli_input *input, mseg_error *err)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    *path = folders[kind] ? output_path(folders[kind], input, extensions[kind]) : NULL;
    return *path || !folders[kind] ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
}

/* Whether no image's file is that of --json or the like; false after a line of error. */
static bool spares_outputs(const cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (size_t i = 0; i < inputs->count; i++)
        for (int k = 0; k < FOLDERS && !inputs->items[i].error; k++) {
            char *path = folders[k] ? output_path(folders[k], &inputs->items[i], extensions[k]) : NULL;
            const cli_guarded *found = path ? cli_guard_find_output(guard, path) : NULL;
            if (found)
                cli_say("%s: %s would be the same file as the output %s of %s; choose another one", found->path, found->what,
                        path, inputs->items[i].path);
            free(path);
            if (found)
                return false;
        }
    return true;
}

/* What leads from one folder to one below it, "" when that is not so. To be freed; NULL when memory runs out. */
static char *way_down(const char *folder, const char *below)
{
    char *a = realpath(folder, NULL), *b = realpath(below, NULL), *way = NULL;
    if (a && b) {
        size_t length = strlen(a);
        bool inside = !strncmp(a, b, length) && b[length] == '/';
        way = strdup(inside ? b + length + 1 : "");
    }
    free(a);
    free(b);
    return way;
}

/* Whether no image's name leads from one folder into the other, where its file could be that of another image; false after a line
 * of error. */
static bool stays_apart(const char *folder, const char *below, const cli_inputs *inputs)
{
    char *way = way_down(folder, below);
    size_t length = way ? strlen(way) : 0;
    const cli_input *found = NULL;
    for (size_t i = 0; length && i < inputs->count && !found; i++) {
        const char *name = inputs->items[i].path + inputs->items[i].name;
        if (!inputs->items[i].error && !strncmp(name, way, length) && name[length] == '/')
            found = &inputs->items[i];
    }
    if (!way)
        cli_say("%s: out of memory", folder);
    else if (found)
        cli_say("%s: outputs of %s below %s would go there, too; choose another folder", below, found->path, folder);
    free(way);
    return way && !found;
}

bool cli_outputs_fit(const cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (int i = 0; i < N_ALIKE; i++) {
        const char *a = folders[alike[i][0]], *b = folders[alike[i][1]];
        if (a && b && (!stays_apart(a, b, inputs) || !stays_apart(b, a, inputs)))
            return false;
    }
    return !cli_guard_has_output(guard) || spares_outputs(outputs, inputs, guard);
}
