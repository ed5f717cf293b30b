#include "base/json.h"
#include "base/output.h"
#include "seg/judge/metrics.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text_file.h"

enum { VERSION = 2, ROW_NUMBERS = 7 }; /* numbers per class of an image: place of the class, then its mseg_class_counts */
enum { MAX_FILE = 1 << 28 };           /* more than a million images */

static const char *const problem_keys[] = {
#define MSEG_PROBLEM_KEY(name, text) #name,
    MSEG_PROBLEM(MSEG_PROBLEM_KEY)
#undef MSEG_PROBLEM_KEY
};

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

static void add_integers(mseg_json *parent, const char *key, const uint64_t *values, size_t n)
{
    mseg_json *array = mseg_json_add_array(parent, key);
    for (size_t i = 0; i < n; i++)
        mseg_json_add_int(array, NULL, (int64_t)values[i]);
}

void mseg_problems_to_json(mseg_json *root, const uint64_t problems[MSEG_PROBLEMS])
{
    mseg_json *object = mseg_json_add_object(root, "problems");
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        mseg_json_add_int(object, problem_keys[i], (int64_t)problems[i]);
}

static void add_rows(mseg_json *root, const mseg_counts *counts)
{
    mseg_json *images = mseg_json_add_array(root, "images");
    for (size_t i = 0; i < counts->images; i++) {
        const mseg_image_row *row = &counts->rows[i];
        mseg_json *image = mseg_json_add_object(images, NULL);
        mseg_json_add_string(image, "id", row->id);
        mseg_json_add_int(image, "width", row->width);
        mseg_json_add_int(image, "height", row->height);
        mseg_json *classes = mseg_json_add_array(image, "classes");
        for (int c = 0; c < row->classes; c++) {
            const mseg_class_counts *n = &row->counts[c];
            add_integers(classes, NULL,
                         (uint64_t[ROW_NUMBERS]){row->places[c], n->hits, n->truth, n->predicted, n->boundary_hits,
                                                 n->boundary_truth, n->boundary_predicted},
                         ROW_NUMBERS);
        }
    }
}

static char *counts_text(const mseg_counts *counts)
{
    size_t n = (size_t)counts->classes;
    mseg_json *root = mseg_json_object();
    mseg_json_add_int(root, "mseg_counts", VERSION);
    mseg_json *names = mseg_json_add_array(root, "classes"), *ids = mseg_json_add_array(root, "class_ids");
    mseg_json *ignored = mseg_json_add_array(root, "ignored_classes");
    for (size_t c = 0; c < n; c++) {
        mseg_json_add_string(names, NULL, counts->names[c]);
        mseg_json_add_int(ids, NULL, counts->ids[c]);
        if (counts->ignored[c] && counts->ids[c] != counts->ignore)
            mseg_json_add_int(ignored, NULL, counts->ids[c]);
    }
    if (counts->ignore < 0)
        mseg_json_add_null(root, "ignore");
    else
        mseg_json_add_int(root, "ignore", counts->ignore);
    mseg_json_add_string(root, "settings", counts->settings);
    mseg_problems_to_json(root, counts->problems);
    mseg_json *confusion = mseg_json_add_array(root, "confusion_rows_are_ground_truth");
    for (size_t t = 0; t < n; t++)
        add_integers(confusion, NULL, counts->confusion + t * n, n);
    add_integers(root, "void_predicted_pixels", counts->voids, n);
    mseg_json *boundary = mseg_json_add_array(root, "boundary_hits_truth_predicted");
    for (size_t c = 0; c < n; c++) {
        const mseg_class_counts *b = &counts->totals[c];
        add_integers(boundary, NULL, (uint64_t[3]){b->boundary_hits, b->boundary_truth, b->boundary_predicted}, 3);
    }
    add_rows(root, counts);
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    return text;
}

mseg_status mseg_counts_save(mseg_counts *counts, const char *path, mseg_error *err)
{
    mseg_status status = mseg_counts_sort(counts, NULL, err);
    if (status)
        return status;
    for (int c = 0; c < counts->classes; c++)
        if (counts->totals[c].truth > MSEG_JSON_MAX_COUNT || counts->totals[c].predicted > MSEG_JSON_MAX_COUNT)
            return mseg_fail(err, MSEG_LIMIT, "more than 2^53 pixels of a class do not fit into a JSON number");
    char *text = counts_text(counts);
    if (!text)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    status = mseg_output_write(path, text, strlen(text), err);
    free(text);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

static mseg_status damaged(mseg_error *err, const char *what)
{
    return mseg_fail(err, MSEG_FORMAT, "damaged counts file: %s", what);
}

/* Exactly n counts of an array. */
static bool get_integers(const mseg_json *array, uint64_t *values, int n)
{
    if (mseg_json_length(array) != n)
        return false;
    for (const mseg_json *item = mseg_json_first(array); item; item = mseg_json_next(item))
        if (!mseg_json_count(item, values++))
            return false;
    return true;
}

/* The listed classes; false when the file does not tell them. */
static bool read_classes(mseg_palette *classes, const mseg_json *root)
{
    const mseg_json *names = mseg_json_get(root, "classes"), *ids = mseg_json_get(root, "class_ids");
    const int n = mseg_json_length(names);
    if (n < 1 || n > 256 || mseg_json_length(ids) != n)
        return false;
    const mseg_json *id_item = mseg_json_first(ids);
    for (const mseg_json *item = mseg_json_first(names); item; item = mseg_json_next(item), id_item = mseg_json_next(id_item)) {
        const char *name = mseg_json_text(item);
        uint64_t id;
        if (!name || !mseg_json_count(id_item, &id) || id > 255 || (int)id < classes->entries)
            return false;
        classes->listed[id] = true;
        classes->names[id] = name;
        classes->entries = (int)id + 1;
        classes->count++;
    }
    return true;
}

/* Classes that do not count become ids that map to the ignore label. */
static bool read_ignored(mseg_mask_rules *rules, const mseg_json *root)
{
    const mseg_json *array = mseg_json_get(root, "ignored_classes");
    uint64_t id;
    if (mseg_json_length(array) < 0)
        return false;
    for (const mseg_json *item = mseg_json_first(array); item; item = mseg_json_next(item)) {
        if (!mseg_json_count(item, &id) || id > 255 || !rules->palette.listed[id] || rules->ignore < 0)
            return false;
        rules->map[id] = (int16_t)rules->ignore;
        rules->left_out[id] = true;
    }
    return true;
}

static mseg_status open_like(mseg_counts **counts, const mseg_json *root, mseg_error *err)
{
    const mseg_json *ignore = mseg_json_get(root, "ignore");
    const char *settings = mseg_json_text(mseg_json_get(root, "settings"));
    uint64_t version, label = 0;
    if (!mseg_json_count(mseg_json_get(root, "mseg_counts"), &version))
        return mseg_fail(err, MSEG_FORMAT, "not a counts file of mseg eval --save-counts");
    if (version != VERSION)
        return mseg_fail(err, MSEG_UNSUPPORTED, "counts file of version %llu, expected %d: made by another mseg; score again",
                         (unsigned long long)version, VERSION);
    mseg_palette classes = {0};
    mseg_mask_rules rules;
    const bool labelled = mseg_json_count(ignore, &label);
    if (!read_classes(&classes, root) || !ignore || label > 255 || !settings || (!labelled && !mseg_json_is_null(ignore)))
        return damaged(err, "classes, ignore label or settings");
    mseg_mask_rules_init(&rules, &classes, labelled ? (int)label : -1);
    if (!read_ignored(&rules, root))
        return damaged(err, "ignored classes");
    return mseg_counts_open(counts, &rules, settings, err);
}

/* Whether an image can have these counts of a class. */
static bool possible(const mseg_class_counts *n)
{
    return n->hits <= n->truth && n->hits <= n->predicted && n->boundary_hits <= n->boundary_truth &&
           n->boundary_hits <= n->boundary_predicted && n->boundary_truth <= n->truth && n->boundary_predicted <= n->predicted;
}

static mseg_status read_row(mseg_counts *counts, const mseg_json *image, mseg_error *err)
{
    const char *id = mseg_json_text(mseg_json_get(image, "id"));
    const mseg_json *classes = mseg_json_get(image, "classes");
    uint64_t width = 0, height = 0;
    int n = mseg_json_length(classes), c = 0, last = -1;
    if (!id || n < 0 || n > counts->classes || !mseg_json_count(mseg_json_get(image, "width"), &width) ||
        !mseg_json_count(mseg_json_get(image, "height"), &height) || width > INT_MAX || height > INT_MAX)
        return damaged(err, "an image");
    mseg_image_row row;
    if (mseg_image_row_create(&row, id, (int)width, (int)height, n))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    uint64_t pixels = 0, predicted = 0;
    for (const mseg_json *item = mseg_json_first(classes); item; item = mseg_json_next(item), c++) {
        uint64_t v[ROW_NUMBERS] = {0};
        const bool whole = get_integers(item, v, ROW_NUMBERS);
        row.counts[c] = (mseg_class_counts){v[1], v[2], v[3], v[4], v[5], v[6]};
        if (!whole || v[0] >= (uint64_t)counts->classes || (int)v[0] <= last || counts->ignored[v[0]] ||
            !possible(&row.counts[c])) {
            mseg_image_row_free(&row);
            return damaged(err, "the classes of an image");
        }
        last = (int)v[0];
        row.places[c] = (uint8_t)v[0];
        pixels += row.counts[c].truth;
        predicted += row.counts[c].predicted;
    }
    if (pixels > width * height || predicted > pixels) { /* fewer: predicted as no class */
        mseg_image_row_free(&row);
        return damaged(err, predicted > pixels ? "an image with more pixels of its prediction than of its ground truth"
                                               : "an image with more pixels than it has");
    }
    return mseg_counts_append(counts, &row) ? mseg_fail(err, MSEG_NOMEM, NULL) : MSEG_OK;
}

static mseg_status read_matrix(mseg_counts *counts, const mseg_json *root, mseg_error *err)
{
    const mseg_json *matrix = mseg_json_get(root, "confusion_rows_are_ground_truth");
    if (mseg_json_length(matrix) != counts->classes)
        return damaged(err, "confusion matrix");
    uint64_t *cells = counts->confusion;
    for (const mseg_json *row = mseg_json_first(matrix); row; row = mseg_json_next(row), cells += counts->classes)
        if (!get_integers(row, cells, counts->classes))
            return damaged(err, "confusion matrix");
    if (!get_integers(mseg_json_get(root, "void_predicted_pixels"), counts->voids, counts->classes))
        return damaged(err, "void predictions");
    const mseg_json *problems = mseg_json_get(root, "problems");
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        if (!mseg_json_count(mseg_json_get(problems, problem_keys[i]), &counts->problems[i]))
            return damaged(err, "problems");
    return MSEG_OK;
}

/* The matrix, the boundary counts and the images' rows tell the same story. */
static mseg_status check_sums(const mseg_counts *counts, const mseg_json *root, mseg_error *err)
{
    const mseg_json *boundary = mseg_json_get(root, "boundary_hits_truth_predicted");
    if (mseg_json_length(boundary) != counts->classes)
        return damaged(err, "boundary counts");
    const mseg_json *item = mseg_json_first(boundary);
    for (int c = 0; c < counts->classes; c++, item = mseg_json_next(item)) {
        const mseg_class_counts *sum = &counts->totals[c];
        uint64_t truth = counts->voids[c], predicted = 0, edge[3];
        for (int other = 0; other < counts->classes; other++) {
            truth += counts->confusion[c * counts->classes + other];
            predicted += counts->confusion[other * counts->classes + c];
        }
        if (truth != sum->truth || predicted != sum->predicted || counts->confusion[c * counts->classes + c] != sum->hits)
            return damaged(err, "the confusion matrix is not the sum over the images");
        if (!get_integers(item, edge, 3) || edge[0] != sum->boundary_hits || edge[1] != sum->boundary_truth ||
            edge[2] != sum->boundary_predicted)
            return damaged(err, "the boundary counts are not the sum over the images");
    }
    return MSEG_OK;
}

static mseg_status parse_counts(mseg_counts **counts, const mseg_json *root, int origin, mseg_error *err)
{
    mseg_status status = open_like(counts, root, err);
    if (!status)
        status = read_matrix(*counts, root, err);
    const mseg_json *images = mseg_json_get(root, "images");
    if (!status && mseg_json_length(images) < 0)
        status = damaged(err, "images");
    for (const mseg_json *image = mseg_json_first(images); image && !status; image = mseg_json_next(image))
        status = read_row(*counts, image, err);
    if (!status)
        status = check_sums(*counts, root, err);
    for (size_t i = 0; !status && i < (*counts)->images; i++)
        (*counts)->rows[i].origin = origin;
    if (status)
        mseg_counts_close(counts);
    return status;
}

static mseg_status parse_json(mseg_json **root, const char *text, size_t size, mseg_error *err)
{
    mseg_error why = {0};
    mseg_status status = mseg_json_parse(root, text, size, &why);
    if (status == MSEG_FORMAT)
        return mseg_fail(err, status, "not a counts file of mseg eval --save-counts: %s", why.text);
    return status ? mseg_fail(err, status, "%s", why.text) : MSEG_OK;
}

static mseg_status load_one(mseg_counts **counts, const char *path, int origin, mseg_error *err)
{
    char *text = NULL;
    size_t size = 0;
    mseg_json *root = NULL;
    *counts = NULL;
    mseg_status status = mseg_text_file_read(&text, &size, path, MAX_FILE, err);
    if (!status)
        status = parse_json(&root, text, size, err);
    if (!status)
        status = parse_counts(counts, root, origin, err);
    mseg_json_free(&root);
    free(text);
    return status;
}

mseg_status mseg_counts_load(mseg_counts **counts, const char *const *paths, int n, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    mseg_error why = {0};
    *counts = NULL;
    if (n < 1)
        return mseg_fail(err, MSEG_INVAL, "no counts files: n is %d", n);
    for (int i = 0; i < n && !status; i++) {
        mseg_counts *part;
        status = load_one(&part, paths[i], i, &why);
        if (!status && *counts)
            status = mseg_counts_merge(*counts, part, &why);
        if (!status && !*counts) {
            *counts = part;
            part = NULL;
        }
        mseg_counts_close(&part);
        if (status)
            mseg_fail(err, status, "%.120s: %.130s", paths[i], why.text);
    }
    if (!status)
        status = mseg_counts_sort(*counts, paths, err);
    if (status)
        mseg_counts_close(counts);
    return status;
}
