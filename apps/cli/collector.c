#include "cli/collector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

/* Makes room for one more element of an array that doubles. */
static bool reserve(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 64;
    void *grown = reallocarray(*(void **)array, wanted, size);
    if (!grown)
        return false;
    *(void **)array = grown;
    *capacity = wanted;
    return true;
}

/* Appends an entry, taking over path and error. */
static cli_input *append(cli_collector *c, char *path, size_t name, char *error)
{
    cli_inputs *inputs = c->inputs;
    if (!path || inputs->count >= INT32_MAX ||
        !reserve(&inputs->items, inputs->count, &inputs->capacity, sizeof *inputs->items)) {
        free(path);
        free(error);
        c->out_of_memory = true;
        return NULL;
    }
    inputs->items[inputs->count] = (cli_input){path, error, name, NULL, 0};
    c->added = true;
    return &inputs->items[inputs->count++];
}

void cli_collector_refuse(cli_collector *c, char *path, char *reason)
{
    if (!reason)
        c->out_of_memory = true;
    append(c, path, 0, reason);
}

void cli_collector_refuse_errno(cli_collector *c, char *path, int number)
{
    if (number == ENOMEM)
        c->out_of_memory = true;
    cli_collector_refuse(c, path, strdup(number == ENOENT ? mseg_status_text(MSEG_NOENT) : strerror(number)));
}

/* How much of a name tells outputs apart. */
static size_t telling_length(const cli_collector *c, const char *name)
{
    return c->options->keep_extension ? strlen(name) : (size_t)cli_stem_length(name);
}

static size_t slot_of(const cli_collector *c, const char *name)
{
    size_t length = telling_length(c, name), i = cli_seen_hash(name, length) & (c->table_size - 1);
    for (; c->table[i]; i = (i + 1) & (c->table_size - 1)) {
        const cli_input *other = &c->inputs->items[c->table[i] - 1];
        const char *stem = other->path + other->name;
        if (telling_length(c, stem) == length && !memcmp(stem, name, length))
            break;
    }
    return i;
}

static bool grow_table(cli_collector *c)
{
    if (c->table_size > 2 * c->inputs->count + 2)
        return true;
    size_t old_size = c->table_size;
    uint32_t *old = c->table, *table = calloc(old_size ? 2 * old_size : 256, sizeof *table);
    if (!table)
        return false;
    c->table = table;
    c->table_size = old_size ? 2 * old_size : 256;
    for (size_t i = 0; i < old_size; i++)
        if (old[i])
            c->table[slot_of(c, c->inputs->items[old[i] - 1].path + c->inputs->items[old[i] - 1].name)] = old[i];
    free(old);
    return true;
}

/* The path of the entry that has the name of an image already; NULL: none. */
static const char *find_path(const cli_collector *c, const char *name)
{
    const uint32_t entry = c && c->table ? c->table[slot_of(c, name)] : 0;
    return entry ? c->inputs->items[entry - 1].path : NULL;
}

static void refuse_clash(cli_collector *c, char *path, const char *first)
{
    cli_collector_refuse(c, path, strcmp(first, path) ? cli_format("%s %s", c->options->clash, first) : strdup("given twice"));
}

/* Of a line: its name must not be that of one before. */
static void add_line_image(cli_collector *c, char *path, size_t name)
{
    const char *first = find_path(c->before, path + name);
    bool added = true;
    uint32_t line = 0;
    if (!first && c->options->clash &&
        !cli_seen_add(&c->names, cli_seen_hash(path + name, telling_length(c, path + name)), c->line, &added, &line)) {
        free(path);
        c->out_of_memory = true;
    } else if (first && c->options->clash) {
        refuse_clash(c, path, first);
    } else if (!added) {
        cli_collector_refuse(c, path, cli_format("%s line %u of the list", c->options->clash, (unsigned)line));
    } else {
        append(c, path, name, NULL);
    }
}

void cli_collector_add(cli_collector *c, char *path, size_t name, const struct stat *info)
{
    cli_inputs *inputs = c->inputs;
    if (c->before) {
        add_line_image(c, path, name);
        return;
    }
    if (!grow_table(c) || !reserve(&inputs->files, inputs->n_files, &inputs->file_capacity, sizeof *inputs->files)) {
        free(path);
        c->out_of_memory = true;
        return;
    }
    inputs->files[inputs->n_files++] = cli_fingerprint(info);
    const char *first = c->options->clash ? find_path(c, path + name) : NULL;
    if (first)
        refuse_clash(c, path, first);
    else if (append(c, path, name, NULL))
        c->table[slot_of(c, path + name)] = (uint32_t)inputs->count;
}

void cli_collector_free(cli_collector *c)
{
    free(c->table);
    cli_seen_free(&c->names);
    *c = (cli_collector){0};
}
