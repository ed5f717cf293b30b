#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "eval.h"
#include "lines.h"
#include "say.h"

/* Takes over id and mistake. */
static mseg_status append(mseg_eval_list *list, mseg_eval_item item)
{
    if (item.id && list->count == list->capacity) {
        size_t capacity = 2 * list->capacity + 64;
        mseg_eval_item *grown = reallocarray(list->items, capacity, sizeof *grown);
        if (grown) {
            list->items = grown;
            list->capacity = capacity;
        }
    }
    if (!item.id || list->count == list->capacity || list->count >= INT32_MAX) {
        free(item.id);
        free(item.mistake);
        return MSEG_NOMEM;
    }
    list->items[list->count++] = item;
    return MSEG_OK;
}

void mseg_eval_list_free(mseg_eval_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].id);
        free(list->items[i].mistake);
    }
    free(list->items);
    *list = (mseg_eval_list){0};
}

static int by_id(const void *a, const void *b)
{
    const mseg_eval_item *x = *(mseg_eval_item *const *)a, *y = *(mseg_eval_item *const *)b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Marks every item whose id has come before. */
static mseg_status mark_duplicates(mseg_eval_list *list, const char *path)
{
    mseg_eval_item **sorted = malloc((list->count + 1) * sizeof *sorted);
    if (!sorted)
        return MSEG_NOMEM;
    mseg_status status = MSEG_OK;
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, list->count, sizeof *sorted, by_id);
    const mseg_eval_item *first = list->count ? sorted[0] : NULL;
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(first->id, sorted[i]->id) != 0) {
            first = sorted[i];
            continue;
        }
        sorted[i]->problem = MSEG_PROBLEM_duplicates;
        sorted[i]->mistake = mseg_format("%s: line %llu repeats line %llu: %s", path, (unsigned long long)sorted[i]->line,
                                         (unsigned long long)first->line, first->id);
        if (!sorted[i]->mistake)
            status = MSEG_NOMEM;
    }
    free(sorted);
    return status;
}

static void keep_shard(mseg_eval_list *list, mseg_shard shard)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (mseg_shard_has(shard, list->items[i].line - 1)) {
            list->items[kept++] = list->items[i];
        } else {
            free(list->items[i].id);
            free(list->items[i].mistake);
        }
    }
    list->count = kept;
}

/* Cuts the blanks around the words of a line of text off; counts what a list should not have when the line is ours. */
static char *clean_line(mseg_eval_list *list, char *line, size_t length, bool ours)
{
    if (length && line[length - 1] == '\r')
        list->crlf_lines += ours;
    while (length && isspace((unsigned char)line[length - 1]))
        line[--length] = 0;
    while (isspace((unsigned char)*line))
        line++;
    if (!*line)
        list->blank_lines += ours;
    return line;
}

static mseg_status read_lines(mseg_eval_list *list, mseg_lines *lines, mseg_shard shard, mseg_error *err)
{
    char *line;
    size_t length;
    mseg_status status;
    while (!(status = mseg_lines_next(lines, &line, &length, err)) && line) {
        const bool ours = mseg_shard_has(shard, lines->number - 1);
        char *id = lines->null ? line : clean_line(list, line, length, ours);
        int stem = mseg_stem_length(id);
        if (*id && append(list, (mseg_eval_item){.id = strndup(id, (size_t)stem), .line = lines->number}))
            return mseg_fail(err, MSEG_NOMEM, NULL);
    }
    return status;
}

mseg_status mseg_eval_list_read(mseg_eval_list *list, const char *path, bool null, mseg_shard shard, mseg_error *err)
{
    mseg_lines lines;
    mseg_status status = mseg_lines_open(&lines, path, null, err);
    if (!status)
        status = read_lines(list, &lines, shard, err);
    mseg_lines_close(&lines);
    if (!status && !list->count)
        status = mseg_fail(err, MSEG_INVAL, "the list is empty");
    if (!status && mark_duplicates(list, path))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        keep_shard(list, shard);
    return status;
}

mseg_status mseg_eval_list_folder(mseg_eval_list *list, const char *folder, bool recursive, mseg_shard shard, mseg_error *err)
{
    mseg_inputs inputs;
    mseg_inputs_options how = {.recursive = recursive, .shard = shard, .clash = "has the same name as"};
    char *path = strdup(folder);
    mseg_status status = path ? mseg_inputs_collect(&inputs, &path, 1, &how, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    free(path);
    if (status)
        return status;
    for (size_t i = 0; i < inputs.count && !status; i++) {
        const mseg_input *input = &inputs.items[i];
        const char *name = input->path + input->name;
        if (input->error && !strcmp(input->path, folder)) {
            status = mseg_fail(err, MSEG_INVAL, "%s", input->error);
            break;
        }
        mseg_eval_item item = {.id = strndup(name, (size_t)mseg_stem_length(name)), .problem = MSEG_PROBLEM_failed};
        if (input->error && !(item.mistake = mseg_format("%s: %s", input->path, input->error))) {
            free(item.id);
            item.id = NULL;
        }
        if ((status = append(list, item)))
            mseg_fail(err, status, NULL);
    }
    mseg_inputs_free(&inputs);
    return status;
}
