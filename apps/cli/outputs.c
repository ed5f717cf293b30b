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
_Static_assert((int)N_ALIKE == (int)CLI_OUTPUTS_ALIKE, "ways");

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
    char *path = cli_path("%s/mseg-try", folder);
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

void cli_outputs_mirror(cli_outputs *outputs, const cli_input *input, mseg_error *err)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    const char *name = input->path + input->name, *slash = strrchr(name, '/');
    const size_t length = slash && !input->error ? (size_t)(slash - name) : 0;
    if (!length || (length == outputs->mirrored_length && !memcmp(name, outputs->mirrored, length)))
        return;
    free(outputs->mirrored);
    outputs->mirrored = strndup(name, length);
    outputs->mirrored_length = outputs->mirrored ? length : 0;
    for (int k = 0; k < FOLDERS; k++) {
        char *path = folders[k] ? cli_path("%s/%.*s", folders[k], (int)length, name) : NULL;
        mseg_error why = {0};
        if (path && !mseg_make_folder(path, &why))
            mseg_output_sweep(path);
        if (why.status == MSEG_FULL) {
            *err = why;
            outputs->mirrored_length = 0; /* the next one in it is to be told, too */
        }
        free(path);
    }
}

/* FOLDER/NAME.EXTENSION for an input, to be freed; NULL when memory runs out. */
static char *output_path(const cli_outputs *outputs, int kind, const char *folder, const cli_input *input)
{
    const char *name = input->path + input->name;
    if ((int)kind == MASKS && outputs->file)
        return strdup(outputs->file);
    const int length = outputs->keep_extension ? (int)strlen(name) : cli_stem_length(name);
    size_t room = strlen(folder) + strlen(name) + strlen(extensions[kind]) + 3;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%.*s.%s", folder, length, name, extensions[kind]);
    return path;
}

mseg_status cli_outputs_path(char **path, const cli_outputs *outputs, cli_mark_kind kind, const cli_input *input, mseg_error *err)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    const bool wanted = folders[kind] || ((int)kind == MASKS && outputs->file);
    *path = wanted ? output_path(outputs, kind, folders[kind], input) : NULL;
    return *path || !wanted ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
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

/* The folder that an image's outputs below folder would lie in, although those of another kind have it; NULL: there is none. */
static const char *find_shared(const cli_outputs *outputs, const cli_input *input, const char **folder)
{
    const char *folders[FOLDERS], *name = input->path + input->name;
    folders_of(outputs, folders);
    for (int i = 0; i < N_ALIKE; i++)
        for (int k = 0; k < 2; k++) {
            const char *way = outputs->ways[i][k];
            const size_t length = way ? strlen(way) : 0;
            *folder = folders[alike[i][k]];
            if (length && !strncmp(name, way, length) && name[length] == '/')
                return folders[alike[i][1 - k]];
        }
    return NULL;
}

/* The output option whose file one of an image's outputs would be; NULL: none. *path: that output, to be freed. */
static const cli_guarded *find_option(const cli_outputs *outputs, const cli_input *input, const cli_guard *guard, char **path)
{
    *path = NULL;
    for (int k = 0; k < FOLDERS && cli_guard_has_output(guard); k++) {
        cli_outputs_path(path, outputs, (cli_mark_kind)k, input, NULL);
        const cli_guarded *found = *path ? cli_guard_find_output(guard, *path) : NULL;
        if (found)
            return found;
        free(*path);
        *path = NULL;
    }
    return NULL;
}

mseg_status cli_outputs_check(const cli_outputs *outputs, const cli_input *input, const cli_guard *guard, mseg_error *err)
{
    char *path;
    const char *folder, *below = find_shared(outputs, input, &folder);
    if (below)
        return mseg_fail(err, MSEG_INVAL, "its outputs below %.90s would go to %.90s, too; choose another folder", folder, below);
    const cli_guarded *found = find_option(outputs, input, guard, &path);
    if (found)
        mseg_fail(err, MSEG_INVAL, "%s %.90s would be the same file as its output; choose another one", found->what, found->path);
    free(path);
    return found ? MSEG_INVAL : MSEG_OK;
}

/* The same of an input that is known before the first; false after a line of error. */
static bool fits(const cli_outputs *outputs, const cli_input *input, const cli_guard *guard)
{
    char *path;
    const char *folder, *below = find_shared(outputs, input, &folder);
    const cli_guarded *found = find_option(outputs, input, guard, &path);
    if (below)
        cli_say("%s: outputs of %s below %s would go there, too; choose another folder", below, input->path, folder);
    else if (found)
        cli_say("%s: %s would be the same file as the output %s of %s; choose another one", found->path, found->what, path,
                input->path);
    free(path);
    return !below && !found;
}

bool cli_outputs_fit(cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (int i = 0; i < N_ALIKE; i++)
        for (int k = 0; k < 2; k++) {
            const char *from = folders[alike[i][k]], *to = folders[alike[i][1 - k]];
            if (from && to && !(outputs->ways[i][k] = way_down(from, to))) {
                cli_say("%s: out of memory", from);
                return false;
            }
        }
    for (size_t i = 0; i < inputs->count; i++)
        if (!inputs->items[i].error && !fits(outputs, &inputs->items[i], guard))
            return false;
    return true;
}

void cli_outputs_free(cli_outputs *outputs)
{
    for (int i = 0; i < N_ALIKE; i++)
        for (int k = 0; k < 2; k++)
            free(outputs->ways[i][k]);
    free(outputs->mirrored);
    mseg_palette_free(&outputs->palette);
}
