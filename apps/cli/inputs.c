#include "cli/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/collector.h"
#include "cli/lines.h"
#include "cli/say.h"

/* What cli_inputs_next knows. */
struct cli_list {
    const cli_inputs_options *options;
    cli_collector files; /* that were named */
    size_t given;        /* of them */
    bool stream;         /* standard input is one of the inputs, behind them */
    bool opened, ended;
    cli_lines lines;
    cli_collector collector; /* of its lines */
    cli_inputs found;        /* of the lines read, from next on */
    size_t next;
    uint64_t number; /* of the input that is next, those of other shards too */
    mseg_error why;  /* its rest cannot be read */
};

uint64_t cli_fingerprint(const struct stat *info)
{
    uint64_t x = (uint64_t)info->st_ino * 0x9e3779b97f4a7c15u ^ (uint64_t)info->st_dev * 0xc2b2ae3d27d4eb4fu;
    return x ^ x >> 29 ? x ^ x >> 29 : 1;
}

/* Adds what a line names. */
static void add_line(cli_collector *c, const cli_lines *lines, char *line, size_t length)
{
    while (!lines->null && length > 0 && line[length - 1] == '\r')
        line[--length] = 0;
    if (lines->null ? !length : strspn(line, " \t") == length)
        return;
    if (!lines->null && access(line, F_OK))
        cli_split_pair(line);
    c->line = lines->number;
    cli_collector_walk(c, strdup(line));
}

static mseg_status fail_list(mseg_error *err, mseg_status status, const mseg_error *why)
{
    return status == MSEG_CANCELLED ? mseg_fail(err, status, NULL)
                                    : mseg_fail(err, status, "the list on standard input: %s", why->text);
}

static mseg_status fail_image(mseg_error *err, mseg_status status, const mseg_error *why)
{
    return status == MSEG_CANCELLED ? mseg_fail(err, status, NULL) : mseg_fail(err, status, "standard input: %s", why->text);
}

static void refuse_empty(cli_collector *c)
{
    cli_collector_refuse(c, strdup("-"), strdup("the list on standard input is empty"));
}

static mseg_status add_stdin(cli_collector *c, mseg_error *err)
{
    cli_lines lines;
    mseg_error why = {0};
    char *line = NULL;
    size_t length, before = c->inputs->count;
    mseg_status status = cli_lines_open(&lines, "-", c->options->null, &why);
    while (!status && !c->out_of_memory && !(status = cli_lines_next(&lines, &line, &length, &why)) && line)
        add_line(c, &lines, line, length);
    cli_lines_close(&lines);
    if (status)
        return fail_list(err, status, &why);
    if (c->inputs->count == before)
        refuse_empty(c);
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
        if (cli_shard_has(shard, i))
            inputs->items[kept++] = inputs->items[i];
        else
            cli_input_free(&inputs->items[i]);
    }
    inputs->count = kept;
}

/* Starts a collector of what the options leave in. */
static cli_collector start(cli_inputs *inputs, const cli_inputs_options *options)
{
    cli_collector c = {.inputs = inputs, .options = options};
    struct stat info;
    for (size_t i = 0; i < sizeof c.skip / sizeof *c.skip; i++)
        if (options->skip[i] && !stat(options->skip[i], &info))
            c.skip[i] = cli_fingerprint(&info);
    return c;
}

static mseg_status finish(const cli_collector *c, mseg_error *err)
{
    if (c->out_of_memory)
        return mseg_fail(err, MSEG_NOMEM, "out of memory for the list of inputs");
    if (c->inputs->n_files)
        qsort(c->inputs->files, c->inputs->n_files, sizeof *c->inputs->files, by_value);
    return MSEG_OK;
}

mseg_status cli_inputs_collect(cli_inputs *inputs, char *const *paths, int count, const cli_inputs_options *options,
                               mseg_error *err)
{
    *inputs = (cli_inputs){0};
    cli_collector c = start(inputs, options);
    mseg_status status = MSEG_OK;
    for (int i = 0; i < count && !status; i++) {
        if (!strcmp(paths[i], "-"))
            status = add_stdin(&c, err);
        else
            cli_collector_walk(&c, strdup(paths[i]));
    }
    if (!status)
        status = finish(&c, err);
    if (options->shard.count > 1)
        keep_shard(inputs, options->shard);
    cli_collector_free(&c);
    if (status)
        cli_inputs_free(inputs);
    return status;
}

/* ---- one after the other ----------------------------------------------------------------------------------------------- */

mseg_status cli_inputs_open(cli_inputs *inputs, char *const *paths, int count, const cli_inputs_options *options, mseg_error *err)
{
    *inputs = (cli_inputs){0};
    struct cli_list *list = inputs->list = calloc(1, sizeof *list);
    if (!list)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    list->options = options;
    list->files = start(inputs, options);
    list->collector = start(&list->found, options);
    list->collector.before = &list->files;
    for (int i = 0; i < count; i++) {
        if (!strcmp(paths[i], "-"))
            list->stream = true;
        else
            cli_collector_walk(&list->files, strdup(paths[i]));
    }
    mseg_status status = finish(&list->files, err);
    if (status)
        cli_inputs_free(inputs);
    return status;
}

/* All of an image on standard input, of which lines hold the beginning; no more of it than a file may have. */
static mseg_status read_image(struct cli_list *list, mseg_error *err)
{
    mseg_limits limits;
    mseg_limits_init(&limits, sizeof limits);
    cli_lines *lines = &list->lines;
    size_t size = lines->used, room = size;
    unsigned char *bytes = malloc(room);
    mseg_status status = bytes ? MSEG_OK : MSEG_NOMEM;
    if (bytes)
        memcpy(bytes, lines->buffer, size);
    while (!status && !lines->end && size <= limits.max_file_bytes) {
        lines->start = lines->used; /* all of it is taken */
        status = cli_lines_more(lines, err);
        if (!status && size + lines->used > room) {
            unsigned char *more = realloc(bytes, room = 2 * (size + lines->used));
            status = more ? MSEG_OK : MSEG_NOMEM;
            bytes = more ? more : bytes;
        }
        if (!status)
            memcpy(bytes + size, lines->buffer, lines->used);
        size += status ? 0 : lines->used;
    }
    const bool fits = size <= limits.max_file_bytes;
    if (!status)
        cli_collector_refuse(&list->collector, strdup("stdin"),
                             cli_format("over the limit of %llu bytes", (unsigned long long)limits.max_file_bytes));
    if (status || list->collector.out_of_memory) {
        free(bytes);
        return status && status != MSEG_NOMEM ? status : mseg_fail(err, MSEG_NOMEM, NULL);
    }
    cli_input *input = &list->found.items[list->found.count - 1];
    if (fits) {
        free(input->error);
        *input = (cli_input){.path = input->path, .bytes = bytes, .size = size};
    } else {
        free(bytes);
    }
    return MSEG_OK;
}

/* Reads a line, of which may come inputs. */
static mseg_status read_line(cli_inputs *inputs, mseg_error *err)
{
    struct cli_list *list = inputs->list;
    mseg_error why = {0};
    char *line = NULL;
    size_t length;
    if (list->next == list->found.count)
        list->next = list->found.count = 0;
    mseg_status status = list->opened ? MSEG_OK : cli_lines_open(&list->lines, "-", list->options->null, &why);
    list->opened = true;
    if (!status && list->lines.picture) {
        list->ended = inputs->picture = true;
        status = read_image(list, &why);
        return status ? fail_image(err, status, &why) : MSEG_OK;
    }
    if (!status)
        status = cli_lines_next(&list->lines, &line, &length, &why);
    if (status)
        return fail_list(err, status, &why);
    if (line)
        add_line(&list->collector, &list->lines, line, length);
    else if (!list->collector.added)
        refuse_empty(&list->collector);
    list->ended = !line;
    for (int kind = 0; kind < CLI_FOREIGN_KINDS; kind++) {
        inputs->foreign[kind] += list->found.foreign[kind];
        list->found.foreign[kind] = 0;
    }
    return list->collector.out_of_memory ? mseg_fail(err, MSEG_NOMEM, "out of memory for the list of inputs") : MSEG_OK;
}

static mseg_status copy_input(cli_input *copy, const cli_input *input, mseg_error *err)
{
    *copy = (cli_input){strdup(input->path), input->error ? strdup(input->error) : NULL, input->name, NULL, 0};
    if (copy->path && !copy->error == !input->error)
        return MSEG_OK;
    cli_input_free(copy);
    return mseg_fail(err, MSEG_NOMEM, NULL);
}

mseg_status cli_inputs_next(cli_inputs *inputs, cli_input *input, mseg_error *err)
{
    struct cli_list *list = inputs->list;
    *input = (cli_input){0};
    for (;;) {
        const bool mine = cli_shard_has(list->options->shard, list->number);
        if (list->given < inputs->count) {
            const cli_input *file = &inputs->items[list->given++];
            list->number++;
            if (mine)
                return copy_input(input, file, err);
        } else if (list->next < list->found.count) {
            cli_input *line = &list->found.items[list->next++];
            list->number++;
            if (mine) {
                *input = *line;
                return MSEG_OK;
            }
            cli_input_free(line);
        } else if (list->why.status) {
            return mseg_fail(err, list->why.status, "%s", list->why.text);
        } else if (list->stream && !list->ended) {
            mseg_status status = read_line(inputs, err);
            if (status)
                return status;
        } else {
            return MSEG_OK;
        }
    }
}

/* Whether more can be read now: what comes first must be waited for, but not when there are files before it. */
static bool is_ready(const cli_inputs *inputs)
{
    const struct cli_list *list = inputs->list;
    const cli_lines unopened = {.fd = STDIN_FILENO};
    return list->opened ? cli_lines_ready(&list->lines) : !inputs->count || cli_lines_ready(&unopened);
}

mseg_status cli_inputs_look_ahead(cli_inputs *inputs, size_t most, size_t *count, bool *all, mseg_error *err)
{
    struct cli_list *list = inputs->list;
    mseg_status status = MSEG_OK;
    enum { MOST_SHARDS = 64 }; /* of more, fewer are told: the lines of all shards are kept meanwhile */
    const uint64_t all_shards = (uint64_t)list->options->shard.count;
    const uint64_t shards = all_shards < MOST_SHARDS ? all_shards : MOST_SHARDS;
    while (!status && list->stream && !list->ended && inputs->count + list->found.count < most * shards && is_ready(inputs))
        status = read_line(inputs, &list->why);
    if (status && !list->found.count) /* otherwise those before it come first */
        return mseg_fail(err, status, "%s", list->why.text);
    *all = !list->stream || (list->ended && !status);
    *count = 0;
    for (uint64_t i = 0; i < inputs->count + list->found.count; i++)
        *count += cli_shard_has(list->options->shard, i);
    return MSEG_OK;
}

double cli_inputs_share_read(const cli_inputs *inputs)
{
    const struct cli_list *list = inputs->list;
    const uint64_t unread = list->lines.used - list->lines.start;
    return list->lines.size ? (double)(list->lines.taken - unread) / (double)list->lines.size : 0;
}

void cli_input_free(cli_input *input)
{
    free(input->path);
    free(input->error);
    free(input->bytes);
    *input = (cli_input){0};
}

void cli_inputs_free(cli_inputs *inputs)
{
    struct cli_list *list = inputs->list;
    if (list) {
        cli_lines_close(&list->lines);
        cli_collector_free(&list->files);
        cli_collector_free(&list->collector);
        while (list->next < list->found.count)
            cli_input_free(&list->found.items[list->next++]);
        free(list->found.items);
        free(list);
    }
    for (size_t i = 0; i < inputs->count; i++)
        cli_input_free(&inputs->items[i]);
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
    char kinds[512] = "";
    uint64_t all = 0;
    for (int kind = 0; kind < CLI_FOREIGN_KINDS; kind++) {
        const uint64_t count = inputs->foreign[kind];
        all += count;
        if (count)
            snprintf(kinds + strlen(kinds), sizeof kinds - strlen(kinds), "%s%s %llu", *kinds ? ", " : "",
                     cli_foreign_extension(kind), (unsigned long long)count);
    }
    if (all)
        cli_say("skipped %llu image%s of kinds that are not read (%s); convert %s to PNG, JPEG, WebP or TIFF",
                (unsigned long long)all, all == 1 ? "" : "s", kinds, all == 1 ? "it" : "them");
}
