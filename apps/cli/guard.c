#include "cli/guard.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/say.h"
#include "cli/sink.h"

static void add(cli_guard *guard, cli_guarded item)
{
    if (guard->count == guard->capacity) {
        size_t capacity = 2 * guard->capacity + 16;
        cli_guarded *grown = reallocarray(guard->items, capacity, sizeof *grown);
        if (!grown) {
            guard->out_of_memory = true;
            return;
        }
        guard->items = grown;
        guard->capacity = capacity;
    }
    guard->items[guard->count++] = item;
}

void cli_guard_free(cli_guard *guard)
{
    free(guard->items);
    *guard = (cli_guard){0};
}

/* Fingerprint of the regular file at path or, when fd is not -1, of that; 0: there is none. */
static uint64_t file_at(const char *path, int fd)
{
    struct stat info;
    bool there = !(fd < 0 ? stat(path, &info) : fstat(fd, &info)) && S_ISREG(info.st_mode);
    return there ? cli_fingerprint(&info) : 0;
}

void cli_guard_input(cli_guard *guard, const char *what, const char *path)
{
    uint64_t file = path && strcmp(path, "-") ? file_at(path, -1) : 0;
    if (file)
        add(guard, (cli_guarded){what, path, file, -1, false});
}

void cli_guard_streams(cli_guard *guard)
{
    static const char *const names[] = {"the file on standard input", "the file that standard output goes to",
                                        "the file that standard error goes to"};
    for (int fd = 0; fd < 3; fd++)
        if (file_at(NULL, fd))
            add(guard, (cli_guarded){names[fd], "", file_at(NULL, fd), fd, false});
}

static bool stat_folder(const char *path, struct stat *info)
{
    char folder[PATH_MAX];
    int length = (int)(cli_base_name(path) - path);
    snprintf(folder, sizeof folder, "%.*s", length, path);
    return length < PATH_MAX && !stat(length ? folder : ".", info);
}

/* Whether two paths, of which nothing need be there, have the same name in the same folder. */
static bool same_place(const char *a, const char *b)
{
    struct stat x, y;
    return !strcmp(cli_base_name(a), cli_base_name(b)) && stat_folder(a, &x) && stat_folder(b, &y) &&
           cli_fingerprint(&x) == cli_fingerprint(&y);
}

/* Whether what is written to path, or to a descriptor that is open already, would damage the item. Several may write to the file
 * that a stream is connected to, each through its own descriptor, but none may replace it. */
static bool collides(const cli_guarded *item, const char *path, uint64_t file, int descriptor)
{
    if (descriptor >= 0 && item->descriptor >= 0 && item->output)
        return descriptor == item->descriptor;
    if (descriptor >= 0 && item->descriptor > 0)
        return false;
    if (file && item->file == file)
        return true;
    return descriptor < 0 && item->output && item->descriptor < 0 && same_place(path, item->path);
}

static const cli_guarded *find(const cli_guard *guard, const char *path, int descriptor)
{
    const uint64_t file = file_at(path, descriptor);
    for (size_t i = 0; i < guard->count; i++)
        if (collides(&guard->items[i], path, file, descriptor))
            return &guard->items[i];
    return NULL;
}

/* The image that is the file at path; NULL when it is none. */
static const char *find_image(const cli_inputs *inputs, const char *path, int descriptor)
{
    const uint64_t file = file_at(path, descriptor);
    if (!inputs || !file || !cli_inputs_hold(inputs, file))
        return NULL;
    for (size_t i = 0; i < inputs->count; i++)
        if (file_at(inputs->items[i].path, -1) == file)
            return inputs->items[i].path;
    return path; /* of another shard */
}

/* The kind of picture that the file at path is; NULL: none. */
static const char *find_picture(const char *path)
{
    char head[MSEG_IMAGE_HEAD];
    FILE *file = fopen(path, "re");
    const size_t size = file ? fread(head, 1, sizeof head, file) : 0;
    if (file)
        fclose(file);
    return mseg_image_kind(head, size);
}

bool cli_guard_output(cli_guard *guard, const char *option, const char *path)
{
    const int descriptor = path ? cli_sink_descriptor(path) : -1;
    if (!path || (descriptor < 0 && cli_is_special(path)) /* nothing to replace */)
        return true;
    const cli_guarded *found = find(guard, path, descriptor);
    const char *image = find_image(guard->inputs, path, descriptor);
    const char *picture = found || image || descriptor >= 0 ? NULL : find_picture(path);
    if (found && found->output)
        cli_say("%s: %s would be the same file as %s %s; choose another one", path, option, found->what, found->path);
    else if (found)
        cli_say("%s: %s would replace %s%s%s; choose another file", path, option, found->what, *found->path ? " " : "",
                found->path);
    else if (image)
        cli_say("%s: %s would replace the input %s; choose another file", path, option, image);
    else if (picture) /* which a list that is still to be read may name */
        cli_say("%s: %s would replace a %s picture; choose another file", path, option, picture);
    else
        add(guard, (cli_guarded){option, path, file_at(path, descriptor), descriptor, true});
    if (guard->out_of_memory)
        cli_say("out of memory");
    return !found && !image && !picture && !guard->out_of_memory;
}

mseg_status cli_guard_check(const cli_guard *guard, const char *path, mseg_error *err)
{
    const cli_guarded *found = find(guard, path, -1);
    const char *image = found ? NULL : find_image(guard->inputs, path, -1);
    if (!found && !image)
        return MSEG_OK;
    return mseg_fail(err, MSEG_INVAL, "would replace %s%s%s; choose another output folder", found ? found->what : "the input ",
                     found && *found->path ? " " : "", found ? found->path : image);
}

bool cli_guard_has_output(const cli_guard *guard)
{
    for (size_t i = 0; i < guard->count; i++)
        if (guard->items[i].output && guard->items[i].descriptor < 0)
            return true;
    return false;
}

const cli_guarded *cli_guard_find_output(const cli_guard *guard, const char *path)
{
    for (size_t i = 0; i < guard->count; i++)
        if (guard->items[i].output && guard->items[i].descriptor < 0 && same_place(path, guard->items[i].path))
            return &guard->items[i];
    return NULL;
}
