#include "eval/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inputs.h"
#include "cli/names.h"

static const char *const mask_extensions[] = {"png", NULL};
static const char *const photo_extensions[] = {"jpg", "jpeg", "png", "jfif", "jpe", "webp", "tif", "tiff", NULL};

void cli_eval_folder_init(cli_eval_folder *folder, const char *path, const char *suffix, bool photos)
{
    const int length = suffix ? cli_suffix_length(suffix) : 0;
    *folder = (cli_eval_folder){.path = path, .suffix = suffix, .suffix_length = length, .photos = photos};
}

/* ---- names of files ---------------------------------------------------------------------------------------------------- */

/* Spells the extension at the end of path in one way after the other until there is such a file, or one that cannot be looked at
 * (to read it tells why): the letters of a way's bits are capitals. */
static bool try_cases(char *extension, const char *path)
{
    const int letters = (int)strlen(extension), ways = 1 << letters;
    for (int way = 0; way < ways; way++) {
        const int capitals = way == 1 ? ways - 1 : way == ways - 1 ? 1 : way; /* all of them are tried second */
        for (int i = 0; i < letters; i++)
            extension[i] = (char)(capitals >> i & 1 ? extension[i] & ~0x20 : extension[i] | 0x20);
        if (!access(path, F_OK) || (errno != ENOENT && errno != ENOTDIR))
            return true;
    }
    return false;
}

char *cli_eval_folder_path(const cli_eval_folder *folder, const char *id, bool *there)
{
    enum { LONGEST = 4 };
    const char *const *extensions = folder->photos ? photo_extensions : mask_extensions;
    const int suffix = folder->suffix_length;
    const size_t start = strlen(folder->path) + strlen(id) + (size_t)suffix + 2;
    char *path = malloc(start + LONGEST + 1);
    *there = false;
    for (int i = 0; path && extensions[i] && !*there; i++) {
        sprintf(path, "%s/%s%.*s.%s", folder->path, id, suffix, suffix ? folder->suffix : "", extensions[i]);
        *there = try_cases(path + start, path);
    }
    if (path && !*there)
        strcpy(path + start, extensions[0]);
    return path;
}

/* ---- names of a folder ------------------------------------------------------------------------------------------------- */

/* Compares from the last byte to the first; below: b has a slash in front. */
static int from_end(const char *a, const char *b, bool below)
{
    size_t i = strlen(a), j = strlen(b);
    while (i && j && a[i - 1] == b[j - 1]) {
        i--;
        j--;
    }
    const int left = i ? (unsigned char)a[i - 1] : -1, right = j ? (unsigned char)b[j - 1] : below ? '/' : -1;
    if (left == right && i) /* the slash in front of b */
        return i > 1;
    return (left > right) - (left < right);
}

static int by_end(const void *a, const void *b)
{
    return from_end(*(char *const *)a, *(char *const *)b, false);
}

mseg_status cli_eval_folder_index(cli_eval_folder *folder, mseg_error *err)
{
    cli_inputs inputs;
    const cli_inputs_options how = {.recursive = true,
                                    .shard = {1, 1},
                                    .masks = !folder->photos,
                                    .suffix = folder->suffix,
                                    .suffix_length = folder->suffix_length};
    char *path = strdup(folder->path);
    mseg_status status = path ? cli_inputs_collect(&inputs, &path, 1, &how, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    free(path);
    if (status)
        return status;
    folder->ids = malloc((inputs.count + 1) * sizeof *folder->ids);
    for (size_t i = 0; folder->ids && i < inputs.count && !status; i++) {
        const char *name = inputs.items[i].path + inputs.items[i].name;
        if (inputs.items[i].error)
            continue;
        char *id = strndup(name, (size_t)(cli_stem_length(name) - folder->suffix_length));
        if (id)
            folder->ids[folder->count++] = id;
        else
            status = MSEG_NOMEM;
    }
    cli_inputs_free(&inputs);
    if (!folder->ids || status)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    qsort(folder->ids, folder->count, sizeof *folder->ids, by_end);
    return MSEG_OK;
}

void cli_eval_folder_free(cli_eval_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        free(folder->ids[i]);
    free(folder->ids);
    *folder = (cli_eval_folder){0};
}

/* The first id that does not stand before id or, below, before "/ID". */
static size_t lower_bound(const cli_eval_folder *folder, const char *id, bool below)
{
    size_t low = 0, high = folder->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (from_end(folder->ids[middle], id, below) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has(const cli_eval_folder *folder, const char *id)
{
    const size_t i = lower_bound(folder, id, false);
    return i < folder->count && !strcmp(folder->ids[i], id);
}

/* Up to two ids of a folder that are meant by another one. */
typedef struct matches {
    const char *ids[2];
    int count;
} matches;

/* Those with owner's own image of the same name are not meant by others. */
static void note(matches *m, const char *found, const char *id, const cli_eval_folder *owner)
{
    const bool taken = owner && strcmp(found, id) != 0 && has(owner, found);
    const bool again = m->count && !strcmp(m->ids[0], found); /* a photo of two extensions */
    if (!taken && !again && m->count < 2)
        m->ids[m->count++] = found;
}

static bool ends_below(const char *name, const char *id)
{
    const size_t length = strlen(name), tail = strlen(id);
    return length > tail && name[length - tail - 1] == '/' && !strcmp(name + length - tail, id);
}

/* The files in deeper folders: "town/x" for x. */
static void match_deeper(matches *m, const cli_eval_folder *folder, const char *id, const cli_eval_folder *owner)
{
    for (size_t i = lower_bound(folder, id, true); i < folder->count && ends_below(folder->ids[i], id) && m->count < 2; i++)
        note(m, folder->ids[i], id, owner);
}

/* The files that id means: its own, those whose path is the end of its path, and those whose path ends in it. */
static matches match(const cli_eval_folder *folder, const char *id, const cli_eval_folder *owner)
{
    matches m = {0};
    for (const char *tail = id; tail; tail = strchr(tail, '/') ? strchr(tail, '/') + 1 : NULL) {
        const size_t i = lower_bound(folder, tail, false);
        if (i < folder->count && !strcmp(folder->ids[i], tail))
            note(&m, folder->ids[i], id, owner);
    }
    match_deeper(&m, folder, id, owner);
    return m;
}

/* ---- finding ----------------------------------------------------------------------------------------------------------- */

static mseg_status fail_two(const cli_eval_folder *folder, const char *what, const matches *m, mseg_error *err)
{
    bool there;
    char *one = cli_eval_folder_path(folder, m->ids[0], &there), *other = cli_eval_folder_path(folder, m->ids[1], &there);
    const char *dots[3] = {"", "", ""}, *tails[3] = {cli_path_tail(what, 60, &dots[0]), "", ""};
    if (one && other) {
        tails[1] = cli_path_tail(one, 70, &dots[1]);
        tails[2] = cli_path_tail(other, 70, &dots[2]);
    }
    const mseg_status status = one && other ? mseg_fail(err, MSEG_MISMATCH, "%s%s: both %s%s and %s%s fit", dots[0], tails[0],
                                                        dots[1], tails[1], dots[2], tails[2])
                                            : mseg_fail(err, MSEG_NOMEM, NULL);
    free(one);
    free(other);
    return status;
}

mseg_status cli_eval_find(const cli_eval_folder *folder, const cli_eval_folder *truth, const char *id, char **path, bool *there,
                          mseg_error *err)
{
    const bool indexed = folder->ids && truth->ids;
    matches m = indexed ? match(folder, id, truth) : (matches){.ids = {id}, .count = 1};
    mseg_status status = MSEG_OK;
    *path = NULL;
    if (m.count == 2)
        return fail_two(folder, id, &m, err);
    *path = cli_eval_folder_path(folder, m.count ? m.ids[0] : id, there);
    if (!*path)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (indexed && m.count && strcmp(m.ids[0], id) != 0 && (m = match(truth, m.ids[0], NULL)).count == 2)
        status = fail_two(truth, *path, &m, err);
    if (status) {
        free(*path);
        *path = NULL;
    }
    return status;
}

static bool is_there(const cli_eval_folder *truth, const char *id)
{
    bool there = false;
    if (truth->ids)
        return has(truth, id);
    free(cli_eval_folder_path(truth, id, &there));
    return there;
}

/* Length of name without the folder's suffix; all of it when it has none. */
static size_t stem_without(const cli_eval_folder *folder, const char *name)
{
    const size_t length = strlen(name), tail = (size_t)folder->suffix_length;
    const bool has_it = tail && length > tail && !memcmp(name + length - tail, folder->suffix, tail);
    return has_it ? length - tail : length;
}

/* Where the longest end of name's path starts that is an image of truth; NULL: nowhere. */
static const char *below(const cli_eval_folder *truth, const char *name)
{
    while (name && !is_there(truth, name))
        name = strchr(name, '/') ? strchr(name, '/') + 1 : NULL;
    return name;
}

static mseg_status take(char **id, const char *found, mseg_error *err)
{
    free(*id);
    *id = strdup(found);
    return *id ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
}

mseg_status cli_eval_resolve(const cli_eval_folder *truth, const cli_eval_folder *const *others, int n, const char *name,
                             char **id, bool *found, mseg_error *err)
{
    while (*name == '/' || (name[0] == '.' && name[1] == '/'))
        name++;
    mseg_status status = MSEG_OK;
    char *cut = NULL;
    *id = NULL;
    *found = false;
    for (int i = -1; i < n && !*found && !status; i++) { /* as it is, then without each suffix */
        const size_t length = i < 0 ? strlen(name) : stem_without(others[i], name);
        if (i >= 0 && !name[length])
            continue;
        free(cut);
        cut = strndup(name, length);
        if (!cut)
            return mseg_fail(err, MSEG_NOMEM, NULL);
        const char *exact = below(truth, cut);
        matches m = {0};
        if (!exact && truth->ids)
            match_deeper(&m, truth, cut, NULL);
        *found = exact || m.count == 1;
        status = take(id, exact ? exact : m.count == 1 ? m.ids[0] : cut, err);
        if (!status && m.count == 2)
            status = fail_two(truth, cut, &m, err);
    }
    free(cut);
    return status;
}

bool cli_eval_has(const cli_eval_folder *folder, const char *file)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder->path, file) < 0)
        return false;
    const bool there = !access(path, F_OK);
    free(path);
    return there;
}
