#include "seg/judge/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

const char *mseg_problem_text(mseg_problem problem)
{
    static const char *const texts[] = {
#define MSEG_PROBLEM_TEXT(name, text) text,
        MSEG_PROBLEM(MSEG_PROBLEM_TEXT)
#undef MSEG_PROBLEM_TEXT
    };
    return texts[problem];
}

/* The class names one behind the other in one block; NULL when memory runs out. */
static char **copy_names(const mseg_palette *classes)
{
    size_t bytes = (size_t)classes->count * sizeof(char *);
    for (int id = 0; id < classes->entries; id++)
        bytes += classes->listed[id] ? strlen(classes->names[id]) + 1 : 0;
    char **names = mseg_alloc(bytes);
    char *text = names ? (char *)(names + classes->count) : NULL;
    for (int id = 0, place = 0; names && id < classes->entries; id++)
        if (classes->listed[id]) {
            names[place++] = strcpy(text, classes->names[id]);
            text += strlen(text) + 1;
        }
    return names;
}

static void place_classes(mseg_counts *counts, const mseg_mask_rules *rules)
{
    counts->ignore = rules->ignore < 0 ? -1 : rules->ignore;
    for (int id = 0; id < 256; id++) {
        counts->place[id] = id == rules->ignore ? MSEG_VOID : MSEG_STRAY;
        if (!rules->palette.listed[id])
            continue;
        counts->ids[counts->classes] = (uint8_t)id;
        counts->ignored[counts->classes] = mseg_mask_ignores(rules, id);
        counts->place[id] = (int16_t)(counts->ignored[counts->classes] ? MSEG_VOID : counts->classes);
        counts->classes++;
    }
}

mseg_status mseg_counts_open(mseg_counts **out, const mseg_mask_rules *rules, const char *settings, mseg_error *err)
{
    const size_t n = (size_t)rules->palette.count;
    *out = NULL;
    if (rules->palette.count < 1 || rules->palette.count > 256 || rules->ignore > 255)
        return mseg_fail(err, MSEG_INVAL, "classes must be 1 to 256 and the ignore label at most 255");
    mseg_counts *counts = mseg_alloc(sizeof *counts);
    if (!counts)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    place_classes(counts, rules);
    counts->settings = strdup(settings ? settings : "");
    counts->names = copy_names(&rules->palette);
    counts->confusion = mseg_alloc_array(n * n, sizeof *counts->confusion);
    counts->voids = mseg_alloc_array(n, sizeof *counts->voids);
    counts->totals = mseg_alloc_array(n, sizeof *counts->totals);
    counts->pairs = mseg_alloc_array(65536, sizeof *counts->pairs);
    if (!counts->settings || !counts->names || !counts->confusion || !counts->voids || !counts->totals || !counts->pairs) {
        mseg_counts_close(&counts);
        return mseg_fail(err, MSEG_NOMEM, NULL);
    }
    *out = counts;
    return MSEG_OK;
}

void mseg_counts_close(mseg_counts **counts)
{
    if (!*counts)
        return;
    for (size_t i = 0; i < (*counts)->images; i++)
        mseg_image_row_free(&(*counts)->rows[i]);
    free((*counts)->rows);
    free((*counts)->settings);
    mseg_free(&(*counts)->names);
    mseg_free(&(*counts)->confusion);
    mseg_free(&(*counts)->voids);
    mseg_free(&(*counts)->totals);
    mseg_free(&(*counts)->pairs);
    mseg_boundary_scratch_free(&(*counts)->boundary);
    mseg_free(counts);
}

const char *mseg_counts_class_name(const mseg_counts *counts, int id)
{
    for (int c = 0; c < counts->classes; c++)
        if (counts->ids[c] == id)
            return counts->names[c];
    return NULL;
}

void mseg_counts_note(mseg_counts *counts, mseg_problem problem, uint64_t times)
{
    counts->problems[problem] += times;
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

mseg_status mseg_image_row_create(mseg_image_row *row, const char *id, int width, int height, int classes)
{
    *row = (mseg_image_row){.width = width, .height = height, .classes = classes};
    row->id = strdup(id);
    row->places = calloc((size_t)classes + 1, 1);
    row->counts = calloc((size_t)classes + 1, sizeof *row->counts);
    if (row->id && row->places && row->counts)
        return MSEG_OK;
    mseg_image_row_free(row);
    return MSEG_NOMEM;
}

void mseg_image_row_free(mseg_image_row *row)
{
    free(row->id);
    free(row->places);
    free(row->counts);
    *row = (mseg_image_row){0};
}

static mseg_status reserve_rows(mseg_counts *counts, size_t more)
{
    if (counts->images + more <= counts->capacity)
        return MSEG_OK;
    size_t capacity = 2 * counts->capacity > counts->images + more ? 2 * counts->capacity : counts->images + more + 64;
    mseg_image_row *rows = reallocarray(counts->rows, capacity, sizeof *rows);
    if (!rows)
        return MSEG_NOMEM;
    counts->rows = rows;
    counts->capacity = capacity;
    return MSEG_OK;
}

void mseg_class_counts_add(mseg_class_counts *sum, const mseg_class_counts *c, uint64_t times)
{
    sum->hits += times * c->hits;
    sum->truth += times * c->truth;
    sum->predicted += times * c->predicted;
    sum->boundary_hits += times * c->boundary_hits;
    sum->boundary_truth += times * c->boundary_truth;
    sum->boundary_predicted += times * c->boundary_predicted;
}

mseg_status mseg_counts_append(mseg_counts *counts, mseg_image_row *row)
{
    if (reserve_rows(counts, 1)) {
        mseg_image_row_free(row);
        return MSEG_NOMEM;
    }
    for (int i = 0; i < row->classes; i++)
        mseg_class_counts_add(&counts->totals[row->places[i]], &row->counts[i], 1);
    counts->rows[counts->images++] = *row;
    *row = (mseg_image_row){0};
    return MSEG_OK;
}

/* By id, then by the file it came from, so that a message about twins does not depend on the order either. */
static int by_id(const void *a, const void *b)
{
    const mseg_image_row *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->origin > y->origin) - (x->origin < y->origin);
}

mseg_status mseg_counts_sort(mseg_counts *counts, const char *const *paths, mseg_error *err)
{
    if (counts->images > 1)
        qsort(counts->rows, counts->images, sizeof *counts->rows, by_id);
    for (size_t i = 1; i < counts->images; i++) {
        const mseg_image_row *a = &counts->rows[i - 1], *b = &counts->rows[i];
        if (strcmp(a->id, b->id) != 0)
            continue;
        if (!paths)
            return mseg_fail(err, MSEG_MISMATCH, "image %.100s was counted twice", a->id);
        if (a->origin == b->origin)
            return mseg_fail(err, MSEG_FORMAT, "%.100s: image %.100s is in it twice", paths[a->origin], a->id);
        return mseg_fail(err, MSEG_MISMATCH, "image %.60s is in both %.80s and %.80s", a->id, paths[a->origin], paths[b->origin]);
    }
    return MSEG_OK;
}

/* ---- merging ----------------------------------------------------------------------------------------------------------- */

/* The first line in which two texts of settings differ. */
static void differing_lines(const char *a, const char *b, int *a_length, int *b_length, const char **a_line, const char **b_line)
{
    *a_line = a;
    *b_line = b;
    for (size_t i = 0; a[i] == b[i] && a[i]; i++)
        if (a[i] == '\n') {
            *a_line = a + i + 1;
            *b_line = b + i + 1;
        }
    *a_length = (int)strcspn(*a_line, "\n");
    *b_length = (int)strcspn(*b_line, "\n");
}

mseg_status mseg_counts_same_classes(const mseg_counts *a, const mseg_counts *b, mseg_error *err)
{
    if (a->classes != b->classes)
        return mseg_fail(err, MSEG_MISMATCH, "it has %d classes, the others %d", b->classes, a->classes);
    for (int c = 0; c < a->classes; c++) {
        if (a->ids[c] != b->ids[c])
            return mseg_fail(err, MSEG_MISMATCH, "it has a class %d, the others a class %d", b->ids[c], a->ids[c]);
        if (strcmp(a->names[c], b->names[c]) != 0)
            return mseg_fail(err, MSEG_MISMATCH, "class %d is '%.60s' in it, '%.60s' in the others", a->ids[c], b->names[c],
                             a->names[c]);
        if (a->ignored[c] != b->ignored[c])
            return mseg_fail(err, MSEG_MISMATCH, "class %d, %.60s, is ignored in %s only", a->ids[c], a->names[c],
                             b->ignored[c] ? "it" : "the others");
    }
    if (a->ignore != b->ignore)
        return mseg_fail(err, MSEG_MISMATCH, "its ignore label is %d, that of the others %d", b->ignore, a->ignore);
    return MSEG_OK;
}

static mseg_status check_alike(const mseg_counts *a, const mseg_counts *b, mseg_error *err)
{
    mseg_status status = mseg_counts_same_classes(a, b, err);
    if (status)
        return status;
    if (!strcmp(a->settings, b->settings))
        return MSEG_OK;
    const char *ours, *theirs;
    int our_length, their_length;
    differing_lines(a->settings, b->settings, &our_length, &their_length, &ours, &theirs);
    return mseg_fail(err, MSEG_MISMATCH, "made with other settings: '%.*s', the others '%.*s'",
                     their_length > 90 ? 90 : their_length, theirs, our_length > 90 ? 90 : our_length, ours);
}

mseg_status mseg_counts_merge(mseg_counts *counts, mseg_counts *from, mseg_error *err)
{
    mseg_status status = check_alike(counts, from, err);
    if (status)
        return status;
    if (reserve_rows(counts, from->images))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    size_t cells = (size_t)counts->classes * (size_t)counts->classes;
    for (size_t i = 0; i < cells; i++)
        counts->confusion[i] += from->confusion[i];
    for (int c = 0; c < counts->classes; c++) {
        mseg_class_counts_add(&counts->totals[c], &from->totals[c], 1);
        counts->voids[c] += from->voids[c];
    }
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        counts->problems[i] += from->problems[i];
    if (from->images)
        memcpy(counts->rows + counts->images, from->rows, from->images * sizeof *from->rows);
    counts->images += from->images;
    from->images = 0;
    memset(from->confusion, 0, cells * sizeof *from->confusion);
    memset(from->voids, 0, (size_t)from->classes * sizeof *from->voids);
    memset(from->totals, 0, (size_t)from->classes * sizeof *from->totals);
    memset(from->problems, 0, sizeof from->problems);
    return MSEG_OK;
}
