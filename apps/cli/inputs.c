#include "cli/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/collector.h"
#include "cli/lines.h"
#include "cli/say.h"

/* The folder of all outputs whose folder was not chosen, of this run or one before. */
#define DEFAULT_OUTPUTS "mseg-out"

uint64_t cli_fingerprint(const struct stat *info)
{
    uint64_t x = (uint64_t)info->st_ino * 0x9e3779b97f4a7c15u ^ (uint64_t)info->st_dev * 0xc2b2ae3d27d4eb4fu;
    return x ^ x >> 29 ? x ^ x >> 29 : 1;
}

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
    if (kind < 0)
        return;
    inputs->foreign++;
    inputs->foreign_kinds |= UINT32_C(1) << kind;
}

typedef struct walk {
    int images, subfolders;
} walk;

static void add_folder(cli_collector *c, const char *folder, size_t name, const ancestor *self, walk *found);

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
        cli_collector_add(c, path, name, &info);
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

/* A file or folder that the user named; takes over path. */
static void add_path(cli_collector *c, char *path)
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
        cli_collector_add(c, path, slash ? (size_t)(slash + 1 - path) : 0, &info);
    }
}

/* pairs: lines may be "image mask". */
static void add_line(cli_collector *c, char *line, bool pairs)
{
    if (pairs && access(line, F_OK))
        cli_split_pair(line);
    add_path(c, strdup(line));
}

static mseg_status add_stdin(cli_collector *c, mseg_error *err)
{
    cli_lines lines;
    mseg_error why = {0};
    char *line = NULL;
    size_t length, before = c->inputs->count;
    mseg_status status = cli_lines_open(&lines, "-", c->options->null, &why);
    while (!status && !c->out_of_memory && !(status = cli_lines_next(&lines, &line, &length, &why)) && line) {
        while (!lines.null && length > 0 && line[length - 1] == '\r')
            line[--length] = 0;
        if (lines.null ? length : strspn(line, " \t") != length)
            add_line(c, line, !lines.null);
    }
    cli_lines_close(&lines);
    if (status)
        return mseg_fail(err, status, "the list on standard input: %s", why.text);
    if (c->inputs->count == before)
        cli_collector_refuse(c, strdup("-"), strdup("the list on standard input is empty"));
    return MSEG_OK;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void keep_shard(cli_inputs *inputs, cli_shard shard)
{
    size_t kept = 0;
    for (size_t i = 0; i < inputs->count; i++) {
        if (cli_shard_has(shard, i)) {
            inputs->items[kept++] = inputs->items[i];
        } else {
            free(inputs->items[i].path);
            free(inputs->items[i].error);
        }
    }
    inputs->count = kept;
}

mseg_status cli_inputs_collect(cli_inputs *inputs, char *const *paths, int count, const cli_inputs_options *options,
                               mseg_error *err)
{
    *inputs = (cli_inputs){0};
    cli_collector c = {.inputs = inputs, .options = options};
    struct stat info;
    for (size_t i = 0; i < sizeof c.skip / sizeof *c.skip; i++)
        if (options->skip[i] && !stat(options->skip[i], &info))
            c.skip[i] = cli_fingerprint(&info);
    mseg_status status = MSEG_OK;
    for (int i = 0; i < count && !status; i++) {
        if (!strcmp(paths[i], "-"))
            status = add_stdin(&c, err);
        else
            add_path(&c, strdup(paths[i]));
    }
    if (!status && c.out_of_memory)
        status = mseg_fail(err, MSEG_NOMEM, "out of memory for the list of inputs");
    if (inputs->n_files)
        qsort(inputs->files, inputs->n_files, sizeof *inputs->files, by_value);
    if (options->shard.count > 1)
        keep_shard(inputs, options->shard);
    free(c.table);
    if (status)
        cli_inputs_free(inputs);
    return status;
}

void cli_inputs_free(cli_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        free(inputs->items[i].path);
        free(inputs->items[i].error);
    }
    free(inputs->items);
    free(inputs->files);
    *inputs = (cli_inputs){0};
}

bool cli_inputs_hold(const cli_inputs *inputs, uint64_t fingerprint)
{
    return inputs->n_files && bsearch(&fingerprint, inputs->files, inputs->n_files, sizeof fingerprint, by_value);
}

void cli_inputs_say_foreign(const cli_inputs *inputs)
{
    char kinds[256] = "";
    for (int kind = 0; kind < 32; kind++)
        if (inputs->foreign_kinds >> kind & 1)
            snprintf(kinds + strlen(kinds), sizeof kinds - strlen(kinds), "%s%s", *kinds ? " " : "", cli_foreign_extension(kind));
    if (inputs->foreign)
        cli_say("skipped %llu image%s of kinds that are not read (%s); convert %s to PNG or JPEG",
                (unsigned long long)inputs->foreign, inputs->foreign == 1 ? "" : "s", kinds,
                inputs->foreign == 1 ? "it" : "them");
}
