#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/collector.h"
#include "cli/say.h"

/* The folder of all outputs whose folder was not chosen, of this run or one before. */
#define DEFAULT_OUTPUTS "mseg-out"

/* ---- folders ----------------------------------------------------------------------------------------------------------- */

/* A folder on the way down, to see loops of symbolic links. */
typedef struct ancestor {
    uint64_t fingerprint;
    const struct ancestor *above;
} ancestor;

/* Whether a folder's file is one of those that are looked for. */
static bool is_wanted(const cli_inputs_options *options, const char *name)
{
    const int stem = cli_stem_length(name), suffix = options->suffix_length;
    if (options->masks ? !cli_is_mask_name(name) : !name[stem])
        return false;
    return !suffix ||
           (stem > suffix && name[stem - suffix - 1] != '/' && !memcmp(name + stem - suffix, options->suffix, (size_t)suffix));
}

static bool to_skip(const cli_collector *c, uint64_t folder, const ancestor *above)
{
    for (size_t i = 0; i < sizeof c->skip / sizeof *c->skip; i++)
        if (c->skip[i] == folder)
            return true;
    for (; above; above = above->above)
        if (above->fingerprint == folder)
            return true;
    return false;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    char *path = NULL;
    return asprintf(&path, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name) < 0 ? NULL : path;
}

static void note_foreign(cli_inputs *inputs, const char *path)
{
    const int kind = cli_foreign_kind(path);
    if (kind >= 0)
        inputs->foreign[kind]++;
}

typedef struct walk {
    int images, subfolders;
} walk;

static void add_folder(cli_collector *c, const char *folder, size_t name, const ancestor *self, walk *found);

/* Leaves out what does not matter, as two names of one output file must not differ: "a//b" and "a/./b" become "a/b". */
static void squeeze(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++) {
        while (*from == '/' && (from[1] == '/' || (from[1] == '.' && from[2] == '/')))
            from += from[1] == '/' ? 1 : 2;
        *to++ = *from;
    }
    *to = 0;
}

/* Adds an image file; takes over path. name: where the name of its outputs starts, unless --root says so. */
static void add_image(cli_collector *c, char *path, size_t name, const struct stat *info)
{
    const char *root = c->options->root;
    if (root && !cli_name_below(root, path, &name)) {
        cli_collector_refuse(c, path, cli_format("is not below --root %s", root));
        return;
    }
    if (root)
        squeeze(path + (name ? name - 1 : 0));
    cli_collector_add(c, path, name, info);
}

/* One entry of a folder; takes over path. */
static void add_entry(cli_collector *c, char *path, size_t name, const ancestor *folder, walk *found)
{
    struct stat info;
    bool image = is_wanted(c->options, path + name);
    int failed = stat(path, &info) ? errno : 0;
    bool is_folder = !failed && S_ISDIR(info.st_mode);
    found->subfolders += is_folder;
    found->images += image && !(is_folder && c->options->recursive);
    if (is_folder && c->options->recursive) {
        ancestor self = {cli_fingerprint(&info), folder};
        if (!to_skip(c, self.fingerprint, folder) && strcmp(strrchr(path, '/') + 1, DEFAULT_OUTPUTS) != 0)
            add_folder(c, path, name, &self, found);
    } else if (image && failed) {
        cli_collector_refuse_errno(c, path, failed);
        return;
    } else if (image && is_folder) {
        cli_collector_refuse(c, path, strdup("is a folder (-r looks into subfolders)"));
        return;
    } else if (image && !S_ISREG(info.st_mode)) {
        cli_collector_refuse(c, path, strdup("not a regular file"));
        return;
    } else if (image) {
        add_image(c, path, name, &info);
        return;
    } else if (!failed && S_ISREG(info.st_mode)) {
        note_foreign(c->inputs, path);
    }
    free(path);
}

/* name: where in the paths of this folder's files their output names start; 0: right behind the folder. */
static void add_folder(cli_collector *c, const char *folder, size_t name, const ancestor *self, walk *found)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, visible, by_bytes);
    if (count < 0) {
        int reason = errno;
        found->images++;
        cli_collector_refuse_errno(c, strdup(folder), reason);
        return;
    }
    for (int i = 0; i < count; i++) {
        char *path = c->out_of_memory ? NULL : join(folder, entries[i]->d_name);
        if (path)
            add_entry(c, path, name ? name : strlen(path) - strlen(entries[i]->d_name), self, found);
        else
            c->out_of_memory = true;
        free(entries[i]);
    }
    free(entries);
}

/* ---- arguments --------------------------------------------------------------------------------------------------------- */

/* A path with nothing there; takes it over. */
static void refuse_missing(cli_collector *c, char *path)
{
    struct stat info;
    const char *slash = strrchr(path, '/');
    char *folder = slash && slash > path ? strndup(path, (size_t)(slash - path)) : NULL;
    if (slash && !slash[1])
        cli_collector_refuse(c, path, strdup("no such folder"));
    else if (folder && stat(folder, &info) && errno == ENOENT)
        cli_collector_refuse(c, path, cli_format("no folder %s", folder));
    else
        cli_collector_refuse_errno(c, path, ENOENT);
    free(folder);
}

static char *nothing_found(const cli_inputs_options *options, const walk *found)
{
    const char *deeper = found->subfolders && !options->recursive ? "; -r looks into its subfolders" : "";
    const char *kinds = options->masks ? ".png" : CLI_IMAGE_EXTENSIONS;
    if (options->suffix_length)
        return cli_format("no file whose name ends in %.*s (%s)%s", options->suffix_length, options->suffix, kinds, deeper);
    return cli_format("no %s in it (%s)%s", options->masks ? "masks" : "images", kinds, deeper);
}

void cli_collector_walk(cli_collector *c, char *path)
{
    struct stat info;
    if (!path) {
        c->out_of_memory = true;
    } else if (stat(path, &info)) {
        if (errno == ENOENT)
            refuse_missing(c, path);
        else
            cli_collector_refuse_errno(c, path, errno);
    } else if (S_ISDIR(info.st_mode)) {
        ancestor self = {cli_fingerprint(&info), NULL};
        walk found = {0, 0};
        add_folder(c, path, 0, &self, &found);
        if (found.images)
            free(path);
        else
            cli_collector_refuse(c, path, nothing_found(c->options, &found));
    } else if (!S_ISREG(info.st_mode)) {
        cli_collector_refuse(c, path, strdup("not a regular file"));
    } else {
        const char *slash = strrchr(path, '/');
        add_image(c, path, slash ? (size_t)(slash + 1 - path) : 0, &info);
    }
}
