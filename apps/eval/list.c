#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/lines.h"
#include "cli/say.h"
#include "eval/eval.h"

/* Takes over id and mistake. */
static mseg_status append(cli_eval_list *list, cli_eval_item item)
{
    if (item.id && list->count == list->capacity) {
        size_t capacity = 2 * list->capacity + 64;
        cli_eval_item *grown = reallocarray(list->items, capacity, sizeof *grown);
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

void cli_eval_list_free(cli_eval_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].id);
        free(list->items[i].mistake);
    }
    free(list->items);
    free(list->mask_folder);
    *list = (cli_eval_list){0};
}

static int by_id(const void *a, const void *b)
{
    const cli_eval_item *x = *(cli_eval_item *const *)a, *y = *(cli_eval_item *const *)b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Marks every item whose id has come before, but for those that are not scored anyway. */
static mseg_status mark_duplicates(cli_eval_list *list, const char *path)
{
    cli_eval_item **sorted = malloc((list->count + 1) * sizeof *sorted);
    if (!sorted)
        return MSEG_NOMEM;
    mseg_status status = MSEG_OK;
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].mistake)
            sorted[count++] = &list->items[i];
    qsort(sorted, count, sizeof *sorted, by_id);
    const cli_eval_item *first = count ? sorted[0] : NULL;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(first->id, sorted[i]->id) != 0) {
            first = sorted[i];
            continue;
        }
        sorted[i]->problem = MSEG_PROBLEM_duplicates;
        sorted[i]->mistake = cli_format("%s: line %llu repeats line %llu: %s", path, (unsigned long long)sorted[i]->line,
                                        (unsigned long long)first->line, first->id);
        if (!sorted[i]->mistake)
            status = MSEG_NOMEM;
    }
    free(sorted);
    return status;
}

static void keep_shard(cli_eval_list *list, cli_shard shard)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (cli_shard_has(shard, list->items[i].line - 1)) {
            list->items[kept++] = list->items[i];
        } else {
            free(list->items[i].id);
            free(list->items[i].mistake);
        }
    }
    list->count = kept;
}

/* Cuts the blanks around the words of a line of text off; counts what a list should not have when the line is ours. */
static char *clean_line(cli_eval_list *list, char *line, size_t length, bool ours)
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

/* What a line of a list is read with. */
typedef struct line_reader {
    cli_eval_list *list;
    const cli_eval_source *source;
    const char *path;
    uint64_t number;
    bool ours; /* of the shard */
} line_reader;

/* The id that a path or id means. Words without folders and suffixes need no look at the files. */
static mseg_status resolve(const line_reader *r, const char *name, char **id, bool *found, mseg_error *err)
{
    const cli_eval_source *s = r->source;
    const cli_eval_folder *const others[] = {&s->truth, &s->photos, &s->predictions};
    const int stem = cli_stem_length(name);
    const bool plain = !strpbrk(name, "/ \t") && !s->truth.ids &&
                       !(s->truth.suffix_length + s->photos.suffix_length + s->predictions.suffix_length);
    char *word = strndup(name, (size_t)stem);
    *found = plain;
    *id = plain ? word : NULL;
    if (!word)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (plain)
        return MSEG_OK;
    mseg_status status = cli_eval_resolve(&s->truth, others, 3, word, id, found, err);
    free(word);
    return status;
}

/* Cuts 1, 0 or -1 behind an id off. */
static void cut_flag(const line_reader *r, char *line)
{
    char *blank = line + strlen(line);
    while (blank > line && !isspace((unsigned char)blank[-1]))
        blank--;
    if (blank == line || (strcmp(blank, "1") && strcmp(blank, "0") && strcmp(blank, "-1")))
        return;
    r->list->negative_lines += r->ours && *blank == '-';
    while (blank > line && isspace((unsigned char)blank[-1]))
        *--blank = 0;
}

static mseg_status note_mask_folder(cli_eval_list *list, const char *mask)
{
    const char *slash = strrchr(mask, '/');
    if (list->mask_folder || !slash)
        return MSEG_OK;
    list->mask_folder = strndup(mask, (size_t)(slash - mask));
    return list->mask_folder ? MSEG_OK : MSEG_NOMEM;
}

/* The id of a line "image mask": the mask's, if the image's is the same but for its folders. */
static mseg_status resolve_pair(const line_reader *r, const char *image, const char *mask, char **id, mseg_error *err)
{
    bool found;
    char *photo = NULL;
    mseg_status status = note_mask_folder(r->list, mask) ? mseg_fail(err, MSEG_NOMEM, NULL) : resolve(r, mask, id, &found, err);
    if (!status)
        status = resolve(r, image, &photo, &found, err);
    if (!status && strcmp(cli_base_name(photo), cli_base_name(*id)) != 0)
        status = mseg_fail(err, MSEG_MISMATCH, "image %s and mask %s have different names", image, mask);
    free(photo);
    return status;
}

/* The id of a line; words: it may have more than one, unless it is a file's name as it stands. Cuts the line up. */
static mseg_status resolve_line(const line_reader *r, char *line, bool words, char **id, mseg_error *err)
{
    bool found;
    char *mask = words && !cli_eval_has(&r->source->truth, line) ? cli_split_pair(line) : NULL;
    if (mask)
        return resolve_pair(r, line, mask, id, err);
    mseg_status status = resolve(r, line, id, &found, err);
    if (status || found || !words)
        return status;
    free(*id);
    cut_flag(r, line);
    return resolve(r, line, id, &found, err);
}

/* Appends the image of a line that is not empty. */
static mseg_status take_line(const line_reader *r, char *line, bool words, mseg_error *err)
{
    mseg_error why = {0};
    cli_eval_item item = {.line = r->number, .problem = MSEG_PROBLEM_failed};
    mseg_status status = resolve_line(r, line, words, &item.id, &why);
    if (status && status != MSEG_NOMEM && item.id)
        item.mistake = cli_format("%s: line %llu: %s", r->path, (unsigned long long)r->number, why.text);
    if ((status && !item.mistake) || append(r->list, item))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    return MSEG_OK;
}

static mseg_status read_lines(cli_eval_list *list, const cli_eval_source *source, const char *path, cli_lines *lines,
                              cli_shard shard, mseg_error *err)
{
    char *line;
    size_t length;
    mseg_status status;
    while (!(status = cli_lines_next(lines, &line, &length, err)) && line) {
        const bool ours = cli_shard_has(shard, lines->number - 1);
        char *id = lines->null ? line : clean_line(list, line, length, ours);
        const line_reader reader = {list, source, path, lines->number, ours};
        if (*id && (status = take_line(&reader, id, !lines->null, err)))
            break;
    }
    return status;
}

mseg_status cli_eval_list_read(cli_eval_list *list, const cli_eval_source *source, const char *path, bool null, cli_shard shard,
                               mseg_error *err)
{
    cli_lines lines;
    mseg_status status = cli_lines_open(&lines, path, null, err);
    if (!status)
        status = read_lines(list, source, path, &lines, shard, err);
    cli_lines_close(&lines);
    if (!status && !list->count)
        status = mseg_fail(err, MSEG_INVAL, "the list is empty");
    if (!status && mark_duplicates(list, path))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        keep_shard(list, shard);
    return status;
}

mseg_status cli_eval_list_folder(cli_eval_list *list, const cli_eval_folder *folder, bool recursive, cli_shard shard,
                                 mseg_error *err)
{
    cli_inputs inputs;
    const cli_inputs_options how = {.recursive = recursive,
                                    .shard = shard,
                                    .masks = true,
                                    .suffix = folder->suffix,
                                    .suffix_length = folder->suffix_length,
                                    .clash = "has the same name as"};
    char *path = strdup(folder->path);
    mseg_status status = path ? cli_inputs_collect(&inputs, &path, 1, &how, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    free(path);
    if (status)
        return status;
    for (size_t i = 0; i < inputs.count && !status; i++) {
        const cli_input *input = &inputs.items[i];
        const char *name = input->path + input->name;
        if (input->error && !strcmp(input->path, folder->path)) {
            status = mseg_fail(err, MSEG_INVAL, "%s", input->error);
            break;
        }
        const int stem = cli_stem_length(name), suffix = input->error && !name[stem] ? 0 : folder->suffix_length;
        cli_eval_item item = {.id = strndup(name, (size_t)(stem - suffix)), .problem = MSEG_PROBLEM_failed};
        if (input->error && !(item.mistake = cli_format("%s: %s", input->path, input->error))) {
            free(item.id);
            item.id = NULL;
        }
        if ((status = append(list, item)))
            mseg_fail(err, status, NULL);
    }
    cli_inputs_free(&inputs);
    return status;
}

/* Whether the folder of the list's masks is there below --voc and is not the one that is read. */
static bool has_other_masks(const cli_eval_list *list, const cli_eval_args *args)
{
    struct stat meant, read;
    if (!list->mask_folder || !args->voc || args->truth_given)
        return false;
    char *path = cli_path("%s/%s", args->voc, list->mask_folder);
    const bool other =
        path && !stat(path, &meant) && !stat(args->truth, &read) && cli_fingerprint(&meant) != cli_fingerprint(&read);
    free(path);
    return other;
}

bool cli_eval_list_check(const cli_eval_list *list, const cli_eval_args *args)
{
    const unsigned long long blank = list->blank_lines, crlf = list->crlf_lines, negative = list->negative_lines;
    if (blank)
        cli_say("%s: %llu blank line%s", args->list, blank, blank == 1 ? "" : "s");
    if (crlf)
        cli_say("%s: %llu line%s with Windows line ends", args->list, crlf, crlf == 1 ? "" : "s");
    if (negative)
        cli_say("%s: %llu line%s with -1; the second column is not looked at, all images count", args->list, negative,
                negative == 1 ? "" : "s");
    if (!has_other_masks(list, args))
        return true;
    cli_say("%s: its masks are in %s, not in SegmentationClass; give --gt %s/%s, too", args->list, list->mask_folder, args->voc,
            list->mask_folder + strspn(list->mask_folder, "/"));
    return false;
}
