#include "cli/collector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

static uint64_t hash_bytes(const char *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return hash;
}

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
    inputs->items[inputs->count] = (cli_input){path, error, name};
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

static size_t slot_of(const cli_collector *c, const char *name)
{
    size_t length = (size_t)cli_stem_length(name), i = hash_bytes(name, length) & (c->table_size - 1);
    for (; c->table[i]; i = (i + 1) & (c->table_size - 1)) {
        const cli_input *other = &c->inputs->items[c->table[i] - 1];
        const char *stem = other->path + other->name;
        if ((size_t)cli_stem_length(stem) == length && !memcmp(stem, name, length))
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

void cli_collector_add(cli_collector *c, char *path, size_t name, const struct stat *info)
{
    cli_inputs *inputs = c->inputs;
    if (!grow_table(c) || !reserve(&inputs->files, inputs->n_files, &inputs->file_capacity, sizeof *inputs->files)) {
        free(path);
        c->out_of_memory = true;
        return;
    }
    inputs->files[inputs->n_files++] = cli_fingerprint(info);
    size_t slot = slot_of(c, path + name);
    if (c->table[slot] && c->options->clash) {
        const char *first = inputs->items[c->table[slot] - 1].path;
        cli_collector_refuse(c, path,
                             strcmp(first, path) ? cli_format("%s %s", c->options->clash, first) : strdup("given twice"));
    } else if (append(c, path, name, NULL)) {
        c->table[slot] = (uint32_t)inputs->count;
    }
}
