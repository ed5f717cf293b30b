#include <stdlib.h>
#include <string.h>

#include "cli/say.h"
#include "eval/eval.h"

/* The id at the start of text, up to 255, with *end behind it; -1 when there is none. */
static int read_id(const char *text, char **end)
{
    long id = text[0] >= '0' && text[0] <= '9' ? strtol(text, end, 10) : -1;
    return id <= 255 ? (int)id : -1;
}

/* Marks the classes of one entry: a name, an id, a range of ids. False when it names no class. */
static bool mark(const char *const names[256], const char *entry, bool value, bool average[256])
{
    bool any = false;
    char *end;
    for (int id = 0; id < 256; id++)
        if (names[id] && !strcmp(names[id], entry)) {
            average[id] = value;
            any = true;
        }
    int first = any ? -1 : read_id(entry, &end), last = first;
    if (first >= 0 && *end == '-')
        last = read_id(end + 1, &end);
    if (first < 0 || last < first || *end)
        return any;
    for (int id = first; id <= last; id++)
        if (names[id]) {
            average[id] = value;
            any = true;
        }
    return any;
}

void cli_eval_class_names(const char *names[256], const mseg_counts *counts)
{
    for (int id = 0; id < 256; id++)
        names[id] = mseg_counts_class_name(counts, id);
}

bool cli_eval_average(const char *list, const char *const names[256], bool average[256])
{
    char *copy = strdup(list ? list : ""), *rest = copy;
    if (!copy) {
        cli_say("eval: out of memory");
        return false;
    }
    for (int id = 0; id < 256; id++)
        average[id] = !*copy || *copy == '!'; /* a list that starts by leaving out starts with all */
    bool ok = true;
    for (char *entry; ok && *copy && (entry = strsep(&rest, ","));) {
        const bool out = *entry == '!';
        ok = mark(names, entry + out, !out, average);
        if (!ok)
            cli_say("eval: --average: '%s' is none of the classes (ids, ranges like 1-20 or names, with commas)", entry + out);
    }
    free(copy);
    return ok;
}
